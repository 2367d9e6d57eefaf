"""What is wrong with the definition of an attribute: everything at once, each with its place and a code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from registry.mappings.mapping import RESERVED, SUFFIX
from registry.rejection import Fault
from registry.templates.attributes import (
    FIRST_INDEX,
    LAST_INDEX,
    LAST_LOW_INDEX,
    LONGEST_INDEXED,
    LONGEST_STRING,
    MOST_ITEMS,
    WELL_KNOWN_TYPES,
    Attribute,
    Kind,
)
from registry.templates.media import MAX_SUFFIX, MAX_SUFFIXES
from registry.templates.patterns import InvalidPattern, compile_pattern
from registry.templates.units import known_units
from registry.templates.value_rules import MAX_DIGITS, Refused, canonical_date, canonical_number, check_text

MAX_CHOICES = 1000
MAX_TITLE = 255
MAX_CODE = 50
MAX_TEXT = 200
"""Characters of a code, and of a definition or comment (snms-api 10.1)."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}|10320/loc")  # locations, for the proxy
_SUFFIX = re.compile(rf"[A-Za-z0-9]{{1,{MAX_SUFFIX}}}")
_DATE_PARTS = ("YYYY", "MM", "DD")
_DATE_FORMAT = re.compile(r"(?:YYYY|MM|DD|[-/. 年月日])+")
_TEMPLATE = re.compile(r"[^\s\x00-\x1f\x7f]{1,255}")

Finding = tuple[str, str, str, str]
"""Member of the definition, code, sentence in Chinese, sentence in English."""


def attribute_faults(attribute: Attribute, place: str) -> list[Fault]:
    """Everything wrong with one attribute by itself; ``place`` is its path in the template."""
    findings = (
        *_naming(attribute),
        *_indexing(attribute),
        *_of_other_kinds(attribute),
        *_string_limits(attribute),
        *_ranges(attribute),
        *_choices(attribute),
        *_arrays(attribute),
        *_units(attribute),
        *_files(attribute),
        *_texts(attribute),
    )
    return [Fault(f"{place}.{member}", code, f"{zh} / {en}") for member, code, zh, en in findings]


def title_findings(title_zh: str, title_en: str) -> Iterator[Finding]:
    for member, title in (("title_zh", title_zh), ("title_en", title_en)):
        if len(title) > MAX_TITLE or not _storable(title) or (member == "title_zh" and not title.strip()):
            zh, en = f"名称为 1 至 {MAX_TITLE} 个字符", f"a title has 1 to {MAX_TITLE} characters, on one line"
            yield member, "bad_title", zh, en


def _naming(attribute: Attribute) -> Iterator[Finding]:
    if not _NAME.fullmatch(attribute.name) or attribute.name == SUFFIX:
        zh = "属性名为小写字母开头的字母、数字、下划线，最多 64 个，且不能是 suffix"
        en = "a name is 1 to 64 of a-z, 0-9 and _, starts with a letter and is not suffix"
        yield "name", "bad_name", zh, en
    if attribute.name in RESERVED:
        # Exports and rejected rows carry columns of these names.
        yield "name", "reserved_name", "属性名由系统保留", "the node's own exports use this name"
    yield from title_findings(attribute.title_zh, attribute.title_en)
    if attribute.type != attribute.name.upper() and not _TYPE.fullmatch(attribute.type):
        zh = "类型为字母开头的字母、数字、点、横线、下划线，最多 128 个，或 10320/loc"
        en = "a type is 1 to 128 ASCII letters, digits, dots, dashes and underscores, a letter first; or 10320/loc"
        yield "type", "bad_type", zh, en
    if attribute.type.upper().startswith("HS_"):
        # An HS_ADMIN or HS_PUBKEY value written by an import would hand out rights over the identifier.
        zh, en = "HS_ 开头的类型由系统保留", "types that start with HS_ administer identifiers and are reserved"
        yield "type", "reserved_type", zh, en
    if attribute.is_url and attribute.kind is not Kind.STRING:
        yield "kind", "url_not_string", "URL 类型的属性必须是字符串", "an attribute of type URL is a string"
    if attribute.is_url and attribute.many:
        # Handle clients go where the value of this type says, and an array is no address.
        yield "many", "url_not_one", "URL 类型的属性只能有一个值", "an attribute of type URL has one value"


