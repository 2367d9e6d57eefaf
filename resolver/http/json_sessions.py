"""``/api/sessions``: who a client is, proved once for many requests. HTTPS only.

POST   begins a session: its id, and the nonce to sign
PUT    …/this   proves who the client is, by the Authorization header or by the same fields in the body
GET    …/this   whose session it is
DELETE …/this   ends it
"""

from __future__ import annotations

import base64
from typing import Any

from aiohttp import web

from node.administration import Identity, ProofNeeded
from node.errors import Unauthenticated
from node.web import SOURCE
from resolver.http.asking import Dress
from resolver.http.authorization import (
    AuthorizationUnreadable,
    HandleFields,
    fields_of,
    handle_fields,
)
from resolver.http.callers import Callers
from resolver.http.json_bodies import parameters_of
from resolver.http.json_front import answered
from resolver.http.sessions import Opening, Sessions

SESSIONS = "/api/sessions"
THIS = f"{SESSIONS}/this"

_SCHEME = "handle "


class SessionAnswers:
    """The four methods."""

    def __init__(self, sessions: Sessions, callers: Callers) -> None:
        self._sessions = sessions
        self._callers = callers

    def challenge(self) -> str:
        """What a refusal says to those who can sign: a new session and its nonce."""
        opening = self._sessions.begin()
        return f'Handle sessionId="{opening.session_id}", nonce="{_nonce(opening)}"'

    async def begin(self, request: web.Request, dressed: Dress) -> web.Response:
        """A session; of somebody already, when the request proves an identity by a secret or a certificate."""
        _only_secure(request)
        identity = await self._callers.identity(request)
        opening = self._sessions.begin()
        if identity is not None:
            await self._callers.enter(opening, identity)
        response = answered(_told(opening, identity), dressed, 201)
        response.headers["Location"] = THIS
        return response

    async def show(self, request: web.Request, dressed: Dress) -> web.Response:
        _only_secure(request)
        said = await self._said(request)
        opening = self._opening(said)
        return answered(_told(opening, await self._callers.of_session(said, request[SOURCE])), dressed)

    async def prove(self, request: web.Request, dressed: Dress) -> web.Response:
        _only_secure(request)
        said = await self._said(request)
        opening = self._opening(said)
        try:
            identity = await self._callers.of_session(said, request[SOURCE])
            if identity is None and said.certificate:
                identity = await self._callers.of_certificate(request)
                await self._callers.enter(opening, identity)
        except Unauthenticated as error:
            told = {**_told(opening, None), "error": error.detail}
            response = answered(told, dressed, 401)
            response.headers["WWW-Authenticate"] = self.challenge()
            return response
        return answered(_told(opening, identity), dressed)

    async def end(self, request: web.Request, _: Dress) -> web.Response:
        _only_secure(request)
        await self._sessions.end(self._opening(await self._said(request)))
        return web.Response(status=204)

    def _opening(self, said: HandleFields) -> Opening:
        if said.session_id is None:
            raise AuthorizationUnreadable("name the session: Authorization: Handle sessionId=…")
        return self._sessions.opened(said.session_id)

    async def _said(self, request: web.Request) -> HandleFields:
        """The fields of the header, and where it lacks them those of the body."""
        header = request.headers.get("Authorization", "").strip()
        given = fields_of(header[len(_SCHEME) :]) if header.lower().startswith(_SCHEME) else {}
        sent = {name.lower(): text for name, text in (await parameters_of(request)).items()}
        return handle_fields({**sent, **given})


def _told(opening: Opening, identity: Identity | None) -> dict[str, Any]:
    told: dict[str, Any] = {"sessionId": opening.session_id, "nonce": _nonce(opening)}
    if identity is None:
        return {**told, "authenticated": False}
    return {**told, "authenticated": True, "id": str(identity)}


def _nonce(opening: Opening) -> str:
    return base64.b64encode(opening.nonce).decode()


def _only_secure(request: web.Request) -> None:
    if not request.secure:
        raise ProofNeeded("sessions are for HTTPS")
