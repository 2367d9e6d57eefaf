"""The definition of a coding rule, read into segments; everything wrong with it is found at once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Object
from typing import Any

from node.errors import Malformed, NodeError
from node.identifier import fold
from registry.coding.check_digits import Check
from registry.coding.rule import CodingRule
from registry.coding.scope import Scope
from registry.coding.segments import (
    KINDS,
    Charset,
    CheckCharacters,
    Choice,
    Date,
    Literal,
    Period,
    Randomly,
    Segment,
    Serial,
    Value,
)
from registry.mappings.transforms import Case
from registry.reference_data import check_division, check_industry
from registry.rejection import Fault, shown

MAX_SEGMENTS = 20
MAX_LITERAL = 64
MAX_WIDTH = 64
MAX_SERIAL_WIDTH = 18
MAX_RANDOM = 32
MAX_ALPHABET = 64
MAX_CHOICES = 500
LONGEST = 200
"""Characters of all segments whose width is known: what a prefix leaves of an identifier's 255."""

_DATE = re.compile(r"(?:YYYY|YY|MM|DD|[-./])+")
_SHOWN_BY = {Period.YEAR: ("YY",), Period.MONTH: ("YY", "MM"), Period.DAY: ("YY", "MM", "DD")}

Finding = tuple[str, str, str, str]
"""Member, code, sentence in Chinese, sentence in English."""


class InvalidCodingRule(Malformed):
    """``faults`` lists everything wrong with the definition."""

    title_zh = "编码规则有误"

    def __init__(self, faults: Sequence[Fault]) -> None:
        sentences = "; ".join(fault.message for fault in faults)
        super().__init__(f"the coding rule is faulty: {sentences}", faults=[fault.to_json() for fault in faults])


def read_coding_rule(said: object) -> CodingRule:
    """A rule from ``{"segments": [{"kind": …}, …], "scope": {…}}``. Raises ``InvalidCodingRule``."""
    faults: list[Fault] = []
    segments = said.get("segments") if isinstance(said, dict) else None
    if isinstance(said, dict):
        faults.extend(
            Fault(shown(str(member)), "unknown_member", "未知的成员 / no such member")
            for member in said
            if member not in ("segments", "scope")
        )
    scope, scope_faults = _scope(said.get("scope") if isinstance(said, dict) else None)
    faults.extend(scope_faults)
    if not isinstance(segments, list) or not 1 <= len(segments) <= MAX_SEGMENTS:
        message = f"应为 1 至 {MAX_SEGMENTS} 段的数组 / must be a list of 1 to {MAX_SEGMENTS} segments"
        raise InvalidCodingRule([*faults, Fault("segments", "wrong_shape", message)])
    read: list[Segment | None] = []
    for position, segment in enumerate(segments):
        place = f"segments[{position}]"
        found, findings = _segment(segment)
        faults.extend(Fault(f"{place}.{member}", code, f"{zh} / {en}") for member, code, zh, en in findings)
        read.append(found)
    faults.extend(_faults_together(read))
    if faults:
        raise InvalidCodingRule(faults)
    return CodingRule(tuple(segment for segment in read if segment is not None), scope)


def _scope(said: object) -> tuple[Scope, list[Fault]]:
    """Whom a rule of the node's own is for."""
    if said is None:
        return Scope(), []
    if not isinstance(said, dict) or not said.keys() <= Scope.__dataclass_fields__.keys():
        message = "应为 industry 和 division / takes industry and division"
        return Scope(), [Fault("scope", "wrong_shape", message)]
    faults = []
    for member, check in (("industry", check_industry), ("division", check_division)):
        code = said.get(member)
        try:
            if code is not None:
                check(code if isinstance(code, str) else "")
        except NodeError as error:
            faults.append(Fault(f"scope.{member}", "bad_code", f"{error.title_zh} / {error.detail}"))
    return (Scope(), faults) if faults else (Scope(**said), [])


def _segment(said: object) -> tuple[Segment | None, list[Finding]]:
    """One segment; None when it is not even the shape of one."""
    kind = said.get("kind") if isinstance(said, dict) else None
    of = KINDS.get(kind) if isinstance(kind, str) else None
    if of is None or not isinstance(said, dict):
        known = ", ".join(KINDS)
        return None, [("kind", "unknown_kind", f"段的种类应为 {known}", f"the kind of a segment is one of {known}")]
    findings = [
        (shown(str(member)), "unknown_member", "未知的成员", f"a segment of the kind {kind} has no such member")
        for member in said
        if member != "kind" and member not in of.__dataclass_fields__
    ]
    found = list(_CHECKS[of](said))
    if findings or found:
        return None, [*findings, *found]
    members = {name: said[name] for name in of.__dataclass_fields__ if said.get(name) is not None}
    for name, word in _WORDS.items():
        if name in members:
            members[name] = word(members[name])
    return of(**members), []


