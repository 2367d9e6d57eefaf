"""The numbering plan (号段规划): which numbers the node gives, which it would give next, which it keeps back."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from admin.console.form import Form, Refusal
from admin.console.page import STAFF, Page
from admin.console.visit import Visit
from node.auth import Action
from node.errors import NodeError
from registry.numbering.reserved import ReservationKind

_PATH = "/console/numbering"
_MOST = 8
_NUMBERS = {"region": ("digits",), "industry": ("digits",), "serial": ("width", "first")}


def numbering_pages() -> list[Page]:
    """``/console/numbering`` and below."""

    async def shown(visit: Visit) -> web.StreamResponse:
        return await _shown(visit)

    async def preview(visit: Visit) -> web.StreamResponse:
        """What a plan would give: that in force, or the one that is being written."""
        form = await visit.form()
        body: dict[str, Any] = form.given("division_code", "industry_code")
        if form.has("written"):
            body["segments"] = _segments(form)
        try:
            found = await visit.ask("POST /v1/numbering-plan/preview", body=body)
        except NodeError as error:
            return await _shown(visit, form=form, refusal=Refusal.of(error))
        return await _shown(visit, form=form, previewed=found.prefixes)

    async def replace(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        if form.has("more"):
            return await _shown(visit, form=form)
        body = {"segments": _segments(form), "version": form.number("version") or None}
        try:
            await visit.ask("PUT /v1/numbering-plan", body=body)
        except NodeError as error:
            return await _shown(visit, form=form, refusal=Refusal.of(error))
        return visit.go(_PATH, ("号段规划已保存，对以后的号码生效", "The plan is saved, for numbers to come"))

    async def reserve(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body = form.given("first_number", "last_number", "kind", "reason")
        try:
            await visit.ask("POST /v1/reserved-numbers", body=body)
        except NodeError as error:
            return await _shown(visit, reserving=form, refusal=Refusal.of(error))
        return visit.go(_PATH, ("号码已保留", "The numbers are kept back"))

    async def release(visit: Visit) -> web.StreamResponse:
        return await visit.press(
            "DELETE /v1/reserved-numbers/{reserved_number_id}", _PATH, ("号码已释放", "The numbers are given free"),
            reserved_number_id=visit.text("reserved_number_id"),
        )  # fmt: skip

    return [
        Page("GET", _PATH, shown, Action.NUMBERING_READ, STAFF),
        Page("POST", _PATH, replace, Action.NUMBERING_EDIT, STAFF),
        Page("POST", f"{_PATH}/preview", preview, Action.NUMBERING_READ, STAFF),
        Page("POST", f"{_PATH}/reserved", reserve, Action.NUMBERING_EDIT, STAFF),
        Page("POST", f"{_PATH}/reserved/{{reserved_number_id}}/release", release, Action.NUMBERING_EDIT, STAFF),
    ]


async def _shown(
    visit: Visit,
    *,
    form: Form | None = None,
    reserving: Form | None = None,
    previewed: list[str] | None = None,
    refusal: Refusal | None = None,
) -> web.Response:
    plan = await visit.ask("GET /v1/numbering-plan")
    reserved = await visit.ask("GET /v1/reserved-numbers", query=visit.query("cursor"))
    written = form is not None and form.has("written")
    rows = _segments(form) if form is not None and written else [segment.model_dump() for segment in plan.segments]
    return visit.show(
        "numbering.html", plan=plan, rows=[*rows, {"kind": ""}][:_MOST], reserved=reserved, previewed=previewed,
        refusal=refusal, written=written, kinds=list(ReservationKind), may_edit=visit.may(Action.NUMBERING_EDIT),
        asked={name: form.text(name) if form else "" for name in ("division_code", "industry_code")},
        keeping={
            name: reserving.text(name) if reserving else ""
            for name in ("first_number", "last_number", "kind", "reason")
        },
    )  # fmt: skip


def _segments(form: Form) -> list[dict[str, Any]]:
    """The segments of the form; a row whose kind was not chosen is left out."""
    rows: list[dict[str, Any]] = []
    for number in range(_MOST):
        beginning = f"segments.{number}."
        kind = form.text(beginning + "kind")
        if kind == "fixed":
            rows.append({"kind": kind, "digits": form.text(beginning + "digits")})
        elif kind:
            numbers: dict[str, Any] = {name: form.number(beginning + name) for name in _NUMBERS.get(kind, ())}
            rows.append({"kind": kind, **numbers})
    return rows
