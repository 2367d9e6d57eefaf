"""``/v1/templates``: definitions, publication, next versions, history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from node.auth import Account, Action
from node.journal import Actor
from node.record import DEFAULT_TTL
from node.routes import Call, Handler, Reply, Route
from registry.api.v1.fields import Body, Version, View
from registry.api.v1.history import HistoryView
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.enterprises import EnterpriseUnknown
from registry.store import VersionChanged
from registry.templates.attributes import MOST_ITEMS
from registry.templates.stored import (
    StoredTemplate,
    TemplateDraftExists,
    TemplateNameFixed,
    TemplateNameTaken,
    TemplateNotEditable,
    Templates,
    TemplateUnknown,
)
from registry.templates.template import MAX_ATTRIBUTES, InvalidTemplate, Kind, Landing, Template
from registry.transitions import TEMPLATE, TemplateState, TransitionRefused, Verb

_TAG = "templates"
_ONE = "/v1/templates/{template_id}"
_Limit = Annotated[str, Field(max_length=64)] | int | float


class AttributeBody(Body):
    """One attribute. ``index`` and ``type`` are given by the node when left out; limits are for their own kinds."""

    name: Annotated[str, Field(max_length=64)]
    title_zh: Annotated[str, Field(max_length=255)]
    title_en: Annotated[str, Field(max_length=255)] = ""
    kind: Kind = Kind.STRING
    index: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    type: Annotated[str, Field(max_length=128)] = ""
    required: bool = False
    unique: bool = False
    listed: bool = False
    min_length: Annotated[int, Field(ge=0, le=65535)] | None = None
    max_length: Annotated[int, Field(ge=1, le=65535)] | None = None
    minimum: _Limit | None = None
    maximum: _Limit | None = None
    pattern: Annotated[str, Field(max_length=1000)] | None = None
    choices: Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=1000, default_factory=list)]
    many: Annotated[bool, Field(description="an array of such values")] = False
    max_items: Annotated[int, Field(ge=1, le=MOST_ITEMS)] | None = None
    unit: Annotated[str, Field(max_length=32, description="of the stored numbers, for example kW")] | None = None


class DefinitionBody(Body):
    """What a template says."""

    name: Annotated[str, Field(max_length=128)]
    title_zh: Annotated[str, Field(max_length=255)]
    title_en: Annotated[str, Field(max_length=255)] = ""
    attributes: Annotated[list[AttributeBody], Field(max_length=MAX_ATTRIBUTES)]
    ttl: Annotated[int, Field(description="seconds that resolvers may keep an answer")] = DEFAULT_TTL
    landing: Landing = Landing.PAGE

    def template(self) -> Template:
        """The domain value. Raises ``InvalidTemplate``."""
        definition = self.model_dump(mode="json", exclude={"enterprise_id", "version"}, exclude_none=True)
        return Template.from_json({**definition, "version": 1})


class TemplateBody(DefinitionBody):
    """``enterprise_id`` left out: the caller's own enterprise, or for staff the node's own, usable by everybody."""

    enterprise_id: UUID | None = None


class TemplateEditBody(DefinitionBody):
    """The whole definition anew."""

    version: Version


class TemplateQuery(Page):
    state: TemplateState | None = None


class TemplateView(View):
    """``definition.version`` numbers the editions of a template, ``version`` the changes of this one."""

    template_id: int
    enterprise_id: UUID | None
    name: str
    template_version: int
    state: TemplateState
    definition: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, stored: StoredTemplate) -> Self:
        """The answer about one template."""
        return cls(
            template_id=stored.template_id,
            enterprise_id=stored.enterprise_id,
            name=stored.template.name,
            template_version=stored.template.version,
            state=stored.state,
            definition=stored.template.to_json(),
            version=stored.version,
            created_at=stored.created_at,
            updated_at=stored.updated_at,
        )


class TemplateList(View):
    items: list[TemplateView]
    next_cursor: str | None


def template_routes(templates: Templates) -> list[Route]:
    """Every route of templates."""

    async def create(call: Call, body: TemplateBody) -> Reply:
        owner = body.enterprise_id or call.account.enterprise_id
        return _created(await templates.create(call.account, call.actor, owner, body.template()))

    async def listing(call: Call, query: TemplateQuery) -> Reply:
        found = await templates.list(
            call.account, state=query.state, after=number_cursor(query.cursor) or 0, limit=query.limit + 1
        )
        shown, cursor = cut(found, query.limit, lambda stored: stored.template_id)
        return Reply(TemplateList(items=[TemplateView.of(stored) for stored in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(TemplateView.of(await templates.get(call.account, call.number("template_id"))))

    async def edit(call: Call, body: TemplateEditBody) -> Reply:
        edited = await templates.edit(
            call.account, call.actor, call.number("template_id"), body.template(), body.version
        )
        return Reply(TemplateView.of(edited))

    async def revise(call: Call) -> Reply:
        return _created(await templates.revise(call.account, call.actor, call.number("template_id")))

    async def history(call: Call, query: Page) -> Reply:
        acts = await templates.history(
            call.account,
            call.number("template_id"),
            before_act=number_cursor(query.cursor),
            limit=query.limit + 1,
        )
        return Reply(HistoryView.of(acts, query.limit))

    return [
        Route("POST", "/v1/templates", create, action=Action.TEMPLATE_EDIT, tag=_TAG,
              summary="Create a template as a draft", summary_zh="新建数据模板（草稿）",
              body=TemplateBody, answers={201: TemplateView},
              errors=(InvalidTemplate, TemplateNameTaken, EnterpriseUnknown)),
        Route("GET", "/v1/templates", listing, action=Action.TEMPLATE_READ, tag=_TAG,
              summary="List templates in the order of creation", summary_zh="数据模板列表",
              query=TemplateQuery, answers={200: TemplateList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.TEMPLATE_READ, tag=_TAG,
              summary="Read a template", summary_zh="查看数据模板",
              answers={200: TemplateView}, errors=(TemplateUnknown,)),
        Route("PUT", _ONE, edit, action=Action.TEMPLATE_EDIT, tag=_TAG,
              summary="Replace the definition of a draft", summary_zh="修改数据模板草稿",
              body=TemplateEditBody, answers={200: TemplateView},
              errors=(InvalidTemplate, TemplateUnknown, VersionChanged, TemplateNotEditable, TemplateNameTaken,
                      TemplateNameFixed)),
        _move_route(templates.publish, Verb.PUBLISH, "Publish: ready for use, fixed for ever", "发布数据模板"),
        _move_route(templates.withdraw, Verb.WITHDRAW, "Withdraw: for no new identifiers", "撤回数据模板"),
        Route("POST", f"{_ONE}/revise", revise, action=Action.TEMPLATE_EDIT, tag=_TAG,
              summary="Make the next version as a draft", summary_zh="新建下一版本（草稿）",
              answers={201: TemplateView}, errors=(TemplateUnknown, TransitionRefused, TemplateDraftExists)),
        Route("GET", f"{_ONE}/history", history, action=Action.HISTORY_READ, tag=_TAG,
              summary="Acts on a template, newest first", summary_zh="数据模板变更历史",
              query=Page, answers={200: HistoryView}, errors=(TemplateUnknown, CursorBroken)),
    ]  # fmt: skip


def _created(stored: StoredTemplate) -> Reply:
    return Reply(TemplateView.of(stored), status=201, headers={"Location": f"/v1/templates/{stored.template_id}"})


def _move_route(
    move: Callable[[Account, Actor, int], Awaitable[StoredTemplate]], verb: Verb, summary: str, summary_zh: str
) -> Route:
    async def moved(call: Call) -> Reply:
        return Reply(TemplateView.of(await move(call.account, call.actor, call.number("template_id"))))

    handler: Handler = moved
    return Route(
        "POST", f"{_ONE}/{verb}", handler, action=TEMPLATE[verb].action, tag=_TAG, summary=summary,
        summary_zh=summary_zh, answers={200: TemplateView}, errors=(TemplateUnknown, TransitionRefused),
    )  # fmt: skip
