"""What the values of a record mean by their template: arrays, units, other identifiers, files.

The stored text stays what it is in Handle answers; pages and the record for programs show it as what it stands for.
A value that does not read as its template says is shown as the text it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from node.record import Value
from resolver.http.weblink import page_of, web_address
from resolver.local import AttributeFace, TemplateFace

_REFERENCE = "reference"
_FILE = "file"
_FILE_ID = re.compile(r"sha256-[0-9a-f]{64}")
_array = msgspec.json.Decoder(list[str]).decode


@dataclass(frozen=True, slots=True)
class Item:
    """One value, or one of an array: its text and the address it stands for, if any."""

    text: str
    href: str | None


def items_of(data: bytes, attribute: AttributeFace | None) -> tuple[Item, ...] | None:
    """What a value's data stands for; ``None`` when it is no text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    texts = [text]
    if attribute is not None and attribute.many:
        try:
            texts = _array(text)
        except msgspec.DecodeError:
            attribute = None
    return tuple(Item(one, _address(one, attribute)) for one in texts)


def told_attributes(values: Iterable[Value], face: TemplateFace) -> dict[str, dict[str, Any]] | None:
    """By name: title, value (arrays as arrays), unit, and link or links on this node; ``None`` when the template has
    nothing but plain values."""
    if not any(attribute.telling for attribute in face.attributes):
        return None
    known: Mapping[int, AttributeFace] = {attribute.index: attribute for attribute in face.attributes}
    told: dict[str, dict[str, Any]] = {}
    for value in values:
        attribute = known.get(value.index)
        items = items_of(value.data, attribute) if attribute is not None else None
        if attribute is None or items is None:
            continue
        said: dict[str, Any] = {
            "title": attribute.title_zh,
            "value": _one_or_all([one.text for one in items], attribute),
        }
        if attribute.unit is not None:
            said["unit"] = attribute.unit
        if attribute.kind in (_REFERENCE, _FILE):
            said["link"] = _one_or_all([one.href for one in items], attribute)
        told[attribute.name] = said
    return told


def _one_or_all(found: list[Any], attribute: AttributeFace) -> Any:
    return found if attribute.many else found[0]


def _address(text: str, attribute: AttributeFace | None) -> str | None:
    if attribute is not None and attribute.kind == _REFERENCE:
        return page_of(text)
    if attribute is not None and attribute.kind == _FILE:
        return f"/v1/files/{text}/content" if _FILE_ID.fullmatch(text) else None
    return web_address(text)
