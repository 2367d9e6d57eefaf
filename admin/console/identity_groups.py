"""Groups of application identities (标识用户组): own ones, and those of other enterprises that are imported."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from admin.console.form import Form, Refusal
from admin.console.grants import ALL, named_owner, of_owner, whose
from admin.console.identities import parts_of
from admin.console.page import Page
from admin.console.rows import lines_of, named_as_fields
from admin.console.visit import Visit, address
from node.auth import Action, may
from node.errors import NodeError

_HERE = f"{ALL}/groups"
_V1 = "/v1/identity-groups/{prefix}/{suffix}"
_ONE = f"{_HERE}/one?handle={{handle}}"


def identity_group_pages() -> list[Page]:
    """``/console/grants/groups``."""

    async def listing(visit: Visit) -> web.StreamResponse:
        return await _listed(visit, visit.request.query.get("enterprise_id", ""))

    async def create(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body = {"handle": form.text("handle"), "title": form.text("title"), "members": lines_of(form.text("members"))}
        try:
            made = await visit.ask("POST /v1/identity-groups", body=body)
        except NodeError as error:
            return await _listed(visit, form.text("enterprise_id"), form, error)
        return visit.go(address(_ONE, handle=made.handle), ("用户组已新建", "The group is made"))

    async def one(visit: Visit) -> web.StreamResponse:
        return await _shown(visit, visit.request.query.get("handle", ""))

    async def edit(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body = {
            "title": form.text("title"), "members": lines_of(form.text("members")), "version": form.number("version"),
        }  # fmt: skip
        try:
            await visit.ask(f"PUT {_V1}", body=body, **parts_of(form.text("handle")))
        except NodeError as error:
            return await _shown(visit, form.text("handle"), form, error)
        return visit.go(address(_ONE, handle=form.text("handle")), ("已保存", "Saved"))

    async def remove(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        done = ("用户组与对它的授权已删除", "The group and all grants to it are gone")
        back = of_owner(_HERE, form.text("enterprise_id"))
        return await visit.press(f"DELETE {_V1}", back, done, **parts_of(form.text("handle")))

    async def imported(visit: Visit) -> web.StreamResponse:
        return await _import(visit, "PUT", ("已引入，可以授权给它", "Imported: you may grant to it"))

    async def dropped(visit: Visit) -> web.StreamResponse:
        return await _import(visit, "DELETE", ("已取消引入", "No longer imported"))

    return [
        Page("GET", _HERE, listing, Action.GROUP_READ),
        Page("POST", _HERE, create, Action.GROUP_EDIT),
        Page("GET", f"{_HERE}/one", one, Action.GROUP_READ),
        Page("POST", f"{_HERE}/one", edit, Action.GROUP_EDIT),
        Page("POST", f"{_HERE}/remove", remove, Action.GROUP_EDIT),
        Page("POST", f"{_HERE}/import", imported, Action.GROUP_EDIT),
        Page("POST", f"{_HERE}/drop", dropped, Action.GROUP_EDIT),
    ]


async def _import(visit: Visit, method: str, done: tuple[str, str]) -> web.StreamResponse:
    form = await visit.form()
    owner = form.text("enterprise_id")
    back = of_owner(_HERE, owner)
    try:
        await visit.ask(f"{method} {_V1}/import", query=named_owner(owner), **parts_of(form.text("handle")))
    except NodeError as error:
        return visit.go(back, refused=error)
    return visit.go(back, done)


async def _listed(visit: Visit, owner: str, form: Form | None = None, error: NodeError | None = None) -> web.Response:
    found = await visit.ask("GET /v1/identity-groups", query={**named_owner(owner), **visit.query("cursor")})
    said = {name: form.text(name) if form else "" for name in ("handle", "title", "members")}
    return visit.show(
        "identity_groups.html", refusal=named_as_fields(Refusal.of(error)) if error else None, found=found, said=said,
        tab="groups", edit=visit.may(Action.GROUP_EDIT), named=owner or str(visit.account.enterprise_id or ""),
        here=of_owner(_HERE, owner), **await whose(visit, owner),
    )  # fmt: skip


async def _shown(visit: Visit, handle: str, form: Form | None = None, error: NodeError | None = None) -> web.Response:
    found = await visit.ask(f"GET {_V1}", **parts_of(handle))
    own = may(visit.account, Action.GROUP_READ, found.enterprise_id)
    importers: list[Any] = []
    if own:
        importers = list((await visit.ask(f"GET {_V1}/importers", **parts_of(handle))).items)
    said = {
        "title": form.text("title") if form else found.title,
        "members": form.text("members") if form else "\n".join(found.members),
        "version": form.text("version") if form else found.version,
    }
    return visit.show(
        "identity_group.html", refusal=named_as_fields(Refusal.of(error)) if error else None, found=found, said=said,
        importers=importers, own=own, edit=may(visit.account, Action.GROUP_EDIT, found.enterprise_id),
    )  # fmt: skip
