"""What is wrong with one row or one value, as data: a bad row never stops the good ones.

A ``Fault`` says what is wrong with one field; a ``Rejection`` places it in the input. Every code stands in
``Code`` with its wording, so that the API, the importer and the console say the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

MAX_ROW = 256 * 1024
"""Octets of one row, line breaks inside it included."""

MAX_KEPT = 4096
"""Octets that the rejection of a longer row keeps: enough to find it, too few to fill a disk."""

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
    NOT_AN_OBJECT = (
        "not_an_object",
        "每行（或数组的每个元素）必须是一个 JSON 对象",
        "a line or element must be one JSON object",
    )
    NESTED_VALUE = (
        "nested_value",
        "值不能是对象或多层数组",
        "a value must be text, a number, true, false, null or a list of these",
    )
    DUPLICATE_KEY = "duplicate_key", "同一个键出现两次", "the key appears twice"
    NOT_GB18030 = (
        "not_gb18030",
        "第 {position} 个字节不是 GB 18030 编码",
        "octet {position} of the row is not GB 18030",
    )
    CELL_ERROR = "cell_error", "单元格的值是错误 {value}", "the cell holds the error {value}"
    FORMULA_WITHOUT_VALUE = (
        "formula_without_value",
        "公式没有保存结果，请用电子表格软件打开并保存",
        "the formula has no stored result; open the workbook in a spreadsheet program and save it",
    )
    NUMBER_NOT_EXACT = (
        "number_not_exact",
        "电子表格只保留数字的前 15 位，请把单元格改为文本：{value}",
        "a spreadsheet keeps 15 digits of a number; make the cell text: {value}",
    )

    # The row does not fit the mapping or the grammar of suffixes.
    UNKNOWN_ATTRIBUTE = "unknown_attribute", "模板中没有这个属性", "the template has no such attribute"
    SUFFIX_MISSING = "suffix_missing", "缺少后缀", "the suffix is missing"
    SUFFIX_NOT_TEXT = (
        "suffix_not_text",
        "后缀必须是文本（数字会丢失前导零）",
        "the suffix must be text (a number loses its leading zeros)",
    )
    INVALID_SUFFIX = "invalid_suffix", "后缀不符合规则：{reason_zh}", "not a suffix: {reason}"

    # A transform of the mapping, or the coding rule, cannot take the row.
    NOT_IN_LOOKUP = "not_in_lookup", "对照表中没有：{value}", "the lookup table does not name {value}"
    DATE_FORMAT_MISMATCH = (
        "date_format_mismatch",
        "不是 {format} 格式的日期：{value}",
        "not a date of the form {format}: {value}",
    )
    JOIN_INCOMPLETE = (
        "join_incomplete",
        "要连接的列“{column}”没有值",
        "the column {column} has no value to join",
    )
    NOT_A_VERSION = "not_a_version", "不是版本号：{value}", "not a version: {value}"
    CODING_VALUE_MISSING = (
        "coding_value_missing",
        "编码规则需要“{name}”的值",
        "the coding rule needs a value of {name}",
    )
    CODING_VALUE_TOO_LONG = (
        "coding_value_too_long",
        "编码规则中“{name}”最多 {limit} 个字符，实际 {found} 个",
        "the coding rule takes at most {limit} characters of {name}, found {found}",
    )
    CODING_VALUE_TOO_SHORT = (
        "coding_value_too_short",
        "编码规则中“{name}”至少 {limit} 个字符，实际 {found} 个",
        "the coding rule takes at least {limit} characters of {name}, found {found}",
    )
    CODING_VALUE_CHARACTERS = (
        "coding_value_characters",
        "编码规则中“{name}”只能是{known_zh}：{value}",
        "the coding rule takes {known} as {name}: {value}",
    )
    CODING_VALUE_CHECK = (
        "coding_value_check",
        "“{name}”的校验码不对：{value}",
        "the check characters of {name} do not fit the others: {value}",
    )
    NOT_FOR_CHECK_DIGIT = (
        "not_for_check_digit",
        "字符 {character} 不能参与校验码计算",
        "the check digit cannot be computed over {character}",
    )
    SERIALS_SPENT = (
        "serials_spent",
        "流水号已用完：最多 {width} 位",
        "the serial numbers of {width} digits are used up",
    )

    # The record as a whole.
    NO_VALUES = "no_values", "没有任何属性值", "no attribute has a value"
    RECORD_TOO_LARGE = (
        "record_too_large",
        "标识数据超过 {limit} 字节",
        "the record is larger than {limit} octets",
    )

    TOO_MANY_VALUES = "too_many_values", "标识值超过 {limit} 个", "the record has more than {limit} values"
    INDEX_OCCUPIED = (
        "index_occupied",
        "索引 {index} 处已有模板之外的值",
        "a value outside the template stands at index {index} already",
    )

    # A value of the Handle protocol, by its index.
    WRONG_VALUE_TYPE = (
        "wrong_value_type",
        "索引 {index} 处的类型应为 {expected}，实际为 {found}",
        "index {index} takes a value of the type {expected}, found {found}",
    )
    NOT_IN_TEMPLATE = (
        "not_in_template",
        "模板 {template} 在索引 {index} 处没有属性（类型 {type}）；模板有：{known}",
        "the template {template} has nothing at index {index} (type {type}); it has {known}",
    )
    UNUSUAL_PERMISSIONS = (
        "unusual_permissions",
        "模板属性的权限只能是 1110",
        "an attribute of the template has the permissions 1110 and no others",
    )
    NO_REFERENCES = "no_references", "模板属性不能带引用", "an attribute of the template has no references"
    DATA_NOT_UTF8 = "data_not_utf8", "数据不是 UTF-8 文本", "the data is not UTF-8 text"
    NO_DATA = "no_data", "值没有内容，删除请用删除值操作", "the value is empty; to be without it, remove it"
    BAD_INDEX = "bad_index", "索引必须是正整数", "an index must be positive"
    BAD_VALUE_TYPE = (
        "bad_value_type",
        "类型应为 1 至 {limit} 个可见字符",
        "a type is 1 to {limit} visible characters",
    )
    TYPE_OF_PREFIXES = (
        "type_of_prefixes",
        "类型 {type} 只能用于前缀",
        "a value of the type {type} belongs to a prefix, not to an identifier",
    )
    VALUE_OUT_OF_RANGE = (
        "value_out_of_range",
        "权限或有效时间超出范围",
        "permissions or time to live are out of range",
    )
    VALUE_UNREADABLE = (
        "value_unreadable",
        "不是有效的 {type} 数据：{reason}",
        "not the data of a value of the type {type}: {reason}",
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
    UNKNOWN_UNIT = (
        "unknown_unit",
        "未知的单位：{value}（可用：{known}）",
        "unknown unit: {value} (known here: {known})",
    )
    UNIT_NOT_EXACT = (
        "unit_not_exact",
        "{value} 不能精确换算为 {unit}",
        "{value} is no exact decimal number of {unit}",
    )
    NOT_A_FILE = (
        "not_a_file",
        "不是文件标识（sha256- 加 64 位小写十六进制数）：{value}",
        "not a file id (sha256- and 64 lower-case hexadecimal digits): {value}",
    )
    NOT_AN_IDENTIFIER = (
        "not_an_identifier",
        "不是标识（前缀/后缀）：{value}",
        "not an identifier (prefix/suffix): {value}",
    )
    ONE_VALUE = "one_value", "该属性只有一个值，不能是数组", "the attribute takes one value, not an array"
    TOO_MANY_ITEMS = (
        "too_many_items",
        "最多 {limit} 项，实际 {found} 项",
        "at most {limit} items, found {found}",
    )
    EMPTY_ITEM = "empty_item", "数组中不能有空项", "an item of an array may not be empty"
    TOO_MANY_DECIMALS = (
        "too_many_decimals",
        "最多 {limit} 位小数，实际 {found} 位",
        "at most {limit} digits behind the point, found {found}",
    )
    ATTRIBUTE_DISABLED = (
        "attribute_disabled",
        "属性已禁用，不接受新值",
        "the attribute is disabled and takes no values",
    )
    ATTRIBUTE_PENDING = (
        "attribute_pending",
        "属性未生效，不接受新值",
        "the attribute is not in effect yet and takes no values",
    )

    # The row fits, and something stands in its way.
    DUPLICATE_ROW = "duplicate_row", "文件中前面已有同一标识", "the same identifier stands earlier in this file"
    IDENTIFIER_EXISTS = (
        "identifier_exists",
        "标识已存在，且数据不同",
        "the identifier is registered already, with other data",
    )
    SUFFIX_NOT_BY_RULE = (
        "suffix_not_by_rule",
        "后缀不符合编码规则：{reason_zh}",
        "the suffix does not follow the coding rule: {reason}",
    )
    QUOTA_REACHED = (
        "quota_reached",
        "前缀的注册配额已用完（{limit_zh}）",
        "the quota of the prefix is used up ({limit})",
    )
    IDENTIFIER_UNKNOWN = "identifier_unknown", "标识不存在", "the identifier is not registered"
    VERSION_CHANGED = (
        "version_changed",
        "标识已被修改：应为版本 {expected}，现为版本 {found}",
        "the identifier was changed: version {expected} is expected, version {found} stands",
    )
    CHANGED_SINCE = (
        "changed_since",
        "标识此后又有变更（现为版本 {found}），不能撤销",
        "the identifier was changed since (version {found} stands), so this is not undone",
    )
    FILE_UNKNOWN = "file_unknown", "没有这个文件，请先上传", "there is no such file; upload it first"
    WRONG_MEDIA = (
        "wrong_media",
        "文件类型 {media_type} 不是 {media}",
        "a file of the type {media_type} is no {media}",
    )
    WRONG_FILE_SUFFIX = (
        "wrong_file_suffix",
        "文件名 {name} 的后缀不在 {known} 之内",
        "the name {name} ends in none of {known}",
    )
    VALUE_TAKEN = (
        "value_taken",
        "该值必须唯一，已被其他标识使用",
        "the value must be unique and another identifier has it",
    )

    def fault(self, field: str | None = None, *, item: int | None = None, **facts: Any) -> Fault:
        """This code said about one field, or about one item of its array (from 1).

        ``facts`` fill the places of its wording.
        """
        texts = {name: shown(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
        chinese, english = self.zh.format_map(texts), self.en.format_map(texts)
        if item is not None:
            chinese, english = f"第 {item} 项：{chinese}", f"item {item}: {english}"
        place = None if field is None else shown(field)
        return Fault(place, self, f"{chinese} / {english}")


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

    ``line`` is the 1-based physical line where the row starts, in a workbook the number of the row in its sheet;
    ``row`` the row's own octets without the final line feed, whole up to ``MAX_ROW``; ``sheet`` counts from 1 and
    is 0 outside workbooks. A row with three faults makes three rejections.
    """

    line: int
    field: str | None
    code: str
    message: str
    row: bytes
    sheet: int = 0

    @classmethod
    def of(cls, line: int, row: bytes, fault: Fault, sheet: int = 0) -> Rejection:
        kept = row if len(row) <= MAX_ROW else row[:MAX_KEPT]
        return cls(line, fault.field, fault.code, fault.message, kept, sheet)


def shown(text: str) -> str:
    """Input text fit for a sentence and a database: cut, and what cannot be seen is written out."""
    cut = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
    if cut.isprintable():
        return cut
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut)
