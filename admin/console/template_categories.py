"""Categories of templates (模板分类): the tree of an enterprise; the staff says whose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from aiohttp import web

from admin.console.enterprise_choice import sought, to_choose
from admin.console.form import Refusal
from admin.console.page import Page
from admin.console.rows import number_of
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError

_ALL = "/console/templates/categories"
_ONE = f"{_ALL}/{{template_category_id}}"
_V1 = "/v1/template-categories/{template_category_id}"


def template_category_pages() -> list[Page]:
    """``/console/templates/categories``."""

    async def listing(visit: Visit) -> web.StreamResponse:
        return await _shown(visit, visit.request.query.get("enterprise_id", ""))

    async def add(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        owner = form.text("enterprise_id")
        body = {
            "code": form.text("code"), "name": form.text("name"), "parent_id": form.number("parent_id"),
            "sort": number_of(form.text("sort") or "0"), **({"enterprise_id": owner} if owner else {}),
        }  # fmt: skip
        try:
            await visit.ask("POST /v1/template-categories", body=body)
        except NodeError as error:
            return await _shown(visit, owner, error, form.given("code", "name", "parent_id", "sort"))
        return visit.go(_here(owner), ("已新建分类", "The category is made"))

    async def change(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body = {
            "name": form.text("name"), "parent_id": form.number("parent_id"),
            "sort": number_of(form.text("sort") or "0"),
        }  # fmt: skip
        try:
            await visit.ask(f"PUT {_V1}", template_category_id=visit.text("template_category_id"), body=body)
        except NodeError as error:
            return visit.go(_here(form.text("enterprise_id")), refused=error)
        return visit.go(_here(form.text("enterprise_id")), ("已保存", "Saved"))

    async def remove(visit: Visit) -> web.StreamResponse:
        back = _here((await visit.form()).text("enterprise_id"))
        number = visit.text("template_category_id")
        return await visit.press(f"DELETE {_V1}", back, ("已删除", "Removed"), template_category_id=number)

    return [
        Page("GET", _ALL, listing, Action.TEMPLATE_READ),
        Page("POST", _ALL, add, Action.TEMPLATE_EDIT),
        Page("POST", _ONE, change, Action.TEMPLATE_EDIT),
        Page("POST", f"{_ONE}/delete", remove, Action.TEMPLATE_EDIT),
    ]


async def _shown(
    visit: Visit, owner: str, error: NodeError | None = None, said: dict[str, str] | None = None
) -> web.Response:
    tree: list[tuple[int, Any]] = []
    if owner or visit.account.of_enterprise:
        found = await visit.ask("GET /v1/template-categories", query={"enterprise_id": owner})
        tree = list(_in_order(found.items, None, 0))
    return visit.show(
        "template_categories.html", refusal=Refusal.of(error) if error else None, tree=tree, said=said or {},
        owner=owner, choice=await to_choose(visit, owner), sought=sought(visit),
        edit=visit.may(Action.TEMPLATE_EDIT), asked=bool(owner) or visit.account.of_enterprise,
    )  # fmt: skip


def _in_order(items: list[Any], parent: int | None, depth: int) -> Iterator[tuple[int, Any]]:
    """Every category behind its parent, with its depth."""
    for one in sorted((one for one in items if one.parent_id == parent), key=lambda one: (one.sort, one.code)):
        yield depth, one
        yield from _in_order(items, one.template_category_id, depth + 1)


def _here(owner: str) -> str:
    try:
        return address(f"{_ALL}?enterprise_id={{owner}}", owner=UUID(owner))
    except ValueError:
        return _ALL
