"""``/v1/identity-groups``: application identities under one handle, which other enterprises import."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.application_identities import IdentityHandle, handle_of
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.mappings import OwnedQuery
from registry.api.v1.paging import CursorBroken, cut, text_cursor
from registry.api.v1.prefixes import EnterpriseNotNamed
from registry.authorisations.application_identities import IdentityUnknown, fold_handle
from registry.authorisations.groups import (
    MOST_MEMBERS,
    GroupGranted,
    GroupHandleInvalid,
    GroupHandleTaken,
    GroupMemberForeign,
    GroupNotToImport,
    GroupUnknown,
    IdentityGroup,
    IdentityGroups,
    Importer,
)
from registry.enterprises import EnterpriseUnknown
from registry.prefixes import PrefixNotEnabled, PrefixUnknown
from registry.store import VersionChanged

_TAG = "identity-groups"
_ONE = "/v1/identity-groups/{prefix}/{suffix}"

_GroupHandle = Annotated[Text, Field(min_length=1, max_length=255, examples=["88.101.2001/Group_suppliers"])]
_Title = Annotated[Text, Field(max_length=128)]
_Members = Annotated[
    list[IdentityHandle], Field(max_length=MOST_MEMBERS, description="handles of the enterprise's own applications")
]


class GroupBody(Body):
    handle: _GroupHandle
    title: _Title = ""
    members: Annotated[_Members, Field(default_factory=list)]


class GroupEditBody(Body):
    """Title and members anew, for the version that was read."""

    title: _Title
    members: _Members
    version: Version


class ImportQuery(BaseModel):
    """``enterprise_id`` may be left out by the enterprise's own account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enterprise_id: UUID | None = None


class GroupView(View):
    """A group; another enterprise's shows no members."""

    handle: str
    enterprise_id: UUID
    enterprise_name: str
    title: str
    members: list[str]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, group: IdentityGroup) -> Self:
        """The answer about one group."""
        shown = {name: getattr(group, name) for name in cls.model_fields}
        return cls(**{**shown, "members": list(group.members)})


class GroupList(View):
    items: list[GroupView]
    next_cursor: str | None


class ImporterView(View):
    """An enterprise that may grant to the group."""

    enterprise_id: UUID
    name: str
    imported_at: datetime

    @classmethod
    def of(cls, importer: Importer) -> Self:
        """The answer about one importer."""
        return cls(enterprise_id=importer.enterprise_id, name=importer.name, imported_at=importer.imported_at)


class ImporterList(View):
    items: list[ImporterView]


def identity_group_routes(groups: IdentityGroups) -> list[Route]:
    """Every route of identity groups."""

    async def create(call: Call, body: GroupBody) -> Reply:
        made = await groups.create(call.account, call.actor, body.handle, title=body.title, members=body.members)
        return Reply(GroupView.of(made), status=201, headers={"Location": f"/v1/identity-groups/{made.handle}"})

    async def listing(call: Call, query: OwnedQuery) -> Reply:
        found = await groups.list(
            call.account,
            enterprise_id=query.enterprise_id,
            after=text_cursor(query.cursor) or "",
            limit=query.limit + 1,
        )
        shown, cursor = cut(found, query.limit, lambda group: fold_handle(group.handle))
        return Reply(GroupList(items=[GroupView.of(group) for group in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(GroupView.of(await groups.get(call.account, handle_of(call))))

    async def edit(call: Call, body: GroupEditBody) -> Reply:
        edited = await groups.edit(
            call.account, call.actor, handle_of(call), body.version, title=body.title, members=body.members
        )
        return Reply(GroupView.of(edited))

    async def remove(call: Call) -> Reply:
        await groups.remove(call.account, call.actor, handle_of(call))
        return Reply(status=204)

    async def importers(call: Call) -> Reply:
        found = await groups.importers(call.account, handle_of(call))
        return Reply(ImporterList(items=[ImporterView.of(one) for one in found]))

    async def import_one(call: Call, query: ImportQuery) -> Reply:
        group = await groups.import_group(call.account, call.actor, _importer(call, query), handle_of(call))
        return Reply(GroupView.of(group))

    async def drop(call: Call, query: ImportQuery) -> Reply:
        await groups.drop_import(call.account, call.actor, _importer(call, query), handle_of(call))
        return Reply(status=204)

    return [
        Route("POST", "/v1/identity-groups", create, action=Action.GROUP_EDIT, tag=_TAG,
              summary="Create a group of application identities", summary_zh="新建标识用户组", body=GroupBody,
              answers={201: GroupView},
              errors=(GroupHandleInvalid, GroupHandleTaken, IdentityUnknown, GroupMemberForeign, PrefixUnknown,
                      PrefixNotEnabled)),
        Route("GET", "/v1/identity-groups", listing, action=Action.GROUP_READ, tag=_TAG,
              summary="List own and imported groups by handle", summary_zh="标识用户组列表（含引入的）",
              query=OwnedQuery, answers={200: GroupList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.GROUP_READ, tag=_TAG,
              summary="Read a group", summary_zh="查看标识用户组",
              answers={200: GroupView}, errors=(GroupUnknown,)),
        Route("PUT", _ONE, edit, action=Action.GROUP_EDIT, tag=_TAG,
              summary="Replace title and members of a group", summary_zh="变更标识用户组", body=GroupEditBody,
              answers={200: GroupView}, errors=(GroupUnknown, VersionChanged, IdentityUnknown, GroupMemberForeign)),
        Route("DELETE", _ONE, remove, action=Action.GROUP_EDIT, tag=_TAG,
              summary="Remove a group and all grants to it", summary_zh="删除标识用户组",
              answers={204: None}, errors=(GroupUnknown,)),
        Route("GET", f"{_ONE}/importers", importers, action=Action.GROUP_READ, tag=_TAG,
              summary="Which enterprises imported a group", summary_zh="标识用户组的引入企业",
              answers={200: ImporterList}, errors=(GroupUnknown,)),
        Route("PUT", f"{_ONE}/import", import_one, action=Action.GROUP_EDIT, tag=_TAG,
              summary="Import another enterprise's group, to grant to it", summary_zh="引入标识用户组",
              query=ImportQuery, answers={200: GroupView},
              errors=(GroupUnknown, GroupNotToImport, EnterpriseNotNamed, EnterpriseUnknown)),
        Route("DELETE", f"{_ONE}/import", drop, action=Action.GROUP_EDIT, tag=_TAG,
              summary="Drop an imported group", summary_zh="取消引入标识用户组", query=ImportQuery,
              answers={204: None}, errors=(GroupUnknown, GroupGranted, EnterpriseNotNamed)),
    ]  # fmt: skip


def _importer(call: Call, query: ImportQuery) -> UUID:
    owner = query.enterprise_id or call.account.enterprise_id
    if owner is None:
        raise EnterpriseNotNamed("say which enterprise imports the group", field="enterprise_id")
    return owner
