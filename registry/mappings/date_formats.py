"""Dates as other systems write them, read into ``YYYY-MM-DD``.

A format is made of ``YYYY``, ``MM`` or ``M``, ``DD`` or ``D``, each once, and whatever stands between them:
``YYYY/M/D``, ``DD.MM.YYYY``, ``YYYY年M月D日``, ``YYYYMMDD``. A time of day (``hh`` or ``h``, ``mm``, ``ss``) is
read and left out: ``YYYY-MM-DD hh:mm:ss``. Years of two digits are not read, because they would be guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

_TOKENS = {
    "YYYY": r"(?P<year>[0-9]{4})",
    "MM": r"(?P<month>[0-9]{2})",
    "M": r"(?P<month>[0-9]{1,2})",
    "DD": r"(?P<day>[0-9]{2})",
    "D": r"(?P<day>[0-9]{1,2})",
    "hh": r"(?P<hour>[01][0-9]|2[0-3])",
    "h": r"(?P<hour>1[0-9]|2[0-3]|[0-9])",
    "mm": r"(?P<minute>[0-5][0-9])",
    "ss": r"(?P<second>[0-5][0-9]|60)",
}
_PART = re.compile(r"YYYY|MM?|DD?|hh?|mm|ss|[^A-Za-z0-9]|(?P<other>.)", re.DOTALL)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MAX_FORMAT = 64


class BadDateFormat(ValueError):
    """Not a format; the argument is one sentence in Chinese, a slash, English."""


def date_reader(form: str) -> Callable[[str], str | None]:
    """A function from a text in this format to ``YYYY-MM-DD``, or None when it is no such text or no such day.

    ``YYYY-MM-DD`` itself is read too, unless the format begins with ``YYYY-`` and might mean something else by it:
    cells that a spreadsheet knows to be dates arrive so. Raises ``BadDateFormat``.
    """
    fullmatch = re.compile(_pattern(form)).fullmatch
    iso_too = not form.startswith("YYYY-")

    def read(text: str) -> str | None:
        if found := fullmatch(text):
            return _day(found["year"], found["month"], found["day"])
        if iso_too and _ISO.fullmatch(text):
            return _day(*text.split("-"))
        return None

    return read


def _day(year: str, month: str, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


def _pattern(form: str) -> str:
    if len(form) > MAX_FORMAT:
        raise BadDateFormat(f"日期格式最长 {MAX_FORMAT} 个字符 / a date format has at most {MAX_FORMAT} characters")
    pieces: list[str] = []
    seen: set[str] = set()
    loose = False  # the piece before takes one or two digits
    for part in _PART.finditer(form):
        token = part[0]
        if part["other"] is not None:
            message = f"日期格式中不能有“{token}” / {token} means nothing in a date format"
            raise BadDateFormat(message)
        if token not in _TOKENS:
            pieces.append(re.escape(token))
            loose = False
            continue
        if loose:
            raise BadDateFormat(f"“{token}”之前需要分隔符 / {token} needs something before it that is no digit")
        kind = token[0]
        if kind in seen:
            raise BadDateFormat(f"“{token}”重复 / {token} says again what stands before")
        seen.add(kind)
        pieces.append(_TOKENS[token])
        loose = token in ("M", "D", "h")
    if not {"Y", "M", "D"} <= seen:
        raise BadDateFormat("日期格式需要 YYYY、MM 或 M、DD 或 D / a date format needs YYYY, MM or M, DD or D")
    return "".join(pieces)
