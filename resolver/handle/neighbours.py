"""The node's workers hand each other the messages of sessions and challenges that another of them keeps.

Handle.Net's clients open a connection for every message, and the kernel gives it to any worker; the number of the
session says which one began it. Workers talk over Unix sockets in a directory that only the node's user may enter:
one connection for each message, its replies come back until the end. A neighbour that is away has forgotten
everything, so its messages are answered here, where nobody knows the session either.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import structlog

from node.resolutions import Outcome
from resolver.answer import Key
from resolver.handle.conversation import Conversation, Place, Transport
from resolver.handle.desk import Desk, Reply
from resolver.handle.envelope import (
    ENVELOPE_BYTES,
    MAX_MESSAGE,
    Envelope,
    WireFault,
    decode_envelope,
    encode_envelope,
)

log = structlog.get_logger("handle")

_SECONDS = 30.0
_LONGEST = ENVELOPE_BYTES + MAX_MESSAGE
_AT_ONCE = 256


class _About(msgspec.Struct):
    """Of a message: with whom it was exchanged."""

    source: str
    transport: Transport
    secure: bool


class _Counted(msgspec.Struct):
    """Of a reply: what it counts as."""

    outcome: Outcome | None
    key: Key
    recursed: bool


class Neighbours:
    """The desk of a worker, with those of the others behind it. ``directory`` is the same for all of them."""

    def __init__(self, desk: Desk, place: Place, directory: Path) -> None:
        self._desk = desk
        self._place = place
        self._directory = directory
        self._server: asyncio.Server | None = None
        self._guests: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Neighbours:
        if self._place.of > 1:
            own = self._socket(self._place.number)
            own.unlink(missing_ok=True)  # of one that was killed here before
            self._server = await asyncio.start_unix_server(self._serve, own)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is None:
            return
        self._server.close()
        for guest in self._guests:
            guest.cancel()
        await asyncio.gather(*self._guests, return_exceptions=True)
        self._socket(self._place.number).unlink(missing_ok=True)

    async def answer(self, envelope: Envelope, payload: bytes, conversation: Conversation) -> AsyncIterator[Reply]:
        """As ``Desk.answer``."""
        owner = self._place.owner_of(envelope.session_id)
        if owner != self._place.number:
            try:
                reader, writer = await asyncio.open_unix_connection(self._socket(owner))
            except OSError as error:
                log.warning("handle_neighbour_away", worker=owner, cause=error.strerror)
            else:
                with contextlib.closing(writer):
                    async for reply in _asked(reader, writer, envelope, payload, conversation):
                        yield reply
                return
        async for reply in self._desk.answer(envelope, payload, conversation):
            yield reply

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._guests.add(task)
        try:
            if len(self._guests) <= _AT_ONCE:
                await self._answer_guest(reader, writer)
        except (OSError, EOFError, TimeoutError, ValueError, WireFault) as error:
            log.warning("handle_neighbour_lost", cause=type(error).__name__)
        finally:
            self._guests.discard(task)
            writer.close()

    async def _answer_guest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        about = msgspec.json.decode(await _read(reader), type=_About)
        message = await _read(reader)
        conversation = Conversation(about.source, about.transport, secure=about.secure)
        try:
            envelope = decode_envelope(message)
            async for reply in self._desk.answer(envelope, message[ENVELOPE_BYTES:], conversation):
                _write(writer, _Counted(reply.outcome, reply.key, reply.recursed), reply.data)
                await writer.drain()
        finally:
            conversation.close()

    def _socket(self, number: int) -> Path:
        return self._directory / f"handle-{number}.sock"


async def _asked(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    envelope: Envelope,
    payload: bytes,
    conversation: Conversation,
) -> AsyncIterator[Reply]:
    about = _About(conversation.source, conversation.transport, conversation.secure)
    _write(writer, about, encode_envelope(envelope._replace(length=len(payload))) + payload)
    with contextlib.suppress(OSError, EOFError, TimeoutError):  # the client sees that no reply comes
        while counted := await _read(reader):
            told = msgspec.json.decode(counted, type=_Counted)
            yield Reply(await _read(reader), told.outcome, told.key, recursed=told.recursed)


def _write(writer: asyncio.StreamWriter, about: _About | _Counted, message: bytes) -> None:
    head = msgspec.json.encode(about)
    writer.write(b"".join((len(head).to_bytes(4, "big"), head, len(message).to_bytes(4, "big"), message)))


async def _read(reader: asyncio.StreamReader) -> bytes:
    """A block; nothing at the end."""
    async with asyncio.timeout(_SECONDS):
        try:
            size = int.from_bytes(await reader.readexactly(4), "big")
        except asyncio.IncompleteReadError as end:
            if not end.partial:
                return b""
            raise
        if size > _LONGEST:
            raise ValueError(size)
        return await reader.readexactly(size)
