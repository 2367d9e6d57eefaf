"""The sockets of a client: an HTTP connection and a Handle client by UDP, each from an address of its own.

Plain blocking sockets: in the locust process gevent makes them wait for each other's sake. Addresses of 127.0.0.0/8
stand for the phones and programs of a city: all are this machine, and the node tells them apart as it would outside.
"""

from __future__ import annotations

import ipaddress
import itertools
import random
import select
import socket
import time

from loadtest.days.answers import WrongAnswer
from loadtest.hammer import NotLoopback
from node.record import Record
from resolver.handle.bodies import ResolveRequest, decode_found, encode_resolve
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.envelope import HIGHEST, Envelope, decode_envelope
from resolver.handle.message import UNKNOWN_SERIAL, Header, Message, decode_message, encode_message

PATIENCE = 10.0
"""Seconds until an answer that does not come is an error."""
_REPEATS = (0.5, 1.0, 2.0)
"""Seconds after which a datagram is sent again, with its number: the node counts it once (within 5 s)."""
_FLAGS = int(Flag.RECURSIVE | Flag.CACHE_CERTIFY | Flag.PUBLIC_ONLY)
_HALF_A_DAY = 43_200
_LENGTH = b"content-length:"
_BLOCK = 65_536


class Silent(Exception):
    """No answer, or one that ended in its middle."""


class HttpDoor:
    """One connection at a time, made when it is needed and kept. Raises ``NotLoopback`` for any other machine."""

    def __init__(self, address: tuple[str, int], source: str) -> None:
        if not ipaddress.ip_address(address[0]).is_loopback:
            raise NotLoopback(address[0])
        self._address, self._source = address, source
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body; a kept connection that the node closed when it was idle is made again. Raises Silent."""
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.close()
        return self._exchange(self._socket or self._connected(), request)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        # Not create_connection: it looks the address up, for which gevent asks a thread each time.
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.settimeout(PATIENCE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.bind((self._source, 0))
            connection.connect(self._address)
        except OSError as error:
            connection.close()
            raise Silent(f"no connection: {error}") from None
        self._socket = connection
        return connection

    def _exchange(self, connection: socket.socket, request: bytes) -> tuple[int, bytes]:
        try:
            connection.sendall(request)
            return self._answer(connection)
        except (OSError, Silent) as error:
            self.close()
            raise Silent(f"broke off: {error}") from None

    def _answer(self, connection: socket.socket) -> tuple[int, bytes]:
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more(connection)
        head = answer[:end].lower()
        at = head.find(_LENGTH)
        if at < 0:
            raise Silent("an answer without a length")
        wanted = end + 4 + int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        while len(answer) < wanted:
            answer += self._more(connection)
        if b"\r\nconnection: close" in head:
            self.close()
        return int(answer[9:12]), answer[end + 4 : wanted]

    def _more(self, connection: socket.socket) -> bytes:
        data = connection.recv(_BLOCK)
        if not data:
            raise Silent("the node closed the connection")
        return data


class HandleDoor:
    """A recursive node's socket: one question at a time, by datagrams. Raises ``NotLoopback`` likewise."""

    def __init__(self, address: tuple[str, int], source: str) -> None:
        if not ipaddress.ip_address(address[0]).is_loopback:
            raise NotLoopback(address[0])
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self._socket.connect(address)
        self._numbers = itertools.count(random.randrange(1, 1 << 30))

    def resolve(self, handle: str) -> tuple[str, Record] | None:
        """The handle as the node names it, its values; ``None``: not found. Raises Silent, WrongAnswer, WireFault."""
        number = next(self._numbers)
        envelope = Envelope(*HIGHEST, 0, *HIGHEST, 0, number, 0, 0)
        header = Header(OpCode.RESOLVE, 0, _FLAGS, UNKNOWN_SERIAL, 0, int(time.time()) + _HALF_A_DAY)
        data = encode_message(Message(envelope, header, encode_resolve(ResolveRequest(handle, (), (), None))))
        for wait in _REPEATS:
            self._socket.send(data)
            self._socket.settimeout(wait)
            try:
                while True:
                    reply = self._reply(self._socket.recv(_BLOCK))
                    if reply.envelope.request_id == number:
                        return _found(reply)
            except TimeoutError:
                continue
            except OSError as error:
                raise Silent(f"broke off: {error}") from None
        raise Silent("nothing by UDP")

    def close(self) -> None:
        self._socket.close()

    def _reply(self, packet: bytes) -> Message:
        return decode_message(decode_envelope(packet), packet[20:])


def _found(reply: Message) -> tuple[str, Record] | None:
    code = reply.header.response_code
    if code == ResponseCode.HANDLE_NOT_FOUND:
        return None
    if code != ResponseCode.SUCCESS:
        raise WrongAnswer(f"response code {code}")
    found = decode_found(reply.body)
    return found.handle, found.values
