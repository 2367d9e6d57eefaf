"""What the national node answers on its Handle port (3641): delegations, recursion, and during a takeover records.

    0.NA/<prefix>   HS_SITE of whoever answers; 303 for a prefix that only a node below can know
    a name          302 to whoever answers, or, with the flag "recursive", that one's answer

What a root has to say is little, so it asks its database each time. Reference: RFC 3652 sections 3.2 to 3.4.
"""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import asyncpg
import structlog

from mocknational.delegations import Elsewhere, Suspended, TakenOver, Unrouted, own_values, who_answers
from mocknational.takeover import count_answers
from node.database import AWAY, Connection, Pool
from node.errors import NodeError
from node.identifier import fold
from node.record import PUBLIC_READ, Record, decode_values, encode_values, select
from node.upper.standby import standby_record
from resolver.handle.bodies import (
    Referral,
    ResolveRequest,
    decode_resolve,
    encode_error,
    encode_found,
    encode_referral,
)
from resolver.handle.codes import Flag, OpCode, ResponseCode, response_code_of
from resolver.handle.envelope import ENVELOPE_BYTES, WireFault, decode_envelope
from resolver.handle.front import refusal
from resolver.handle.message import Message, decode_message, encode_message, reply_to
from resolver.recursion.delegation import delegation_of
from resolver.recursion.foreign import ForeignMissing, ForeignRecord
from resolver.recursion.recursion import Recursion

log = structlog.get_logger("mock_national")

_MOST_HOPS = 10
_AUTHORITATIVE = int(Flag.AUTHORITATIVE)
_RECURSIVE = int(Flag.RECURSIVE)
_CODES = frozenset(map(int, ResponseCode))


class NationalRoot:
    """``host`` and ``port`` are where it answers itself."""

    def __init__(self, pool: Pool, recursion: Recursion, host: str, port: int) -> None:
        self._pool = pool
        self._recursion = recursion
        self._own = own_values(host, port)
        self._answered: Counter[UUID] = Counter()

    async def answer(self, request: bytes) -> bytes:
        """The reply to one message, which has a whole envelope."""
        try:
            asked = decode_message(decode_envelope(request), request[ENVELOPE_BYTES:])
        except WireFault as fault:
            return refusal(request, fault)
        try:
            return encode_message(await self._reply(asked))
        except NodeError as error:
            return encode_message(reply_to(asked, response_code_of(error), encode_error(error.detail)))
        except (*AWAY, asyncpg.PostgresError) as error:
            log.warning("root_waits_for_the_database", cause=type(error).__name__)
            return encode_message(reply_to(asked, ResponseCode.TOO_BUSY, encode_error("ask again soon")))

    async def note_answers(self) -> None:
        """Keep how many answers were given in the place of each node since the last time."""
        answered, self._answered = self._answered, Counter()
        if not answered:
            return
        try:
            await count_answers(self._pool, answered)
        except (*AWAY, asyncpg.PostgresError) as error:
            log.warning("takeover_answers_wait_for_the_database", cause=type(error).__name__)
            self._answered.update(answered)

    async def _reply(self, asked: Message) -> Message:
        if asked.header.op_code == OpCode.GET_SITE_INFO:
            return reply_to(asked, ResponseCode.SUCCESS, self._own[0].data)
        if asked.header.op_code != OpCode.RESOLVE:
            text = "this root resolves, and does nothing else"
            return reply_to(asked, ResponseCode.OPERATION_UNSUPPORTED, encode_error(text))
        if asked.header.recursion >= _MOST_HOPS:
            return reply_to(asked, ResponseCode.RECURSION_TOO_HIGH, encode_error(""))
        request = decode_resolve(asked.body)
        space, slash, behind = request.handle.partition("/")
        if not slash or fold(space) == "0.NA":
            return await self._of_prefix(asked, request, fold(behind if slash else space))
        return await self._of_name(asked, request, space)

    async def _of_prefix(self, asked: Message, request: ResolveRequest, prefix: str) -> Message:
        async with self._pool.acquire(timeout=10) as connection:
            answering = await who_answers(connection, prefix)
        match answering:
            case Suspended():
                return _suspended(asked, answering)
            case Elsewhere(known, values) if known != prefix:
                return _referral(asked, ResponseCode.PREFIX_REFERRAL, known, values)
            case Elsewhere(_, values):
                return _found(asked, request, values)
            case TakenOver(known) if known == prefix:
                return _found(asked, request, self._own)
            case Unrouted(known) if known == prefix:
                return reply_to(asked, ResponseCode.VALUES_NOT_FOUND, encode_error("its route was not reported yet"))
        return reply_to(asked, ResponseCode.HANDLE_NOT_FOUND, encode_error(""))

    async def _of_name(self, asked: Message, request: ResolveRequest, prefix: str) -> Message:
        async with self._pool.acquire(timeout=10) as connection:
            answering = await who_answers(connection, prefix)
            if isinstance(answering, TakenOver):
                return await self._from_standby(connection, asked, request, answering)
        match answering:
            case Suspended():
                return _suspended(asked, answering)
            case Elsewhere() if asked.header.flags & _RECURSIVE:
                return await self._from_elsewhere(asked, request, answering)
            case Elsewhere(known, values):
                return _referral(asked, ResponseCode.SERVICE_REFERRAL, known, values)
            case Unrouted():
                return reply_to(asked, ResponseCode.TOO_BUSY, encode_error("its route was not reported yet"))
        return reply_to(asked, ResponseCode.NOT_RESPONSIBLE, encode_error(f"nobody is known to have {prefix}"))

    async def _from_standby(
        self, connection: Connection, asked: Message, request: ResolveRequest, answering: TakenOver
    ) -> Message:
        self._answered[answering.takeover_id] += 1
        standby = await standby_record(connection, answering.delegated_prefix, request.handle)
        if standby is None:
            return reply_to(asked, ResponseCode.HANDLE_NOT_FOUND, encode_error(""))
        return _found(asked, request, decode_values(standby.record))

    async def _from_elsewhere(self, asked: Message, request: ResolveRequest, answering: Elsewhere) -> Message:
        found = await self._recursion.resolve(
            request.handle,
            request.types,
            request.indexes,
            start=delegation_of(answering.prefix, answering.values),
            depth=asked.header.recursion,
            anew=bool(asked.header.flags & _AUTHORITATIVE),
        )
        if isinstance(found, ForeignRecord):
            return _found(asked, request, found.values)
        if isinstance(found, ForeignMissing):
            return reply_to(asked, ResponseCode.HANDLE_NOT_FOUND, encode_error(""))
        code = ResponseCode(found.code) if found.code in _CODES else ResponseCode.ERROR
        return reply_to(asked, code, encode_error(found.detail))


def _found(asked: Message, request: ResolveRequest, values: Record) -> Message:
    public = [value for value in values if value.permissions & PUBLIC_READ and fold(value.type) != "HS_SECKEY"]
    chosen = select(public, request.indexes, request.types)
    if not chosen:
        return reply_to(asked, ResponseCode.VALUES_NOT_FOUND, encode_error(""))
    return reply_to(asked, ResponseCode.SUCCESS, encode_found(request.handle, encode_values(chosen)))


def _referral(asked: Message, code: ResponseCode, prefix: str, values: Record) -> Message:
    return reply_to(asked, code, encode_referral(Referral(f"0.NA/{prefix}", values)))


def _suspended(asked: Message, suspended: Suspended) -> Message:
    text = f"the prefix {suspended.prefix} is suspended or withdrawn"
    return reply_to(asked, ResponseCode.NOT_RESPONSIBLE, encode_error(text))
