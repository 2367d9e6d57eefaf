"""The nodes of enterprises below: who applies, who docked, by which keys, told what."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import Any

from aiohttp import web
from multidict import MultiDict

from admin.console.form import Form, Refusal
from admin.console.national_pages import Tab
from admin.console.page import STAFF, Page
from admin.console.visit import Visit
from node.auth import Action
from node.china_time import midnight
from node.errors import NodeError

_ROOT = "/console/docking"
TABS = (
    Tab(_ROOT, "企业节点", "Nodes"),
    Tab(f"{_ROOT}/applications", "接入申请", "Applications"),
    Tab(f"{_ROOT}/keys", "密钥", "Keys"),
    Tab(f"{_ROOT}/instructions", "指令", "Instructions"),
)
_MOST_STREAMS = 200


def docking_pages() -> list[Page]:
    """Every page under ``/console/docking``."""
    return [
        Page("GET", _ROOT, _nodes, Action.DOCKING_READ, STAFF),
        Page("GET", f"{_ROOT}/applications", _applications, Action.DOCKING_READ, STAFF),
        Page("POST", f"{_ROOT}/applications/{{application_id}}/approve", _approve, Action.DOCKING_REVIEW, STAFF),
        Page("POST", f"{_ROOT}/applications/{{application_id}}/reject", _reject, Action.DOCKING_REVIEW, STAFF),
        Page("GET", f"{_ROOT}/keys", _keys, Action.DOCKING_READ, STAFF),
        Page("POST", f"{_ROOT}/keys/{{docking_key}}/revoke", _revoke, Action.DOCKING_EDIT, STAFF),
        Page("GET", f"{_ROOT}/instructions", _instructions, Action.DOCKING_READ, STAFF),
        Page("POST", f"{_ROOT}/instructions", _instruct, Action.DOCKING_EDIT, STAFF),
    ]


async def _nodes(visit: Visit) -> web.StreamResponse:
    found = await visit.ask("GET /v1/docking/nodes", query={"limit": 20, **visit.query("cursor")})
    streams: dict[object, list[Any]] = {node.node_id: [] for node in found.items}
    for prefix in {node.prefix for node in found.items}:
        reported = await visit.ask("GET /v1/docking/streams", query={"prefix": prefix, "limit": _MOST_STREAMS})
        for stream in reported.items:
            streams.setdefault(stream.node_id, []).append(stream)
    return visit.show("docking_nodes.html", tabs=TABS, found=found, streams=streams)


async def _applications(visit: Visit) -> web.StreamResponse:
    state = visit.request.query.get("state", "pending")
    asked = {"state": "" if state == "all" else state, **visit.query("cursor")}
    found = await visit.ask("GET /v1/docking/applications", query=asked)
    may_decide = visit.may(Action.DOCKING_REVIEW)
    return visit.show("docking_applications.html", tabs=TABS, found=found, state=state, may_decide=may_decide)


async def _approve(visit: Visit) -> web.StreamResponse:
    return await visit.press(
        "POST /v1/docking/applications/{application_id}/approve", f"{_ROOT}/applications",
        ("已通过，企业节点将自行取得密钥", "Let in: the node fetches its key pair itself"),
        application_id=visit.text("application_id"),
    )  # fmt: skip


async def _reject(visit: Visit) -> web.StreamResponse:
    return await visit.press(
        "POST /v1/docking/applications/{application_id}/reject", f"{_ROOT}/applications",
        ("已驳回，申请方会看到原因", "Turned down: the applicant reads the reason"),
        body=lambda form: {"reason": form.text("reason")}, application_id=visit.text("application_id"),
    )  # fmt: skip


async def _keys(visit: Visit) -> web.StreamResponse:
    found = await visit.ask("GET /v1/docking/keys", query=visit.query("cursor"))
    return visit.show("docking_keys.html", tabs=TABS, found=found, may_revoke=visit.may(Action.DOCKING_EDIT))


async def _revoke(visit: Visit) -> web.StreamResponse:
    return await visit.press(
        "POST /v1/docking/keys/{docking_key}/revoke", f"{_ROOT}/keys",
        ("密钥已吊销", "The key pair is revoked"), docking_key=visit.text("docking_key"),
    )  # fmt: skip


async def _instructions(visit: Visit) -> web.StreamResponse:
    return await _shown(visit, Form(MultiDict(visit.query("prefix"))))


async def _instruct(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    body = {"prefix": form.text("prefix"), "kind": form.text("kind"), "body": _body(form)}
    try:
        await visit.ask("POST /v1/docking/instructions", body=body)
    except NodeError as error:
        return await _shown(visit, form, Refusal.of(error))
    return visit.go(
        f"{_ROOT}/instructions", ("已下达，企业节点取走后会答复", "Issued: the node answers once it has fetched it")
    )


async def _shown(visit: Visit, form: Form, refusal: Refusal | None = None) -> web.Response:
    found = await visit.ask("GET /v1/docking/instructions", query=visit.query("cursor"))
    return visit.show(
        "docking_instructions.html", tabs=TABS, found=found, form=form, refusal=refusal,
        may_instruct=visit.may(Action.DOCKING_EDIT),
    )  # fmt: skip


def _body(form: Form) -> dict[str, Any]:
    """What an instruction of the chosen kind says (``docs/national-interface.md``)."""
    match form.text("kind"):
        case "verify":
            return {"prefix": form.text("about") or form.text("prefix")}
        case "query":
            what = form.text("what")
            about = {what: form.text("about")} if what in ("prefix", "identifier") and form.has("about") else {}
            if what == "history":
                about = {"identifier": form.text("about")}
            return {"what": what, **about}
        case "key":
            before = form.text("before")
            with contextlib.suppress(ValueError):
                before = midnight(date.fromisoformat(before)).isoformat()
            return {"before": before}
    return {}
