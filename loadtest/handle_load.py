"""Questions of the native protocol sent as fast as one plain socket allows, and every answer checked.

A window of questions is under way at a time: 1 is the client that waits for each answer, 16 one that pipelines. What
is sent is whole messages; an answer belongs to its question by the request id, and must be a success. The answers of
a server that understands nothing (``echo.c``) are merely counted: ``blind`` is how many bytes each has.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtest.hammer import NotLoopback
from resolver.handle.bodies import ResolveRequest, encode_resolve
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.envelope import DATAGRAM, ENVELOPE_BYTES, Envelope
from resolver.handle.message import UNKNOWN_SERIAL, Header, Message, encode_message

Address = tuple[str, int]

_SECONDS = 5.0
_REQUEST_ID = struct.Struct(">i")
_LENGTH = struct.Struct(">I")
_CODE = struct.Struct(">i")
_USUAL = int(Flag.RECURSIVE | Flag.CACHE_CERTIFY | Flag.PUBLIC_ONLY)
_HALF_A_DAY = 43_200


class WrongAnswer(Exception):
    """An answer that is none to any question under way, or no success."""


@dataclass(slots=True)
class Load:
    """What was asked and how long each answer took, in seconds; ``answer_bytes`` of the last one."""

    answered: int = 0
    repeated: int = 0
    answer_bytes: int = 0
    waits: list[float] = field(default_factory=list)


def question(handle: str, request_id: int) -> bytes:
    """What a client of the Handle System asks by default: all public values, now and in half a day."""
    envelope = Envelope(2, 11, 0, 2, 11, 0, request_id, 0, 0)
    header = Header(OpCode.RESOLVE, 0, _USUAL, UNKNOWN_SERIAL, 0, int(time.time()) + _HALF_A_DAY)
    return encode_message(Message(envelope, header, encode_resolve(ResolveRequest(handle, (), ()))))


def by_udp(address: Address, questions: Sequence[bytes], window: int, *, blind: int = 0) -> Load:
    """Answers are single datagrams; a question without an answer is sent again. Raises ``WrongAnswer``."""
    load = Load()
    with _socket(address, socket.SOCK_DGRAM) as asking:
        for start in range(0, len(questions), window):
            under_way = {_REQUEST_ID.unpack_from(one, 8)[0]: one for one in questions[start : start + window]}
            sent = time.perf_counter()
            for one in under_way.values():
                asking.send(one)
            while under_way:
                try:
                    answer = asking.recv(DATAGRAM)
                except TimeoutError:
                    load.repeated += len(under_way)
                    for one in under_way.values():
                        asking.send(one)
                    continue
                if blind:
                    under_way.popitem()
                    load.answered += 1
                else:
                    under_way.pop(_checked(answer, load), None)
                load.waits.append(time.perf_counter() - sent)
    return load


def by_tcp(address: Address, questions: Sequence[bytes], window: int, *, blind: int = 0) -> Load:
    """One connection. Raises ``WrongAnswer``, also when the connection ends."""
    load = Load()
    with _socket(address, socket.SOCK_STREAM) as asking:
        asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(questions), window):
            under_way = {_REQUEST_ID.unpack_from(one, 8)[0] for one in questions[start : start + window]}
            sent = time.perf_counter()
            asking.sendall(b"".join(questions[start : start + window]))
            unread = b""
            while under_way:
                received = asking.recv(1 << 18)
                if not received:
                    raise WrongAnswer("the connection was closed")
                unread += received
                if blind:
                    load.answered += len(unread) // blind
                    for _ in range(len(unread) // blind):
                        under_way.pop()
                    unread = unread[len(unread) // blind * blind :]
                    continue
                while len(unread) >= ENVELOPE_BYTES:
                    end = ENVELOPE_BYTES + _LENGTH.unpack_from(unread, 16)[0]
                    if len(unread) < end:
                        break
                    under_way.discard(_checked(unread[:end], load))
                    load.waits.append(time.perf_counter() - sent)
                    unread = unread[end:]
    return load


def _checked(answer: bytes, load: Load) -> int:
    if len(answer) < 28 or _CODE.unpack_from(answer, 24)[0] != ResponseCode.SUCCESS:
        raise WrongAnswer(answer[:64].hex())
    load.answered += 1
    load.answer_bytes = len(answer)
    return int(_REQUEST_ID.unpack_from(answer, 8)[0])


def _socket(address: Address, kind: socket.SocketKind) -> socket.socket:
    host, port = address
    if not ipaddress.ip_address(host).is_loopback:
        raise NotLoopback(host)
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    made.settimeout(_SECONDS)
    made.connect((host, port))
    return made
