"""What forms ask about passwords and second factors: a password as it was typed, one typed twice, a QR code."""

from __future__ import annotations

import base64

from aiohttp import web

from admin.labels.drawing import svg
from admin.labels.symbol import CodeKind, symbol_of
from node.errors import Malformed


class PasswordsDiffer(Malformed):
    title_zh = "两次输入的口令不一致"


async def password_in(request: web.Request, name: str) -> str:
    """The field as it was typed, blanks too."""
    typed = (await request.post()).get(name)
    return typed if isinstance(typed, str) else ""


async def new_password_in(request: web.Request) -> str:
    """The field ``password``, typed again in ``again``. Raises ``PasswordsDiffer``."""
    password = await password_in(request, "password")
    if password != await password_in(request, "again"):
        raise PasswordsDiffer("the two passwords differ: type the same twice", field="again")
    return password


def qr_code(address: str) -> str:
    """The address as a picture inside the page (``data:`` with SVG)."""
    picture = svg(symbol_of(CodeKind.QR, address)).encode()
    return f"data:image/svg+xml;base64,{base64.b64encode(picture).decode()}"
