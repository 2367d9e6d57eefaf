"""Who is signed in: the session is a token that the door issued, in a cookie that only the console is sent.

Forms carry a second proof (CSRF) made from the token: a page of another site can make a browser send the cookie, but
cannot know the proof.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from uuid import UUID

from aiohttp import web

from node.auth import Account
from node.errors import Forbidden
from node.routes import NotSignedIn
from registry.accounts.accounts import Accounts
from registry.accounts.tokens import read_token

COOKIE = "session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"


class FormForged(Forbidden):
    title_zh = "表单已失效，请刷新页面后重试"


class EntryForged(Forbidden):
    """The form of the door was sent by a page of another site (login CSRF)."""

    title_zh = "登录请求不是从本节点的登录页面发出的"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in; ``session_id`` is that of the token, whose text is the secret of the session."""

    account: Account
    session_id: UUID
    token: str = field(repr=False)

    @property
    def csrf(self) -> str:
        """What proves that a form came from a page of this session."""
        made = hmac.digest(self.token.encode(), b"form of the console", hashlib.sha256)
        return base64.urlsafe_b64encode(made).decode().rstrip("=")


async def session_of(accounts: Accounts, request: web.Request) -> Session:
    """The session of a request, which so is in use. Raises ``NotSignedIn`` and what ``Accounts.visit`` raises."""
    token = request.cookies.get(COOKIE, "")
    parts = read_token(token)
    if parts is None:
        raise NotSignedIn("sign in first")
    return Session(await accounts.visit(token), parts[0], token)


async def check_form(session: Session, request: web.Request) -> None:
    """Raises ``FormForged`` where the request did not come from a page of this session."""
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        field = (await request.post()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    if not hmac.compare_digest(session.csrf.encode(), (given or "").encode()):
        raise FormForged("the form did not come from a page of this session: load the page again")


def check_own_page(request: web.Request) -> None:
    """Before anybody is signed in there is no session to prove a form by: browsers say where it came from.

    ``Sec-Fetch-Site`` decides where a browser sends it, ``Origin`` otherwise; what sends neither is no browser, and
    nobody can make it sign in unawares. Raises ``EntryForged``.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = origin is None or origin.partition("://")[2] == request.host
    if not own:
        raise EntryForged("the form came from a page of another site: open the sign-in page of this node")


def keep_session(answer: web.Response, request: web.Request, token: str) -> None:
    """Put a session into the browser, until it is closed."""
    answer.set_cookie(COOKIE, token, path="/console", httponly=True, samesite="Lax", secure=request.secure)


def drop_session(answer: web.Response) -> None:
    """Take the session out of the browser."""
    answer.del_cookie(COOKIE, path="/console", httponly=True, samesite="Lax")
