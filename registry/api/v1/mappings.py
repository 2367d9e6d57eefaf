"""``/v1/mappings``: column mappings that an enterprise keeps, to be named by batches."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.history import HistoryView
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.api.v1.prefixes import EnterpriseNotNamed
from registry.enterprises import EnterpriseUnknown
from registry.mappings.date_formats import MAX_FORMAT
from registry.mappings.definition import (
    MAX_ATTRIBUTES,
    MAX_COLUMN,
    MAX_JOINED,
    MAX_LOOKUP,
    MAX_SEPARATOR,
    MAX_TEXT,
)
from registry.mappings.mapping import InvalidMapping, Mapping
from registry.mappings.stored import MappingNameTaken, Mappings, MappingUnknown, StoredMapping
from registry.mappings.transforms import Case
from registry.store import VersionChanged

_TAG = "mappings"
_ONE = "/v1/mappings/{mapping_id}"

Name = Annotated[Text, Field(min_length=1, max_length=128)]
_Column = Annotated[str, Field(max_length=MAX_COLUMN)]
_Value = Annotated[str, Field(max_length=MAX_TEXT)]


class SourceBody(Body):
    """Where a value comes from (one of ``column``, ``columns``, ``constant``) and what is done to it on the way.

    The order is: take and join, split, trim, case, date_format, lookup.
    """

    column: _Column | None = None
    columns: Annotated[list[_Column], Field(max_length=MAX_JOINED)] | None = None
    join: Annotated[str, Field(max_length=MAX_SEPARATOR, description="between the columns")] | None = None
    constant: _Value | bool | int | None = None
    trim: bool = False
    case: Case | None = None
    date_format: Annotated[str, Field(max_length=MAX_FORMAT, examples=["YYYY/M/D"])] | None = None
    lookup: Annotated[dict[_Value, _Value], Field(max_length=MAX_LOOKUP)] | None = None
    otherwise: Annotated[_Value, Field(description="for values that lookup does not name")] | None = None
    split: Annotated[str, Field(max_length=MAX_SEPARATOR, description="makes an array")] | None = None


class FromRuleBody(Body):
    """The suffix is made by a coding rule; ``values`` gives it what no attribute holds."""

    coding_rule: Annotated[str, Field(max_length=128)]
    values: Annotated[dict[str, _Column | SourceBody], Field(max_length=MAX_JOINED)] | None = None


class MappingDefinitionBody(Body):
    """Sources by target: a source is the name of a column, or an object."""

    suffix: _Column | FromRuleBody | SourceBody | None = None
    attributes: Annotated[dict[str, _Column | SourceBody], Field(max_length=MAX_ATTRIBUTES)] = Field(
        default_factory=dict
    )

    def mapping(self) -> Mapping:
        """The domain value. Raises ``InvalidMapping``."""
        return Mapping.parse(self.model_dump(mode="json", exclude_unset=True, exclude_none=True))


class MappingBody(Body):
    """``enterprise_id`` may be left out by the enterprise's own account."""

    enterprise_id: UUID | None = None
    name: Name
    definition: MappingDefinitionBody


class MappingEditBody(Body):
    """Name and definition anew, for the version that was read."""

    name: Name
    definition: MappingDefinitionBody
    version: Version


class RemovalQuery(BaseModel):
    """The version that was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Version


class OwnedQuery(Page):
    enterprise_id: UUID | None = None


class MappingView(View):
    """A saved mapping; ``definition`` is in its shortest form."""

    mapping_id: int
    enterprise_id: UUID
    name: str
    definition: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, stored: StoredMapping) -> Self:
        """The answer about one mapping."""
        return cls(
            mapping_id=stored.number,
            enterprise_id=stored.enterprise_id,
            name=stored.name,
            definition=stored.definition.to_json(),
            version=stored.version,
            created_at=stored.created_at,
            updated_at=stored.updated_at,
        )


class MappingList(View):
    items: list[MappingView]
    next_cursor: str | None


def mapping_routes(mappings: Mappings) -> list[Route]:
    """Every route of saved mappings."""

    async def create(call: Call, body: MappingBody) -> Reply:
        owner = body.enterprise_id or call.account.enterprise_id
        if owner is None:
            raise EnterpriseNotNamed("say which enterprise the mapping is for", field="enterprise_id")
        made = await mappings.create(call.account, call.actor, owner, body.name, body.definition.mapping())
        return Reply(MappingView.of(made), status=201, headers={"Location": f"/v1/mappings/{made.number}"})

    async def listing(call: Call, query: OwnedQuery) -> Reply:
        found = await mappings.list(
            call.account,
            enterprise_id=query.enterprise_id,
            after=number_cursor(query.cursor) or 0,
            limit=query.limit + 1,
        )
        shown, cursor = cut(found, query.limit, lambda stored: stored.number)
        return Reply(MappingList(items=[MappingView.of(stored) for stored in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(MappingView.of(await mappings.get(call.account, call.number("mapping_id"))))

    async def replace(call: Call, body: MappingEditBody) -> Reply:
        replaced = await mappings.replace(
            call.account, call.actor, call.number("mapping_id"), body.name, body.definition.mapping(), body.version
        )
        return Reply(MappingView.of(replaced))

    async def delete(call: Call, query: RemovalQuery) -> Reply:
        await mappings.delete(call.account, call.actor, call.number("mapping_id"), query.version)
        return Reply(status=204)

    async def history(call: Call, query: Page) -> Reply:
        acts = await mappings.history(
            call.account,
            call.number("mapping_id"),
            before_act=number_cursor(query.cursor),
            limit=query.limit + 1,
        )
        return Reply(HistoryView.of(acts, query.limit))

    return [
        Route("POST", "/v1/mappings", create, action=Action.MAPPING_EDIT, tag=_TAG,
              summary="Save a column mapping under a name", summary_zh="保存列映射",
              body=MappingBody, answers={201: MappingView},
              errors=(EnterpriseNotNamed, EnterpriseUnknown, InvalidMapping, MappingNameTaken)),
        Route("GET", "/v1/mappings", listing, action=Action.MAPPING_READ, tag=_TAG,
              summary="List saved mappings in the order of creation", summary_zh="列映射列表",
              query=OwnedQuery, answers={200: MappingList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.MAPPING_READ, tag=_TAG,
              summary="Read a saved mapping", summary_zh="查看列映射",
              answers={200: MappingView}, errors=(MappingUnknown,)),
        Route("PUT", _ONE, replace, action=Action.MAPPING_EDIT, tag=_TAG,
              summary="Replace a saved mapping; batches under way keep the one they began with",
              summary_zh="修改列映射", body=MappingEditBody, answers={200: MappingView},
              errors=(MappingUnknown, InvalidMapping, VersionChanged, MappingNameTaken)),
        Route("DELETE", _ONE, delete, action=Action.MAPPING_EDIT, tag=_TAG,
              summary="Delete a saved mapping", summary_zh="删除列映射", query=RemovalQuery, answers={204: None},
              errors=(MappingUnknown, VersionChanged)),
        Route("GET", f"{_ONE}/history", history, action=Action.HISTORY_READ, tag=_TAG,
              summary="Acts on a saved mapping, newest first", summary_zh="列映射变更历史",
              query=Page, answers={200: HistoryView}, errors=(MappingUnknown, CursorBroken)),
    ]  # fmt: skip
