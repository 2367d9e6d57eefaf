"""How contents of files are named, and handed out so that no browser runs them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from registry.api.v1.fields import Text


def _plain_name(name: str) -> str:
    if set(name) & set('/\\:*?"<>|') or name.startswith("."):
        raise PydanticCustomError("not_a_file_name", "holds a character that file names cannot have")
    return name


FileName = Annotated[Text, Field(min_length=1, max_length=255), AfterValidator(_plain_name)]


def saved(name: str) -> dict[str, str]:
    """Headers of a content that is always saved, never shown (RFC 6266): what it is was checked, nobody is to guess.

    Old clients get the name without what is not ASCII.
    """
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
