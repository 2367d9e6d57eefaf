"""What a batch would do: the whole input tried without writing, and its first rows as they would be stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from node.database import Connection
from registry.batches.body import Body
from registry.batches.request import Operation
from registry.batches.rows import WHOLE_BODY, Verdict, WeighableWork, Weighed, Weighing
from registry.batches.store import BatchFailed
from registry.batches.trial import Collision, Trial, trial
from registry.batches.work import Bench, Meanwhile
from registry.mappings.mapping import SUFFIX
from registry.rejection import Code, Fault, Rejection
from registry.rows.form import Form
from registry.rows.source import Header, Item, portions
from registry.templates.stored import StoredTemplate, template_by_id

SHOWN_ROWS = 20
_SHOWN_TEXT = 400
_MOST_KINDS = 200


@dataclass(slots=True)
class FaultKind:
    """Everything wrong in one way: how many rows, and the first of them as an example."""

    code: str
    field: str | None
    rows: int
    sheet: int
    line: int
    message: str
    row: str


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One row and what would become of it; ``attributes`` as they would be stored, None where nothing would be.

    ``row`` is a rejected row as it was sent, cut; it may be that its suffix was never found.
    """

    sheet: int
    line: int
    suffix: str | None
    verdict: Verdict
    attributes: Mapping[str, Any] | None
    faults: tuple[Fault, ...] = ()
    row: str | None = None


@dataclass(slots=True)
class Preview:
    """Counts of the whole input. ``understood`` says how its form was found to be; ``selected`` identifiers met the
    query. ``confirmation`` is what the same request needs to be done, None if it needs none.
    """

    operation: Operation
    rows: int = 0
    registered: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    selected: int | None = None
    faults: list[FaultKind] = field(default_factory=list)
    first_rows: list[PreviewRow] = field(default_factory=list)
    understood: dict[str, Any] = field(default_factory=dict)
    confirmation: str | None = None


async def preview_body(
    bench: Bench, operation: Operation, form: Form, body: Body, ready: Callable[[], Awaitable[WeighableWork]]
) -> Preview:
    """Try every row of a body. Raises ``BatchFailed`` when none can be understood."""
    tally = Tally(bench.connection, operation)
    understood: dict[str, Any] = {"format": form.format.value, "sheets": []}
    try:
        work = await ready()
        async with trial(bench.connection) as taken, Meanwhile() as meanwhile:
            reading = portions(form, body, None, rows=bench.chunk_rows, limits=bench.limits)
            async with aclosing(reading) as found:
                async for items, progress in found:
                    at = bench.clock()
                    understood["sheets"] += _headers(items)
                    understood |= {name: progress.header[name] for name in _TOLD if name in progress.header}
                    chunk = await work.make(items, at)
                    await meanwhile.start(_weigh(bench, work, chunk, at, taken, tally))
            await meanwhile.done()
            await tally.settle(await taken.collisions())
    except WHOLE_BODY as error:
        raise BatchFailed(error.detail, reason=error.code, **error.evidence) from None
    tally.preview.understood = understood
    return tally.preview


_TOLD = ("encoding", "delimiter")


def _headers(items: Iterable[Item]) -> list[dict[str, Any]]:
    return [
        {"number": item.sheet, "name": item.sheet_name, "columns": item.columns}
        for item in items
        if isinstance(item, Header)
    ]


async def _weigh(bench: Bench, work: WeighableWork, chunk: Any, at: datetime, taken: Trial, tally: Tally) -> None:
    async with undone(bench.connection):
        grant = await bench.grant(bench.connection)
        weighing = await work.weigh(bench.connection, grant, chunk, at)
    await taken.add(weighing.rows)
    await tally.add(weighing)


