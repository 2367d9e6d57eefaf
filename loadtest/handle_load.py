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
_SILENCES = 12
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
    """Answers are single datagrams; a question without an answer is sent again. Raises ``WrongAnswer``, also when
    those of one window are not all answered after a minute.
    """
    load, answers = Load(), list[bytes]()
    with _socket(address, socket.SOCK_DGRAM) as asking:
        for start in range(0, len(questions), window):
            batch = questions[start : start + window]
            sent, first, silences = time.perf_counter(), len(answers), 0
            for one in batch:
                asking.send(one)
            while len(answers) - first < len(batch):
                try:
                    answers.append(asking.recv(DATAGRAM))
                except TimeoutError:
                    silences += 1
                    if silences == _SILENCES:
                        raise WrongAnswer(f"{len(batch)} questions under way have no answer") from None
                    answers[first:] = {_number(one): one for one in answers[first:]}.values()
                    known = {_number(one) for one in answers[first:]}
                    again = [one for one in batch if _number(one) not in known]
                    load.repeated += len(again)
                    for one in again:
                        asking.send(one)
                    continue
                load.waits.append(time.perf_counter() - sent)
    return _judged(load, questions, answers, blind)


def by_tcp(address: Address, questions: Sequence[bytes], window: int, *, blind: int = 0) -> Load:
    """One connection. Raises ``WrongAnswer``, also when the connection ends."""
    load, answers = Load(), list[bytes]()
    with _socket(address, socket.SOCK_STREAM) as asking:
        asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(questions), window):
            batch = questions[start : start + window]
            sent, due, unread = time.perf_counter(), len(answers) + len(batch), b""
            asking.sendall(b"".join(batch))
            while len(answers) < due:
                received = asking.recv(1 << 18)
                if not received:
                    raise WrongAnswer("the connection was closed")
                unread += received
                while len(unread) >= ENVELOPE_BYTES:
                    end = blind or ENVELOPE_BYTES + _LENGTH.unpack_from(unread, 16)[0]
                    if len(unread) < end:
                        break
                    answers.append(unread[:end])
                    load.waits.append(time.perf_counter() - sent)
                    unread = unread[end:]
    return _judged(load, questions, answers, blind)


def _judged(load: Load, questions: Sequence[bytes], answers: Sequence[bytes], blind: int) -> Load:
    """Looked at when all are there: who asks must not be slower where there is something to check, for a server with
    a slow client sleeps, and waking up is a great part of what one question at a time costs.
    """
    load.answered, load.answer_bytes = len(answers), len(answers[-1]) if answers else 0
    if blind:
        return load
    asked = {_number(one) for one in questions}
    for answer in answers:
        if len(answer) < 28 or _CODE.unpack_from(answer, 24)[0] != ResponseCode.SUCCESS:
            raise WrongAnswer(answer[:64].hex())
        asked.discard(_number(answer))
    if asked:
        raise WrongAnswer(f"{len(asked)} questions have no answer")
    return load


def _number(message: bytes) -> int:
    return int(_REQUEST_ID.unpack_from(message, 8)[0])


def _socket(address: Address, kind: socket.SocketKind) -> socket.socket:
    host, port = address
    if not ipaddress.ip_address(host).is_loopback:
        raise NotLoopback(host)
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    made.settimeout(_SECONDS)
    made.connect((host, port))
    return made
