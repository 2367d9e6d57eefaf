"""Data templates: which attributes the identifiers of a kind of product carry, and what they may say.

A ``Template`` that exists is sound: the constructor reports everything wrong with a definition at once, gives
every attribute its index and type, and ``compile`` makes the encoder of its records. Storing templates is
another module's business; ``to_json`` and ``from_json`` are the form in which they are stored and sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from itertools import count
from typing import Any, Self

import msgspec

from node.errors import Malformed
from node.record import DEFAULT_TTL, Value, decode_value
from registry.rejection import Fault, shown
from registry.templates.arrays import items_of
from registry.templates.attributes import FIRST_INDEX, Attribute, AttributeState, Kind
from registry.templates.definition_faults import Finding, attribute_faults, title_findings
from registry.templates.display import Display, display_findings
from registry.templates.encoder import Checked, Encoded, Encoder, Entry, NamedFile, SideEntry, Target
from registry.templates.record_pieces import pieces
from registry.templates.value_rules import Refused, canonical_number

__all__ = [
    "Attribute",
    "AttributeState",
    "Checked",
    "Display",
    "Encoded",
    "Encoder",
    "Entry",
    "InvalidTemplate",
    "Kind",
    "Landing",
    "NamedFile",
    "SideEntry",
    "Target",
    "Template",
    "attribute_of",
]

MIN_TTL = 60
MAX_TTL = 30 * 86400
MAX_ATTRIBUTES = 200
MAX_VERSION = 2**31 - 1

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class InvalidTemplate(Malformed):
    """The definition makes no sense. Evidence: ``faults``, each with field, code and message."""

    title_zh = "数据模板定义有误"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults in the template", faults=[fault.to_json() for fault in faults])


class Landing(StrEnum):
    """What a browser gets at ``/{prefix}/{suffix}``."""

    PAGE = "page"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class Template:
    """A named and numbered set of attributes. ``ttl`` (seconds) holds for every value of its records.

    Raises ``InvalidTemplate``. Attributes without an index get 2000, 2001, … in order, leaving out those taken.
    """

    name: str
    version: int
    title_zh: str
    title_en: str = ""
    attributes: tuple[Attribute, ...] = ()
    ttl: int = DEFAULT_TTL
    landing: Landing = Landing.PAGE
    display: Display | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", tuple(_completed(self.attributes)))
        faults = [Fault(member, code, f"{zh} / {en}") for member, code, zh, en in _findings(self)]
        for position, attribute in enumerate(self.attributes):
            faults.extend(attribute_faults(attribute, f"attributes[{position}]"))
        if faults:
            raise InvalidTemplate(faults)

    def compile(self) -> Encoder:
        """The checker and encoder of this template's records."""
        return Encoder(self.attributes, self.ttl)

    def compile_as_stored(self) -> Encoder:
        """The same for records that come back: what takes no values now had them then."""
        return Encoder([_as_stored(attribute) for attribute in self.attributes], self.ttl)

    def attributes_of(self, record: bytes) -> dict[str, str | list[str]]:
        """The attributes of a stored record by their names, as stored; arrays as lists, in the order of the indexes.

        Values that the template does not know are left out: ``free_values_of`` has them.
        """
        known = {attribute.index: attribute for attribute in self.attributes}
        return {
            known[index].name: items_of(data) if known[index].many else data.decode()
            for index, _, data in pieces(record)
            if index in known
        }

    def free_values_of(self, record: bytes) -> list[Value]:
        """The values of a stored record that the template does not know, by index."""
        known = {attribute.index for attribute in self.attributes}
        return [decode_value(octets, 0)[0] for index, octets, _ in pieces(record) if index not in known]

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes' names, in order."""
        return tuple(attribute.name for attribute in self.attributes)

    def to_json(self) -> dict[str, Any]:
        """Everything in JSON's own types; members of attributes that say nothing are left out."""
        said: dict[str, Any] = {
            **{member.name: getattr(self, member.name) for member in fields(self)},
            "landing": self.landing.value,
            "attributes": [_attribute_to_json(attribute) for attribute in self.attributes],
        }
        if self.display is None:
            del said["display"]
        else:
            said["display"] = self.display.to_json()
        return said

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The template of a decoded JSON object. Raises ``InvalidTemplate``.

        Indexes and types may be missing or null; a minimum or maximum may be a JSON number.
        """
        faults: list[Fault] = []
        listed = document.get("attributes")
        if not isinstance(listed, list | tuple):
            listed = []
            faults.append(Fault("attributes", "wrong_shape", "必须是数组 / must be an array"))
        attributes = tuple(
            _attribute_from_json(member, f"attributes[{position}]", faults)
            for position, member in enumerate(listed[: MAX_ATTRIBUTES + 1])
        )
        try:
            head = msgspec.convert({**document, "attributes": None}, _Head)
        except msgspec.ValidationError as error:
            faults.append(Fault(None, "wrong_shape", f"格式有误 / {shown(str(error))}"))
        if faults:
            raise InvalidTemplate(faults)
        return cls(
            head.name, head.version, head.title_zh, head.title_en, attributes, head.ttl, head.landing, head.display
        )


def attribute_of(document: Mapping[str, Any], place: str) -> Attribute:
    """One attribute of a decoded JSON object, as ``Template.from_json`` reads it, but not yet checked.

    ``place`` is its path. Raises ``InvalidTemplate``.
    """
    faults: list[Fault] = []
    attribute = _attribute_from_json(document, place, faults)
    if faults:
        raise InvalidTemplate(faults)
    return attribute


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    """The members of a template's JSON form beside its attributes."""

    name: str
    version: int
    title_zh: str
    attributes: None
    title_en: str = ""
    ttl: int = DEFAULT_TTL
    landing: Landing = Landing.PAGE
    display: Display | None = None


