"""Questions to a port of the Handle protocol, by the wire codec alone: one question, one answer, checked."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from docking.case import Failed
from node.errors import NodeError
from node.record import Record
from resolver.handle.bodies import (
    Referral,
    ResolveRequest,
    decode_found,
    decode_referral,
    encode_handle,
    encode_resolve,
)
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.envelope import ENVELOPE_BYTES, HIGHEST, Envelope, decode_envelope
from resolver.handle.message import (
    UNKNOWN_SERIAL,
    Header,
    Message,
    decode_message,
    digest_and_body,
    digest_kind,
    encode_message,
)

_SECONDS = 8.0
_REFERRALS = (ResponseCode.SERVICE_REFERRAL, ResponseCode.PREFIX_REFERRAL)
PLAIN = int(Flag.PUBLIC_ONLY | Flag.RETURN_DIGEST)
"""Nobody is to ask others for us, and the answer repeats the digest of the question."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """``handle``, ``values`` of one that was found; ``referral`` of one that sends elsewhere; ``body`` of any."""

    code: int
    body: bytes
    handle: str = ""
    values: Record = ()
    referral: Referral | None = None


async def asked_by_tcp(
    address: Address, handle: str, *, flags: int = PLAIN, recursion: int = 0, op: OpCode = OpCode.RESOLVE
) -> Answer:
    """Raises ``Failed`` when no answer comes, or one that is not to this question."""
    request = _request(handle, flags, recursion, op)
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(encode_message(request))
                head = await reader.readexactly(ENVELOPE_BYTES)
                return _answer(request, head, await reader.readexactly(decode_envelope(head).length))
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, NodeError) as error:
        raise _silent("TCP", address, handle, error) from error


async def asked_by_udp(address: Address, handle: str, *, flags: int = PLAIN, recursion: int = 0) -> Answer:
    """The same by one datagram; an answer of several datagrams is not put together."""
    request = _request(handle, flags, recursion, OpCode.RESOLVE)
    loop = asyncio.get_running_loop()
    came: asyncio.Future[bytes] = loop.create_future()

    class First(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _: object) -> None:
            if not came.done():
                came.set_result(data)

        def error_received(self, error: Exception) -> None:
            if not came.done():
                came.set_exception(error)

    transport, _ = await loop.create_datagram_endpoint(First, remote_addr=address)
    try:
        async with asyncio.timeout(_SECONDS):
            transport.sendto(encode_message(request))
            data = await came
        return _answer(request, data[:ENVELOPE_BYTES], data[ENVELOPE_BYTES:])
    except (OSError, TimeoutError, NodeError) as error:
        raise _silent("UDP", address, handle, error) from error
    finally:
        transport.close()


def _request(handle: str, flags: int, recursion: int, op: OpCode) -> Message:
    version = HIGHEST
    number = secrets.randbelow(1 << 30) + 1
    envelope = Envelope(version.major, version.minor, 0, version.major, version.minor, 0, number, 0, 0)
    body = encode_resolve(ResolveRequest(handle)) if op is OpCode.RESOLVE else encode_handle(handle)
    return Message(envelope, Header(op, 0, flags, UNKNOWN_SERIAL, recursion, 0), body)


def _answer(request: Message, head: bytes, payload: bytes) -> Answer:
    envelope = decode_envelope(head)
    reply = decode_message(envelope, payload)
    if envelope.request_id != request.envelope.request_id or reply.header.op_code != request.header.op_code:
        raise Failed("应答不属于该请求", "the answer is not to this question: another request number or operation")
    digest, body = digest_and_body(reply)
    if digest is not None and digest != request.digest(digest.kind):
        raise Failed("应答中的请求摘要不符", "the answer repeats the digest of another question")
    if request.header.flags & Flag.RETURN_DIGEST and digest is None:
        raise Failed(
            "应答没有重复请求摘要", f"the digest ({digest_kind(HIGHEST).name}) was asked for and did not come"
        )
    code = reply.header.response_code
    if code == ResponseCode.SUCCESS and request.header.op_code == OpCode.RESOLVE:
        found = decode_found(body)
        return Answer(code, body, found.handle, found.values)
    if code in _REFERRALS:
        return Answer(code, body, referral=decode_referral(body))
    return Answer(code, body)


def _silent(means: str, address: Address, handle: str, error: Exception) -> Failed:
    where = f"{address[0]}:{address[1]}"
    words = f"{type(error).__name__} {error}".rstrip()
    return Failed(f"{where} ({means}) 对 {handle} 没有应答", f"no answer of {where} ({means}) for {handle}: {words}")
