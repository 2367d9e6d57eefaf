"""One request of somebody who is signed in: by it a page asks, shows and sends on."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

from aiohttp import web
from pydantic import BaseModel

from admin.console.form import Form, Refusal
from admin.console.inside import Inside
from admin.console.language import Language
from admin.console.menu import menu_of
from admin.console.session import Session
from admin.pages import NodeFace
from admin.rendering import page
from node import problem
from node.auth import Account, Action, may_ever
from node.errors import NodeError
from node.routes import Reply
from node.web import REQUEST_ID

NOTICE = "notice"
_LONGEST_NOTICE = 4096


@dataclass(frozen=True, slots=True)
class Visit:
    """``face`` is the node's; ``inside`` has its operations."""

    request: web.Request
    session: Session
    language: Language
    inside: Inside
    face: NodeFace

    def t(self, chinese: str, english: str) -> str:
        """The one of two texts that is shown."""
        return self.language.t(chinese, english)

    @property
    def account(self) -> Account:
        """Who visits."""
        return self.session.account

    @property
    def csrf(self) -> str:
        """What every form sends along, to prove that it came from a page of this session."""
        return self.session.csrf

    @property
    def request_id(self) -> str:
        """By which the log tells of this request."""
        return self.request[REQUEST_ID]

    def may(self, action: Action) -> bool:
        """Whether there is anything the visitor may do this to: whether a button is worth showing."""
        return may_ever(self.account, action)

    async def reply(
        self,
        operation: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: object,
    ) -> Reply:
        """The reply of an operation of ``/v1``; see ``Inside.ask``."""
        return await self.inside.ask(self.request, self.account, operation, parameters, query, body, headers)

    async def ask(
        self,
        operation: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: object,
    ) -> Any:
        """The view that an operation of ``/v1`` answers, ``None`` where it answers without content."""
        reply = await self.reply(operation, query=query, body=body, headers=headers, **parameters)
        return cast("BaseModel | None", reply.content)

    async def form(self) -> Form:
        """What was sent; that it came from a page of this session has been checked before the page is asked."""
        return Form(await self.request.post())

    def text(self, name: str) -> str:
        """A parameter of the path, decoded."""
        return self.request.match_info[name]

    def query(self, *names: str) -> dict[str, str]:
        """Those parameters of the query that were given, for an operation."""
        given = self.request.query
        return {name: given[name].strip() for name in names if given.get(name, "").strip()}

    def show(
        self, template: str, *, status: int = 200, refusal: Refusal | None = None, **values: Any
    ) -> web.Response:
        """A template of ``admin/templates/console``; ``refusal`` (status 422 unless said) is shown by its fields."""
        answer = page(
            f"console/{template}",
            status=422 if refusal and status == 200 else status,
            visit=self,
            t=self.t,
            face=self.face,
            refusal=refusal and refusal.spoken(self.language),
            notice=_notice_of(self.request),
            menu=menu_of(self),
            **values,
        )
        answer.headers["Cache-Control"] = "no-store"
        if NOTICE in self.request.cookies:
            answer.del_cookie(NOTICE, path="/console")
        return answer

    def show_refusal(self, error: NodeError) -> web.Response:
        """The page of an error that no form can show."""
        return self.show("refused.html", status=problem.status_of(error), error=error)

    def go(self, path: str, done: tuple[str, str] | None = None, refused: NodeError | None = None) -> web.Response:
        """To another page of the console, which says what was ``done`` (in both languages) or ``refused``."""
        answer = web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})
        if done is not None:
            _put_notice(answer, {"kind": "done", "text": self.t(*done)})
        if refused is not None:
            text = f"{refused.title_zh} {refused.detail}" if self.language is Language.CHINESE else refused.detail
            _put_notice(answer, {"kind": "refused", "text": text})
        return answer

    async def press(
        self,
        operation: str,
        back: str | Callable[[Any], str],
        done: tuple[str, str],
        *,
        body: Callable[[Form], Mapping[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: object,
    ) -> web.Response:
        """A button: the operation is asked, and the page it stands on says how it went.

        ``back`` is that page, or makes the next one's address from the answer.
        """
        form = await self.form()
        try:
            answer = await self.ask(
                operation, query=None, body=body(form) if body else None, headers=headers, **parameters
            )
        except NodeError as error:
            return self.go(back if isinstance(back, str) else self.came_from(), refused=error)
        return self.go(back if isinstance(back, str) else back(answer), done)

    def came_from(self) -> str:
        """The page of the console that sent the visitor, else its first page."""
        path = self.request.headers.get("Referer", "").partition("://")[2].partition("/")[2]
        return "/" + path if path.startswith("console/") else "/console"


def address(template: str, **parts: object) -> str:
    """A path of the console with its parts escaped: ``address("/console/prefixes/{prefix}", prefix=…)``."""
    return template.format(**{name: quote(str(part), safe="") for name, part in parts.items()})


def _put_notice(answer: web.Response, notice: Mapping[str, str]) -> None:
    text = base64.urlsafe_b64encode(json.dumps({**notice, "text": notice["text"][:300]}).encode()).decode()
    answer.set_cookie(NOTICE, text, path="/console", max_age=60, httponly=True, samesite="Lax")


def _notice_of(request: web.Request) -> Mapping[str, str] | None:
    """What the page before had to say; whoever can set the cookie can say it, as text."""
    try:
        found = json.loads(base64.urlsafe_b64decode(request.cookies[NOTICE][:_LONGEST_NOTICE]))
        return {"kind": "refused" if found["kind"] == "refused" else "done", "text": str(found["text"])}
    except (KeyError, ValueError, TypeError):
        return None
