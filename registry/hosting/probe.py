"""Whether somebody answers at an address: one question of the Handle protocol by TCP or UDP, or a GET by HTTP.

The question is the resolution of the prefix's own handle, which every server of the protocol understands; an answer
of any content is an answer. Reference: RFC 3652 sections 2.1, 2.2 and 3.2.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

from node.handle_data import Protocol
from node.outward import Address, Outward

DEADLINE_SECONDS = 3.0
_AGAIN_SECONDS = 1.0  # a datagram may be lost
_ENVELOPE = struct.Struct(">4B3iI")
_HEADER = struct.Struct(">iiIHBBiI")
_VERSION = (2, 11)
_RESOLUTION = 1
_PUBLIC_VALUES_ONLY = 0x01000000
_UNKNOWN_SERIAL = 0xFFFF
_STATUS_LINE = 1024


class NotThatProtocol(Exception):
    """Something answered, in other words than the protocol's."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What came of one question: ``code`` is the Handle response code or HTTP status, ``error`` a word why not."""

    protocol: Protocol
    address: Address
    port: int
    reachable: bool
    milliseconds: int
    code: int | None
    error: str


async def probe(
    outward: Outward, protocol: Protocol, address: Address, port: int, handle: str, request_id: int
) -> Reach:
    """Ask once, within three seconds; ``request_id`` is any positive number of 31 bits. Raises ``AddressRefused``."""
    outward.check(address)
    ask = {Protocol.TCP: _by_tcp, Protocol.UDP: _by_udp, Protocol.HTTP: _by_http}[protocol]
    loop = asyncio.get_running_loop()
    began, code, error = loop.time(), None, ""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            code = await ask(outward, address, port, handle, request_id)
    except TimeoutError:
        error = "timeout"
    except NotThatProtocol:
        error = "not_that_protocol"
    except ConnectionRefusedError:
        error = "refused"
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        error = "unreachable"
    milliseconds = round((loop.time() - began) * 1000)
    return Reach(protocol, address, port, code is not None, milliseconds, code, error)


async def _by_tcp(outward: Outward, address: Address, port: int, handle: str, request_id: int) -> int:
    reader, writer = await outward.stream(address, port)
    try:
        writer.write(_question(handle, request_id))
        return _answer_code(await reader.readexactly(_ENVELOPE.size + _HEADER.size), request_id)
    finally:
        writer.close()


async def _by_udp(outward: Outward, address: Address, port: int, handle: str, request_id: int) -> int:
    transport, heard = await outward.datagrams(address, port, _Heard)
    try:
        while True:
            transport.sendto(_question(handle, request_id))
            done, _ = await asyncio.wait({heard.answer}, timeout=_AGAIN_SECONDS)
            if done:
                return _answer_code(heard.answer.result(), request_id)
    finally:
        transport.close()


async def _by_http(outward: Outward, address: Address, port: int, handle: str, request_id: int) -> int:  # noqa: ARG001
    reader, writer = await outward.stream(address, port)
    try:
        host = f"[{address}]" if address.version == 6 else str(address)
        head = f"GET /api/handles/{handle} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        line = await reader.readuntil(b"\n")
        words = line[:_STATUS_LINE].split()
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
            raise NotThatProtocol
        return int(words[1])
    finally:
        writer.close()


class _Heard(asyncio.DatagramProtocol):
    """The first datagram that comes back, or the error in its place."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: object) -> None:
        if not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


def _question(handle: str, request_id: int) -> bytes:
    name = handle.encode()
    body = struct.pack(">I", len(name)) + name + bytes(8)  # all indexes, all types
    header = _HEADER.pack(_RESOLUTION, 0, _PUBLIC_VALUES_ONLY, _UNKNOWN_SERIAL, 0, 0, 0, len(body))
    message = header + body + bytes(4)  # unsigned
    return _ENVELOPE.pack(*_VERSION, *_VERSION, 0, request_id, 0, len(message)) + message


def _answer_code(answer: bytes, request_id: int) -> int:
    if len(answer) < _ENVELOPE.size + _HEADER.size:
        raise NotThatProtocol
    major, _, _, _, _, answered, _, _ = _ENVELOPE.unpack_from(answer)
    op_code, response_code, *_ = _HEADER.unpack_from(answer, _ENVELOPE.size)
    if major != _VERSION[0] or answered != request_id or op_code != _RESOLUTION or response_code <= 0:
        raise NotThatProtocol
    return int(response_code)