_WORDS: dict[str, Callable[[Any], Any]] = {
    "case": Case,
    "period": Period,
    "method": Check,
    "charset": Charset,
    "check": Check,
    "choices": tuple,
}


def _literal(said: Object[str, Any]) -> Iterator[Finding]:
    text = said.get("text")
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_LITERAL or not _may_stand(text):
        zh = f"应为 1 至 {MAX_LITERAL} 个可见字符，首尾没有空格"
        en = f"must be 1 to {MAX_LITERAL} visible characters in NFC without space around them"
        yield "text", "bad_text", zh, en


def _value(said: Object[str, Any]) -> Iterator[Finding]:
    yield from _name(said, needed=True)
    yield from _number(said, "width", 1, MAX_WIDTH, needed="pad" in said)
    width = said.get("width")
    most = width if type(width) is int and 1 <= width <= MAX_WIDTH else MAX_WIDTH
    yield from _number(said, "least", 1, most, needed=False)
    yield from _word(said, "charset", [str(charset) for charset in Charset], needed=False)
    pad, charset = said.get("pad"), said.get("charset")
    if pad is not None and not (isinstance(pad, str) and len(pad) == 1 and _may_stand(pad)):
        yield "pad", "bad_pad", "应为一个可见字符", "must be one visible character"
    elif pad is not None and charset in list(Charset) and not Charset(charset).whole(fold(pad)):
        yield "pad", "pad_not_in_charset", "应是所允许的字符", "must be one of the characters of the value"
    yield from _word(said, "case", [str(case) for case in Case], needed=False)
    yield from _word(said, "check", [str(check) for check in Check], needed=False)


def _name(said: Object[str, Any], *, needed: bool) -> Iterator[Finding]:
    name = said.get("name")
    if name is None and not needed:
        return
    if not isinstance(name, str) or not 1 <= len(name) <= 64 or not name.isprintable():
        yield "name", "bad_name", "应为属性名", "must be the name of an attribute"


def _choice(said: Object[str, Any]) -> Iterator[Finding]:
    yield from _name(said, needed=True)
    choices: Any = said.get("choices")
    sound = (
        isinstance(choices, list | tuple)
        and 1 <= len(choices) <= MAX_CHOICES
        and all(isinstance(one, str) and 1 <= len(one) <= MAX_LITERAL and _may_stand(one) for one in choices)
    )
    # Identifiers that differ only in the case of letters are the same identifier.
    if not sound or len({fold(one) for one in choices}) < len(choices):
        zh = f"应为 1 至 {MAX_CHOICES} 个互不相同（不分大小写）的可见文本"
        en = f"must be 1 to {MAX_CHOICES} visible texts that differ by more than their case"
        yield "choices", "bad_choices", zh, en


def _date(said: Object[str, Any]) -> Iterator[Finding]:
    yield from _name(said, needed=False)
    form = said.get("format")
    if not isinstance(form, str) or len(form) > 16 or not _DATE.fullmatch(form) or not set(form) & set("YMD"):
        zh, en = "应由 YYYY、YY、MM、DD 和 - . / 组成", "must be made of YYYY, YY, MM, DD and - . /"
        yield "format", "bad_date_format", zh, en


def _serial(said: Object[str, Any]) -> Iterator[Finding]:
    yield from _number(said, "width", 1, MAX_SERIAL_WIDTH, needed=True)
    width = said.get("width")
    digits = width if type(width) is int and 1 <= width <= MAX_SERIAL_WIDTH else MAX_SERIAL_WIDTH
    yield from _number(said, "start", 0, 10**digits - 1, needed=False)
    yield from _word(said, "period", [str(period) for period in Period], needed=False)


def _random(said: Object[str, Any]) -> Iterator[Finding]:
    yield from _number(said, "length", 1, MAX_RANDOM, needed=True)
    alphabet = said.get("alphabet")
    if alphabet is None:
        return
    sound = isinstance(alphabet, str) and 2 <= len(alphabet) <= MAX_ALPHABET and all(map(_may_stand, alphabet))
    # Identifiers that differ only in the case of letters are the same identifier.
    if not sound or len({character.upper() for character in alphabet}) < len(alphabet):
        zh = f"应为 2 至 {MAX_ALPHABET} 个互不相同（不分大小写）的可见字符"
        en = f"must be 2 to {MAX_ALPHABET} visible characters that differ by more than their case"
        yield "alphabet", "bad_alphabet", zh, en


