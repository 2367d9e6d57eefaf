"""What an exported row says beside its attributes, and how: the words that exporting and restoring share.

A row carries the suffix as it was registered, the attributes by name, and these reserved members:

    biaoshi_template        name@edition of its template
    biaoshi_version         its version
    biaoshi_state           live, deleted or suspended
    biaoshi_registered_at   ISO 8601 in UTC with microseconds
    biaoshi_updated_at      the same
    biaoshi_written_at      only where its values were not written at updated_at (it was suspended since, say): the
                            second in which they were, or a JSON object of such seconds by attribute name
    biaoshi_values          only where it has values that its template does not know: a JSON text of all of them
                            (registry/export/free_values.py)
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from registry.export.free_values import free_values_text
from registry.identifiers.state import IdentifierState
from registry.mappings.mapping import SUFFIX
from registry.templates.attributes import Kind
from registry.templates.record_pieces import behind_references
from registry.templates.stored import StoredTemplate

TEMPLATE = "biaoshi_template"
VERSION = "biaoshi_version"
STATE = "biaoshi_state"
REGISTERED_AT = "biaoshi_registered_at"
UPDATED_AT = "biaoshi_updated_at"
WRITTEN_AT = "biaoshi_written_at"
VALUES = "biaoshi_values"
RESERVED_MEMBERS = (TEMPLATE, VERSION, STATE, REGISTERED_AT, UPDATED_AT, WRITTEN_AT, VALUES)

_NODE = "@node"


def moment_text(at: datetime) -> str:
    """A time to the microsecond, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def second_text(seconds: int) -> str:
    """A Unix time to the second, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def read_moment(text: object) -> datetime | None:
    """The time of a text with an offset from UTC that a Handle value can bear; ``None`` when it is none."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None or not 0 <= at.timestamp() < 2**32:
            return None
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def template_marks(holder: UUID, templates: Iterable[StoredTemplate]) -> dict[int, str]:
    """``name@edition`` of each template by its id; ``holder`` is the enterprise whose rows bear them.

    One of the node's own that stands behind the enterprise's own of the same name and edition is ``…@node``; one that
    another enterprise granted ends in the id of that.
    """
    known = list(templates)
    own = {(one.template.name, one.template.version) for one in known if one.enterprise_id == holder}
    marks = {}
    for one in known:
        key = (one.template.name, one.template.version)
        if one.enterprise_id not in (None, holder):
            behind = f"@{one.enterprise_id}"
        else:
            behind = _NODE if one.enterprise_id is None and key in own else ""
        marks[one.template_id] = f"{key[0]}@{key[1]}{behind}"
    return marks


def templates_by_mark(holder: UUID, templates: Iterable[StoredTemplate]) -> dict[str, StoredTemplate]:
    """What the marks of exported rows mean here: the enterprise's own template before the node's."""
    meant: dict[str, StoredTemplate] = {}
    for one in sorted(templates, key=lambda stored: stored.enterprise_id is not None):
        mark = f"{one.template.name}@{one.template.version}"
        if one.enterprise_id is None:
            meant[mark] = meant[mark + _NODE] = one
        elif one.enterprise_id == holder:
            meant[mark] = one
        else:
            meant[f"{mark}@{one.enterprise_id}"] = one
    return meant


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows of one template look like: its mark, its attributes' names by index, which are lists or files."""

    mark: str
    names: Mapping[int, str]
    lists: frozenset[str]
    files: frozenset[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a table of such rows."""
        return (SUFFIX, *self.names.values(), *RESERVED_MEMBERS)


def shapes_of(holder: UUID, templates: Iterable[StoredTemplate]) -> dict[int, Shape]:
    """The shapes by the template's id, of all templates that a prefix of that enterprise may use."""
    known = list(templates)
    marks = template_marks(holder, known)
    return {
        one.template_id: Shape(
            mark=marks[one.template_id],
            names={attribute.index: attribute.name for attribute in one.template.attributes},
            lists=frozenset(attribute.name for attribute in one.template.attributes if attribute.many),
            files=frozenset(attribute.name for attribute in one.template.attributes if attribute.kind is Kind.FILE),
        )
        for one in known
    }


def values_of(record: bytes, shape: Shape) -> Iterator[tuple[str, str | list[str]]]:
    """The values of a stored record by the names of their attributes."""
    for name, text, _ in _texts(record, shape.names, []):
        yield name, json.loads(text) if name in shape.lists else text


def exported(row: Any, shape: Shape) -> dict[str, Any]:
    """A row of the database as an object, its attributes in the order of their indexes."""
    updated_at = row["updated_at"]
    said: dict[str, Any] = {SUFFIX: row["suffix"]}
    lists = shape.lists
    times: dict[str, int] = {}
    free: list[bytes] = []
    for name, text, seconds in _texts(row["record"], shape.names, free):
        said[name] = json.loads(text) if name in lists else text
        times[name] = seconds
    said[TEMPLATE] = shape.mark
    said[VERSION] = row["version"]
    said[STATE] = _WORDS[row["state"]]
    said[REGISTERED_AT] = moment_text(row["registered_at"])
    said[UPDATED_AT] = moment_text(updated_at)
    written = set(times.values())
    if written - {int(updated_at.timestamp())}:
        said[WRITTEN_AT] = _written_text(times, written)
    if free:
        said[VALUES] = free_values_text(free)
    return said


def _written_text(times: Mapping[str, int], written: set[int]) -> str:
    if len(written) == 1:
        return second_text(written.pop())
    return json.dumps({name: second_text(seconds) for name, seconds in times.items()})


_WORDS = {int(state): state.word for state in IdentifierState}
_head = struct.Struct(">iIBiBI").unpack_from  # as in node/record.py, whose values cost four times as much to make
_length = struct.Struct(">I").unpack_from


def _texts(record: bytes, names: Mapping[int, str], free: list[bytes]) -> Iterator[tuple[str, str, int]]:
    """Name, text and timestamp of each attribute: texts without references. The octets of others go to ``free``."""
    at = 4
    for _ in range(_length(record)[0]):
        index, seconds, _, _, _, of_type = _head(record, at)
        start = at + 22 + of_type
        end = start + _length(record, start - 4)[0]
        name = names.get(index)
        if name is not None:
            yield name, record[start:end].decode(), seconds
            at = end + 4
        else:
            behind = behind_references(record, end)
            free.append(record[at:behind])
            at = behind


def restamped(record: bytes, seconds: Mapping[int, int]) -> bytes:
    """The same values, those with a listed index at the timestamp that stands there."""
    stamped = bytearray(record)
    at = 4
    for _ in range(_length(record)[0]):
        index, _, _, _, _, of_type = _head(record, at)
        if index in seconds:
            stamped[at + 4 : at + 8] = seconds[index].to_bytes(4, "big")
        at += 22 + of_type
        at += _length(record, at - 4)[0] + 4
    return bytes(stamped)
