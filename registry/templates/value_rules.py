"""From what was sent to the text that is stored, one function per attribute.

=========  =======================================================================================
string     kept exactly, surrounding spaces too: NFC, no control characters but line breaks and tabs
number     plain decimal, at most 38 digits, no exponent and no grouping; kept as written except that
           ``+5`` becomes ``5`` and ``-0`` becomes ``0``
date       ``YYYY-MM-DD``, a day of the calendar
boolean    true/false, yes/no, 是/否, 1/0 in any case of letters; stored as ``true`` or ``false``
enum       one of the choices, exactly
file       ``sha256-`` and 64 lower-case hexadecimal digits: the id of an uploaded file
reference  an identifier as ``prefix/suffix``, kept as written
=========  =======================================================================================
Spaces around whatever is no string are dropped. A JSON number may come in any notation and is written out in plain
decimal; a string must be sent as a string, because a number has lost its leading zeros. A number of an attribute
with a unit may be followed by any unit of the same quantity; what is stored is the number in the attribute's own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix
from registry.rejection import Code, Fault
from registry.templates.attributes import Attribute, Kind
from registry.templates.patterns import compile_pattern
from registry.templates.units import NotExact, UnknownUnit, conversion

MAX_DIGITS = 38

Rule = Callable[[object], str]
"""Takes a value that is neither None nor empty; returns its stored text or raises ``Refused``."""

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_NUMBER_WITH_UNIT = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?)\s*([^\s\d,.;+-].*)")
_FILE = re.compile(r"sha256-[0-9a-f]{64}")
_URL = re.compile(r"""(?i:https?)://[^\s/?#"<>\\^`{|}][^\s"<>\\^`{|}]*""")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_HALF_PAIR = re.compile(r"[\ud800-\udfff]")
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "1", "是"), "true"),
    **dict.fromkeys(("false", "no", "0", "否"), "false"),
}


