"""Date formats of items (``dateFormat``): days, which are dates to the node, and times, which are texts.

``YYYY-MM-DD`` and its like, also with Java's ``yyyy`` and ``dd``, are days whatever stands between the parts. A
format with hours, or without one part of the day, is a text of that form.
"""

from __future__ import annotations

import re
from datetime import date

DAY = "YYYY-MM-DD"
LONGEST = 50

_PART = re.compile("(YYYY|MM|DD|HH|hh|mm|ss|SSS)")
_DIGITS = {"YYYY": 4, "MM": 2, "DD": 2, "HH": 2, "hh": 2, "mm": 2, "ss": 2, "SSS": 3}
_OF_DAY = ("YYYY", "MM", "DD")
_BETWEEN_OF_DAY = re.compile("[-/. 年月日]*")
_BETWEEN = re.compile("[-/. :,T年月日时分秒]*")
_GROUPS = {"YYYY": r"(?P<year>\d{4})", "MM": r"(?P<month>\d{1,2})", "DD": r"(?P<day>\d{1,2})"}


def normal(form: str) -> str:
    """The format with one spelling for each part."""
    return form.strip().replace("yyyy", "YYYY").replace("dd", "DD")


def is_day(form: str) -> bool:
    """Whether a normal format says year, month and day, each once, and nothing else."""
    between, parts = _PART.split(form)[::2], _PART.split(form)[1::2]
    return sorted(parts) == sorted(_OF_DAY) and all(_BETWEEN_OF_DAY.fullmatch(text) for text in between)


def pattern_of(form: str) -> str | None:
    """The pattern (``registry.templates.patterns``) of texts of a normal format; ``None``: it is no date format."""
    between, parts = _PART.split(form)[::2], _PART.split(form)[1::2]
    if not parts or len(form) > LONGEST or not all(_BETWEEN.fullmatch(text) for text in between):
        return None
    return "".join(f"[0-9]{{{_DIGITS[one]}}}" if one in _DIGITS else re.escape(one) for one in _PART.split(form))


def day_of(text: str, form: str) -> str | None:
    """A day as ``YYYY-MM-DD`` of a text in this format; ``None``: it is none."""
    found = re.fullmatch("".join(_GROUPS.get(one) or re.escape(one) for one in _PART.split(form)), text, re.ASCII)
    if found is None:
        return None
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"])).isoformat()
    except ValueError:
        return None


def shown_day(day: str, form: str) -> str:
    """``YYYY-MM-DD`` in this format."""
    parts = dict(zip(_OF_DAY, day.split("-"), strict=True))
    return _PART.sub(lambda part: parts[part[0]], form)
