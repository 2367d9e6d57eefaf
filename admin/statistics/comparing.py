"""Where two accounts of the same day differ: what stands in the database, and what the evidence gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from admin.statistics.digest.digest import PrefixDigest
from admin.statistics.evidence_of_day import Total
from node.china_time import CHINA
from node.journal import Interface, canonical
from node.resolutions import Outcome

What = Literal["minute", "hour", "day", "total", "month", "digest", "registrations", "closing", "rule", "evidence"]
Value = int | str | None
Kind = tuple[str, int, int]
"""Prefix, interface, outcome."""

_Key = TypeVar("_Key")
_SHOWN = 120  # characters of a value that is no number


@dataclass(frozen=True, slots=True)
class Difference:
    """``counted`` is what stands in the database, ``recounted`` what the evidence gives; None where nothing is.
    ``gap`` is the cause of a recorded gap that may have made it, else empty.
    """

    what: What
    day: date
    key: str
    counted: Value
    recounted: Value
    gap: str = ""


@dataclass(frozen=True, slots=True)
class KnownGap:
    """A recorded gap of one process start."""

    boot_id: UUID
    cause: str
    began_at: datetime
    ended_at: datetime


def minutes_differ(
    day: date, counted: Mapping[Total, int], recounted: Mapping[Total, int], gaps: Sequence[KnownGap]
) -> Iterator[Difference]:
    """Totals of process starts."""
    for (boot_id, minute, *kind), was, is_ in _differing(counted, recounted):
        key = f"{_time(minute)} {_named(kind)} {boot_id}"
        yield Difference("minute", day, key, was, is_, _cause(gaps, boot_id, minute))


def hours_differ(
    day: date, counted: Mapping[tuple[int, Kind], int], recounted: Mapping[tuple[int, Kind], int]
) -> Iterator[Difference]:
    """Sums of hours, each by its first minute since 1970."""
    for (minute, kind), was, is_ in _differing(counted, recounted):
        yield Difference("hour", day, f"{_time(minute)} {_named(kind)}", was, is_)


def days_differ(day: date, counted: Mapping[Kind, int], recounted: Mapping[Kind, int]) -> Iterator[Difference]:
    """Sums of a day."""
    for kind, was, is_ in _differing(counted, recounted):
        yield Difference("day", day, _named(kind), was, is_)


def digests_differ(
    day: date, kept: Mapping[str, PrefixDigest], made: Mapping[str, PrefixDigest]
) -> Iterator[Difference]:
    """Digests by prefix, field by field."""
    for prefix in sorted(kept.keys() | made.keys()):
        for field in fields(PrefixDigest):
            was = getattr(kept.get(prefix), field.name, None)
            is_ = getattr(made.get(prefix), field.name, None)
            if was != is_:
                yield Difference("digest", day, f"{field.name} {prefix or '*'}", _short(was), _short(is_))


def registrations_differ(
    day: date,
    counted: Mapping[int, Mapping[str, int]],
    recounted: Mapping[int, Mapping[str, int]],
    names: Mapping[int, str],
) -> Iterator[Difference]:
    """What was done under each prefix (by ``prefix_id``, which has a name)."""
    for prefix in sorted(counted.keys() | recounted.keys()):
        for name, was, is_ in _differing(counted.get(prefix, {}), recounted.get(prefix, {})):
            yield Difference("registrations", day, f"{name} {names.get(prefix, prefix)}", was, is_)


def figures_differ(
    day: date, edition: int, closed: Mapping[str, Any], recounted: Mapping[str, Any]
) -> Iterator[Difference]:
    """What an edition said of a day, by the names of ``day_figures.py``."""
    for name, is_ in recounted.items():
        was = closed.get(name)
        if was != is_:
            yield Difference("closing", day, f"{name} (edition {edition})", _short(was), _short(is_))


def _differing(counted: Mapping[_Key, int], recounted: Mapping[_Key, int]) -> Iterator[tuple[_Key, int, int]]:
    for key in sorted(counted.keys() | recounted.keys(), key=str):
        was, is_ = counted.get(key, 0), recounted.get(key, 0)
        if was != is_:
            yield key, was, is_


def _cause(gaps: Sequence[KnownGap], boot_id: UUID, minute: int) -> str:
    begins, ends = datetime.fromtimestamp(minute * 60, UTC), datetime.fromtimestamp(minute * 60 + 60, UTC)
    causes = {gap.cause for gap in gaps if gap.boot_id == boot_id and gap.began_at < ends and gap.ended_at >= begins}
    return " ".join(sorted(causes))


def _time(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, CHINA).strftime("%H:%M")


def _named(kind: Sequence[Any]) -> str:
    prefix, interface, outcome = kind
    return f"{prefix or '-'} {_word(Interface, interface)} {_word(Outcome, outcome)}"


def _word(kind: type[Interface] | type[Outcome], number: int) -> str:
    return kind(number).name.lower() if number in set(kind) else str(number)


def _short(value: object) -> Value:
    if value is None or isinstance(value, int | str):
        return value
    text = value.hex() if isinstance(value, bytes) else canonical({"": value}).decode()[4:-1]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
