"""Public pages: what they have in common, and the language that a visitor chose."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from admin.console.language import COOKIE, language_of
from admin.filters import without
from admin.pages import NodeFace
from admin.rendering import page
from node import __version__

_YEAR = 365 * 86_400


def public_page(
    request: web.Request, template: str, face: NodeFace, *, status: int = 200, **values: Any
) -> web.Response:
    """A template that extends ``public.html``, in the visitor's language; ``?lang=`` is remembered."""
    language = language_of(request)
    others = without(request.query, "lang")
    place = request.rel_url.raw_path
    answer = page(
        template, status=status, face=face, language=language, t=language.t, version=__version__, path=request.path,
        other_language=f"{place}?lang={language.other}{'&' if others else ''}{others}", **values,
    )  # fmt: skip
    if request.query.get("lang") == language:
        answer.set_cookie(COOKIE, language, path="/", max_age=_YEAR, httponly=True, samesite="Lax")
    return answer
