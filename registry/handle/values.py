"""Values as the Handle protocol brings them, fitted to a template: its attributes, and free values beside them.

What stands at the index of an attribute is that attribute: its type, text that its rule takes, the usual permissions;
the time to live is the template's. Anything else is a free value: administrators (HS_ADMIN) always, others where the
prefix's policy allows them. Timestamps are the server's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from node.administration import InvalidValue, ValueExists
from node.identifier import fold
from node.record import USUAL_PERMISSIONS, Record, Value, encode_value
from registry.handle.permissions import is_admin
from registry.rejection import Code, Fault
from registry.templates.attributes import Attribute
from registry.templates.encoder import Encoded, Encoder
from registry.templates.free_values import free_value_fault
from registry.templates.record_pieces import pieces
from registry.templates.template import Template

_EMPTY_ARRAY = re.compile(r"\s*\[\s*\]\s*")
_TOLD = 5
"""Faults, and attributes of a template, that a sentence tells; the evidence has all faults."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Changes of a record as ``Encoder.merged`` takes them: attributes by name, octets of free values by index."""

    attributes: Mapping[str, str | None]
    free: Mapping[int, bytes | None]


def check_indexes(indexes: Iterable[int]) -> None:
    """Each positive and once. Raises ``InvalidValue``, ``ValueExists``."""
    seen: set[int] = set()
    for index in indexes:
        if index <= 0:
            raise InvalidValue(f"the index {index} is not positive", index=index)
        if index in seen:
            raise ValueExists(f"the index {index} occurs twice", index=index)
        seen.add(index)


def fitted(values: Record, template: Template, *, free_values: bool, timestamp: bytes) -> Fitted:
    """Values whose indexes ``check_indexes`` has seen. Raises ``InvalidValue`` with everything wrong."""
    by_index = {attribute.index: attribute for attribute in template.attributes}
    faults: list[Fault] = []
    attributes: dict[str, str | None] = {}
    free: dict[int, bytes | None] = {}
    seconds = int.from_bytes(timestamp, "big")
    for value in values:
        attribute = by_index.get(value.index)
        if attribute is not None:
            found = list(_attribute_faults(value, attribute))
            if not found:
                attributes[attribute.name] = value.data.decode()
        else:
            found = list(_free_faults(value, template, free_values=free_values))
            if not found:
                free[value.index] = encode_value(replace(value, timestamp=seconds))
        faults += found
    if faults:
        raise refused(faults)
    return Fitted(attributes, free)


def removed(indexes: Iterable[int], template: Template) -> Fitted:
    """The values at these indexes gone."""
    names = {attribute.index: attribute.name for attribute in template.attributes}
    gone = list(indexes)
    return Fitted(
        {names[index]: None for index in gone if index in names},
        {index: None for index in gone if index not in names},
    )


def merged(encoder: Encoder, before: bytes, changes: Fitted, timestamp: bytes) -> Encoded:
    """The record with the changes; a free value that says what stands keeps its octets. Raises ``InvalidValue``."""
    standing = {index: octets for index, octets, _ in pieces(before)} if changes.free else {}
    free = {
        index: octets
        for index, octets in changes.free.items()
        if octets is None or not _same(standing.get(index), octets)
    }
    found = encoder.merged(before, changes.attributes, timestamp, free)
    if isinstance(found, list):
        raise refused(found)
    return found


def refused(faults: Sequence[Fault]) -> InvalidValue:
    """One refusal for all of them; its sentence tells the first ones."""
    told = "; ".join(f"{fault.field}: {fault.message}" if fault.field else fault.message for fault in faults[:_TOLD])
    more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
    return InvalidValue(f"{told}{more}", faults=[fault.to_json() for fault in faults])


def _attribute_faults(value: Value, attribute: Attribute) -> Iterator[Fault]:
    if fold(value.type) != fold(attribute.type):
        yield Code.WRONG_VALUE_TYPE.fault(
            attribute.name, index=value.index, expected=attribute.type, found=value.type
        )
        return
    if value.permissions != USUAL_PERMISSIONS:
        yield Code.UNUSUAL_PERMISSIONS.fault(attribute.name)
    if value.references:
        yield Code.NO_REFERENCES.fault(attribute.name)
    try:
        text = value.data.decode()
    except UnicodeDecodeError:
        yield Code.DATA_NOT_UTF8.fault(attribute.name)
        return
    if not text or (attribute.many and _EMPTY_ARRAY.fullmatch(text)):
        yield Code.NO_DATA.fault(attribute.name)


def _free_faults(value: Value, template: Template, *, free_values: bool) -> Iterator[Fault]:
    fault = free_value_fault(value)
    if fault is not None:
        yield fault
    elif not free_values and not is_admin(value):
        known = [f"{attribute.index} {attribute.type}" for attribute in template.attributes]
        more = ", …" if len(known) > _TOLD else ""
        yield Code.NOT_IN_TEMPLATE.fault(
            str(value.index),
            template=template.name,
            index=value.index,
            type=value.type,
            known=", ".join(known[:_TOLD]) + more,
        )


def _same(standing: bytes | None, octets: bytes) -> bool:
    """Whether encoded values of one index differ in their timestamps (bytes 4 to 7) at most."""
    return standing is not None and standing[8:] == octets[8:]
