"""``PUT`` and ``DELETE /api/handles/{handle}``: records made, changed and withdrawn by those who may.

PUT                    the whole record; one that stands gives way, unless overwrite=false
PUT ?index=1&index=2   these values, which the body holds; ?index=various: whichever it holds
PUT ?mintNewSuffix     the path is the beginning of an identifier that the node completes
DELETE                 the record; with ?index=… these values of it
"""

from __future__ import annotations

from aiohttp import web

from node.administration import (
    AddValues,
    Administration,
    Change,
    CreateHandle,
    DeleteHandle,
    Done,
    Identity,
    RemoveValues,
)
from node.journal import Interface
from node.record import Record
from resolver.chain import Resolver
from resolver.http.asking import Dress, InvalidQuery, indexes_of, spelling, yes
from resolver.http.callers import Callers
from resolver.http.json_bodies import values_of
from resolver.http.json_front import NAMED, answered
from resolver.http.json_records import named
from resolver.names import parse_name

_ANY_INDEX = "various"


class Writes:
    """Changes, in the name of whoever identified himself."""

    def __init__(self, administration: Administration, callers: Callers, resolver: Resolver) -> None:
        self._administration = administration
        self._callers = callers
        self._resolver = resolver

    async def put(self, request: web.Request, dressed: Dress) -> web.Response:
        """201 when everything written is new, 200 when something had stood there."""
        handle = _named(request)
        identity = await self._callers.identity(request)
        change = _change(request, handle, await values_of(request))
        done = await self._done(change, identity)
        shown = done.handle if isinstance(change, CreateHandle) and change.mint else handle
        return answered({"responseCode": 1, "handle": shown}, dressed, 200 if done.overwritten else 201)

    async def delete(self, request: web.Request, dressed: Dress) -> web.Response:
        handle = _named(request)
        identity = await self._callers.identity(request)
        indexes = indexes_of(request.query)
        change = RemoveValues(handle, indexes) if indexes else DeleteHandle(handle)
        await self._done(change, identity)
        return answered({"responseCode": 1, "handle": handle}, dressed)

    async def _done(self, change: Change, identity: Identity | None) -> Done:
        await self._administration.check(change)
        done = await self._administration.perform(change, identity, Interface.HANDLE_JSON)
        self._resolver.changed(parse_name(done.handle))
        return done


def _named(request: web.Request) -> str:
    request[NAMED] = named(request)
    handle = request[NAMED] = spelling(request[NAMED])
    return handle


def _change(request: web.Request, handle: str, values: Record) -> Change:
    """Raises ``InvalidQuery``."""
    query = request.query
    overwrite = yes(query, "overwrite") is not False
    if yes(query, "mintNewSuffix"):
        return CreateHandle(handle, values, overwrite=overwrite, mint=True)
    if "index" not in query:
        return CreateHandle(handle, values, overwrite=overwrite)
    if query.getall("index") != [_ANY_INDEX] and set(indexes_of(query)) != {value.index for value in values}:
        raise InvalidQuery("the indexes of the address are not those of the values", parameter="index")
    return AddValues(handle, values, overwrite=overwrite)
