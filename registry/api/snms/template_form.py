"""The template object of SNMS (snms-api 6.1) and the node's attributes; pure.

An item is a string attribute: its ``idType`` is the attribute's type, its Chinese name the title, and the attribute's
own name is made of the ``idType`` in the letters such names have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.errors import Malformed
from node.identifier import Prefix
from registry.api.compatible import FieldUnreadable
from registry.api.snms.said import Said
from registry.templates.attributes import FIRST_INDEX, LONGEST_STRING, Attribute, AttributeState, Kind
from registry.templates.editions import StoredTemplate
from registry.templates.naming import attribute_name

_INDUSTRIES = ("industryCategory", "industrySpecific", "industryTrade", "industrySubclass")
_DESCRIPTION = 255


class ItemTwice(Malformed):
    """Evidence: ``field``."""

    title_zh = "数据项的名称、英文名或索引重复"


class ItemNotString(Malformed):
    title_zh = "数据模板含非字符型数据项，本接口不能读写"


@dataclass(frozen=True, slots=True)
class Item:
    """One item as sent; ``None`` where nothing was said."""

    name: str
    id_type: str
    index: int | None
    required: bool | None
    enabled: bool | None
    min_length: int
    max_length: int


@dataclass(frozen=True, slots=True)
class TemplateSaid:
    """A template object; ``rest`` is what the node has no use for and tells again."""

    prefix: Prefix
    version: str
    description: str
    items: tuple[Item, ...]
    rest: dict[str, Any]


def read_key(told: Said) -> tuple[Prefix, str]:
    """Prefix and version. Raises ``FieldMissing``, ``FieldUnreadable``, ``InvalidPrefix``."""
    prefix = Prefix.parse_derived(told.text("prefix", most=64, needed=True))
    return prefix, told.text("version", most=128, needed=True)


def read_template(body: Said, *, change: bool = False) -> TemplateSaid:
    """The object of a creation, or of a change, which may leave out what stays. Raises as ``read_key``, and
    ``ItemTwice``.
    """
    prefix, version = read_key(body)
    rest: dict[str, Any] = {name: body.text(name, most=8, needed=not change) for name in _INDUSTRIES}
    rest["type"] = body.kind("type", (1, 2), needed=not change)
    rest = {name: told for name, told in rest.items() if told}
    items = tuple(_item(one) for one in body.parts("items", needed=not change))
    for field, said in (
        ("name", [item.name for item in items]),
        ("idType", [item.id_type for item in items]),
        ("idIndex", [item.index for item in items if item.index is not None]),
    ):
        if len(set(said)) != len(said):
            raise ItemTwice(f"two items have the same {field}", field=f"items.{field}")
    return TemplateSaid(prefix, version, body.text("description", most=_DESCRIPTION), items, rest)


def new_attributes(items: Sequence[Item]) -> tuple[Attribute, ...]:
    """The attributes of a new template."""
    made: dict[str, Attribute] = {}
    for item in items:
        attribute = _attribute(item, attribute_name(item.id_type, made), item.index or 0)
        made[attribute.name] = attribute
    return tuple(made.values())


def changed_attributes(stands: Sequence[Attribute], items: Sequence[Item]) -> tuple[Attribute, ...]:
    """What a change makes of a template's attributes: those that it names, whole.

    Index and type together find an item; with another index, or none, it is a new one and its type must be new too
    (snms-api 6.3). Raises ``ItemTwice``, ``ItemNotString``.
    """
    check_strings(stands)
    by_index = {attribute.index: attribute for attribute in stands}
    types = {attribute.type for attribute in stands}
    names = {attribute.name for attribute in stands}
    changed = []
    for item in items:
        standing = by_index.get(item.index or 0)
        if standing is not None and standing.type == item.id_type:
            changed.append(_attribute(item, standing.name, standing.index, standing))
            continue
        if standing is not None or item.id_type in types:
            raise ItemTwice(f"{item.id_type} is not the item of that index", field="items.idType")
        attribute = _attribute(item, attribute_name(item.id_type, names), item.index or 0)
        names.add(attribute.name)
        changed.append(attribute)
    return tuple(changed)


def told_template(prefix: str, version: str, stored: StoredTemplate, rest: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a read; ``rest`` is what was kept for it. Raises ``ItemNotString``."""
    template = stored.template
    check_strings(template.attributes)
    return {
        "id": stored.template_id,
        "name": template.title_zh,
        "handle": f"{prefix}/{template.name}",
        "prefix": prefix,
        "version": version,
        **{name: rest.get(name) for name in _INDUSTRIES},
        "type": rest.get("type", 2),
        "description": rest.get("description") or None,
        "items": [
            {
                "name": attribute.title_zh,
                "idType": attribute.type,
                "idIndex": attribute.index,
                "required": attribute.required,
                "state": int(attribute.enabled),
                "metadata": {
                    "type": "string",
                    "minLength": attribute.min_length or 0,
                    "maxLength": attribute.longest,
                },
            }
            for attribute in template.attributes
        ],
    }


def check_strings(attributes: Sequence[Attribute]) -> None:
    """Raises ``ItemNotString``: other kinds were made through other interfaces (snms-api 6.4)."""
    for attribute in attributes:
        if attribute.kind is not Kind.STRING or attribute.many:
            raise ItemNotString(f"{attribute.name} is no single string", attribute=attribute.name)


def _item(told: Said) -> Item:
    metadata = told.needed_part("metadata")
    if metadata.text("type", most=32, needed=True) != "string":
        raise FieldUnreadable("the type of an item is string", field="metadata.type")
    index = told.number("idIndex")
    if index is not None and index < FIRST_INDEX:
        raise FieldUnreadable(f"an item has an index from {FIRST_INDEX} on", field="idIndex")
    state = told.number("state")
    return Item(
        name=told.text("name", most=255, needed=True),
        id_type=told.text("idType", most=128, needed=True),
        index=index,
        required=told.flag("required") if told.has("required") else None,
        enabled=None if state is None else state == 1,
        min_length=metadata.number("minLength", needed=True) or 0,
        max_length=metadata.number("maxLength", needed=True) or 0,
    )


def _attribute(item: Item, name: str, index: int, standing: Attribute | None = None) -> Attribute:
    enabled = item.enabled
    if enabled is None:
        enabled = standing is None or standing.enabled
    required = item.required
    if required is None:
        required = standing is not None and standing.required
    return Attribute(
        name=name,
        title_zh=item.name,
        title_en=standing.title_en if standing else "",
        index=index,
        type=item.id_type,
        required=required,
        unique=standing is not None and standing.unique,
        listed=standing is not None and standing.listed,
        min_length=item.min_length,
        # Clients ask for 10,000 and send some hundreds; what a value may have here is what a record has room for.
        max_length=min(item.max_length, LONGEST_STRING),
        pattern=standing.pattern if standing else None,
        state=AttributeState.ENABLED if enabled else AttributeState.DISABLED,
        code=standing.code if standing else "",
        definition=standing.definition if standing else "",
        comment=standing.comment if standing else "",
    )
