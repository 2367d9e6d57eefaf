"""Attribute: one typed column of a data template, and the numbers that bound it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from registry.templates.media import Media

FIRST_INDEX = 2000
"""Indexes of ordinary attributes start here; 100 to 1999 are the node's (SNMS keeps 1000, 1001 and 1999)."""
LAST_INDEX = 2**31 - 1
LAST_LOW_INDEX = 99
WELL_KNOWN_TYPES = frozenset({"URL", "EMAIL", "DESC"})
"""Handle types whose attributes may take an index from 1 to ``LAST_LOW_INDEX``, where Handle clients look."""

DEFAULT_MAX_LENGTH = 255
LONGEST_STRING = 8192
LONGEST_INDEXED = 255
"""Characters of a unique or listed value: PostgreSQL bounds the entries of the index it stands in."""

DEFAULT_MAX_ITEMS = 100
MOST_ITEMS = 1000
"""Items of one array."""


class Kind(StrEnum):
    STRING = "string"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    ENUM = "enum"
    FILE = "file"  # a file of the enterprise, named by its digest (registry/files/files.py)
    REFERENCE = "reference"  # another identifier (registry/references.py)


class AttributeState(StrEnum):
    """Whether an attribute takes values (snms-api 15.4, 15.5). What is stored stays shown in every state."""

    ENABLED = "enabled"  # 启用
    DISABLED = "disabled"  # 禁用
    PENDING = "pending"  # 未生效


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a template says about one attribute. Only a ``Template`` proves that it makes sense.

    ``type`` is the type of the Handle value, the name in capitals if left empty; ``index`` its index, 0 to have
    the template assign the next free one. Lengths are in characters and for strings only. ``minimum`` and
    ``maximum`` are included; they are texts of the attribute's own kind (number or date), so that nothing is
    rounded. ``pattern`` is of the subset in ``patterns.py`` and matches the whole value. ``unique``: no
    two identifiers of a prefix have the same value; ``listed``: identifiers can be found by it.

    ``many``: an array of at most ``max_items`` such values, each of which obeys all that is said here; arrays stand
    in no index. ``unit`` is that of the stored numbers, a symbol of ``registry.templates.units``, and ``decimals``
    how many digits they have behind the point at most. ``media`` and ``suffixes`` bound the files of the kind file.
    ``template`` names the template that targets of references should have: where they do not, nothing is refused.
    ``date_format`` says how pages show a date, for instance ``YYYY/MM/DD``. ``code``, ``definition`` and ``comment``
    are for people. Only an enabled attribute takes values, and demands one where it is required.
    """

    name: str
    title_zh: str
    title_en: str = ""
    kind: Kind = Kind.STRING
    index: int = 0
    type: str = ""
    required: bool = False
    unique: bool = False
    listed: bool = False
    min_length: int | None = None
    max_length: int | None = None
    minimum: str | None = None
    maximum: str | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    many: bool = False
    max_items: int | None = None
    unit: str | None = None
    state: AttributeState = AttributeState.ENABLED
    decimals: int | None = None
    media: Media | None = None
    suffixes: tuple[str, ...] = ()
    template: str | None = None
    date_format: str | None = None
    code: str = ""
    definition: str = ""
    comment: str = ""

    @property
    def enabled(self) -> bool:
        """Whether it takes values."""
        return self.state is AttributeState.ENABLED

    @property
    def longest(self) -> int:
        """Characters of a string value at most."""
        return DEFAULT_MAX_LENGTH if self.max_length is None else self.max_length

    @property
    def most_items(self) -> int:
        """Items of an array at most."""
        return DEFAULT_MAX_ITEMS if self.max_items is None else self.max_items

    @property
    def is_url(self) -> bool:
        """Whether browsers are sent to its values; clients compare types without case."""
        return self.type.upper() == "URL"

    @property
    def indexed(self) -> bool:
        """Whether its values stand in the side index."""
        return self.unique or self.listed
