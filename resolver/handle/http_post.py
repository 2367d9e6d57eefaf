"""Native messages in HTTP requests: ``POST /`` and ``POST /api`` with ``application/x-hdl-message``.

The body is one message with its envelope, the answer its replies, one behind the other. A message that is none gets
its reply too; that there was no request at all is a matter of HTTP and refused there.
"""

from __future__ import annotations

from time import perf_counter_ns

from aiohttp import web

from node.web import SOURCE, WEB_SETTINGS, InvalidInput, UnsupportedMediaType, body_blocks
from resolver.counting.bots import marks_of
from resolver.handle.conversation import Conversation, Transport
from resolver.handle.envelope import ENVELOPE_BYTES, MAX_MESSAGE, WireFault, decode_envelope
from resolver.handle.front import Front, refusal
from resolver.handle.ready import question_of

MEDIA_TYPE = "application/x-hdl-message"

_LONGEST = ENVELOPE_BYTES + MAX_MESSAGE
_PATHS = ("/", "/api", "/api/")


def add_routes(router: web.UrlDispatcher, front: Front) -> None:
    """The two addresses; what else is sent there by POST is refused."""

    async def exchange(request: web.Request) -> web.Response:
        if request.content_type != MEDIA_TYPE:
            raise UnsupportedMediaType(f"send {MEDIA_TYPE}", found=request.content_type[:100])
        seconds = request.app[WEB_SETTINGS].body_seconds
        message = b"".join([block async for block in body_blocks(request, _LONGEST, seconds)])
        if len(message) < ENVELOPE_BYTES:
            raise InvalidInput(f"a message has at least {ENVELOPE_BYTES} bytes")
        marks = marks_of(request.headers.get("User-Agent", ""))
        replies = await _replies(front, message, request[SOURCE], secure=request.secure, marks=marks)
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=replies, content_type=MEDIA_TYPE, headers=headers)

    for path in _PATHS:
        router.add_post(path, exchange)


async def _replies(front: Front, message: bytes, source: str, *, secure: bool, marks: int) -> bytes:
    front.requests += 1
    began = perf_counter_ns()
    question = question_of(message)
    ready = front.ready.find(question)
    if ready is not None:
        front.count(ready, source, began, marks)
        return ready.message(message)
    payload = message[ENVELOPE_BYTES:]
    try:
        envelope = decode_envelope(message)
    except WireFault as fault:
        return refusal(message, fault)
    if envelope.length != len(payload):
        detail = f"{envelope.length} bytes are announced behind the envelope; there are {len(payload)}."
        return refusal(message, WireFault(detail))
    conversation = Conversation(source, Transport.HTTP, secure=secure)
    try:
        replies = [reply async for reply in front.answer(envelope, payload, conversation)]
    finally:
        conversation.close()
    if replies:
        front.count_reply(replies[-1], source, began, marks)
    if len(replies) == 1:
        front.ready.keep(message, question, replies[0])
    return b"".join(reply.data for reply in replies)