def _indexing(attribute: Attribute) -> Iterator[Finding]:
    index = attribute.index
    if 1 <= index <= LAST_LOW_INDEX and attribute.type.upper() in WELL_KNOWN_TYPES:
        return
    if not FIRST_INDEX <= index <= LAST_INDEX:
        known = ", ".join(sorted(WELL_KNOWN_TYPES))
        zh = f"索引从 {FIRST_INDEX} 开始；1 至 {LAST_LOW_INDEX} 只用于类型 {known}"
        en = f"an index is {FIRST_INDEX} or more; 1 to {LAST_LOW_INDEX} are for the types {known}"
        yield "index", "reserved_index", zh, en


def _of_other_kinds(attribute: Attribute) -> Iterator[Finding]:
    kind = attribute.kind
    limits = {
        "min_length": (attribute.min_length is None, kind is Kind.STRING),
        "max_length": (attribute.max_length is None, kind is Kind.STRING),
        "pattern": (attribute.pattern is None, kind is Kind.STRING),
        "minimum": (attribute.minimum is None, kind in {Kind.NUMBER, Kind.DATE}),
        "maximum": (attribute.maximum is None, kind in {Kind.NUMBER, Kind.DATE}),
        "choices": (not attribute.choices, kind is Kind.ENUM),
        "unit": (attribute.unit is None, kind is Kind.NUMBER),
        "decimals": (attribute.decimals is None, kind is Kind.NUMBER),
        "media": (attribute.media is None, kind is Kind.FILE),
        "suffixes": (not attribute.suffixes, kind is Kind.FILE),
        "template": (attribute.template is None, kind is Kind.REFERENCE),
        "date_format": (attribute.date_format is None, kind is Kind.DATE),
    }
    for member, (absent, fits) in limits.items():
        if not absent and not fits:
            yield member, "not_for_kind", f"不适用于 {kind} 类属性", f"does not apply to the kind {kind}"


def _string_limits(attribute: Attribute) -> Iterator[Finding]:
    if attribute.kind is not Kind.STRING:
        return
    least, most = attribute.min_length or 0, attribute.longest
    if not 1 <= most <= LONGEST_STRING:
        zh, en = f"最大长度为 1 至 {LONGEST_STRING}", f"the maximum length is 1 to {LONGEST_STRING}"
        yield "max_length", "bad_length", zh, en
        return
    if not 0 <= least <= most:
        yield "min_length", "bad_length", "最小长度大于最大长度", "the minimum length is 0 to the maximum length"
    if attribute.indexed and most > LONGEST_INDEXED:
        zh = f"唯一或可检索的属性最长 {LONGEST_INDEXED} 个字符"
        en = f"a unique or listed attribute has at most {LONGEST_INDEXED} characters"
        yield "max_length", "too_long_to_index", zh, en
    if attribute.pattern is not None:
        try:
            compile_pattern(attribute.pattern, most)
        except InvalidPattern as error:
            yield "pattern", error.code, f"格式表达式有误：{error.detail}", error.detail


def _ranges(attribute: Attribute) -> Iterator[Finding]:
    if attribute.kind is Kind.NUMBER:
        canonical = canonical_number
    elif attribute.kind is Kind.DATE:
        canonical = canonical_date
    else:
        return
    sound = True
    for member, limit in (("minimum", attribute.minimum), ("maximum", attribute.maximum)):
        try:
            sound = sound and (limit is None or canonical(limit) == limit)
        except Refused:
            sound = False
        if not sound:
            yield member, "bad_limit", f"不是有效的{attribute.kind}值", f"not a plain {attribute.kind}"
            return
    low, high = attribute.minimum, attribute.maximum
    if low is not None and high is not None:
        ordered = Decimal(low) <= Decimal(high) if attribute.kind is Kind.NUMBER else low <= high
        if not ordered:
            yield "minimum", "bad_limit", "最小值大于最大值", "the minimum is above the maximum"


