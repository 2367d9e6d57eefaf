"""``GET /api/handles/{handle}``: a record in the Handle System's JSON; POST is GET with its parameters in the body.

Everybody gets the values that everybody may read. Who has identified himself, or says ``publicOnly=false``, asks for
the others too, and is refused as a whole when one of those that he asks for is not his to read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from node.administration import Administration, NotPermitted, ReadValues
from node.errors import Malformed
from node.journal import Interface
from node.record import ADMIN_READ, PUBLIC_READ, select
from resolver.answer import NotResponsible
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.counting.own import marks_of_identity
from resolver.http.asking import Dress, Question, question_of, spelling
from resolver.http.callers import Callers
from resolver.http.json_api import json_response
from resolver.http.json_bodies import parameters_of
from resolver.http.json_front import NAMED
from resolver.http.onward import Onward
from resolver.http.verdict import Verdict, count, elsewhere, resolved
from resolver.names import PrefixHandle, parse_name
from resolver.recursion.beyond import Beyond

PATH = "/api/handles/"
PATTERN = PATH + "{handle:(?s:.+)}"

_READABLE = ADMIN_READ | PUBLIC_READ


class Records:
    """Reading, with everything it needs; ``clock`` is Unix time. By ``beyond`` others are asked for their names."""

    def __init__(
        self,
        resolver: Resolver,
        counter: ResolutionCounter,
        administration: Administration,
        callers: Callers,
        clock: Callable[[], float],
        beyond: Beyond | None,
    ) -> None:
        self._resolver = resolver
        self._counter = counter
        self._administration = administration
        self._callers = callers
        self._clock = clock
        self._onward = Onward(beyond)

    async def read(self, request: web.Request, dressed: Dress) -> web.Response:
        """One record; counted as one resolution, except where it was for others to read."""
        verdict, private = await self._judge(request)
        if private:
            # Those who may read differ, so nobody on the way may keep it, and no tag stands for it.
            response = json_response(request, verdict, dressed, self._clock(), keep=False)
        else:
            response = json_response(request, verdict, dressed, self._clock())
        count(self._counter, request, Interface.HANDLE_JSON, verdict, revalidated=response.status == 304)
        return response

    async def _judge(self, request: web.Request) -> tuple[Verdict, bool]:
        handle = request[NAMED] = named(request)
        try:
            handle = request[NAMED] = spelling(handle)
            question = question_of(await parameters_of(request))
            name = parse_name(handle)
        except NotResponsible as error:
            return await elsewhere(request, self._resolver, handle, question, self._onward, error), False
        except Malformed as error:
            return Verdict(handle, None, error), False
        identity = await self._callers.identity(request)
        verdict = await resolved(request, self._resolver, handle, name, question, self._onward)
        never = self._counter.never.identity(identity)
        marks = marks_of_identity(identity, verdict.key[0])
        verdict = replace(verdict, counts=verdict.counts and not never, marks=marks)
        public_only = identity is None if question.public_only is None else question.public_only
        found = verdict.found
        if public_only or found is None:
            return verdict, False
        wanted = select(found.entry.values(), question.indexes, question.types)
        if len(wanted) == len(found.values):
            return verdict, identity is not None
        closed = next((value.index for value in wanted if not value.permissions & _READABLE), None)
        if closed is not None:
            raise NotPermitted(f"nobody may read value {closed}", index=closed)
        values = await self._administration.read(_reading(handle, question), identity)
        if isinstance(name, PrefixHandle):  # the node's own site is not stored; only the resolver knows it
            stored = {value.index for value in values}
            values = (*(value for value in found.values if value.index not in stored), *values)
        return replace(verdict, found=replace(found, values=values)), True


def named(request: web.Request) -> str:
    """The raw piece of the path behind ``/api/handles/``."""
    raw = request.rel_url.raw_path
    if not raw.startswith(PATH):  # the literal part of the path was written in escapes
        raise web.HTTPNotFound
    return raw.removeprefix(PATH)


def _reading(handle: str, question: Question) -> ReadValues:
    return ReadValues(handle, question.indexes, question.types)
