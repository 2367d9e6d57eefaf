"""The endpoints of metadata, of who may see what, and of the lists (snms-api 10 and 11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.auth import Action
from node.database import Pool, transaction
from node.errors import NodeError
from registry.api.compatible import Asked
from registry.api.idhub import grants, meta_writing
from registry.api.idhub.listing import enterprise_of, needed, optional, page_of, shown_time, span
from registry.api.idhub.lists import instance_page, metadata_page
from registry.api.idhub.metadata import check_own, info_view, needed_metadata
from registry.api.idhub.shapes import (
    BatchPublic,
    ClassAccess,
    MetaCopy,
    MetaCreate,
    MetaGrant,
    MetaHead,
    MetaItems,
    MetaPublish,
    SingleAccess,
)
from registry.api.idhub.status import IdhubRefusal, Status, bind_error, parameter_error
from registry.authorisations.application_identities import ApplicationIdentities
from registry.authorisations.groups import IdentityGroups
from registry.notifications import Notifications
from registry.store import reading
from registry.templates.aliases import TemplateAlias
from registry.templates.categories import Category, categories_of, category_by_code

_MOST_HANDLES = 200
_MOST_LISTED = 10_000
_IDENTITY, _GROUP = 1, 2
_TITLES = {"template": 1, "identifier": 2, "class": 3}
"""``messageTitleType`` of what was granted; removals are three further."""
_REMOVED = 3


@dataclass(frozen=True, slots=True)
class MetaDesk:
    """Every endpoint under ``/api/v1/open`` with what stands behind it."""

    pool: Pool
    clock: Callable[[], datetime]
    identities: ApplicationIdentities
    groups: IdentityGroups
    notifications: Notifications

    async def create(self, asked: Asked) -> dict[str, Any]:
        """``POST …/meta/create``."""
        body = asked.body(MetaCreate)
        async with transaction(self.pool) as connection:
            alias = await meta_writing.create(connection, asked.account, asked.actor, body, self.clock())
        return _named(alias)

    async def info(self, asked: Asked) -> dict[str, Any]:
        """``GET …/meta/info?metaHandle=``."""
        handle = needed(asked, "metaHandle")
        async with transaction(self.pool) as connection:
            metadata = await needed_metadata(connection, handle)
            check_own(asked.account, metadata, Action.TEMPLATE_READ)
            code = str(metadata.said.get("classifyCode", ""))
            category = await category_by_code(connection, metadata.alias.enterprise_id, code)
        return info_view(metadata, category.name if category else "", str(metadata.said.get("createdBy", "")))

    async def change_head(self, asked: Asked) -> None:
        """``PUT …/meta/update-basic-info``."""
        body = asked.body(MetaHead)
        async with transaction(self.pool) as connection:
            await meta_writing.change_head(connection, asked.account, asked.actor, body, self.clock())

    async def change_items(self, asked: Asked) -> None:
        """``PUT …/meta/update-item``."""
        body = asked.body(MetaItems)
        async with transaction(self.pool) as connection:
            await meta_writing.change_items(connection, asked.account, asked.actor, body, self.clock())

    async def delete(self, asked: Asked) -> None:
        """``DELETE …/meta/delete?metaHandleList=a&metaHandleList=b``: all of them or none."""
        handles = list(dict.fromkeys(asked.request.query.getall("metaHandleList", ())))
        if not handles or len(handles) > _MOST_HANDLES:
            raise parameter_error("metaHandleList", "入参元数据标识列表metaHandleList不能为空")
        async with transaction(self.pool) as connection:
            for handle in handles:
                await meta_writing.delete(connection, asked.account, asked.actor, handle, self.clock())

    async def turn(self, asked: Asked) -> list[dict[str, str]]:
        """``PUT …/meta/publish-or-withdraw``: each by itself, with an outcome of its own."""
        body = asked.body(MetaPublish)
        turns = {"publish": meta_writing.publish, "withdraw": meta_writing.withdraw}
        turn = turns.get(body.op_type)
        if not body.meta_handle_list:
            raise bind_error("metaHandleList", "入参元数据标识列表metaHandleList不能为空")
        if turn is None:
            raise bind_error("opType", "操作类型opType应为publish或withdraw")
        outcomes = []
        for handle in body.meta_handle_list[:_MOST_HANDLES]:
            state, reason = "success", ""
            try:
                async with transaction(self.pool) as connection:
                    await turn(connection, asked.account, asked.actor, handle, self.clock())
            except IdhubRefusal as refusal:
                state, reason = "failed", refusal.said
            except NodeError as error:
                state, reason = "failed", error.title_zh
            outcomes.append({"metaHandle": handle, "state": state, "reason": reason})
        return outcomes

    async def copy(self, asked: Asked) -> dict[str, Any]:
        """``POST …/meta/baseon-create``."""
        body = asked.body(MetaCopy)
        async with transaction(self.pool) as connection:
            alias = await meta_writing.copy(connection, asked.account, asked.actor, body, self.clock())
        return _named(alias)

    async def grant(self, asked: Asked) -> None:
        """``POST …/meta/grant/info``."""
        body = asked.body(MetaGrant)
        async with transaction(self.pool) as connection:
            await grants.grant_metadata(connection, asked, body, self.clock())

    async def make_items_public(self, asked: Asked) -> None:
        """``POST …/classes-grant/item/batch-public``."""
        body = asked.body(BatchPublic)
        async with transaction(self.pool) as connection:
            await grants.make_items_public(connection, asked, body, self.clock())

    async def grant_class(self, asked: Asked) -> None:
        """``POST …/classes-grant/authorization``."""
        body = asked.body(ClassAccess)
        async with transaction(self.pool) as connection:
            await grants.grant_class(connection, asked, body, self.clock())

    async def grant_single(self, asked: Asked) -> None:
        """``POST …/single-handle/authorization``."""
        body = asked.body(SingleAccess)
        async with transaction(self.pool) as connection:
            await grants.grant_single(connection, asked, body, self.clock())

    async def categories(self, asked: Asked) -> list[dict[str, Any]]:
        """``GET …/meta/classify-query``: the tree."""
        async with transaction(self.pool) as connection:
            return _tree(await categories_of(connection, enterprise_of(asked.account)))

    async def metadata(self, asked: Asked) -> dict[str, Any]:
        """``GET …/meta/page``: metadata of a category."""
        code, page, between = needed(asked, "classifyCode"), page_of(asked), span(asked)
        told = asked.query.get("metaState", "")
        if told not in ("", "0", "1"):
            raise parameter_error("metaState", "metaState应为0或1")
        published = None if told == "" else told == "1"
        enterprise_id, handle = enterprise_of(asked.account), optional(asked, "metaHandle")
        async with transaction(self.pool) as connection:
            category = await category_by_code(connection, enterprise_id, code)
            if category is None:
                raise IdhubRefusal(Status.META_CLASSIFY_NOT_FOUND)
            named = (category.code, category.name)
            return await metadata_page(connection, enterprise_id, page, named, handle, published, between)

    async def instances(self, asked: Asked) -> dict[str, Any]:
        """``GET …/handle/page``: the caller's identifiers of some metadata."""
        handle, page, between = needed(asked, "metaHandle"), page_of(asked), span(asked)
        enterprise_id, name = enterprise_of(asked.account), optional(asked, "handleName")
        async with reading(self.pool) as connection:
            metadata = await needed_metadata(connection, handle)
            return await instance_page(connection, enterprise_id, page, metadata, name, between)

    async def grantees(self, asked: Asked) -> list[dict[str, Any]]:
        """``GET …/handle-user-group/list``: whom the caller's enterprise may grant to."""
        enterprise_of(asked.account)
        people = await self.identities.list(asked.account, limit=_MOST_LISTED)
        groups = await self.groups.list(asked.account, limit=_MOST_LISTED)
        return [
            {
                "name": one.title or one.name,
                "userHandle": one.handle,
                "type": _IDENTITY,
                "belongCompany": one.enterprise_name,
            }
            for one in people
        ] + [
            {
                "name": one.title or one.handle,
                "userHandle": one.handle,
                "type": _GROUP,
                "belongCompany": one.enterprise_name,
            }
            for one in groups
        ]

    async def messages(self, asked: Asked) -> dict[str, Any]:
        """``GET …/message/appMessage``: notices of what was granted to the caller, and of what was taken away."""
        page = page_of(asked)
        enterprise_of(asked.account)
        found, total = await self.notifications.page(
            asked.account, beginning="authorisation.", page=page.number, size=page.size
        )
        content = []
        for one in found:
            _, kind, became = one.kind.split(".")
            removed = became == "removed"
            content.append(
                {
                    "id": one.notification_id,
                    "messageTitleType": _TITLES[kind] + (_REMOVED if removed else 0),
                    "messageType": 2 if removed else 1,
                    "messageDetail": one.body["detail_zh"],
                    "createdTime": shown_time(one.created_at),
                }
            )
        return page.answer(content, total)


def _named(alias: TemplateAlias) -> dict[str, Any]:
    """The handle of new metadata, under both of its published names (C-17)."""
    handle = alias.said["metaHandle"]
    return {"metaHandle": handle, "metaId": handle}


def _tree(categories: list[Category]) -> list[dict[str, Any]]:
    def below(parent: int | None, ancestors: str, level: int) -> list[dict[str, Any]]:
        return [
            {
                "id": one.template_category_id,
                "parentId": parent or 0,
                "sort": one.sort,
                "children": below(one.template_category_id, f"{ancestors},{one.template_category_id}", level + 1),
                "classifyName": one.name,
                "classifyCode": one.code,
                "ancestors": ancestors,
                "level": level,
            }
            for one in categories
            if one.parent_id == parent
        ]

    return below(None, "0", 1)
