"""Pages, times and callers as IDHub knows them (snms-api 1.2).

Pages are asked for from 0 and told from 1. Times are of China, to the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from node.auth import Account
from node.china_time import CHINA
from registry.api.compatible import Asked
from registry.api.idhub.status import IdhubRefusal, Status, parameter_error

MOST_ON_A_PAGE = 1000
_MOST_PAGES = 1_000_000
_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PageAsked:
    """``number`` counts from 0."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        return self.number * self.size

    def answer(self, content: Sequence[Mapping[str, Any]], total: int) -> dict[str, Any]:
        """The page of these entries, of ``total`` in all."""
        return {
            "pageSize": self.size,
            "pageNumber": self.number + 1,
            "totalCount": total,
            "totalPage": -(-total // self.size),
            "content": list(content),
        }


def page_of(asked: Asked) -> PageAsked:
    """``page`` (0 if missing) and ``size`` (10 if missing). Raises ``IdhubRefusal``."""
    number = _whole(asked, "page", 0, 0, _MOST_PAGES)
    return PageAsked(number, _whole(asked, "size", 10, 1, MOST_ON_A_PAGE))


def needed(asked: Asked, name: str, most: int = 255) -> str:
    """A query parameter that must say something. Raises ``IdhubRefusal``."""
    told = optional(asked, name, most)
    if not told:
        raise parameter_error(name, f"{name}不能为空")
    return told


def optional(asked: Asked, name: str, most: int = 255) -> str:
    """A query parameter that may be missing or empty. Raises ``IdhubRefusal``."""
    told = asked.query.get(name, "")
    if len(told) > most or not (told.isprintable()):
        raise parameter_error(name, f"{name}最多{most}个可见字符")
    return told


def span(asked: Asked) -> tuple[datetime, datetime]:
    """``startTime`` and ``endTime``; a day alone means all of it. Raises ``IdhubRefusal``."""
    start, end = asked.query.get("startTime", "").strip(), asked.query.get("endTime", "").strip()
    return (
        _time("startTime", start) if start else _FIRST,
        _time("endTime", end) + (timedelta(days=1, microseconds=-1) if len(end) == len("2030-01-02") else timedelta())
        if end
        else _LAST,
    )


def shown_time(at: datetime) -> str:
    """``2030-01-02 10:00:00``."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def enterprise_of(account: Account) -> UUID:
    """Whose affairs the caller minds: this interface is for enterprises. Raises ``IdhubRefusal``."""
    if account.enterprise_id is None:
        raise IdhubRefusal(Status.UN_AUTH_OP)
    return account.enterprise_id


def _whole(asked: Asked, name: str, usual: int, least: int, most: int) -> int:
    told = asked.query.get(name, "").strip()
    if not told:
        return usual
    if not (told.isascii() and told.isdigit() and len(told) <= 9 and least <= int(told) <= most):
        raise parameter_error(name, f"{name}应为{least}至{most}的整数")
    return int(told)


def _time(name: str, told: str) -> datetime:
    for form in _FORMS:
        try:
            return datetime.strptime(told, form).replace(tzinfo=CHINA)
        except ValueError:
            continue
    raise parameter_error(name, f"{name}应为yyyy-MM-dd HH:mm:ss")
