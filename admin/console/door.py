"""Coming in and going out: signing in by steps, the switch of the language.

First the password; then what else the node asks for: a code, a new password, a second factor to be set up. Between
the steps the browser has the secret of its half-open sign-in in a cookie of these pages; nothing typed comes back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from admin.console.form import Form, Refusal
from admin.console.language import COOKIE as LANGUAGE
from admin.console.language import language_of
from admin.console.page import Page
from admin.console.password_form import new_password_in, password_in, qr_code
from admin.console.session import COOKIE, check_own_page, drop_session, keep_session
from admin.console.visit import Visit
from admin.pages import NodeFace
from admin.rendering import page
from node import problem
from node.auth import Action
from node.errors import NodeError
from node.web import SOURCE
from registry.accounts.accounts import Accounts
from registry.accounts.entrance import EntryOver, HalfOpen, Place
from registry.accounts.signing_in import SignInRefused, Step
from registry.accounts.tokens import IssuedToken

_DOOR = "/console/sign-in"
_ENTERING = "entering"
_YEAR = 365 * 86_400

Entered = IssuedToken | HalfOpen


class Door:
    """The pages for whoever is not signed in yet."""

    def __init__(self, accounts: Accounts, face: NodeFace) -> None:
        self._accounts = accounts
        self._entrance = accounts.entrance
        self._face = face

    async def ask(self, request: web.Request) -> web.Response:
        """The form for name and password."""
        return self._shown(request, "sign_in.html", name="")

    async def enter(self, request: web.Request) -> web.Response:
        """Name and password."""
        name = Form(await request.post()).text("name")

        async def proved() -> Entered:
            return await self._entrance.begin(name, await password_in(request, "password"), _place(request))

        return await self._led(request, proved, "sign_in.html", name=name)

    async def ask_step(self, request: web.Request) -> web.Response:
        """The form of a step, if it is the next one."""
        try:
            waiting = await self._entrance.waiting(request.cookies.get(_ENTERING, ""))
            if waiting.step != request.match_info["step"]:
                return _to(_step_path(waiting.step, request))
            return self._shown(request, _template(waiting.step), **await self._told(waiting))
        except (EntryOver, SignInRefused) as error:
            return self._begin_again(request, error)

    async def take_step(self, request: web.Request) -> web.Response:
        """What the step asked for."""
        text, place = request.cookies.get(_ENTERING, ""), _place(request)
        step = Step(request.match_info["step"])
        code = Form(await request.post()).text("code")

        async def done() -> Entered:
            if step is Step.CODE:
                return await self._entrance.give_code(text, code, place)
            return await self._entrance.give_password(text, await new_password_in(request), place)

        if step is Step.ENROL:
            return await self._enrol(request, text, code, place)
        return await self._led(request, done, _template(step), policy=self._accounts.rules.policy)

    async def _enrol(self, request: web.Request, text: str, code: str, place: Place) -> web.Response:
        codes: Sequence[str] = ()

        async def confirmed() -> Entered:
            nonlocal codes
            issued, codes = await self._entrance.confirm_enrolment(text, code, place)
            return issued

        answer = await self._led(request, confirmed, _template(Step.ENROL), picture="", secret="")
        if not codes:
            return answer
        # The session begins with the only sight of the recovery codes.
        shown = self._shown(request, "door_recovery_codes.html", codes=codes)
        for cookie in answer.cookies.values():
            shown.headers.add("Set-Cookie", cookie.OutputString())
        return shown

    async def _led(
        self, request: web.Request, action: Callable[[], Awaitable[Entered]], template: str, **values: Any
    ) -> web.Response:
        """In, to the next step, or back to the same form with the refusal."""
        try:
            check_own_page(request)
            self._accounts.check_source(request[SOURCE])
            entered = await action()
        except EntryOver as error:
            return self._begin_again(request, error)
        except SignInRefused as error:
            if template != "sign_in.html":
                return self._begin_again(request, error)
            return self._shown(request, template, error, **values)
        except NodeError as error:
            return self._shown(request, template, error, **values)
        if isinstance(entered, HalfOpen):
            answer = _to(_step_path(entered.step, request))
            answer.set_cookie(
                _ENTERING, entered.text, path=_DOOR, httponly=True, samesite="Strict", secure=request.secure
            )
            return answer
        answer = _to(_next(request))
        keep_session(answer, request, entered.text)
        answer.del_cookie(_ENTERING, path=_DOOR, httponly=True, samesite="Strict")
        return answer

    async def _told(self, waiting: HalfOpen) -> dict[str, Any]:
        match waiting.step:
            case Step.NEW_PASSWORD:
                return {"policy": self._accounts.rules.policy}
            case Step.ENROL:
                enrolment = await self._entrance.begin_enrolment(waiting.text)
                return {"picture": qr_code(enrolment.address), "secret": enrolment.secret}
        return {}

    def _begin_again(self, request: web.Request, error: NodeError) -> web.Response:
        answer = self._shown(request, "sign_in.html", error, name="")
        answer.del_cookie(_ENTERING, path=_DOOR, httponly=True, samesite="Strict")
        return answer

    def _shown(
        self, request: web.Request, template: str, error: NodeError | None = None, **values: Any
    ) -> web.Response:
        language = language_of(request)
        told = request.query.get("told", "")
        if COOKIE in request.cookies and "next" in request.query and request.method == "GET":
            told = "ended"  # led here from a page by a session that is no more
        answer = page(
            f"console/{template}", status=problem.status_of(error) if error else 200, face=self._face,
            language=language, t=language.t, next=_next(request), told=told,
            refusal=Refusal.of(error).spoken(language) if error else None, **values,
        )  # fmt: skip
        answer.headers["Cache-Control"] = "no-store"
        if request.query.get("lang") == language:
            _keep_language(answer, language)
        return answer


def add_door(router: web.UrlDispatcher, accounts: Accounts, face: NodeFace) -> None:
    """``/console/sign-in`` and its steps."""
    door = Door(accounts, face)
    steps = "|".join(step.value for step in Step)
    router.add_get(_DOOR, door.ask)
    router.add_post(_DOOR, door.enter)
    router.add_get(f"{_DOOR}/{{step:{steps}}}", door.ask_step)
    router.add_post(f"{_DOOR}/{{step:{steps}}}", door.take_step)


def door_pages() -> list[Page]:
    """Going out, and the switch of the language."""

    async def leave(visit: Visit) -> web.StreamResponse:
        await visit.ask("DELETE /v1/tokens/{token_id}", token_id=visit.session.session_id)
        answer = visit.go(_DOOR)
        drop_session(answer)
        return answer

    async def switch(visit: Visit) -> web.StreamResponse:
        chosen = (await visit.form()).text("lang")
        answer = visit.go(visit.came_from())
        if chosen in ("zh", "en"):
            _keep_language(answer, chosen)
        return answer

    return [
        Page("POST", "/console/sign-out", leave, Action.TOKEN_REVOKE),
        Page("POST", "/console/language", switch, Action.TOKEN_READ),
    ]


def _keep_language(answer: web.Response, chosen: str) -> None:
    """Pages speak it from now on."""
    answer.set_cookie(LANGUAGE, chosen, path="/", max_age=_YEAR, httponly=True, samesite="Lax")


def _place(request: web.Request) -> Place:
    return Place(request[SOURCE], request.headers.get("User-Agent", ""))


def _template(step: Step) -> str:
    return {
        Step.CODE: "door_code.html",
        Step.NEW_PASSWORD: "door_password.html",
        Step.ENROL: "door_second_factor.html",
    }[step]


def _step_path(step: Step, request: web.Request) -> str:
    wanted = {name: value for name, value in request.query.items() if name in ("next", "lang")}
    return f"{_DOOR}/{step}" + (f"?{urlencode(wanted)}" if wanted else "")


def _to(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


def _next(request: web.Request) -> str:
    """Where to afterwards: a page of the console and nothing else."""
    wanted = request.query.get("next", "")
    if wanted == "/console" or wanted.startswith(("/console/", "/console?")):
        return quote(wanted, safe="/?=&%:.-_~+,")
    return "/console"
