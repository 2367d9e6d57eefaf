"""``/v1/exports``: everything below a prefix or what changed since a position, as rows, with what they need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from node import __version__
from node.auth import Action
from node.errors import Malformed, TooMany
from node.identifier import PREFIX_LIMIT, InvalidPrefix, Prefix
from node.routes import Call, Reply, Route
from registry.api.v1.fields import View
from registry.api.v1.files import file_digest
from registry.api.v1.search_fields import FiltersQuery
from registry.export.exports import Exports, Overview, PositionUnsettled, TemplateUse
from registry.export.forms import CellTooLong, XlsxTooLarge, as_csv, as_ndjson, as_xlsx
from registry.export.pages import FilterWithPosition, Opened, PositionAhead, Selection
from registry.export.row import Shape
from registry.files.files import Files, FileUnknown
from registry.prefixes import PrefixUnknown
from registry.search.filters import StateFilter
from registry.search.search import ConditionUnfit, NotListed
from registry.templates.stored import TemplateUnknown
from registry.templates.value_rules import file_id_of

_TAG = "exports"
FORMAT_VERSION = 1
"""Of manifests and rows; it grows when a program that knows the former one would misread the new."""

_OCTETS = "application/octet-stream"
ROWS_HEADER = "Biaoshi-Rows"
_Position = Annotated[int, Field(ge=0, le=2**63 - 1, description="a position in history, from a manifest")]


class TemplateOfTableMissing(Malformed):
    title_zh = "表格导出须指明数据模板"


class TooManyExports(TooMany):
    title_zh = "同时进行的导出过多"


class RowsFormat(StrEnum):
    NDJSON = "ndjson"
    CSV = "csv"
    XLSX = "xlsx"


_MEDIA = {
    RowsFormat.NDJSON: "application/x-ndjson",
    RowsFormat.CSV: "text/csv",
    RowsFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _standing(state: StateFilter) -> StateFilter:
    if state is StateFilter.DELETED:
        raise PydanticCustomError("nothing_left", "deleted identifiers stand in increments only: use since")
    return state


class ManifestQuery(FiltersQuery):
    """What is exported: all that stands and meets the filters, or with ``since`` every change of the prefix."""

    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT)]
    state: Annotated[
        StateFilter, AfterValidator(_standing), Field(description="all: live and suspended; deleted is refused")
    ] = StateFilter.ALL
    since: Annotated[_Position | None, Field(description="only what changed after this position")] = None

    def selection(self) -> Selection:
        """The domain value. Raises ``InvalidPrefix``."""
        return Selection(Prefix.parse_derived(self.prefix), self.filters(), self.since)


class OwnerQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT)]


class FilesQuery(ManifestQuery):
    until: Annotated[_Position | None, Field(description="with since: up to this position, else the newest")] = None

    def selection(self) -> Selection:
        """The domain value. Raises ``InvalidPrefix``."""
        return replace(super().selection(), until=self.until)


class RowsQuery(FilesQuery):
    """CSV and XLSX are tables of one template each and need ``template_id``."""

    format: RowsFormat = RowsFormat.NDJSON


class TemplateUseView(View):
    """``template`` is what the rows call it; ``identifiers`` is 0 for a mere forerunner, null where not counted."""

    template: str
    template_id: int
    name: str
    edition: int
    shared: Annotated[bool, Field(description="the node's own, not the enterprise's")]
    state: str
    definition: dict[str, Any]
    identifiers: int | None

    @classmethod
    def of(cls, use: TemplateUse) -> Self:
        """The answer about one template."""
        template = use.stored.template
        return cls(
            template=use.mark,
            template_id=use.stored.template_id,
            name=template.name,
            edition=template.version,
            shared=use.stored.enterprise_id is None,
            state=str(use.stored.state),
            definition=template.to_json(),
            identifiers=use.identifiers,
        )


class ManifestView(View):
    """Ask for it first: an increment that begins at its ``position`` misses nothing that happens from now on."""

    format_version: int
    software: str
    node_id: UUID
    laboratory: bool
    prefix: str
    taken_at: datetime
    position: int
    since: int | None
    identifiers: int
    exact: bool
    templates: list[TemplateUseView]

    @classmethod
    def of(cls, overview: Overview, since: int | None) -> Self:
        """The answer about one export."""
        return cls(
            format_version=FORMAT_VERSION,
            software=f"biaoshi {__version__}",
            node_id=overview.node_id,
            laboratory=overview.laboratory,
            prefix=overview.prefix,
            taken_at=overview.taken_at,
            position=overview.position,
            since=since,
            identifiers=overview.identifiers,
            exact=overview.exact,
            templates=[TemplateUseView.of(use) for use in overview.templates],
        )


def export_routes(exports: Exports, files: Files, *, xlsx_characters: int) -> list[Route]:
    """Every route of exports; the cells of one XLSX hold at most ``xlsx_characters``, and one is made at a time."""
    making = asyncio.Semaphore(1)

    async def manifest(call: Call, query: ManifestQuery) -> Reply:
        return Reply(ManifestView.of(await exports.overview(call.account, query.selection()), query.since))

    async def rows(call: Call, query: RowsQuery) -> Reply:
        if query.template_id is None and query.format is not RowsFormat.NDJSON:
            raise TemplateOfTableMissing(f"{query.format} is a table of one template: name it", field="template_id")
        opened = await exports.open(call.account, query.selection())
        await exports.record(call.actor, opened)
        name = f'attachment; filename="{opened.prefix}.{query.format}"'
        headers = {"Content-Disposition": name}
        if query.format is RowsFormat.XLSX:
            count, content = await workbook(opened, opened.shapes[query.template_id or 0])
            headers[ROWS_HEADER] = str(count)
        elif query.format is RowsFormat.CSV:
            content = as_csv(opened, opened.shapes[query.template_id or 0])
        else:
            content = as_ndjson(opened)
        return Reply(content, headers=headers, content_type=_MEDIA[query.format])

    async def workbook(opened: Opened, shape: Shape) -> tuple[int, AsyncIterator[bytes]]:
        if making.locked():
            raise TooManyExports("this worker makes another XLSX; ask again soon, or for CSV or NDJSON")
        async with making:
            return await as_xlsx(opened, shape, most_characters=xlsx_characters)

    async def listed(call: Call, query: FilesQuery) -> Reply:
        opened = await exports.open(call.account, query.selection())
        return Reply(_file_lines(opened), content_type=_MEDIA[RowsFormat.NDJSON])

    async def file(call: Call, query: OwnerQuery) -> Reply:
        # The public address of a file answers nobody while its enterprise is suspended; an export goes on.
        owner = await exports.owner(call.account, Prefix.parse_derived(query.prefix))
        stored = await files.get(call.account, file_digest(call), owner)
        headers = {"Content-Disposition": f'attachment; filename="{stored.file_id}"'}
        return Reply(files.content(stored), headers=headers, content_type=_OCTETS)

    refusals = (InvalidPrefix, PrefixUnknown, TemplateUnknown, NotListed, ConditionUnfit, FilterWithPosition,
                PositionAhead)  # fmt: skip
    return [
        Route("GET", "/v1/exports/manifest", manifest, action=Action.IDENTIFIER_EXPORT, tag=_TAG,
              summary="What an export holds: its position in history, templates, counts", summary_zh="导出清单",
              query=ManifestQuery, answers={200: ManifestView}, errors=(*refusals, PositionUnsettled)),
        Route("GET", "/v1/exports/rows", rows, action=Action.IDENTIFIER_EXPORT, tag=_TAG,
              summary="The rows; deleted identifiers stand in increments only", summary_zh="导出标识",
              query=RowsQuery, answers={200: tuple(_MEDIA.values())},
              errors=(*refusals, PositionUnsettled, TemplateOfTableMissing, TooManyExports, XlsxTooLarge,
                      CellTooLong)),
        Route("GET", "/v1/exports/files", listed, action=Action.IDENTIFIER_EXPORT, tag=_TAG,
              summary="The files that the rows name, one a line", summary_zh="导出所引用的文件",
              query=FilesQuery, answers={200: (_MEDIA[RowsFormat.NDJSON],)}, errors=(*refusals, PositionUnsettled)),
        Route("GET", "/v1/exports/files/{file_id}", file, action=Action.IDENTIFIER_EXPORT, tag=_TAG,
              summary="The content of a file of the prefix's enterprise", summary_zh="导出文件内容",
              query=OwnerQuery, answers={200: (_OCTETS,)}, errors=(InvalidPrefix, PrefixUnknown, FileUnknown)),
    ]  # fmt: skip


async def _file_lines(opened: Opened) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode_lines
    async for page in opened.files():
        yield encode(
            [
                {
                    "file_id": file_id_of(file.sha256),
                    "name": file.name,
                    "media_type": file.media_type,
                    "size": file.octets,
                    "private": file.private,
                }
                for file in page
            ]
        )