def _check(said: Object[str, Any]) -> Iterator[Finding]:
    yield from _word(said, "method", [str(check) for check in Check], needed=True)


_CHECKS: dict[type[Segment], Callable[[Object[str, Any]], Iterator[Finding]]] = {
    Literal: _literal,
    Value: _value,
    Choice: _choice,
    Date: _date,
    Serial: _serial,
    Randomly: _random,
    CheckCharacters: _check,
}


def _faults_together(segments: Sequence[Segment | None]) -> Iterator[Fault]:
    """What is wrong with segments that are sound by themselves."""
    for kind in (Serial, CheckCharacters):
        for position in [at for at, segment in enumerate(segments) if isinstance(segment, kind)][1:]:
            name = next(name for name, of in KINDS.items() if of is kind)
            yield _at(position, "kind", "segment_twice", f"{name} 段只能有一个", f"there may be one {name} segment")
    length = sum(_width(segment) for segment in segments if segment is not None)
    if length > LONGEST:
        zh, en = (
            f"各段共 {length} 个字符，最多 {LONGEST} 个",
            f"the segments have {length} characters, at most {LONGEST}",
        )
        yield Fault("segments", "too_long", f"{zh} / {en}")
    if None not in segments and not any(map(_changes, segments)):
        zh, en = "每次生成的后缀都相同", "every suffix would be the same: add a serial, random or value segment"
        yield Fault("segments", "always_same", f"{zh} / {en}")
    # Only the day of registration has passed for good when the numbers begin anew.
    dates = "".join(segment.format for segment in segments if isinstance(segment, Date) and segment.name is None)
    for position, segment in enumerate(segments):
        if isinstance(segment, Serial) and None not in segments:
            unseen = [part for part in _SHOWN_BY.get(segment.period, ()) if part not in dates]
            if unseen:
                said = "、".join(unseen)
                zh = f"流水号按期重新开始，日期段须含 {said}"
                en = f"numbers would repeat: a date segment must show {', '.join(unseen)}"
                yield _at(position, "period", "period_not_shown", zh, en)
        if isinstance(segment, CheckCharacters):
            yield from _check_faults(position, segment, segments[:position])


def _check_faults(position: int, check: CheckCharacters, before: Sequence[Segment | None]) -> Iterator[Fault]:
    if not before:
        yield _at(
            position, "kind", "nothing_to_check", "校验码之前没有内容", "nothing stands before the check characters"
        )
    for segment in before:
        for character in _known_characters(segment):
            counted = character.isascii() and character.upper() in check.method.alphabet
            if not counted and (character.isalnum() or not character.isascii()):
                zh = f"{check.method} 校验不能用于“{character}”"
                en = f"{check.method} cannot be computed over {character}"
                yield _at(position, "method", "not_for_check_digit", zh, en)
                break


def _known_characters(segment: Segment | None) -> str:
    """The characters of a segment that are known before it is made."""
    match segment:
        case Literal(text):
            return text
        case Randomly(_, alphabet):
            return alphabet
        case Choice(_, choices):
            return "".join(choices)
    return ""


def _changes(segment: Segment | None) -> bool:
    """Whether it can make one suffix differ from another on the same day."""
    if isinstance(segment, Date):
        return segment.name is not None
    return isinstance(segment, Value | Choice | Serial | Randomly)


def _width(segment: Segment) -> int:
    match segment:
        case Literal(text) | Date(text):
            return len(text)
        case Choice(_, choices):
            return max(map(len, choices))
        case Value(width=width):
            return width or 1
        case Serial(width=width):
            return width
        case Randomly(length):
            return length
        case CheckCharacters(method):
            return method.width


def _number(said: Object[str, Any], member: str, least: int, most: int, *, needed: bool) -> Iterator[Finding]:
    value = said.get(member)
    if value is None and not needed:
        return
    if type(value) is not int or not least <= value <= most:
        yield member, "bad_number", f"应为 {least} 至 {most} 的整数", f"must be a whole number from {least} to {most}"


def _word(said: Object[str, Any], member: str, words: Sequence[str], *, needed: bool) -> Iterator[Finding]:
    value = said.get(member)
    if value is None and not needed:
        return
    if value not in words:
        yield member, "bad_word", f"应为 {'、'.join(words)} 之一", f"must be one of {', '.join(words)}"


def _may_stand(text: str) -> bool:
    """Characters that a suffix may have, without spaces around them."""
    return text.isprintable() and text == text.strip(" ") and unicodedata.is_normalized("NFC", text)


def _at(position: int, member: str, code: str, zh: str, en: str) -> Fault:
    return Fault(f"segments[{position}].{member}", code, f"{zh} / {en}")
