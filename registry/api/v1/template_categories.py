"""``/v1/template-categories``: the tree in which an enterprise's templates are sorted."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, View
from registry.api.v1.prefixes import EnterpriseNotNamed
from registry.enterprises import EnterpriseNotApproved, EnterpriseUnknown
from registry.templates.categories import (
    Categories,
    Category,
    CategoryCodeTaken,
    CategoryInUse,
    CategoryPlaceInvalid,
    CategoryUnknown,
)

_TAG = "template-categories"
_ALL = "/v1/template-categories"
_ONE = f"{_ALL}/{{template_category_id}}"

_Name = Annotated[Text, Field(min_length=1, max_length=100)]
_Sort = Annotated[int, Field(ge=0, le=2**31 - 1, description="order among its siblings")]
_Parent = Annotated[int, Field(ge=1, le=2**31 - 1)] | None


class CategoryQuery(BaseModel):
    """``enterprise_id`` may be left out by the enterprise's own account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enterprise_id: UUID | None = None


class CategoryBody(Body):
    """``parent_id`` null: at the root."""

    code: Annotated[str, Field(pattern="^[A-Za-z0-9_.-]{1,100}$")]
    name: _Name
    parent_id: _Parent = None
    sort: _Sort = 0
    enterprise_id: UUID | None = None


class CategoryChangeBody(Body):
    """The code stays: templates say it."""

    name: _Name
    parent_id: _Parent
    sort: _Sort


class CategoryView(View):
    """One category; the tree is made by ``parent_id``."""

    template_category_id: int
    enterprise_id: UUID
    parent_id: int | None
    code: str
    name: str
    sort: int

    @classmethod
    def of(cls, category: Category) -> Self:
        """The answer about one category."""
        return cls(**{name: getattr(category, name) for name in cls.model_fields})


class CategoryList(View):
    items: list[CategoryView]


def template_category_routes(categories: Categories) -> list[Route]:
    """Every route of categories."""

    async def listing(call: Call, query: CategoryQuery) -> Reply:
        found = await categories.list(call.account, _owner(call, query.enterprise_id))
        return Reply(CategoryList(items=[CategoryView.of(category) for category in found]))

    async def add(call: Call, body: CategoryBody) -> Reply:
        owner = _owner(call, body.enterprise_id)
        added = await categories.add(call.account, call.actor, owner, body.code, body.name, body.parent_id, body.sort)
        return Reply(CategoryView.of(added), status=201)

    async def change(call: Call, body: CategoryChangeBody) -> Reply:
        number = call.number("template_category_id")
        changed = await categories.change(call.account, call.actor, number, body.name, body.parent_id, body.sort)
        return Reply(CategoryView.of(changed))

    async def remove(call: Call) -> Reply:
        await categories.remove(call.account, call.actor, call.number("template_category_id"))
        return Reply(status=204)

    return [
        Route("GET", _ALL, listing, action=Action.TEMPLATE_READ, tag=_TAG,
              summary="The categories of an enterprise's templates", summary_zh="模板分类列表",
              query=CategoryQuery, answers={200: CategoryList}, errors=(EnterpriseNotNamed,)),
        Route("POST", _ALL, add, action=Action.TEMPLATE_EDIT, tag=_TAG,
              summary="Add a category", summary_zh="新建模板分类", body=CategoryBody, answers={201: CategoryView},
              errors=(EnterpriseNotNamed, EnterpriseUnknown, EnterpriseNotApproved, CategoryCodeTaken,
                      CategoryPlaceInvalid)),
        Route("PUT", _ONE, change, action=Action.TEMPLATE_EDIT, tag=_TAG,
              summary="Rename or move a category", summary_zh="修改模板分类", body=CategoryChangeBody,
              answers={200: CategoryView},
              errors=(CategoryUnknown, CategoryPlaceInvalid, EnterpriseUnknown, EnterpriseNotApproved)),
        Route("DELETE", _ONE, remove, action=Action.TEMPLATE_EDIT, tag=_TAG,
              summary="Remove a category that nothing is in", summary_zh="删除模板分类", answers={204: None},
              errors=(CategoryUnknown, CategoryInUse)),
    ]  # fmt: skip


def _owner(call: Call, named: UUID | None) -> UUID:
    owner = named or call.account.enterprise_id
    if owner is None:
        raise EnterpriseNotNamed("say whose categories", field="enterprise_id")
    return owner
