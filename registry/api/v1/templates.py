"""``/v1/templates``: definitions, publication, next versions, copies, history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from node.auth import Account, Action
from node.journal import Actor
from node.routes import Call, Handler, Reply, Route
from registry.api.v1.history import HistoryView
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.api.v1.template_bodies import (
    TemplateBody,
    TemplateChangeBody,
    TemplateCopyBody,
    TemplateEditBody,
    TemplateList,
    TemplatePreview,
    TemplateQuery,
    TemplateView,
)
from registry.enterprises import EnterpriseUnknown
from registry.store import VersionChanged
from registry.templates.stored import (
    AttributeNatureFixed,
    AttributesFixed,
    StoredTemplate,
    TemplateDraftExists,
    TemplateInUse,
    TemplateNameFixed,
    TemplateNameTaken,
    TemplateNotEditable,
    TemplateNotPublished,
    Templates,
    TemplateUnknown,
)
from registry.templates.template import InvalidTemplate
from registry.transitions import TEMPLATE, TransitionRefused, Verb

_TAG = "templates"
_ONE = "/v1/templates/{template_id}"


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

    async def change(call: Call, body: TemplateChangeBody) -> Reply:
        changed = await templates.change(call.account, call.actor, call.number("template_id"), body.changes())
        return Reply(TemplateView.of(changed))

    async def copy(call: Call, body: TemplateCopyBody) -> Reply:
        owner = body.enterprise_id or call.account.enterprise_id
        made = await templates.copy(
            call.account, call.actor, call.number("template_id"), owner, body.name, fixed=body.fixed
        )
        return _created(made)

    async def delete(call: Call) -> Reply:
        await templates.delete(call.account, call.actor, call.number("template_id"))
        return Reply(status=204)

    async def preview(call: Call) -> Reply:
        stored = await templates.get(call.account, call.number("template_id"))
        return Reply(TemplatePreview.of(stored.template))

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
                      TemplateNameFixed, AttributesFixed)),
        Route("PATCH", _ONE, change, action=Action.TEMPLATE_EDIT, tag=_TAG,
              summary="Append, change, enable, disable attributes: of a published template as its next edition",
              summary_zh="增补、修改、启用、禁用属性（已发布的模板随即产生新版本）",
              body=TemplateChangeBody, answers={200: TemplateView},
              errors=(InvalidTemplate, TemplateUnknown, TemplateDraftExists, AttributesFixed, AttributeNatureFixed)),
        Route("DELETE", _ONE, delete, action=Action.TEMPLATE_EDIT, tag=_TAG,
              summary="Remove an edition that no registration has asked for", summary_zh="删除未使用过的数据模板",
              answers={204: None}, errors=(TemplateUnknown, TemplateInUse)),
        Route("POST", f"{_ONE}/copy", copy, action=Action.TEMPLATE_EDIT, tag=_TAG,
              summary="Copy a template into a draft of one's own", summary_zh="复制数据模板（草稿）",
              body=TemplateCopyBody, answers={201: TemplateView},
              errors=(InvalidTemplate, TemplateUnknown, TemplateNotPublished, TemplateNameTaken, EnterpriseUnknown)),
        Route("GET", f"{_ONE}/preview", preview, action=Action.TEMPLATE_READ, tag=_TAG,
              summary="What the public page of an identifier shows, as data", summary_zh="展示模板预览",
              answers={200: TemplatePreview}, errors=(TemplateUnknown,)),
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
