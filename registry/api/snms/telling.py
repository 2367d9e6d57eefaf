"""Dates, pages and texts as SNMS writes them: times in China without a zone, pages counted from 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.china_time import CHINA
from registry.api.compatible import FieldUnreadable

MOST_OF_A_PAGE = 500
_TIME = "%Y-%m-%d %H:%M:%S"
_LAST_PAGE = 1_000_000


def told_time(at: datetime) -> str:
    """``yyyy-MM-dd HH:mm:ss`` in China."""
    return at.astimezone(CHINA).strftime(_TIME)


def read_time(text: str, field: str) -> datetime | None:
    """The same read again, a day alone being its first second; nothing is no time. Raises ``FieldUnreadable``."""
    if not text.strip():
        return None
    for form in (_TIME, "%Y-%m-%d"):
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=CHINA)
        except ValueError:
            continue
    raise FieldUnreadable(f"{field} is not of the form yyyy-MM-dd HH:mm:ss", field=field)


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which page, counted from 1, and how many on each."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


def page_asked(query: Mapping[str, str]) -> PageAsked:
    """``currentPage`` and ``pageSize`` of a query; 1 and 10 where they are not said. Raises ``FieldUnreadable``."""
    return PageAsked(_counted(query, "currentPage", 1, _LAST_PAGE), _counted(query, "pageSize", 10, MOST_OF_A_PAGE))


def told_page(asked: PageAsked, total: int, content: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The page shape of Spring, with the first page as number 1."""
    pages = -(-total // asked.size)
    return {
        "first": asked.number == 1,
        "last": asked.number >= pages,
        "totalPages": pages,
        "totalElements": total,
        "number": asked.number,
        "size": asked.size,
        "sort": None,
        "numberOfElements": len(content),
        "content": content,
    }


def _counted(query: Mapping[str, str], name: str, usual: int, most: int) -> int:
    text = query.get(name, "").strip()
    if not text:
        return usual
    if not (text.isascii() and text.isdigit()) or int(text[:9]) < 1:
        raise FieldUnreadable(f"{name} is not a positive number", field=name)
    return min(int(text[:9]), most)
