"""Lists by keyset: ``?limit=…&cursor=…`` and ``{items, next_cursor}``.

A cursor holds the key of the last item that was seen, so pages neither skip nor repeat what others add or remove
meanwhile. It is no secret and grants nothing; clients are told not to look inside.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from node.errors import Malformed

Item = TypeVar("Item")


class CursorBroken(Malformed):
    title_zh = "分页游标有误"


class Page(BaseModel):
    """The query of every list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(50, ge=1, le=200, description="most items of one answer")]
    cursor: Annotated[str | None, Field(None, max_length=512, description="next_cursor of the answer before")]


def cut(items: Sequence[Item], limit: int, key: Callable[[Item], object]) -> tuple[Sequence[Item], str | None]:
    """The first ``limit`` of ``limit + 1`` fetched items, and the cursor to the rest if there is any."""
    if len(items) <= limit:
        return items, None
    return items[:limit], write_cursor(str(key(items[limit - 1])))


def write_cursor(key: str) -> str:
    """The cursor after a key."""
    return base64.urlsafe_b64encode(key.encode()).rstrip(b"=").decode()


def text_cursor(cursor: str | None) -> str | None:
    """The key of a cursor that was made from text. Raises ``CursorBroken``."""
    if cursor is None:
        return None
    try:
        key = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise _broken() from None
    if not key.isprintable():
        raise _broken()
    return key


def uuid_cursor(cursor: str | None) -> UUID | None:
    """The key of a cursor that was made from a UUID. Raises ``CursorBroken``."""
    key = text_cursor(cursor)
    if key is None:
        return None
    try:
        return UUID(key)
    except ValueError:
        raise _broken() from None


def number_cursor(cursor: str | None) -> int | None:
    """The key of a cursor that was made from a row's number. Raises ``CursorBroken``."""
    key = text_cursor(cursor)
    if key is None:
        return None
    if not (key.isascii() and key.isdigit() and len(key) <= 18):
        raise _broken()
    return int(key)


def _broken() -> CursorBroken:
    return CursorBroken("the cursor is not one that this list gave out; begin without a cursor", field="cursor")
