"""Value lists of identifiers (snms-api 7.1, 7.2) and the attributes of a template: by index and type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from node.errors import NodeError
from node.record import Value, decode_values
from registry.api.compatible import FieldMissing, FieldUnreadable
from registry.api.snms.envelope import ItemTypeWrong, ItemUnknown
from registry.identifiers.identifiers import AttributesInvalid
from registry.templates.arrays import items_of
from registry.templates.editions import StoredTemplate

_TEMPLATE_INDEX = 1001
_NODE_TYPES = "HS_"


class SentData(msgspec.Struct, gc=False):
    """``vlaue`` is the spelling of the guide's tables (C-8)."""

    format: str | None = None
    value: str | int | float | bool | None = None
    vlaue: str | int | float | bool | None = None


class SentValue(msgspec.Struct, gc=False):
    index: int | None = None
    type: str | None = None
    data: SentData | None = None


class ValueForm:
    """A template made ready to read and tell value lists; ``version`` is what SNMS calls it."""

    def __init__(self, stored: StoredTemplate, version: str) -> None:
        self.version = version
        attributes = stored.template.attributes
        self._by_index = {attribute.index: attribute for attribute in attributes}
        self._titles = {attribute.name: attribute.title_zh for attribute in attributes}
        self._read = {attribute.index: (attribute.type, attribute.name, attribute.many) for attribute in attributes}

    def attributes(self, values: Sequence[SentValue]) -> dict[str, Any]:
        """The attributes that a list says, by name.

        Raises ``FieldMissing``, ``FieldUnreadable``, ``ItemUnknown``, ``ItemTypeWrong``.
        """
        told: dict[str, Any] = {}
        for number, value in enumerate(values):
            index = value.index
            known = self._read.get(-1 if index is None else index)
            if known is None:
                if index is None:
                    raise _missing(number, "index")
                raise ItemUnknown(f"no item of the template has the index {index}", index=index)
            kind, name, many = known
            if value.type != kind:
                raise _wrong_type(number, value)
            text = _text(number, value.data)
            if many:
                told.setdefault(name, []).append(text)
            elif name in told:
                raise FieldUnreadable(f"the index {index} stands twice", field=f"value[{number}].index")
            else:
                told[name] = text
        return told

    def values(self, record: bytes) -> list[dict[str, Any]]:
        """The list of a stored record: the template's entry, then the values in the order of their indexes."""
        listed = [_told("1", _TEMPLATE_INDEX, "TEMPLATE", self.version)]
        for value in decode_values(record):
            listed += [_told("", value.index, value.type, text) for text in self._texts(value)]
        return listed

    def named(self, error: NodeError) -> NodeError:
        """The error with the items' names instead of the attributes'."""
        if not isinstance(error, AttributesInvalid):
            return error
        titles = self._titles
        faults = [
            {**fault, "field": titles.get(fault["field"], fault["field"])} for fault in error.evidence["faults"]
        ]
        return AttributesInvalid(error.detail, faults=faults)

    def _texts(self, value: Value) -> list[str]:
        attribute = self._by_index.get(value.index)
        if attribute is not None and attribute.many:
            return list(items_of(value.data))
        if attribute is None and value.type.upper().startswith(_NODE_TYPES):
            return []  # who administers an identifier is no text
        return [value.data.decode(errors="replace")]


def _wrong_type(number: int, value: SentValue) -> NodeError:
    if value.type is None:
        return _missing(number, "type")
    return ItemTypeWrong(f"the item {value.index} has another type", index=value.index)


def _text(number: int, data: SentData | None) -> str:
    if data is None or data.format is None:
        raise _missing(number, "data" if data is None else "data.format")
    if data.format != "string":
        raise FieldUnreadable("the format of a value is string", field=f"value[{number}].data.format")
    text = data.value if data.value is not None else data.vlaue
    if text is None:
        raise _missing(number, "data.value")
    return text if isinstance(text, str) else msgspec.json.encode(text).decode()


def _told(auth: str, index: int, kind: str, text: str) -> dict[str, Any]:
    return {"auth": auth, "index": index, "type": kind, "data": {"format": "string", "value": text}}


def _missing(number: int, name: str) -> FieldMissing:
    return FieldMissing(f"the value {number} has no {name}", field=f"value[{number}].{name}")
