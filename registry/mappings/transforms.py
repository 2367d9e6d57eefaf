"""Where one value of a mapped row comes from, and the simple things done to it on the way.

The order is always the same: take (a column, several joined, or a constant), split, trim, case, date format,
lookup. What is split goes through the later steps element by element. Nothing but trimming and joining touches an
empty value, and a lookup only where it names the empty text; so an empty cell stays one, whatever it means to the
operation. Numbers and booleans of JSON pass trim, case and splitting unchanged and are looked up by their text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Object
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from registry.mappings.date_formats import date_reader
from registry.rejection import Code, Fault

_MAX_DIGITS = 38


class Case(StrEnum):
    UPPER = "upper"
    LOWER = "lower"


class Unfit(Exception):
    """A value that a transform cannot take; whoever knows the target makes it a ``Fault`` of the row."""

    def __init__(self, code: Code, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
        self.item: int | None = None

    def fault(self, target: str) -> Fault:
        """What is wrong, said about the target."""
        return self.code.fault(target, item=self.item, **self.facts)


@dataclass(frozen=True, slots=True)
class Source:
    """One value: exactly one of ``columns`` and ``constant`` is given.

    ``join`` is what stands between several columns. ``lookup`` replaces a value by another; a value that it does
    not name becomes ``otherwise`` if that is given, and is a fault of its row if not. ``split`` makes an array.
    """

    columns: tuple[str, ...] = ()
    join: str | None = None
    constant: str | int | bool | None = None
    trim: bool = False
    case: Case | None = None
    date_format: str | None = None
    lookup: Object[str, str] | None = None
    otherwise: str | None = None
    split: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is the text of one column, untouched."""
        return self == Source(columns=self.columns) and len(self.columns) == 1

    def to_json(self) -> Any:
        """The shortest form of itself: the column's name if that says everything."""
        if self.is_plain:
            return self.columns[0]
        if self.constant is not None:
            return {"constant": self.constant}
        said: dict[str, Any] = (
            {"column": self.columns[0]} if self.join is None else {"columns": list(self.columns), "join": self.join}
        )
        if self.trim:
            said["trim"] = True
        if self.case is not None:
            said["case"] = str(self.case)
        for member in ("date_format", "otherwise", "split"):
            if (value := getattr(self, member)) is not None:
                said[member] = value
        if self.lookup is not None:
            said["lookup"] = dict(self.lookup)
        return said


def joiner(source: Source, *, whole: bool) -> Callable[[Sequence[Any]], Any]:
    """A function from the values of ``source.columns`` to one text.

    Empty values are left out, separator and all; with ``whole`` (a suffix, where that would name something else)
    they are ``Unfit``, unless all are empty.
    """
    between, trim, columns = source.join or "", source.trim, source.columns

    def joined(values: Sequence[Any]) -> Any:
        texts = [text_of(value) for value in values]
        if trim:
            texts = [text.strip() for text in texts]
        full = [text for text in texts if text]
        if whole and full and len(full) < len(texts):
            raise Unfit(Code.JOIN_INCOMPLETE, column=columns[texts.index("")])
        return between.join(full)

    return joined


def transform(source: Source) -> Callable[[Any], Any] | None:
    """What is done to the value once it was taken, as one function; None when nothing is. It raises ``Unfit``."""
    each = _steps(source)
    separator = source.split

    def listed(value: Any) -> Any:
        elements = value.split(separator) if isinstance(value, str) and separator is not None else value
        if not isinstance(elements, list):
            return one(elements)
        made = []
        for item, element in enumerate(elements, start=1):
            try:
                value = one(element)
            except Unfit as unfit:
                unfit.item = item
                raise
            if value is not None and value != "":
                made.append(value)
        return made

    def one(value: Any) -> Any:
        for step in each:
            value = step(value)
        return value

    if separator is None and not each:
        return None
    return listed


def text_of(value: Any) -> str:
    """A scalar as text: '' for None, digits as they were sent. Raises ``Unfit`` for what is no scalar."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if value.bit_length() > 4 * _MAX_DIGITS:
            raise Unfit(Code.TOO_MANY_DIGITS, limit=_MAX_DIGITS)
        return str(value)
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or abs(exponent) > _MAX_DIGITS:
            raise Unfit(Code.TOO_MANY_DIGITS, limit=_MAX_DIGITS)
        return format(value, "f")
    raise Unfit(Code.NOT_TEXT)


def _steps(source: Source) -> list[Callable[[Any], Any]]:
    steps: list[Callable[[Any], Any]] = []
    if source.trim:
        steps.append(lambda value: value.strip() if isinstance(value, str) else value)
    if source.case is not None:
        change = str.upper if source.case is Case.UPPER else str.lower
        steps.append(lambda value: change(value) if isinstance(value, str) else value)
    if source.date_format is not None:
        steps.append(_dating(source.date_format))
    if source.lookup is not None:
        steps.append(_looking_up(source.lookup, source.otherwise))
    return steps


def _dating(form: str) -> Callable[[Any], Any]:
    read = date_reader(form)

    def dated(value: Any) -> Any:
        if value is None or value == "":
            return value
        text = text_of(value)
        day = read(text)
        if day is None:
            raise Unfit(Code.DATE_FORMAT_MISMATCH, value=text, format=form)
        return day

    return dated


def _looking_up(table: Object[str, str], otherwise: str | None) -> Callable[[Any], Any]:
    def found(value: Any) -> Any:
        text = text_of(value)
        replacement = table.get(text)
        if replacement is not None:
            return replacement
        if not text:
            return value
        if otherwise is None:
            raise Unfit(Code.NOT_IN_LOOKUP, value=text)
        return otherwise

    return found
