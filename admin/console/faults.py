"""What is said about a fault, in the page's language.

Checks of the domain speak both languages, Chinese first: ``公民身份号码有误 / not an identity number``. What reads
the form of an input speaks English; for its commonest words there is Chinese here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from admin.console.language import Language

_BETWEEN = " / "
_CHINESE = {
    "bool_parsing": "应为是或否",
    "bool_type": "应为是或否",
    "date_from_datetime_parsing": "日期有误，应为 2026-11-21 的形式",
    "date_parsing": "日期有误，应为 2026-11-21 的形式",
    "date_type": "日期有误，应为 2026-11-21 的形式",
    "datetime_from_date_parsing": "时间有误",
    "datetime_parsing": "时间有误",
    "edge_space": "首尾有空格或空行",
    "enum": "不在可选值之内",
    "extra_forbidden": "没有这一项",
    "greater_than_equal": "数值过小",
    "int_from_float": "应为整数",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "less_than": "数值过大",
    "less_than_equal": "数值过大",
    "literal_error": "不在可选值之内",
    "missing": "必填",
    "not_nfc": "含有未规范化的字符（Unicode NFC）",
    "not_printable": "含有控制字符或不可见字符",
    "not_rfc3339": "应为带时区的时间",
    "string_pattern_mismatch": "格式有误",
    "string_too_long": "超出长度",
    "string_too_short": "不能为空或过短",
    "string_type": "必填",
    "too_long": "条数过多",
    "too_short": "条数过少",
    "union_tag_not_found": "必选",
    "uuid_parsing": "编号有误",
}


def bilingual(fault: Mapping[str, Any]) -> str:
    """The message of a fault in both languages where there are two, else as it is."""
    message = str(fault["message"])
    chinese = _CHINESE.get(str(fault.get("code", "")))
    return message if chinese is None or _BETWEEN in message else f"{chinese}{_BETWEEN}{message}"


def together(one: str, other: str) -> str:
    """Two messages about one field as one, each language for itself."""
    chinese, between, english = one.partition(_BETWEEN)
    more_chinese, _, more_english = other.partition(_BETWEEN)
    return f"{chinese}；{more_chinese}{between}{english}; {more_english or more_chinese}"


def spoken(message: str, language: Language) -> str:
    """The part of a message in this language, the whole where it has but one."""
    chinese, between, english = message.partition(_BETWEEN)
    return language.t(chinese, english) if between else message
