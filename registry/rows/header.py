"""The first row of a table: without it no row can be understood, so its faults stop the whole file."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from node.errors import Malformed
from registry.rejection import Fault

DELIMITERS = (",", ";", "\t", "|")


class Header(NamedTuple):
    """The column names of the rows that follow; ``sheet`` counts from 1 and is 0 outside workbooks."""

    columns: list[str]
    sheet: int = 0
    sheet_name: str = ""


class BadDelimiter(Malformed):
    title_zh = "不支持的分隔符"

    def __init__(self, delimiter: str) -> None:
        super().__init__("the delimiter must be one of , ; | or a tab", delimiter=delimiter)


class NoHeader(Malformed):
    title_zh = "文件没有表头"

    def __init__(self) -> None:
        super().__init__("the input is empty: it must start with a line of column names")


class UnreadableHeader(Malformed):
    title_zh = "表头无法读取"

    def __init__(self, line: int, fault: Fault, raw: bytes) -> None:
        detail = f"the line of column names cannot be read: {fault.message}"
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            detail += " (this is UTF-16; save it as CSV UTF-8)"
        elif fault.code == "not_utf8":
            detail += " (perhaps GBK; save it as CSV UTF-8)"
        super().__init__(detail, line=line, fault=fault.to_json())


class EmptyColumn(Malformed):
    title_zh = "表头中有空列名"

    def __init__(self, line: int, column: int) -> None:
        super().__init__(f"column {column} of the header has no name", line=line, column=column)


class DuplicateColumn(Malformed):
    title_zh = "表头中有重复列名"

    def __init__(self, line: int, name: str) -> None:
        super().__init__(f"the header names the column {name!r} twice", line=line, name=name)


class WrongDelimiter(Malformed):
    title_zh = "分隔符可能不对"

    def __init__(self, line: int, delimiter: str, suspected: str) -> None:
        super().__init__(
            f"the header has one column and contains {suspected!r}: is that the delimiter, not {delimiter!r}?",
            line=line,
            delimiter=delimiter,
            suspected=suspected,
        )


def checked_header(names: list[str], line: int, delimiter: str) -> list[str]:
    """The column names as they stand.

    Raises ``WrongDelimiter``, ``EmptyColumn`` or ``DuplicateColumn``.
    """
    if len(names) == 1:
        for other in DELIMITERS:
            if other != delimiter and other in names[0]:
                raise WrongDelimiter(line, delimiter, other)
    return checked_columns(names, line)


def checked_columns(names: list[str], line: int) -> list[str]:
    """The column names as they stand. Raises ``EmptyColumn`` or ``DuplicateColumn``."""
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise EmptyColumn(line, number)
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise DuplicateColumn(line, name)
    return names
