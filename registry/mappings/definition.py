"""The JSON form of a mapping, read into ``Source`` values; everything wrong with it is found at once.

    {"suffix": SOURCE or {"coding_rule": "name", "values": {"name in the rule": SOURCE}},
     "attributes": {"attribute": SOURCE}}

A SOURCE is the name of a column, or an object: one of ``column``, ``columns`` with ``join``, ``constant``; and for
the first two any of ``trim``, ``case``, ``date_format``, ``lookup`` with ``otherwise``, ``split``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Object
from dataclasses import dataclass
from typing import Any

from registry.mappings.date_formats import BadDateFormat, date_reader
from registry.mappings.transforms import Case, Source
from registry.rejection import Fault, shown

SUFFIX = "suffix"
"""The target that is not an attribute; no attribute may be called so."""

MAX_ATTRIBUTES = 500
MAX_JOINED = 20
MAX_LOOKUP = 10_000
MAX_SEPARATOR = 64
MAX_COLUMN = 1024
MAX_TEXT = 32_768

_SOURCE_MEMBERS = frozenset(
    {"column", "columns", "join", "constant", "trim", "case", "date_format", "lookup", "otherwise", "split"}
)
_TRANSFORMS = frozenset({"trim", "case", "date_format", "lookup", "otherwise", "split"})
# What neither a database text nor UTF-8 can hold.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_NOTHING = Source()


@dataclass(frozen=True, slots=True)
class FromRule:
    """The suffix is made by a coding rule. ``values`` gives it what no attribute of the template holds."""

    rule: str
    values: tuple[tuple[str, Source], ...] = ()

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"coding_rule": self.rule}
        if self.values:
            said["values"] = {name: source.to_json() for name, source in self.values}
        return said


Target = tuple[str, Source | FromRule]
"""The name of an attribute or ``suffix``, and where its value comes from."""


def read_definition(said: Object[str, Any]) -> tuple[tuple[Target, ...], list[Fault]]:
    """The targets in the order of the definition, the suffix first, and everything wrong with it."""
    faults = [_unknown(shown(str(member))) for member in said if member not in (SUFFIX, "attributes")]
    targets: list[Target] = []
    if SUFFIX in said:
        targets.append((SUFFIX, _suffix(said[SUFFIX], faults)))
    attributes = _object(said.get("attributes", {}), "attributes", MAX_ATTRIBUTES, faults)
    for name, source in attributes.items():
        place = f"attributes.{shown(name)}"
        if name == SUFFIX:
            faults.append(_fault(place, "bad_target", "后缀不是属性", "the suffix is no attribute"))
        _text(name, place, MAX_COLUMN, 1, faults)
        targets.append((name, _source(source, place, faults)))
    return tuple(targets), faults


def _suffix(said: object, faults: list[Fault]) -> Source | FromRule:
    if not isinstance(said, dict) or "coding_rule" not in said:
        return _source(said, SUFFIX, faults)
    faults.extend(
        _unknown(f"{SUFFIX}.{shown(str(member))}") for member in said if member not in ("coding_rule", "values")
    )
    rule = _text(said["coding_rule"], f"{SUFFIX}.coding_rule", 128, 1, faults)
    values = _object(said.get("values", {}), f"{SUFFIX}.values", MAX_JOINED, faults)
    read = [(name, _source(source, f"{SUFFIX}.values.{shown(name)}", faults)) for name, source in values.items()]
    for name in values:
        _text(name, f"{SUFFIX}.values.{shown(name)}", 64, 1, faults)
    return FromRule(rule, tuple(read))


def _source(said: object, place: str, faults: list[Fault]) -> Source:
    if isinstance(said, str):
        return Source(columns=(_text(said, place, MAX_COLUMN, 1, faults),))
    if not isinstance(said, dict):
        zh, en = "应为列名或对象", "must be the name of a column or an object"
        faults.append(_fault(place, "wrong_shape", zh, en))
        return _NOTHING
    faults.extend(_unknown(f"{place}.{shown(str(member))}") for member in said if member not in _SOURCE_MEMBERS)
    faults.extend(_combinations(said, place))

    def given(member: str, read: Callable[..., Any], *limits: int) -> Any:
        return read(said[member], f"{place}.{member}", *limits, faults) if member in said else None

    return Source(
        columns=_columns(said, place, faults),
        join=given("join", _text, MAX_SEPARATOR, 0) if "join" in said else "" if "columns" in said else None,
        constant=given("constant", _constant),
        trim=given("trim", _flag) or False,
        case=given("case", _case),
        date_format=given("date_format", _date_format),
        lookup=given("lookup", _lookup),
        otherwise=given("otherwise", _text, MAX_TEXT, 0),
        split=given("split", _text, MAX_SEPARATOR, 1),
    )


def _combinations(said: Object[str, Any], place: str) -> Iterator[Fault]:
    origins = [member for member in ("column", "columns", "constant") if member in said]
    if len(origins) != 1:
        zh, en = "column、columns、constant 必须且只能写一个", "exactly one of column, columns and constant is needed"
        yield _fault(place, "one_origin", zh, en)
    if "constant" in said and (changed := sorted(_TRANSFORMS & said.keys())):
        zh, en = "常量不能再转换", "a constant is not transformed"
        yield _fault(f"{place}.{changed[0]}", "not_for_constant", zh, en)
    if "join" in said and "columns" not in said:
        yield _fault(f"{place}.join", "join_without_columns", "join 需要 columns", "join needs columns")
    if "otherwise" in said and "lookup" not in said:
        yield _fault(
            f"{place}.otherwise", "otherwise_without_lookup", "otherwise 需要 lookup", "otherwise needs lookup"
        )
    if "split" in said and "columns" in said:
        yield _fault(f"{place}.split", "split_after_join", "连接与拆分不能同用", "what was joined is not split again")
    if "split" in said and place == SUFFIX:
        yield _fault(f"{place}.split", "suffix_is_one", "后缀不能拆分为多个", "a suffix is one text, not several")


def _columns(said: Object[str, Any], place: str, faults: list[Fault]) -> tuple[str, ...]:
    if "column" in said:
        return (_text(said["column"], f"{place}.column", MAX_COLUMN, 1, faults),)
    if "columns" not in said:
        return ()
    columns, place = said["columns"], f"{place}.columns"
    if not isinstance(columns, list) or not 1 <= len(columns) <= MAX_JOINED:
        zh, en = f"应为 1 至 {MAX_JOINED} 个列名的数组", f"must be a list of 1 to {MAX_JOINED} names of columns"
        faults.append(_fault(place, "wrong_shape", zh, en))
        return ()
    return tuple(_text(column, f"{place}[{at}]", MAX_COLUMN, 1, faults) for at, column in enumerate(columns))


def _constant(said: object, place: str, faults: list[Fault]) -> str | int | bool | None:
    if isinstance(said, bool):
        return said
    if isinstance(said, int):
        if abs(said) >= 10**18:
            zh, en = "超过 18 位的数请写成文本", "a number of more than 18 digits is written as text"
            faults.append(_fault(place, "wrong_shape", zh, en))
        return said
    if isinstance(said, str):
        return _text(said, place, MAX_TEXT, 1, faults)
    zh, en = "应为文本、整数、true 或 false；小数请写成文本", "must be text, a whole number, true or false"
    faults.append(_fault(place, "wrong_shape", zh, en))
    return None


def _case(said: object, place: str, faults: list[Fault]) -> Case | None:
    if isinstance(said, str) and said in tuple(Case):
        return Case(said)
    faults.append(_fault(place, "bad_case", "应为 upper 或 lower", "must be upper or lower"))
    return None


def _date_format(said: object, place: str, faults: list[Fault]) -> str | None:
    form = _text(said, place, MAX_COLUMN, 1, faults)
    try:
        date_reader(form)
    except BadDateFormat as error:
        if form:
            faults.append(Fault(place, "bad_date_format", str(error)))
        return None
    return form


def _lookup(said: object, place: str, faults: list[Fault]) -> dict[str, str]:
    table = _object(said, place, MAX_LOOKUP, faults)
    for value, replacement in table.items():
        _text(value, f"{place}.{shown(value)}", MAX_TEXT, 0, faults)
        _text(replacement, f"{place}.{shown(value)}", MAX_TEXT, 0, faults)
    return table


def _object(said: object, place: str, most: int, faults: list[Fault]) -> dict[str, Any]:
    if isinstance(said, dict) and len(said) <= most and all(isinstance(name, str) for name in said):
        return said
    zh, en = f"应为对象，最多 {most} 项", f"must be an object of at most {most} members"
    faults.append(_fault(place, "wrong_shape", zh, en))
    return {}


def _flag(said: object, place: str, faults: list[Fault]) -> bool:
    if not isinstance(said, bool):
        faults.append(_fault(place, "wrong_shape", "应为 true 或 false", "must be true or false"))
    return said is True


def _text(said: object, place: str, most: int, least: int, faults: list[Fault]) -> str:
    if isinstance(said, str) and least <= len(said) <= most and not _UNSTORABLE.search(said):
        return said
    zh, en = f"应为 {least} 至 {most} 个字符的文本", f"must be a text of {least} to {most} characters"
    faults.append(_fault(place, "wrong_shape", zh, en))
    return ""


def _unknown(place: str) -> Fault:
    return _fault(place, "unknown_member", "未知的成员", "no such member")


def _fault(place: str, code: str, zh: str, en: str) -> Fault:
    return Fault(place, code, f"{zh} / {en}")
