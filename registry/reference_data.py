"""Administrative divisions (GB/T 2260) and industries (GB/T 4754-2017) by their codes.

The tables live in ``registry/data``. A code of the wrong form is refused; a code of the right form that the tables
do not know is a caution and nothing more, because the tables are older than reality.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from node.errors import Malformed

_DATA = Path(__file__).with_name("data")
_DIVISION_FORM = re.compile(r"[1-9][0-9]{5}", re.ASCII)
_INDUSTRY_FORM = re.compile(r"[A-T]|[0-9]{2,4}", re.ASCII)


class DivisionCodeInvalid(Malformed):
    title_zh = "行政区划代码有误"


class IndustryCodeInvalid(Malformed):
    title_zh = "行业代码有误"


@dataclass(frozen=True, slots=True)
class Division:
    """``level`` is 1 province, 2 city, 3 county."""

    code: str
    level: int
    name: str


@dataclass(frozen=True, slots=True)
class Industry:
    """``category`` is the letter; a category's ``code`` is its letter, every other code is its digits alone."""

    category: str
    code: str
    level: int
    name: str


@dataclass(frozen=True, slots=True)
class Caution:
    """Something odd about an accepted field. ``message`` is Chinese, a slash, English."""

    field: str
    code: str
    message: str


def check_division(code: str) -> list[Caution]:
    """Cautions about a division code. Raises ``DivisionCodeInvalid`` unless it is six digits."""
    if not _DIVISION_FORM.fullmatch(code):
        raise DivisionCodeInvalid("a division code is six digits, the first not 0", field="division_code")
    if code in divisions():
        return []
    message = f"行政区划代码 {code} 未收录 / the division {code} is not listed"
    return [Caution("division_code", "division_unknown", message)]


def check_industry(code: str) -> list[Caution]:
    """Cautions about an industry code. Raises ``IndustryCodeInvalid`` unless it is A to T or two to four digits."""
    if not _INDUSTRY_FORM.fullmatch(code):
        raise IndustryCodeInvalid(
            "an industry code is a category letter A to T, or two to four digits without the letter",
            field="industry_code",
        )
    if code in industries():
        return []
    message = f"行业代码 {code} 未收录 / the industry {code} is not listed"
    return [Caution("industry_code", "industry_unknown", message)]


@cache
def divisions() -> dict[str, Division]:
    """All divisions by code."""
    return {row["code"]: Division(row["code"], int(row["level"]), row["name"]) for row in _rows("divisions.csv")}


@cache
def industries() -> dict[str, Industry]:
    """All industries by code."""
    found = (
        Industry(row["category"], row["code"] or row["category"], int(row["level"]), row["name"])
        for row in _rows("industries.csv")
    )
    return {industry.code: industry for industry in found}


def division_name(code: str) -> str:
    """A division with those above it: ``浙江省 宁波市 鄞州区``; empty where the tables do not list it."""
    if code not in divisions():
        return ""
    above = dict.fromkeys((code[:2] + "0000", code[:4] + "00", code))
    return " ".join(divisions()[one].name for one in above if one in divisions())


def find_divisions(text: str, limit: int) -> list[tuple[str, str]]:
    """Codes and whole names of divisions whose code begins so, or whose name has it, in the order of the codes."""
    wanted = text.replace(" ", "")
    named = ((code, division_name(code)) for code in divisions())
    found = ((code, name) for code, name in named if code.startswith(wanted) or wanted in name.replace(" ", ""))
    return list(islice(found, limit))


def find_industries(text: str, limit: int) -> list[tuple[str, str]]:
    """Codes and names of industries whose code begins so, or whose name has it, in the order of the tables."""
    found = ((one.code, one.name) for one in industries().values() if one.code.startswith(text) or text in one.name)
    return list(islice(found, limit))


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_DATA / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