def _choices(attribute: Attribute) -> Iterator[Finding]:
    if attribute.kind is not Kind.ENUM:
        return
    choices = attribute.choices
    if not 1 <= len(choices) <= MAX_CHOICES:
        zh, en = f"可选值为 1 至 {MAX_CHOICES} 个", f"there are 1 to {MAX_CHOICES} choices"
        yield "choices", "bad_choices", zh, en
    if len(set(choices)) < len(choices):
        yield "choices", "bad_choices", "可选值有重复", "a choice appears twice"
    if not all(1 <= len(choice) <= LONGEST_INDEXED and _storable(choice) for choice in choices):
        zh = f"每个可选值为 1 至 {LONGEST_INDEXED} 个可见字符，首尾没有空格"
        en = f"a choice has 1 to {LONGEST_INDEXED} visible characters and no space around it"
        yield "choices", "bad_choices", zh, en


def _arrays(attribute: Attribute) -> Iterator[Finding]:
    if not attribute.many:
        if attribute.max_items is not None:
            yield "max_items", "not_for_kind", "只适用于数组", "applies to arrays only"
        return
    if not 1 <= attribute.most_items <= MOST_ITEMS:
        zh, en = f"数组最多 1 至 {MOST_ITEMS} 项", f"an array has at most 1 to {MOST_ITEMS} items"
        yield "max_items", "bad_length", zh, en
    for member, said in (("unique", attribute.unique), ("listed", attribute.listed)):
        if said:
            yield member, "array_not_indexed", "数组不能设为唯一或可检索", "an array is neither unique nor listed"


def _units(attribute: Attribute) -> Iterator[Finding]:
    known = known_units()
    if attribute.unit is not None and attribute.unit not in known:
        listed = ", ".join(known)
        yield "unit", "unknown_unit", f"未知的单位；可用：{listed}", f"no known unit; known are: {listed}"

    if attribute.decimals is not None and not 0 <= attribute.decimals <= MAX_DIGITS:
        zh, en = f"小数位数为 0 至 {MAX_DIGITS}", f"there are 0 to {MAX_DIGITS} decimals"
        yield "decimals", "bad_length", zh, en


def _files(attribute: Attribute) -> Iterator[Finding]:
    suffixes = attribute.suffixes
    if len(suffixes) > MAX_SUFFIXES or not all(_SUFFIX.fullmatch(suffix) for suffix in suffixes):
        zh = f"文件后缀最多 {MAX_SUFFIXES} 个，每个为 1 至 {MAX_SUFFIX} 个字母或数字"
        en = f"there are at most {MAX_SUFFIXES} suffixes, each of 1 to {MAX_SUFFIX} ASCII letters and digits"
        yield "suffixes", "bad_suffix", zh, en


def _texts(attribute: Attribute) -> Iterator[Finding]:
    for member, text, most in (
        ("code", attribute.code, MAX_CODE),
        ("definition", attribute.definition, MAX_TEXT),
        ("comment", attribute.comment, MAX_TEXT),
    ):
        if len(text) > most or not _sound(text):
            zh, en = f"最多 {most} 个字符，不含控制字符", f"at most {most} characters in NFC, no control characters"
            yield member, "bad_text", zh, en
    if attribute.template is not None and not _TEMPLATE.fullmatch(attribute.template):
        zh, en = "应为模板名或元数据标识", "neither the name of a template nor a handle"
        yield "template", "bad_template", zh, en
    form = attribute.date_format
    if form is not None and not (_DATE_FORMAT.fullmatch(form) and all(form.count(part) < 2 for part in _DATE_PARTS)):
        zh, en = "由 YYYY、MM、DD 及分隔符组成", "made of YYYY, MM and DD, once each, and separators"
        yield "date_format", "bad_date_format", zh, en


def _storable(text: str) -> bool:
    """Text on one line, in NFC, without spaces around it."""
    return _sound(text) and text == text.strip(" ") and not set(text) & set("\t\r\n")


def _sound(text: str) -> bool:
    try:
        check_text(text)
    except Refused:
        return False
    return True
