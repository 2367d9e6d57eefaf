"""Resolutions (解析量) as sums: by time, interface, outcome, prefix, enterprise and industry.

Raw, valid, de-duplicated and flagged stand side by side. The first two are counted; the others come from the digests
of event files, ``examined`` says of how many valid events, and where a row has no digest they are ``None``.
A prefix counts for the enterprise that holds it now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from admin.statistics.counts import SECONDS, SQL, Holder, counted, holders, is_valid, prefixes_meant
from admin.statistics.questions import ResolutionQuestion, ResolutionsBy
from node.china_time import CHINA
from node.database import Connection
from node.journal import Interface
from node.resolutions import Outcome
from registry.reference_data import industries

WHOLE_NODE = [""]
"""The prefix under which digests of the whole node are kept."""


@dataclass(slots=True)
class ResolutionRow:
    """``key``: a moment or day in ISO 8601, ``2026-11``, ``2026``, the word of an interface or outcome, a prefix
    (empty: none of ours), the id of an enterprise, the code of an industry (empty: of nobody's prefix). ``name`` is
    that of the enterprise, also beside its prefix, or of the industry; else empty.
    """

    key: str
    name: str = ""
    raw: int = 0
    valid: int = 0
    examined: int | None = None
    deduplicated: int | None = None
    flagged: int | None = None

    @property
    def net(self) -> int | None:
        """Valid and not conspicuous."""
        return None if self.flagged is None else self.valid - self.flagged

    def digested(self, found: Mapping[str, Any]) -> None:
        """Add what a digest says."""
        self.examined = (self.examined or 0) + (found["examined"] or 0)
        self.deduplicated = (self.deduplicated or 0) + (found["deduplicated"] or 0)
        self.flagged = (self.flagged or 0) + (found["flagged"] or 0)


async def series(connection: Connection, question: ResolutionQuestion) -> list[ResolutionRow]:
    """The rows that have counts: times in their order, all others by valid resolutions, most first."""
    prefixes = await prefixes_meant(connection, question.enterprise_id, question.prefix)
    if question.by in _PREFIX_KEYS:
        return await _by_prefix(connection, question, prefixes)
    return await _by_time(connection, question, prefixes)


# By time, interface and outcome ------------------------------------------------------------------------


def _moment(at: datetime) -> str:
    return at.astimezone(CHINA).isoformat(timespec="minutes")


def _day(day: date) -> str:
    return day.isoformat()


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _year(day: date) -> str:
    return f"{day:%Y}"


_TIME_KEYS: Mapping[ResolutionsBy, Callable[[Any], str]] = {
    ResolutionsBy.MINUTE: _moment,
    ResolutionsBy.HOUR: _moment,
    ResolutionsBy.DAY: _day,
    ResolutionsBy.MONTH: _month,
    ResolutionsBy.YEAR: _year,
}
_SOURCES = {ResolutionsBy.MINUTE: "resolution_minutes", ResolutionsBy.HOUR: "resolution_hours"}


async def _by_time(
    connection: Connection, question: ResolutionQuestion, prefixes: Sequence[str] | None
) -> list[ResolutionRow]:
    by = question.by
    found = await counted(connection, _SOURCES.get(by, "resolution_days"), question.span, prefixes)
    rows: dict[str, ResolutionRow] = {}
    for part in found:
        if question.interface in (None, part["interface"]) and question.outcome in (None, part["outcome"]):
            key = _key(by, part)
            row = rows.setdefault(key, ResolutionRow(key))
            row.raw += part["resolutions"]
            row.valid += part["resolutions"] if is_valid(part) else 0
    if by in (ResolutionsBy.INTERFACE, ResolutionsBy.OUTCOME):
        return _most_first(rows)
    if by in _SOURCES or question.interface is not None or question.outcome is not None:
        return [rows[key] for key in sorted(rows)]
    span, key_of = question.span, _TIME_KEYS[by]
    asked = WHOLE_NODE if prefixes is None else list(prefixes)
    for digest in await connection.fetch(SQL["digested_days"], span.since, span.until, asked, timeout=SECONDS):
        key = key_of(digest["key"])
        if key in rows:
            rows[key].digested(digest)
    return [rows[key] for key in sorted(rows)]


def _key(by: ResolutionsBy, part: Mapping[str, Any]) -> str:
    if by is ResolutionsBy.INTERFACE:
        return interface_word(part["interface"])
    if by is ResolutionsBy.OUTCOME:
        return outcome_word(part["outcome"])
    return _TIME_KEYS[by](part["key"])


# By prefix, enterprise and industry --------------------------------------------------------------------


async def _by_prefix(
    connection: Connection, question: ResolutionQuestion, prefixes: Sequence[str] | None
) -> list[ResolutionRow]:
    begin, end = question.span.half_open
    bounds = (*question.span.months, begin, end)
    narrowed = (*bounds, question.interface, question.outcome)
    if prefixes is None:
        found = await connection.fetch(SQL["resolutions_by_prefix"], *narrowed, timeout=SECONDS)
    else:
        found = await connection.fetch(SQL["resolutions_of_prefixes"], *narrowed, list(prefixes), timeout=SECONDS)
    known = await holders(connection, question.enterprise_id)
    name_of = _PREFIX_KEYS[question.by]
    rows: dict[str, ResolutionRow] = {}
    for part in found:
        key, name = name_of(part["key"], known.get(part["key"]))
        row = rows.setdefault(key, ResolutionRow(key, name))
        row.raw += part["raw"]
        row.valid += part["valid"]
    if question.interface is None and question.outcome is None:
        for digest in await _digested(connection, bounds, prefixes):
            key, _ = name_of(digest["key"], known.get(digest["key"]))
            if key in rows:
                rows[key].digested(digest)
    return _most_first(rows)


async def _digested(
    connection: Connection, bounds: tuple[date, date, date, date], prefixes: Sequence[str] | None
) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]]
    if prefixes is None:
        found = await connection.fetch(SQL["digested_prefixes"], *bounds, timeout=SECONDS)
    else:
        found = await connection.fetch(SQL["digested_of_prefixes"], *bounds, list(prefixes), timeout=SECONDS)
    return found


def _of_prefix(prefix: str, holder: Holder | None) -> tuple[str, str]:
    return prefix, holder.name if holder else ""


def _of_enterprise(_: str, holder: Holder | None) -> tuple[str, str]:
    return (str(holder.enterprise_id), holder.name) if holder else ("", "")


def _of_industry(_: str, holder: Holder | None) -> tuple[str, str]:
    if holder is None:
        return "", ""
    known = industries().get(holder.industry_code)
    return holder.industry_code, known.name if known else ""


_PREFIX_KEYS: Mapping[ResolutionsBy, Callable[[str, Holder | None], tuple[str, str]]] = {
    ResolutionsBy.PREFIX: _of_prefix,
    ResolutionsBy.ENTERPRISE: _of_enterprise,
    ResolutionsBy.INDUSTRY: _of_industry,
}


def _most_first(rows: Mapping[str, ResolutionRow]) -> list[ResolutionRow]:
    return sorted(rows.values(), key=lambda row: (-row.valid, -row.raw, row.key))


def interface_word(number: int) -> str:
    """An interface as answers name it: ``handle_udp``; its number if nobody knows it."""
    return Interface(number).name.lower() if number in set(Interface) else str(number)


def outcome_word(number: int) -> str:
    """An outcome as answers name it: ``stale_hit``; its number if nobody knows it."""
    return Outcome(number).name.lower() if number in set(Outcome) else str(number)


def interface_number(word: str | None) -> int | None:
    """The number of a known interface's word."""
    return None if word is None else Interface[word.upper()].value


def outcome_number(word: str | None) -> int | None:
    """The number of a known outcome's word."""
    return None if word is None else Outcome[word.upper()].value
