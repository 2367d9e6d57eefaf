"""``content`` of instances and the values of identifiers: the same data, by English name and by attribute (9.1, 9.2).

A file is a ``filePath`` there: the id of the file, a dot and the ending of its name. A date has the form that its
item says; ``YYYY-MM-DD`` is always understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from registry.api.idhub.dates import day_of, is_day, shown_day
from registry.api.idhub.items import Said, data_type_of, english_name
from registry.api.idhub.metadata import said_of_item
from registry.api.idhub.status import IdhubRefusal, Status
from registry.templates.attributes import Attribute, Kind
from registry.templates.template import Template
from registry.templates.value_rules import digest_of

_FILE_PATH = re.compile(r"(sha256-[0-9a-f]{64})(?:\.[A-Za-z0-9]{1,16})?")


def by_english_name(template: Template, said: Mapping[str, Any]) -> dict[str, Attribute]:
    """The attributes by the keys of ``content``; ``said`` is what the metadata says."""
    return {english_name(one, said_of_item(said, one)): one for one in template.attributes}


def values_of(template: Template, said: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Values by attribute. Empty ones are left out: they change nothing (9.1). Raises ``IdhubRefusal`` (603)."""
    attributes = by_english_name(template, said)
    values = {}
    for name, told in content.items():
        attribute = attributes.get(name)
        if attribute is None:
            raise IdhubRefusal(Status.ITEM_NOT_BELONG_TO_META, Status.ITEM_NOT_BELONG_TO_META.text.format(name[:100]))
        if told is not None and told not in ("", []):
            values[attribute.name] = _value(attribute, told)
    return values


def files_in(template: Template, values: Mapping[str, Any]) -> set[bytes]:
    """The digests of the files that stored values name."""
    named = (values[one.name] for one in template.attributes if one.kind is Kind.FILE and one.name in values)
    return {digest_of(file_id) for told in named for file_id in ([told] if isinstance(told, str) else told)}


def elements(
    template: Template,
    said: Mapping[str, Any],
    values: Mapping[str, Any],
    visible: Iterable[str],
    suffixes: Mapping[bytes, str],
) -> list[dict[str, Any]]:
    """``elements`` of a resolved instance: what the caller may see and what is there; the rest is left out."""
    seen = set(visible)
    found = []
    for attribute in template.attributes:
        if attribute.name not in seen or attribute.name not in values:
            continue
        told: Said = said_of_item(said, attribute)
        found.append(
            {
                "index": attribute.index,
                "type": english_name(attribute, told),
                "name": attribute.title_zh,
                "data": shown_value(attribute, values[attribute.name], suffixes),
                "dataType": int(data_type_of(attribute, told)),
            }
        )
    return found


def shown_value(attribute: Attribute, stored: str | list[str], suffixes: Mapping[bytes, str]) -> str | list[str]:
    """A stored value as IDHub shows it."""
    if isinstance(stored, list):
        return [_shown(attribute, one, suffixes) for one in stored]
    shown = _shown(attribute, stored, suffixes)
    return [shown] if attribute.kind is Kind.FILE else shown


def file_path(file_id: str, suffix: str) -> str:
    """The name of a file in values and downloads."""
    return f"{file_id}.{suffix}" if suffix else file_id


def file_id_in(path: str) -> str | None:
    """The id of the file that a ``filePath`` names."""
    found = _FILE_PATH.fullmatch(path.strip())
    return found[1] if found else None


def _shown(attribute: Attribute, stored: str, suffixes: Mapping[bytes, str]) -> str:
    if attribute.kind is Kind.FILE:
        return file_path(stored, suffixes.get(digest_of(stored), ""))
    if attribute.kind is Kind.DATE and attribute.date_format and is_day(attribute.date_format):
        return shown_day(stored, attribute.date_format)
    return stored


def _value(attribute: Attribute, told: object) -> object:
    if isinstance(told, list):
        read = [_one(attribute, one) for one in told]
        return read if attribute.many or len(read) != 1 else read[0]
    one = _one(attribute, told)
    return [one] if attribute.many else one


def _one(attribute: Attribute, told: object) -> object:
    """What the template checks; what it cannot be is left to it to refuse."""
    match attribute.kind:
        case Kind.FILE if isinstance(told, str):
            return file_id_in(told) or told
        case Kind.DATE if isinstance(told, str) and attribute.date_format and is_day(attribute.date_format):
            return day_of(told.strip(), attribute.date_format) or told
        case Kind.STRING if isinstance(told, int | Decimal) and not isinstance(told, bool):
            return str(told)
        case _:
            return told