class Refused(Exception):
    """A value does not fit; only ``registry.templates.encoder`` sees it and makes it a ``Fault``."""

    def __init__(self, code: Code, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def faults(self, name: str) -> list[Fault]:
        """What to say of the attribute of that name."""
        return [self.code.fault(name, **self.facts)]


def rule_of(attribute: Attribute) -> Rule:
    """The function for the single values of a checked attribute."""
    match attribute.kind:
        case Kind.STRING:
            return _string_rule(attribute)
        case Kind.NUMBER:
            return _number_rule(attribute)
        case Kind.DATE:
            return _date_rule(attribute)
        case Kind.BOOLEAN:
            return canonical_boolean
        case Kind.ENUM:
            return _enum_rule(attribute)
        case Kind.FILE:
            return canonical_file
        case Kind.REFERENCE:
            return canonical_reference


def check_text(text: str) -> str:
    """Text fit to be stored as it stands. Raises ``Refused``."""
    if text.isprintable() and (text.isascii() or unicodedata.is_normalized("NFC", text)):
        return text
    if found := _CONTROL.search(text):
        raise Refused(Code.CONTROL_CHARACTER, character=f"U+{ord(found[0]):04X}")
    if _HALF_PAIR.search(text):
        raise Refused(Code.NOT_UNICODE)
    if not unicodedata.is_normalized("NFC", text):
        raise Refused(Code.NOT_NFC)
    return text


def canonical_number(value: object) -> str:
    """Raises ``Refused``."""
    text = value.strip(" ") if isinstance(value, str) else _plain(value)
    if not _NUMBER.fullmatch(text):
        raise Refused(Code.NOT_A_NUMBER, value=text)
    digits = len(text) - (text[0] in "+-") - ("." in text)
    if digits > MAX_DIGITS:
        raise Refused(Code.TOO_MANY_DIGITS, limit=MAX_DIGITS)
    if text[0] == "+" or (text[0] == "-" and not text.strip("-0.")):
        return text[1:]
    return text


def canonical_date(value: object) -> str:
    """Raises ``Refused``."""
    text = value.strip(" ") if isinstance(value, str) else ""
    # date.fromisoformat also takes weeks and forms without dashes.
    if len(text) == 10 and text[4] == text[7] == "-":
        try:
            date.fromisoformat(text)
        except ValueError:
            pass
        else:
            return text
    raise Refused(Code.NOT_A_DATE, value=_told(value))


def canonical_boolean(value: object) -> str:
    """Raises ``Refused``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    word = _BOOLEANS.get(str(value).strip(" ").lower()) if isinstance(value, str | int) else None
    if word is None:
        raise Refused(Code.NOT_A_BOOLEAN, value=_told(value))
    return word


def canonical_file(value: object) -> str:
    """Raises ``Refused``."""
    text = value.strip(" ") if isinstance(value, str) else ""
    if not _FILE.fullmatch(text):
        raise Refused(Code.NOT_A_FILE, value=_told(value))
    return text


def digest_of(file_id: str) -> bytes:
    """The SHA-256 in the id of a file."""
    return bytes.fromhex(file_id.removeprefix("sha256-"))


def file_id_of(digest: bytes) -> str:
    """The id of the file with this SHA-256."""
    return f"sha256-{digest.hex()}"


def canonical_reference(value: object) -> str:
    """Raises ``Refused``."""
    text = value.strip(" ") if isinstance(value, str) else ""
    try:
        Identifier.parse(text)
    except (InvalidIdentifier, InvalidPrefix, InvalidSuffix):
        raise Refused(Code.NOT_AN_IDENTIFIER, value=_told(value)) from None
    return text


def _string_rule(attribute: Attribute) -> Rule:
    least, most = attribute.min_length or 0, attribute.longest
    pattern = attribute.pattern and compile_pattern(attribute.pattern, most)
    url = attribute.is_url

    def rule(value: object) -> str:
        if not isinstance(value, str):
            raise Refused(Code.NOT_TEXT)
        length = len(value)
        if length > most:
            raise Refused(Code.TOO_LONG, limit=most, found=length)
        if length < least:
            raise Refused(Code.TOO_SHORT, limit=least, found=length)
        if not (value.isascii() and value.isprintable()):
            check_text(value)
        if url and not _URL.fullmatch(value):
            raise Refused(Code.NOT_A_URL)
        if pattern and not pattern.fullmatch(value):
            raise Refused(Code.PATTERN_MISMATCH, pattern=attribute.pattern)
        return value

    return rule


def _number_rule(attribute: Attribute) -> Rule:
    minimum, maximum = attribute.minimum, attribute.maximum
    read = canonical_number if attribute.unit is None else _reader_of_units(attribute.unit)
    if attribute.decimals is not None:
        read = _at_most(attribute.decimals, read)
    if minimum is None and maximum is None:
        return read
    low = None if minimum is None else Decimal(minimum)
    high = None if maximum is None else Decimal(maximum)

    def rule(value: object) -> str:
        text = read(value)
        number = Decimal(text)
        if low is not None and number < low:
            raise Refused(Code.TOO_SMALL, limit=minimum)
        if high is not None and number > high:
            raise Refused(Code.TOO_LARGE, limit=maximum)
        return text

    return rule


def _at_most(decimals: int, read: Rule) -> Rule:
    """Digits behind the point are counted as they are stored, zeros too."""

    def counted(value: object) -> str:
        text = read(value)
        found = len(text.partition(".")[2])
        if found > decimals:
            raise Refused(Code.TOO_MANY_DECIMALS, limit=decimals, found=found)
        return text

    return counted


def _reader_of_units(unit: str) -> Rule:
    convert = conversion(unit)

    def read(value: object) -> str:
        found = _NUMBER_WITH_UNIT.fullmatch(value.strip(" ")) if isinstance(value, str) else None
        if found is None:
            return canonical_number(value)
        try:
            return canonical_number(convert(canonical_number(found[1]), found[2]))
        except UnknownUnit as error:
            raise Refused(Code.UNKNOWN_UNIT, value=found[2], known=", ".join(error.known)) from None
        except NotExact:
            raise Refused(Code.UNIT_NOT_EXACT, value=found[0], unit=unit) from None

    return read


def _date_rule(attribute: Attribute) -> Rule:
    low, high = attribute.minimum, attribute.maximum

    def rule(value: object) -> str:
        text = canonical_date(value)
        if low is not None and text < low:
            raise Refused(Code.TOO_SMALL, limit=low)
        if high is not None and text > high:
            raise Refused(Code.TOO_LARGE, limit=high)
        return text

    return rule


def _enum_rule(attribute: Attribute) -> Rule:
    choices = frozenset(attribute.choices)

    def rule(value: object) -> str:
        text = value.strip(" ") if isinstance(value, str) else None
        if text is None or text not in choices:
            raise Refused(Code.NOT_A_CHOICE, value=_told(value))
        return text

    return rule


def _plain(value: object) -> str:
    """A JSON number in plain decimal; an exponent may not become a million digits first."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Refused(Code.NOT_A_NUMBER, value=_told(value))
    if isinstance(value, int):
        if value.bit_length() > 4 * MAX_DIGITS:
            raise Refused(Code.TOO_MANY_DIGITS, limit=MAX_DIGITS)
        return str(value)
    text = repr(value) if isinstance(value, float) else str(value)
    if "E" not in text and "e" not in text:
        return text
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > MAX_DIGITS:
        raise Refused(Code.TOO_MANY_DIGITS, limit=MAX_DIGITS)
    return format(number, "f")


def _told(value: object) -> str:
    """A refused value for its message: what is not text only by its type, however deep or long it is."""
    return value if isinstance(value, str) else f"<{type(value).__name__}>"
