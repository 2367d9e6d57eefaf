"""What is wrong with one row or one value, as data: a bad row never stops the good ones.

A ``Fault`` says what is wrong with one field; a ``Rejection`` places it in the input. Every code stands in
``Code`` with its wording, so that the API, the importer and the console say the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

MAX_KEPT = 4096
"""Octets of the input row that a rejection keeps: enough to find and correct it, too few to fill a disk."""

_MAX_SHOWN = 120


class Code(StrEnum):
    """Why a row or a value was refused; the member's value is what programs compare."""

    zh: str
    en: str

    def __new__(cls, word: str, zh: str, en: str) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.zh = zh
        member.en = en
        return member

    # The row could not be read.
    ROW_TOO_LONG = "row_too_long", "一行超过 {limit} 字节", "the row is longer than {limit} octets"
    NOT_UTF8 = (
        "not_utf8",
        "第 {position} 个字节不是 UTF-8 编码",
        "octet {position} of the row is not UTF-8",
    )
    CONTROL_CHARACTER = (
        "control_character",
        "含有控制字符 {character}",
        "contains the control character {character}",
    )
    UNCLOSED_QUOTE = "unclosed_quote", "引号没有结束", "a quote opens here and is never closed"
    STRAY_QUOTE = (
        "stray_quote",
        "结束引号之后还有内容，引号应写成两个",
        "text follows a closing quote; a quote inside a quoted field is written twice",
    )
    WRONG_FIELD_COUNT = (
        "wrong_field_count",
        "应有 {expected} 列，实际 {found} 列",
        "expected {expected} fields, found {found}",
    )
    BAD_JSON = "bad_json", "不是有效的 JSON：{reason}", "not valid JSON: {reason}"
    NOT_AN_OBJECT = "not_an_object", "一行必须是一个 JSON 对象", "a line must be one JSON object"
    NESTED_VALUE = (
        "nested_value",
        "值不能是数组或对象",
        "a value must be text, a number, true, false or null, not an array or object",
    )
    DUPLICATE_KEY = "duplicate_key", "同一个键出现两次", "the key appears twice"

    # The row does not fit the mapping or the grammar of suffixes.
    UNKNOWN_ATTRIBUTE = "unknown_attribute", "模板中没有这个属性", "the template has no such attribute"
    SUFFIX_MISSING = "suffix_missing", "缺少后缀", "the suffix is missing"
    SUFFIX_NOT_TEXT = (
        "suffix_not_text",
        "后缀必须是文本（数字会丢失前导零）",
        "the suffix must be text (a number loses its leading zeros)",
    )
    INVALID_SUFFIX = "invalid_suffix", "后缀不符合规则：{reason_zh}", "not a suffix: {reason}"

    # The record as a whole.
    NO_VALUES = "no_values", "没有任何属性值", "no attribute has a value"
    RECORD_TOO_LARGE = (
        "record_too_large",
        "标识数据超过 {limit} 字节",
        "the record is larger than {limit} octets",
    )

    # The value does not fit its attribute.
    REQUIRED = "required", "必填", "a value is required"
    NOT_TEXT = "not_text", "必须是文本", "must be text"
    TOO_SHORT = (
        "too_short",
        "至少 {limit} 个字符，实际 {found} 个",
        "at least {limit} characters, found {found}",
    )
    TOO_LONG = "too_long", "最多 {limit} 个字符，实际 {found} 个", "at most {limit} characters, found {found}"
    NOT_NFC = "not_nfc", "不是 Unicode NFC 规范形式", "not in Unicode normalization form NFC"
    NOT_UNICODE = "not_unicode", "含有不完整的代理对字符", "contains half of a surrogate pair"
    PATTERN_MISMATCH = "pattern_mismatch", "格式不符合 {pattern}", "does not match {pattern}"
    NOT_A_URL = (
        "not_a_url",
        "必须是 http:// 或 https:// 网址",
        "must be an http:// or https:// address",
    )
    NOT_A_NUMBER = "not_a_number", "不是数字：{value}", "not a plain decimal number: {value}"
    TOO_MANY_DIGITS = "too_many_digits", "数字超过 {limit} 位", "more than {limit} digits"
    NOT_A_DATE = "not_a_date", "不是日期（YYYY-MM-DD）：{value}", "not a date (YYYY-MM-DD): {value}"
    NOT_A_BOOLEAN = (
        "not_a_boolean",
        "不是“是/否”：{value}",
        "neither true nor false: {value}",
    )
    NOT_A_CHOICE = "not_a_choice", "不在可选值之内：{value}", "not one of the choices: {value}"
    TOO_SMALL = "too_small", "小于最小值 {limit}", "less than the minimum {limit}"
    TOO_LARGE = "too_large", "大于最大值 {limit}", "greater than the maximum {limit}"

    # The row fits, and something stands in its way.
    DUPLICATE_ROW = "duplicate_row", "文件中前面已有同一标识", "the same identifier stands earlier in this file"
    IDENTIFIER_EXISTS = (
        "identifier_exists",
        "标识已存在，且数据不同",
        "the identifier is registered already, with other data",
    )
    VALUE_TAKEN = (
        "value_taken",
        "该值必须唯一，已被其他标识使用",
        "the value must be unique and another identifier has it",
    )

    def fault(self, field: str | None = None, **facts: Any) -> Fault:
        """This code said about one field; ``facts`` fill the places of its wording."""
        texts = {name: shown(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
        place = None if field is None else shown(field)
        return Fault(place, self, f"{self.zh.format_map(texts)} / {self.en.format_map(texts)}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: the field (column or attribute) if one is to blame, a stable code, a sentence.

    The message is Chinese, a slash, English.
    """

    field: str | None
    code: str
    message: str

    def to_json(self) -> dict[str, str | None]:
        return {"field": self.field, "code": str(self.code), "message": self.message}


@dataclass(frozen=True, slots=True)
class Rejection:
    """One fault of one input row, with its place: what the sender needs to correct and send again.

    ``line`` is the 1-based physical line where the row starts; ``row`` the row's own octets without the
    final line feed, cut to ``MAX_KEPT``. A row with three faults makes three rejections.
    """

    line: int
    field: str | None
    code: str
    message: str
    row: bytes

    @classmethod
    def of(cls, line: int, row: bytes, fault: Fault) -> Rejection:
        return cls(line, fault.field, fault.code, fault.message, row[:MAX_KEPT])


def shown(text: str) -> str:
    """Input text fit for a sentence and a database: cut, and what cannot be seen is written out."""
    cut = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
    if cut.isprintable():
        return cut
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut)
