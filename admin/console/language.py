"""Two languages: Chinese first, English by a switch; every text stands in both at the place where it is shown."""

from __future__ import annotations

from enum import StrEnum

from aiohttp import web

COOKIE = "language"


class Language(StrEnum):
    CHINESE = "zh"
    ENGLISH = "en"

    @property
    def tag(self) -> str:
        """For the attribute ``lang`` (BCP 47)."""
        return "zh-CN" if self is Language.CHINESE else "en"

    @property
    def other(self) -> Language:
        return Language.ENGLISH if self is Language.CHINESE else Language.CHINESE

    def t(self, chinese: str, english: str) -> str:
        """The one of two texts that is shown."""
        return chinese if self is Language.CHINESE else english


def language_of(request: web.Request) -> Language:
    """The switch decides (``?lang=`` for one page, the cookie for all), else Chinese."""
    for chosen in (request.query.get("lang"), request.cookies.get(COOKIE)):
        if chosen in ("zh", "en"):
            return Language(chosen)
    return Language.CHINESE
