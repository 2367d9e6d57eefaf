"""Where every request of the Handle protocol is worked on, whichever way it came: from its bytes to its reply's.

``async for reply in desk.answer(envelope, payload, conversation)`` never raises: a refusal is a reply, and so is a
fault of our own. By UDP, where anybody can write any sender, there are questions and what belongs to a session;
everything else, and listing with its many replies, is told to come by TCP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node import __version__
from node.administration import Administration, InvalidAdministrator, OperationUnsupported, ProofNeeded
from node.errors import Malformed, NodeError
from node.resolutions import Outcome
from node.site import PROTOCOL_VERSION, OwnSite
from resolver.answer import NOT_OURS, Absence, Entry, Key, NotResponsible
from resolver.chain import Resolver
from resolver.counting.never import NeverCounts
from resolver.counting.own import marks_of_identity
from resolver.handle import administering, listing, resolving, site_info, status, verifying
from resolver.handle.asked import Asked, Told
from resolver.handle.bodies import decode_resolve, encode_error
from resolver.handle.codes import Flag, OpCode, ResponseCode, response_code_of
from resolver.handle.computing import Computing
from resolver.handle.conversation import Conversation, Transport
from resolver.handle.envelope import Envelope
from resolver.handle.guard import Guard, Heard, ReplyBody
from resolver.handle.message import Message, encode_message, reply_to, unreadable
from resolver.handle.recursing import go_on, goes_on
from resolver.handle.signing import sign
from resolver.names import ServiceHandle, parse_name
from resolver.recursion.beyond import Beyond

log = structlog.get_logger("handle")

_BY_UDP = frozenset(
    {
        OpCode.RESOLVE,
        OpCode.GET_SITE_INFO,
        OpCode.CHALLENGE_ANSWER,
        OpCode.SESSION_SETUP,
        OpCode.SESSION_TERMINATE,
        OpCode.SESSION_KEY_EXCHANGE,
    }
)
_STREAMED: Mapping[int, Callable[[Asked, Administration], AsyncIterator[Told]]] = {
    OpCode.LIST_HANDLES: listing.list_handles,
    OpCode.LIST_HOMED: listing.list_homed,
}
_UNSUPPORTED: Mapping[int, str] = {
    OpCode.GET_NEXT_TXN_ID: "this node keeps no transaction log; replicas are made of its database",
    OpCode.RETRIEVE_TXN_LOG: "this node keeps no transaction log; replicas are made of its database",
    OpCode.DUMP_HANDLES: "this node dumps no handles; its exports are made by /v1/exports",
    OpCode.BACKUP: "this node is backed up by its command: biaoshi backup",
}

_UNSIGNED, _UNSIGNED_OF_ONE = 256, 64  # replies that wait to be signed; beyond, a client is told to come back


class ReplyReceived(Malformed):
    """A reply came where requests are due."""

    title_zh = "收到的是应答而非请求"


class ByTcpOnly(Malformed):
    """By UDP came what is answered by TCP only."""

    title_zh = "此操作须使用 TCP"
    response_code = ResponseCode.OPERATION_UNSUPPORTED


@dataclass(frozen=True, slots=True)
class Reply:
    """``data`` is a whole message with its envelope, in one piece however long.

    ``outcome``, ``key`` and ``marks`` are what a resolution counts as; ``None``: it does not count.
    ``standing`` is the entry on which a public answer to the identifier of ``key`` rests: while
    ``Resolver.standing(key)`` is that entry, the same question has the same answer, but for its request id and
    expiration. ``recursed``: others were asked for it.
    """

    data: bytes
    outcome: Outcome | None = None
    key: Key = NOT_OURS
    standing: Entry | None = None
    marks: int = 0
    recursed: bool = False


class Desk:
    """``key`` is the node's own, named by ``site``; ``guard`` knows who asks; ``clock`` is the time of day.

    What an identity asks that is in ``never`` does not count. By ``beyond`` others are asked for names of theirs.
    """

    def __init__(
        self,
        resolver: Resolver,
        administration: Administration,
        guard: Guard,
        site: OwnSite,
        key: RSAPrivateKey,
        clock: Callable[[], datetime],
        never: NeverCounts,
        beyond: Beyond | None = None,
    ) -> None:
        self._resolver = resolver
        self._administration = administration
        self._guard = guard
        self._site = site
        self._key = key
        self._clock = clock
        self._never = never
        self._beyond = beyond
        self._started_at = clock()
        single: dict[int, Callable[[Asked], Awaitable[Told]]] = {
            OpCode.RESOLVE: self._resolve,
            OpCode.GET_SITE_INFO: self._tell_site,
            OpCode.VERIFY_CHALLENGE: self._verify,
            OpCode.SESSION_SETUP: self._set_up,
            OpCode.SESSION_KEY_EXCHANGE: self._exchange_key,
            OpCode.SESSION_TERMINATE: self._terminate,
            OpCode.LOGIN: self._login,
        }
        self._operations = single | dict.fromkeys(administering.CHANGES, self._change)
        self._signing = Computing(threads=1, waiting=_UNSIGNED, per_source=_UNSIGNED_OF_ONE)

    async def close(self) -> None:
        """End what signs replies."""
        await self._signing.close()

    async def answer(self, envelope: Envelope, payload: bytes, conversation: Conversation) -> AsyncIterator[Reply]:
        """The replies to one message: one, or several of which all but the last say that more follow.

        ``payload`` is everything behind the envelope, put together from its fragments. A reply that comes by UDP has
        none: two servers would go on telling each other that they do not understand.
        """
        if conversation.transport is Transport.UDP and _is_reply(envelope, payload):
            return
        try:
            heard = self._heard(envelope, payload, conversation)
        except Exception as error:  # noqa: BLE001 - told to the client and, unless it is a refusal, logged
            yield Reply(self._unheard(envelope, payload, error))
            return
        async for asked, told in self._told(Asked(heard, conversation, self._site.serial)):
            yield await self._sealed(asked, told)

    def _heard(self, envelope: Envelope, payload: bytes, conversation: Conversation) -> Heard:
        if _is_reply(envelope, payload):
            raise ReplyReceived("this is a reply, and nobody here has asked")
        return self._guard.hear(envelope, payload, conversation)

    async def _told(self, asked: Asked) -> AsyncIterator[tuple[Asked, Told]]:
        try:
            await self._guard.confirm(asked.heard)
            if asked.message.header.op_code == OpCode.CHALLENGE_ANSWER:
                heard = await self._guard.answered(asked.heard, asked.conversation)
                asked = Asked(heard, asked.conversation, asked.site_serial)
            async for told in self._operated(asked):
                yield asked, told
        except Exception as error:  # noqa: BLE001 - as above
            yield asked, self._refused(asked, error)

    async def _operated(self, asked: Asked) -> AsyncIterator[Told]:
        operation = asked.message.header.op_code
        if operation not in _BY_UDP and asked.conversation.transport is Transport.UDP:
            raise ByTcpOnly("this operation is answered by TCP only")
        if (streamed := _STREAMED.get(operation)) is not None:
            async for told in streamed(asked, self._administration):
                yield told
            return
        worked = self._operations.get(operation)
        if worked is None:
            raise OperationUnsupported(_UNSUPPORTED.get(operation, f"operation {operation} is unknown"))
        yield await worked(asked)

    # Operations ---------------------------------------------------------------------------------------------------

    async def _resolve(self, asked: Asked) -> Told:
        request = decode_resolve(asked.message.body)
        try:
            name = parse_name(request.handle)
        except NotResponsible as error:
            if self._beyond is None or not goes_on(asked, self._beyond):
                return Told(asked.refusal(error), Outcome.MISSING)
            if await self._resolver.blocks(request.handle):
                return resolving.denied(asked, request, Absence.BLOCKED)
            return await go_on(asked, request, self._beyond, None)
        if isinstance(name, ServiceHandle) and name.name == status.STATUS:
            return await status.tell_status(asked, request, self._administration, self._status(), self._clock())
        return await resolving.resolve(asked, request, name, self._resolver, self._administration, self._beyond)

    async def _tell_site(self, asked: Asked) -> Told:
        return site_info.tell_site(asked, self._site)

    async def _change(self, asked: Asked) -> Told:
        return await administering.change(asked, self._administration, self._resolver)

    async def _verify(self, asked: Asked) -> Told:
        return await verifying.verify(asked, self._guard.proofs)

    async def _set_up(self, asked: Asked) -> Told:
        return _of_guard(asked, await self._guard.set_up(asked.heard, asked.conversation))

    async def _exchange_key(self, asked: Asked) -> Told:
        return _of_guard(asked, await self._guard.exchange_key(asked.heard, asked.conversation))

    async def _terminate(self, asked: Asked) -> Told:
        return _of_guard(asked, self._guard.terminate(asked.heard, asked.conversation))

    async def _login(self, asked: Asked) -> Told:
        return _of_guard(asked, self._guard.login(asked.heard, asked.conversation))

    def _status(self) -> Mapping[str, Any]:
        now = self._clock()
        return {
            "server": f"biaoshi {__version__}",
            "protocolVersion": ".".join(map(str, PROTOCOL_VERSION)),
            "siteHandle": self._site.handle,
            "serialNumber": self._site.serial,
            "startTime": self._started_at.isoformat(),
            "upTimeSeconds": int((now - self._started_at).total_seconds()),
            "noticesHeard": self._resolver.listening,
        }

    # Refusals and seals -------------------------------------------------------------------------------------------

    def _unheard(self, envelope: Envelope, payload: bytes, error: Exception) -> bytes:
        """The reply to a message that cannot be read, or whose session does not vouch for it."""
        code, detail = _code_and_detail(error, op_code=0)
        serial, request = self._site.serial, unreadable(envelope, payload)
        return encode_message(
            reply_to(request, code, encode_error(detail), flags=int(Flag.AUTHORITATIVE), site_serial=serial)
        )

    def _refused(self, asked: Asked, error: Exception) -> Told:
        if isinstance(error, ProofNeeded) and asked.identity is None:
            return _of_guard(asked, self._guard.challenge(asked.heard, asked.conversation))
        if isinstance(error, ProofNeeded):  # a proof was given, and 402 would only ask for it again
            error = InvalidAdministrator(error.detail)
        teleinfo = asked.conversation.logged_in
        code, detail = _code_and_detail(error, asked.message.header.op_code, teleinfo=teleinfo)
        return Told(asked.reply(code, encode_error(detail)))

    async def _sealed(self, asked: Asked, told: Told) -> Reply:
        try:
            data = await self._guard.finish(
                asked.heard,
                told.message,
                lambda message: self._signed(message, asked.conversation.source),
                private=told.private,
            )
        except Exception as error:  # noqa: BLE001 - as above; such a reply is too large, or nobody can sign it now
            code, detail = _code_and_detail(error, asked.message.header.op_code)
            plain = encode_message(asked.reply(code, encode_error(detail)))
            outcome = Outcome.ERROR if told.outcome is not None else None
            return Reply(plain, outcome, told.key, recursed=told.recursed)
        outcome = None if self._never.identity(asked.identity) else told.outcome
        marks = marks_of_identity(asked.identity, told.key[0])
        return Reply(data, outcome, told.key, told.standing, marks, told.recursed)

    async def _signed(self, message: Message, source: str) -> Message:
        return await self._signing.run(source, lambda: sign(message, self._key))


def _is_reply(envelope: Envelope, payload: bytes) -> bool:
    return not envelope.encrypted and any(payload[4:8])


def _of_guard(asked: Asked, reply: ReplyBody) -> Told:
    return Told(asked.reply(reply.response_code, reply.body, session_id=reply.session_id))


def _code_and_detail(error: Exception, op_code: int, *, teleinfo: bool = False) -> tuple[ResponseCode, str]:
    """What is told of an error; one that is no refusal is a fault of ours, and logged."""
    if isinstance(error, NodeError):
        return response_code_of(error, teleinfo=teleinfo), error.detail
    log.error("handle_request_broken", op_code=op_code, exc_info=error)
    return ResponseCode.ERROR, "the node could not answer; its log says why"
