"""What an export selects, and its rows and files page by page; nothing is held between two pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from node.auth import Action
from node.database import Connection, Pool
from node.errors import Malformed
from node.identifier import Prefix
from node.journal import Act
from node.sql import statements_beside
from registry.export.row import Shape, shapes_of, values_of
from registry.prefix_grant import PrefixGrant
from registry.search.filters import Filters, StateFilter
from registry.search.search import select_keys
from registry.store import reading
from registry.templates.stored import template_of_row
from registry.templates.value_rules import digest_of

SQL = statements_beside(__file__, "export.sql")

EVERYTHING = Filters(state=StateFilter.ALL)
PAGE = 1_000
_STRETCH = 50_000  # positions of history looked through at a time


class PositionAhead(Malformed):
    title_zh = "历史位置尚未到达"


class FilterWithPosition(Malformed):
    title_zh = "增量导出不能加检索条件"


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a prefix is exported: all that stands and meets ``filters``, or with ``since`` what changed after it.

    An increment takes no filter but the template: what no longer meets one would be missing from it. ``until`` is
    the position up to which it goes, by default the newest.
    """

    prefix: Prefix
    filters: Filters = EVERYTHING
    since: int | None = None
    until: int | None = None

    @property
    def template_id(self) -> int | None:
        return self.filters.template_id

    @property
    def by_template_only(self) -> bool:
        """Whether no filter looks at anything else than the template."""
        return self.filters == replace(EVERYTHING, template_id=self.template_id)

    def check(self, position: int) -> None:
        """Raises ``FilterWithPosition``, ``PositionAhead``."""
        if self.since is None:
            return
        if not self.by_template_only:
            raise FilterWithPosition(
                "an increment holds every change: only template_id goes with since", field="since"
            )
        for field, asked in (("since", self.since), ("until", self.until)):
            if asked is not None and asked > position:
                raise PositionAhead(
                    f"history has come to position {position} here", field=field, asked=asked, position=position
                )


@dataclass(frozen=True, slots=True)
class FileUse:
    """A file that exported identifiers name."""

    sha256: bytes
    name: str
    media_type: str
    octets: int
    private: bool


class Opened:
    """Rows and files of one selection under a prefix that the caller may export.

    An increment has its ``until``. ``shapes`` tell what the rows of each template look like; they cover every page
    that was handed out.
    """

    def __init__(self, pool: Pool, grant: PrefixGrant, selection: Selection) -> None:
        self._pool = pool
        self._grant = grant
        self._selection = selection
        self.shapes: dict[int, Shape] = {}

    @property
    def prefix(self) -> str:
        return self._grant.prefix.key

    @property
    def act(self) -> Act:
        """That somebody takes the rows away."""
        selection = self._selection
        after = {
            "prefix": self.prefix, "template_id": selection.template_id, "filtered": not selection.by_template_only,
            "since": selection.since, "until": selection.until,
        }  # fmt: skip
        return Act(Action.IDENTIFIER_EXPORT, "prefix", str(self._grant.prefix_id), after=after)

    async def learn_templates(self, connection: Connection) -> None:
        """Read every template that rows may have."""
        rows = await connection.fetch(SQL["templates_under_prefix"], self._grant.enterprise_id, self._grant.prefix_id)
        self.shapes = shapes_of(self._grant.enterprise_id, (template_of_row(row) for row in rows))

    async def pages(self) -> AsyncIterator[Sequence[Any]]:
        """The rows as they stand: by key, or those of an increment in the order of their last changes."""
        selection = self._selection
        if selection.since is not None and selection.until is not None:
            pages = self._changed(selection.since, selection.until)
        elif selection.by_template_only:
            pages = self._standing()
        else:
            pages = self._found()
        async for page in pages:
            if any(row["template_id"] not in self.shapes for row in page):  # published since
                async with reading(self._pool) as connection:
                    await self.learn_templates(connection)
            if page:
                yield page

    async def files(self) -> AsyncIterator[list[FileUse]]:
        """The files that the rows name, each once; one that is gone is left out."""
        if not any(shape.files for shape in self.shapes.values()):
            return
        seen: set[bytes] = set()
        async for page in self.pages():
            fresh = {digest for row in page for digest in self._files_of(row)} - seen
            if not fresh:
                continue
            seen |= fresh
            async with reading(self._pool) as connection:
                rows = await connection.fetch(SQL["described_files"], self._grant.enterprise_id, sorted(fresh))
            yield [
                FileUse(row["sha256"], row["name"], row["media_type"], row["bytes"], row["private"]) for row in rows
            ]

    def _files_of(self, row: Any) -> Iterator[bytes]:
        shape = self.shapes[row["template_id"]]
        if not shape.files:
            return
        for name, value in values_of(row["record"], shape):
            if name in shape.files:
                for text in value if isinstance(value, list) else (value,):
                    yield digest_of(text)

    async def _standing(self) -> AsyncIterator[Sequence[Any]]:
        after = ""
        while True:
            async with reading(self._pool) as connection:
                page = await connection.fetch(
                    SQL["standing_after"], self._grant.prefix_id, after, PAGE, self._selection.template_id
                )
            yield page
            if len(page) < PAGE:
                return
            after = page[-1]["suffix_key"]

    async def _found(self) -> AsyncIterator[Sequence[Any]]:
        after: str | None = ""
        while after is not None:
            async with reading(self._pool) as connection:
                keys, after = await select_keys(connection, self._grant, self._selection.filters, after, PAGE)
                page = await self._of_keys(connection, [key for key, _ in keys], deleted=False)
            yield page

    async def _changed(self, since: int, until: int) -> AsyncIterator[Sequence[Any]]:
        for start in range(since, until, _STRETCH):
            end = min(start + _STRETCH, until)
            async with reading(self._pool) as connection:
                rows = await connection.fetch(SQL["changed_keys"], self._grant.prefix_id, start, end, until)
            keys = [row["suffix_key"] for row in rows]
            for first in range(0, len(keys), PAGE):
                async with reading(self._pool) as connection:
                    page = await self._of_keys(connection, keys[first : first + PAGE], deleted=True)
                yield page

    async def _of_keys(self, connection: Connection, keys: list[str], *, deleted: bool) -> Sequence[Any]:
        if not keys:
            return ()
        page: Sequence[Any] = await connection.fetch(
            SQL["standing_of_keys"], self._grant.prefix_id, keys, deleted, self._selection.template_id
        )
        return page
