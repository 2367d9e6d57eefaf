"""Exported rows on their way back: fields as they were read into what ``registry/export/restore.py`` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.identifier import Prefix, suffix_key
from registry.export.free_values import InvalidFreeValues, read_free_values
from registry.export.row import (
    REGISTERED_AT,
    STATE,
    TEMPLATE,
    UPDATED_AT,
    VALUES,
    VERSION,
    WRITTEN_AT,
    read_moment,
    restamped,
)
from registry.identifiers.state import IdentifierState
from registry.mappings.mapping import RESERVED, SUFFIX
from registry.rejection import Code, Fault
from registry.templates.encoder import Encoder, Entry, timestamp_of
from registry.templates.record_pieces import assembled
from registry.templates.stored import StoredTemplate

NO_RECORD = b"\0\0\0\0"
_STATES = {state.word: state for state in IdentifierState}
_LAST_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Restored:
    """One identifier as it is to stand; ``entry`` of a deleted one holds an empty record. ``origin`` comes back."""

    entry: Entry
    template: StoredTemplate
    version: int
    state: IdentifierState
    registered_at: datetime
    updated_at: datetime
    origin: Any = None

    @property
    def template_id(self) -> int:
        return self.template.template_id

    @property
    def names(self) -> Mapping[int, str]:
        """The attributes' names by index."""
        return {attribute.index: attribute.name for attribute in self.template.template.attributes}


class RestoredRows:
    """Rows under one prefix; ``templates`` by the marks that the rows carry (``restorable_templates``)."""

    def __init__(self, prefix: Prefix, templates: Mapping[str, StoredTemplate]) -> None:
        self._prefix = prefix
        self._templates = templates
        self._readers: dict[str, _Reader] = {}

    def row(self, fields: Mapping[str, Any], origin: Any = None) -> Restored | list[Fault]:
        """One row by its column names or JSON keys, or everything wrong with it."""
        mark = fields.get(TEMPLATE)
        reader = self._readers.get(mark) if isinstance(mark, str) else None
        if reader is None:
            stored = self._templates.get(mark) if isinstance(mark, str) else None
            if stored is None:
                return [_fault(TEMPLATE, "没有这个数据模板", "there is no such template; publish it first")]
            reader = self._readers[str(mark)] = _Reader(self._prefix, stored)
        return reader.row(fields, origin)


class _Reader:
    """The rows of one template."""

    def __init__(self, prefix: Prefix, stored: StoredTemplate) -> None:
        self._prefix = prefix
        self._stored = stored
        self._names = stored.template.names
        self._indexes = {attribute.name: attribute.index for attribute in stored.template.attributes}
        self._known = frozenset((SUFFIX, *self._names, *RESERVED))
        self._encoder: Encoder = stored.template.compile_as_stored()

    def row(self, fields: Mapping[str, Any], origin: Any) -> Restored | list[Fault]:
        version = _version(fields.get(VERSION))
        state = _STATES.get(str(fields.get(STATE)))
        registered_at, updated_at = read_moment(fields.get(REGISTERED_AT)), read_moment(fields.get(UPDATED_AT))
        faults = [Code.UNKNOWN_ATTRIBUTE.fault(name) for name in fields if name not in self._known]
        if version is None:
            faults.append(_fault(VERSION, "不是版本号", "not a version"))
        if state is None:
            faults.append(_fault(STATE, "应为 live、suspended 或 deleted", "neither live, suspended nor deleted"))
        for name, at in ((REGISTERED_AT, registered_at), (UPDATED_AT, updated_at)):
            if at is None:
                faults.append(_fault(name, "不是带时区的时间", "not a time with its offset from UTC"))
        if version is None or state is None or registered_at is None or updated_at is None or faults:
            return faults
        entry = self._entry(fields, state, updated_at)
        if isinstance(entry, list):
            return entry
        return Restored(entry, self._stored, version, state, registered_at, updated_at, origin)

    def _entry(self, fields: Mapping[str, Any], state: IdentifierState, updated_at: datetime) -> Entry | list[Fault]:
        if state is IdentifierState.DELETED:
            return self._tombstone(fields.get(SUFFIX))
        written = _written_at(fields.get(WRITTEN_AT))
        if written is None:
            return [_fault(WRITTEN_AT, "不是时间", "neither a time nor an object of times by attribute name")]
        try:
            free = read_free_values(fields.get(VALUES))
        except InvalidFreeValues:
            return [_fault(VALUES, "不是导出的标识值", "not values as they are exported")]
        entry = self._attributes(fields, timestamp_of(written if isinstance(written, datetime) else updated_at), free)
        if isinstance(entry, list):
            return entry
        if isinstance(written, dict) and written:
            if not written.keys() <= self._indexes.keys():
                return [_fault(WRITTEN_AT, "模板中没有这个属性", "names an attribute that is not the template's")]
            seconds = {self._indexes[name]: int(at.timestamp()) for name, at in written.items()}
            entry = entry._replace(record=restamped(entry.record, seconds))
        return self._with_free(entry, free) if free else entry

    def _attributes(
        self, fields: Mapping[str, Any], timestamp: bytes, free: Mapping[int, bytes]
    ) -> Entry | list[Fault]:
        """The row without its free values; one that has nothing else has an empty record."""
        suffix, values = fields.get(SUFFIX), [fields.get(name) for name in self._names]
        entry = self._encoder.entry(self._prefix, (suffix, values, ()), timestamp)
        bare = free and isinstance(entry, list) and [fault.code for fault in entry] == [Code.NO_VALUES]
        if bare and isinstance(suffix, str):
            return Entry(suffix, suffix_key(self._prefix, suffix), NO_RECORD, ())
        return entry

    def _with_free(self, entry: Entry, free: Mapping[int, bytes]) -> Entry | list[Fault]:
        if occupied := self._encoder.occupied(assembled(free)):
            return occupied
        merged = self._encoder.merged(entry.record, {}, b"", free)
        return merged if isinstance(merged, list) else entry._replace(record=merged.record)

    def _tombstone(self, suffix: object) -> Entry | list[Fault]:
        """A deleted identifier has no values, whatever the row says of them; its suffix must still be one."""
        found = self._encoder.entry(self._prefix, (suffix, [None] * len(self._names), ()), bytes(4))
        wrong = [fault for fault in found if isinstance(fault, Fault) and fault.field == SUFFIX]
        if wrong or not isinstance(suffix, str):
            return wrong
        return Entry(suffix, suffix_key(self._prefix, suffix), NO_RECORD, ())


def _version(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(_LAST_VERSION)):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LAST_VERSION:
        return None
    return value


def _written_at(value: object) -> datetime | dict[str, datetime] | None:
    """Nothing said, a time for all values, or times by attribute name; ``None`` when it is neither."""
    if value is None or value == "":
        return {}
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, dict):
        return read_moment(value)
    times = {str(name): read_moment(text) for name, text in value.items()}
    known = {name: at for name, at in times.items() if at is not None}
    return known if len(known) == len(times) else None


def _fault(field: str, zh: str, en: str) -> Fault:
    return Fault(field, "not_an_exported_row", f"{zh} / {en}")
