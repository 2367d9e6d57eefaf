"""What is answered about batches and previews."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import RootModel

from registry.api.v1.fields import View
from registry.batches.preview import Preview
from registry.batches.request import Operation
from registry.batches.rows import Verdict
from registry.batches.store import Batch, BatchState


class BatchView(View):
    """A batch: what is before ``read_line`` (of worksheet ``read_sheet``, 0 outside of workbooks) is settled.

    ``body_bytes`` of ``body_expected`` octets came so far, as sent; ``read_offset`` is of the text in UTF-8.
    ``selected`` identifiers met its query. ``undoes`` and ``undone_by`` name other batches.
    """

    batch_id: UUID
    operation: Operation
    prefix: str
    template: str | None
    state: BatchState
    registered: int
    changed: int
    unchanged: int
    rejected: int
    selected: int | None
    read_line: int
    read_sheet: int
    read_offset: int
    body_bytes: int
    body_expected: int | None
    failure: dict[str, Any] | None
    undoes: UUID | None
    undone_by: UUID | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, batch: Batch) -> Self:
        """The answer about one batch."""
        return cls(
            batch_id=batch.batch_id,
            operation=batch.operation,
            prefix=batch.request["prefix"],
            template=batch.request["template"],
            state=batch.state,
            registered=batch.registered,
            changed=batch.changed,
            unchanged=batch.unchanged,
            rejected=batch.rejected,
            selected=batch.selected,
            read_line=batch.read_line,
            read_sheet=batch.read_sheet,
            read_offset=batch.read_offset,
            body_bytes=batch.body_bytes,
            body_expected=batch.body_expected,
            failure=dict(batch.failure) if batch.failure is not None else None,
            undoes=batch.undoes,
            undone_by=batch.undone_by,
            created_at=batch.created_at,
            updated_at=batch.updated_at,
        )


class BatchList(View):
    items: list[BatchView]
    next_cursor: str | None


class FaultKindView(View):
    """Everything wrong in one way: how many rows, and the first of them (``row`` as it was sent, cut)."""

    code: str
    field: str | None
    rows: int
    sheet: int
    line: int
    message: str
    row: str


class RowFaultView(View):
    field: str | None
    code: str
    message: str


class PreviewRowView(View):
    """One row; ``attributes`` as they would be stored, null where nothing new would be; ``row`` as it was sent, cut,
    where it would be rejected.
    """

    sheet: int
    line: int
    suffix: str | None
    verdict: Verdict
    attributes: dict[str, str | list[str]] | None
    faults: list[RowFaultView]
    row: str | None


class SheetView(View):
    """A worksheet (number 0: the table itself) and its columns."""

    number: int
    name: str
    columns: list[str]


class UnderstoodView(View):
    """How the form of the input was found to be."""

    format: str | None
    encoding: str | None
    delimiter: str | None
    sheets: list[SheetView]


class PreviewView(View):
    """What would be done, counted over the whole input; nothing was. ``confirmation`` goes into the real request."""

    operation: Operation
    rows: int
    registered: int
    changed: int
    unchanged: int
    rejected: int
    selected: int | None
    faults: list[FaultKindView]
    first_rows: list[PreviewRowView]
    understood: UnderstoodView
    confirmation: str | None

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """The answer about one preview."""
        understood = preview.understood
        return cls(
            operation=preview.operation,
            rows=preview.rows,
            registered=preview.registered,
            changed=preview.changed,
            unchanged=preview.unchanged,
            rejected=preview.rejected,
            selected=preview.selected,
            faults=[
                FaultKindView(
                    code=kind.code, field=kind.field, rows=kind.rows, sheet=kind.sheet, line=kind.line,
                    message=kind.message, row=kind.row,
                )
                for kind in preview.faults
            ],
            first_rows=[
                PreviewRowView(
                    sheet=row.sheet,
                    line=row.line,
                    suffix=row.suffix,
                    verdict=row.verdict,
                    attributes=dict(row.attributes) if row.attributes is not None else None,
                    faults=[
                        RowFaultView(field=fault.field, code=str(fault.code), message=fault.message)
                        for fault in row.faults
                    ],
                    row=row.row,
                )
                for row in preview.first_rows
            ],
            understood=UnderstoodView(
                format=understood.get("format"),
                encoding=understood.get("encoding"),
                delimiter=understood.get("delimiter"),
                sheets=[SheetView(**sheet) for sheet in understood.get("sheets", ())],
            ),
            confirmation=preview.confirmation,
        )  # fmt: skip


class BatchAnswer(RootModel[BatchView | PreviewView]):
    """The batch as it stands, or with ``dry_run`` the preview."""