_DEFAULTS = {member.name: member.default for member in fields(Attribute)}
_UNREADABLE = Attribute("", "")


def _attribute_to_json(attribute: Attribute) -> dict[str, Any]:
    members: dict[str, Any] = {name: getattr(attribute, name) for name in _DEFAULTS}
    said = {name: member for name, member in members.items() if member != _DEFAULTS[name]}
    for name, fact in said.items():
        if isinstance(fact, StrEnum):
            said[name] = fact.value
        elif isinstance(fact, tuple):
            said[name] = list(fact)
    said["kind"] = attribute.kind.value
    return said


def _as_stored(attribute: Attribute) -> Attribute:
    if attribute.enabled:
        return attribute
    return replace(attribute, state=AttributeState.ENABLED, required=False)


def _attribute_from_json(member: object, place: str, faults: list[Fault]) -> Attribute:
    """One attribute, or faults and an empty one."""
    if not isinstance(member, Mapping):
        faults.append(Fault(place, "wrong_shape", "必须是对象 / must be an object"))
        return _UNREADABLE
    said = {name: _limit_text(fact) if name in _LIMITS else fact for name, fact in member.items() if fact is not None}
    faults.extend(
        Fault(f"{place}.{shown(str(name))}", "unknown_member", "未知的成员 / no such member")
        for name in said
        if name not in _DEFAULTS
    )
    try:
        return msgspec.convert(said, Attribute)
    except msgspec.ValidationError as error:
        faults.append(Fault(place, "wrong_shape", f"格式有误 / {shown(str(error))}"))
        return _UNREADABLE


_LIMITS = frozenset({"minimum", "maximum"})


def _limit_text(limit: object) -> object:
    """A JSON number as the text that ``Attribute`` keeps; anything else is judged later."""
    try:
        return limit if isinstance(limit, str) else canonical_number(limit)
    except Refused:
        return limit


def _completed(attributes: Sequence[Attribute]) -> Iterator[Attribute]:
    """Every attribute with its type and its index."""
    taken = {attribute.index for attribute in attributes}
    free = (index for index in count(FIRST_INDEX) if index not in taken)
    for attribute in attributes:
        yield replace(
            attribute,
            type=attribute.type or attribute.name.upper(),
            index=attribute.index or next(free),
        )


def _findings(template: Template) -> Iterator[Finding]:
    """What is wrong with a template beside what is wrong inside its attributes."""
    if not _NAME.fullmatch(template.name):
        zh = "模板名为字母或数字开头的字母、数字、点、横线、下划线，最多 128 个"
        en = "a name is 1 to 128 ASCII letters, digits, dots, dashes and underscores, a letter or digit first"
        yield "name", "bad_name", zh, en
    yield from title_findings(template.title_zh, template.title_en)
    if not 1 <= template.version <= MAX_VERSION:
        yield "version", "bad_version", "版本号从 1 开始", f"a version is 1 to {MAX_VERSION}"
    if not MIN_TTL <= template.ttl <= MAX_TTL:
        zh, en = f"有效时间为 {MIN_TTL} 至 {MAX_TTL} 秒", f"the time to live is {MIN_TTL} to {MAX_TTL} seconds"
        yield "ttl", "bad_ttl", zh, en
    if not 1 <= len(template.attributes) <= MAX_ATTRIBUTES:
        zh, en = f"属性为 1 至 {MAX_ATTRIBUTES} 个", f"a template has 1 to {MAX_ATTRIBUTES} attributes"
        yield "attributes", "bad_attribute_count", zh, en
    yield from _repeated("name", (attribute.name for attribute in template.attributes))
    yield from _repeated("index", (attribute.index for attribute in template.attributes))
    if template.display is not None:
        yield from display_findings(template.display, template.attributes)
    if template.landing is Landing.REDIRECT and not any(attribute.is_url for attribute in template.attributes):
        zh, en = "跳转需要一个 URL 类型的属性", "a redirect needs an attribute of type URL"
        yield "landing", "redirect_without_url", zh, en


def _repeated(member: str, marks: Iterable[str | int]) -> Iterator[Finding]:
    first: dict[str | int, int] = {}
    for position, mark in enumerate(marks):
        earlier = first.setdefault(mark, position)
        if earlier != position:
            zh, en = f"与第 {earlier + 1} 个属性相同：{mark}", f"the same as attribute {earlier + 1}: {mark}"
            yield f"attributes[{position}].{member}", f"duplicate_{member}", zh, en
