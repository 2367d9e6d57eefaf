"""The data of one identifier as fields of a form: made from the attributes of its template, and read back.

A list is written item by item, one a line; where an item has line breaks, as the JSON array that stands in tables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from admin.console.form import Form, Refusal
from registry.templates.attributes import DEFAULT_MAX_LENGTH
from registry.templates.template import Attribute, Template

Data = Mapping[str, str | list[str]]
_LONG = DEFAULT_MAX_LENGTH  # texts that may be longer get more than one line


@dataclass(frozen=True, slots=True)
class AttributeField:
    """``name`` is the form's, apart from the names of everything else; ``text`` what stands in it."""

    attribute: Attribute
    text: str

    @property
    def name(self) -> str:
        return field_name(self.attribute.name)

    @property
    def lines(self) -> bool:
        """Whether it needs more than one line."""
        one = self.attribute
        return one.many or "\n" in self.text or (one.kind == "string" and one.longest > _LONG and not one.is_url)


def field_name(attribute: str) -> str:
    """What the field of an attribute is called."""
    return f"a-{attribute}"


def fields_of(template: Template, data: Data) -> list[AttributeField]:
    """A field for every attribute that takes values, filled with what there is."""
    return [AttributeField(one, _written(data.get(one.name, ""))) for one in template.attributes if one.enabled]


def filled(template: Template, form: Form) -> list[AttributeField]:
    """The fields as they were sent."""
    return [
        AttributeField(one, form.text(field_name(one.name))) for one in template.attributes if one.enabled
    ]  # fmt: skip


def attributes_of(template: Template, form: Form) -> dict[str, Any]:
    """What is asked of the operation: empty fields are left out."""
    found: dict[str, Any] = {}
    for one in filled(template, form):
        if one.text:
            found[one.attribute.name] = _items(one.text) if one.attribute.many else one.text
    return found


def beside_fields(refusal: Refusal, template: Template) -> Refusal:
    """The refusal with what it says of attributes beside their fields; operations call them by name or index."""
    names = {one.name for one in template.attributes}
    said = dict(refusal.fields)
    for name, message in refusal.fields.items():
        plain = name.removeprefix("attributes.").partition(".")[0]
        if plain in names:
            said[field_name(plain)] = message
    return replace(refusal, fields=said)


def _written(value: str | list[str]) -> str:
    if isinstance(value, str):
        return value
    if any("\n" in item or item.startswith("[") or item != item.strip() for item in value):
        return json.dumps(value, ensure_ascii=False)
    return "\n".join(value)


def _items(text: str) -> list[str]:
    if text.startswith("["):
        try:
            return msgspec.json.decode(text, type=list[str])
        except msgspec.DecodeError:
            pass  # a first line that merely begins so
    return [line.strip() for line in text.split("\n") if line.strip()]