@asynccontextmanager
async def undone(connection: Connection) -> AsyncIterator[None]:
    """A transaction that leaves nothing behind."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


class Tally:
    """A preview in the making."""

    def __init__(self, connection: Connection, operation: Operation) -> None:
        self.preview = Preview(operation)
        self._connection = connection
        self._kinds: dict[tuple[str, str | None], FaultKind] = {}
        self._templates: dict[int, _Known] = {}

    async def add(self, weighing: Weighing) -> None:
        """The rows of the next chunk."""
        preview = self.preview
        refused = {(one.sheet, one.line) for one in weighing.rejections}
        for row in weighing.rows:
            preview.registered += row.verdict is Verdict.REGISTER
            preview.changed += row.verdict is Verdict.CHANGE
            preview.unchanged += row.verdict is Verdict.UNCHANGED
        preview.rejected += len(refused)
        preview.rows += len(weighing.rows) + len(refused)
        self._count(weighing.rejections)
        if len(preview.first_rows) < SHOWN_ROWS:
            await self._show(weighing)

    async def settle(self, collisions: Iterable[Collision]) -> None:
        """Rows that seemed good come too late after all, each for one reason."""
        preview = self.preview
        for collision in collisions:
            fault = Code.DUPLICATE_ROW.fault(SUFFIX)
            if collision.attribute_index:
                name = (await self._template(collision.template_id)).names_by_index[collision.attribute_index]
                fault = Code.VALUE_TAKEN.fault(name)
            place = Rejection.of(collision.line, b"", fault, collision.sheet)
            self._kind(place).rows += collision.rows
            preview.rejected += collision.rows
            if preview.operation is Operation.REGISTER:
                preview.registered -= collision.rows
            else:
                preview.changed -= collision.rows
        self._sort()

    def _count(self, rejections: Iterable[Rejection]) -> None:
        """Each kind once for each row."""
        counted = set()
        for one in rejections:
            kind = self._kind(one)
            if (mark := (one.sheet, one.line, kind.code, kind.field)) not in counted:
                counted.add(mark)
                kind.rows += 1

    def _kind(self, one: Rejection) -> FaultKind:
        key = (str(one.code), one.field)
        if key not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            key = (str(one.code), None)  # fields that the input makes up are not kept without bound
        kind = self._kinds.get(key)
        if kind is None or (one.sheet, one.line) < (kind.sheet, kind.line):
            rows = kind.rows if kind is not None else 0
            kind = self._kinds[key] = FaultKind(*key, rows, one.sheet, one.line, one.message, _text(one))
        return kind

    def _sort(self) -> None:
        self.preview.faults = sorted(self._kinds.values(), key=lambda kind: (-kind.rows, kind.sheet, kind.line))

    async def _show(self, weighing: Weighing) -> None:
        shown: dict[tuple[int, int], PreviewRow] = {}
        places = [
            *((row.row.sheet, row.row.line) for row in weighing.rows),
            *((one.sheet, one.line) for one in weighing.rejections),
        ]
        wanted = set(sorted(set(places))[: SHOWN_ROWS - len(self.preview.first_rows)])
        for row in weighing.rows:
            if (place := (row.row.sheet, row.row.line)) in wanted:
                attributes = await self._attributes(row)
                shown[place] = PreviewRow(*place, row.suffix, row.verdict, attributes)
        for one in weighing.rejections:
            if (place := (one.sheet, one.line)) in wanted:
                before = shown.get(place)
                faults = (*(before.faults if before else ()), Fault(one.field, one.code, one.message))
                text = before.row if before and before.row else _text(one)
                shown[place] = PreviewRow(*place, None, Verdict.REJECT, None, faults, text)
        self.preview.first_rows += [shown[place] for place in sorted(shown)]

    async def _attributes(self, row: Weighed) -> Mapping[str, Any] | None:
        if row.record is None or row.template_id is None:
            return None
        return (await self._template(row.template_id)).stored.template.attributes_of(row.record)

    async def _template(self, template_id: int) -> _Known:
        known = self._templates.get(template_id)
        if known is None:
            known = self._templates[template_id] = _Known(await template_by_id(self._connection, template_id))
        return known


class _Known:
    """A template and the names of its attributes by index."""

    def __init__(self, stored: StoredTemplate) -> None:
        self.stored = stored
        self.names_by_index = {attribute.index: attribute.name for attribute in stored.template.attributes}


def _text(rejection: Rejection) -> str:
    return rejection.row[: 4 * _SHOWN_TEXT].decode(errors="replace")[:_SHOWN_TEXT]
