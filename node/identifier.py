"""Prefix and identifier: what may be written, and what counts as the same.

An identifier is ``prefix/suffix``, split at the first slash: ``88.111.1/Prod-001``. Two spellings are the same
identifier when they differ only in the case of ASCII letters (the Handle System's rule); nothing else is ever
folded, trimmed or normalised, because a node that repairs an identifier resolves something nobody registered.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

from node.errors import Malformed

PREFIX_LIMIT = 64
"""Characters of a prefix, the SNMS default."""
IDENTIFIER_LIMIT = 255
"""Characters of a whole identifier, the SNMS default."""
PROTOCOL_LIMIT = 2048
"""Bytes of UTF-8 that the Handle protocol allows an identifier, whatever the other limits say."""

_PREFIX = re.compile(r"8[68]\.[0-9]+(?:\.[0-9A-Za-z]+)?")
_DERIVED = re.compile(r"8[68]\.[0-9]+(?:\.[0-9A-Za-z]+)*")
_DIGIT = re.compile(r"[0-9]")
_LETTER_OR_DIGIT = re.compile(r"[0-9A-Za-z]")


class InvalidPrefix(Malformed):
    """Evidence: ``reason``; ``position`` (characters, from 1) and ``code_point`` where one character is at fault."""

    title_zh = "前缀有误"


class InvalidSuffix(Malformed):
    """Evidence: ``reason``; ``position`` (characters, from 1) and ``code_point`` where one character is at fault."""

    title_zh = "后缀有误"


class InvalidIdentifier(Malformed):
    """The whole is at fault: no slash, or too long. Evidence: ``reason``, and ``length`` with its ``limit``."""

    title_zh = "标识有误"


def fold(text: str) -> str:
    """The comparison form: ASCII a-z become A-Z and every other character stays.

    ``str.upper`` alone would turn ß into SS and ſ into S and so join identifiers that the protocol keeps apart.
    """
    if text.isascii():
        return text.upper()
    # bytes.upper knows ASCII only, and no byte of a longer UTF-8 sequence is an ASCII letter.
    return text.encode("utf-8", "surrogatepass").upper().decode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """A prefix of 86 or 88, equal to any other spelling of itself; made by ``parse``, not by the constructor.

    ``text`` is the spelling as given, with its leading zeros; ``key`` is its folded form.
    """

    text: str
    key: str

    @classmethod
    def parse(cls, text: str, *, limit: int = PREFIX_LIMIT) -> Self:
        """A prefix of two or three segments, at most ``limit`` characters; raises InvalidPrefix."""
        if len(text) > limit or not _PREFIX.fullmatch(text):
            raise _prefix_fault(text, limit, most_segments=3)
        return cls(text, text.upper())

    @classmethod
    def parse_derived(cls, text: str, *, limit: int = PREFIX_LIMIT) -> Self:
        """As ``parse``, with any number of further segments: the derived prefixes of the Handle protocol."""
        if len(text) > limit or not _DERIVED.fullmatch(text):
            raise _prefix_fault(text, limit, most_segments=limit)
        return cls(text, text.upper())

    @property
    def parent(self) -> Prefix | None:
        """The prefix one segment shorter; None above two segments, since 86 and 88 are no prefixes themselves."""
        if self.text.count(".") < 2:
            return None
        return Prefix(self.text.rpartition(".")[0], self.key.rpartition(".")[0])

    def is_under(self, other: Prefix) -> bool:
        """Whether this is ``other`` or derived from it, by whole segments: 88.1111 is not under 88.111."""
        return self.key == other.key or self.key.startswith(other.key + ".")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prefix) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, eq=False)
class Identifier:
    """A checked identifier, equal to any other spelling of itself; made by ``parse`` or ``of``.

    ``suffix`` is the spelling as given; ``key`` is its folded form, under which it is stored beside the prefix.
    The key is compared byte by byte and is not always NFC itself (i with U+0307 folds to I with U+0307), so it
    is no spelling to show or to parse again.
    """

    prefix: Prefix
    suffix: str
    key: str

    @classmethod
    def parse(cls, text: str, *, limit: int = IDENTIFIER_LIMIT) -> Self:
        """Split at the first slash and check both parts, within ``limit`` characters and 2,048 bytes.

        Raises InvalidIdentifier, InvalidPrefix or InvalidSuffix.
        """
        if len(text) > limit:
            raise _too_long(len(text), limit, "characters")
        prefix, slash, suffix = text.partition("/")
        if not slash:
            detail = "An identifier is a prefix, a slash and a suffix; there is no slash."
            raise InvalidIdentifier(detail, reason="no_slash")
        return cls.of(Prefix.parse(prefix), suffix, limit=limit)

    @classmethod
    def of(cls, prefix: Prefix, suffix: str, *, limit: int = IDENTIFIER_LIMIT) -> Self:
        """An identifier of a checked prefix and a suffix to check; raises as ``suffix_key`` does."""
        return cls(prefix, suffix, suffix_key(prefix, suffix, limit=limit))

    @property
    def text(self) -> str:
        """The spelling as given, ``prefix/suffix``."""
        return f"{self.prefix.text}/{self.suffix}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identifier) and self.key == other.key and self.prefix.key == other.prefix.key

    def __hash__(self) -> int:
        return hash((self.prefix.key, self.key))

    def __str__(self) -> str:
        return self.text


def suffix_key(prefix: Prefix, suffix: str, *, limit: int = IDENTIFIER_LIMIT) -> str:
    """Check a suffix under its prefix and return its folded form, without building an Identifier.

    A suffix is not empty, is NFC, neither begins nor ends with a space, and consists of letters, marks, digits,
    punctuation, symbols, slashes and inner U+0020. That space is allowed because model and batch numbers contain
    it and every reader sees it; the other spaces look like it, like each other or like nothing, and would make
    two identifiers that nobody can tell apart. Raises InvalidSuffix, or InvalidIdentifier when prefix, slash and
    suffix together exceed ``limit`` characters or the protocol's 2,048 bytes.
    """
    length = len(prefix.text) + 1 + len(suffix)
    # str.isprintable refuses exactly the categories Cc, Cf (with every bidi control), Cs, Co, Cn, Zl, Zp and
    # every Zs but U+0020, according to the Unicode version of the interpreter.
    if length <= limit and suffix and suffix.isprintable() and suffix[0] != " " and suffix[-1] != " ":
        if suffix.isascii() and length <= PROTOCOL_LIMIT:
            return suffix.upper()
        size = len(prefix.text) + 1 + len(suffix.encode())
        if size > PROTOCOL_LIMIT:
            raise _too_long(size, PROTOCOL_LIMIT, "bytes")
        if unicodedata.is_normalized("NFC", suffix):
            return fold(suffix)
    if length > limit:
        raise _too_long(length, limit, "characters")
    raise _suffix_fault(suffix)


def _too_long(length: int, limit: int, unit: str) -> InvalidIdentifier:
    detail = f"The identifier has {length} {unit}; at most {limit} are allowed."
    return InvalidIdentifier(detail, reason="too_long", length=length, limit=limit, unit=unit)


def _prefix_fault(text: str, limit: int, most_segments: int) -> InvalidPrefix:
    """The first thing wrong with a text that is known to be no prefix."""
    if len(text) > limit:
        detail = f"The prefix has {len(text)} characters; at most {limit} are allowed."
        return InvalidPrefix(detail, reason="too_long", length=len(text), limit=limit)
    segments = text.split(".")
    if segments[0] not in ("86", "88"):
        return InvalidPrefix("A prefix begins with 86 or 88 and a dot.", reason="root", position=1)
    if not 2 <= len(segments) <= most_segments:
        detail = f"The prefix has {len(segments)} segments; two or three are allowed."
        return InvalidPrefix(detail, reason="segments", segments=len(segments))
    position = len(segments[0]) + 2
    for number, segment in enumerate(segments[1:], start=2):
        if not segment:
            detail = f"Segment {number} of the prefix is empty."
            return InvalidPrefix(detail, reason="empty_segment", segment=number, position=position)
        allowed, kind = (_DIGIT, "digits") if number == 2 else (_LETTER_OR_DIGIT, "ASCII letters and digits")
        for at, character in enumerate(segment, start=position):
            if not allowed.match(character):
                point = f"U+{ord(character):04X}"
                detail = f"Segment {number} of a prefix consists of {kind}; character {at} is {point}."
                return InvalidPrefix(detail, reason="character", segment=number, position=at, code_point=point)
        position += len(segment) + 1
    raise AssertionError(text)


def _suffix_fault(suffix: str) -> InvalidSuffix:
    """The first thing wrong with a suffix that is known to be faulty."""
    if not suffix:
        return InvalidSuffix("The suffix is empty.", reason="empty")
    for position, character in enumerate(suffix, start=1):
        if not character.isprintable():
            point, category = f"U+{ord(character):04X}", unicodedata.category(character)
            detail = f"Character {position} of the suffix is {point} (category {category}), which is not allowed."
            return InvalidSuffix(detail, reason="character", position=position, code_point=point, category=category)
    if suffix[0] == " " or suffix[-1] == " ":
        position = 1 if suffix[0] == " " else len(suffix)
        detail = f"The suffix begins or ends with a space, at character {position}."
        return InvalidSuffix(detail, reason="edge_space", position=position, code_point="U+0020")
    normal = unicodedata.normalize("NFC", suffix)
    pairs = enumerate(zip(suffix, normal, strict=False), start=1)
    position = next((at for at, (given, wanted) in pairs if given != wanted), len(normal) + 1)
    detail = f"The suffix is not in Unicode normal form C from character {position} on."
    point = f"U+{ord(suffix[position - 1]):04X}"
    return InvalidSuffix(detail, reason="not_normalized", position=position, code_point=point, normalized=normal)
