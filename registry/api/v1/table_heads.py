"""``POST /v1/table-heads``: how the node reads the columns and first rows of a file, to map them by."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from node.auth import Action
from node.routes import Call, Reply, Route, Upload
from node.web import body_blocks
from registry.api.v1.batch_views import SheetView, UnderstoodView
from registry.api.v1.fields import View
from registry.batches.by_body import Batches
from registry.batches.rows import WHOLE_BODY
from registry.batches.table_head import MOST_ROWS, NoRows, TableHead
from registry.batches.work import TooManyBatches
from registry.rows.form import FORMATS, Form
from registry.rows.spooling import NoRoomForBody


class TableHeadQuery(BaseModel):
    """How it is read; what is not said is found out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoding: Literal["utf-8", "gb18030"] | None = None
    delimiter: Annotated[Literal[",", ";", "\t", "|"] | None, Field(description="of CSV")] = None
    sheet: Annotated[
        str | None,
        Field(min_length=1, max_length=255, pattern="^[^\\x00]*$", description="the one worksheet to read of XLSX"),
    ] = None
    rows: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 10
    partial: Annotated[bool, Field(description="the body is the beginning of a file, cut anywhere")] = False


class HeadRowView(View):
    """``cells`` by the columns of its sheet, each cut; empty where ``fault`` says why the row cannot be read."""

    sheet: int
    line: int
    cells: list[str]
    fault: str | None


class TableHeadView(View):
    understood: UnderstoodView
    rows: list[HeadRowView]

    @classmethod
    def of(cls, head: TableHead) -> Self:
        """The answer about one table."""
        return cls(
            understood=UnderstoodView(
                format=head.format,
                encoding=head.encoding,
                delimiter=head.delimiter,
                sheets=[SheetView(number=one.sheet, name=one.sheet_name, columns=one.columns) for one in head.sheets],
            ),
            rows=[
                HeadRowView(sheet=row.sheet, line=row.line, cells=list(row.cells), fault=row.fault)
                for row in head.rows
            ],
        )


def table_head_routes(batches: Batches, *, most_bytes: int, patience: float) -> list[Route]:
    """The one route; a body has at most ``most_bytes`` and pauses at most ``patience`` seconds."""

    async def head(call: Call, query: TableHeadQuery) -> Reply:
        form = Form(
            FORMATS[call.request.content_type],
            gzip=call.request.headers.get("Content-Encoding", "").lower() == "gzip",
            encoding=query.encoding,
            delimiter=query.delimiter,
            sheet=query.sheet,
        )
        blocks = body_blocks(call.request, most_bytes, patience)
        found = await batches.head(form, blocks, rows=query.rows, partial=query.partial)
        return Reply(TableHeadView.of(found))

    return [
        Route("POST", "/v1/table-heads", head, action=Action.IDENTIFIER_REGISTER, tag="mappings",
              summary="Columns and first rows of a file as a batch would read it; nothing is kept",
              summary_zh="预览文件的列与前几行", body=Upload(media_types=tuple(FORMATS), gzip=True),
              query=TableHeadQuery, answers={200: TableHeadView},
              errors=(NoRows, TooManyBatches, NoRoomForBody, *WHOLE_BODY)),
    ]  # fmt: skip
