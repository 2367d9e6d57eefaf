"""Somebody who fails to prove who he is, again and again, and somebody who asks for what is cheap to refuse.

Both send two messages a round over TCP: the one asks for the list of a prefix's handles and answers the challenge
wrongly, by the dearest proof that clients use; the other asks twice to delete an identifier of a prefix that is not
the node's. What a node suffers by the first is judged by what it suffers by the second, from the same sender at the
same rate.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from loadtest.handle_client import HandleClient, HandleRefused
from loadtest.handle_client import by_tcp as client_by_tcp
from loadtest.handle_identity import PBKDF2_HMAC_SHA1, SECRET_KEY
from loadtest.handle_load import Address
from resolver.handle.bodies import ChallengeAnswer
from resolver.handle.fields import as_block, as_number
from resolver.handle.message import Digest

_CONNECTIONS = 8
_NOT_OURS = "86.99999.1/X"

Round = Callable[[HandleClient], Awaitable[None]]


class ImpostorBelieved(Exception):
    """A proof that was none was good enough."""


@dataclass(slots=True)
class Siege:
    """``rounds`` that were made, and by their response codes how their messages were refused."""

    rounds: int = 0
    codes: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Impostor:
    """Says to be somebody, and proves it by nothing: the node has to derive a key to find out."""

    handle: str
    index: int

    def answer(self, nonce: bytes, digest: Digest) -> ChallengeAnswer:
        numbers = as_number(10_000) + as_number(160)
        proof = as_block(nonce) + numbers + as_block(digest.value[:20])
        return ChallengeAnswer(SECRET_KEY, self.handle, self.index, bytes((PBKDF2_HMAC_SHA1,)) + proof)


def bad_proof(prefix_handle: str) -> Round:
    """One list of a prefix of the node, with a proof that is none."""

    async def each(client: HandleClient) -> None:
        async for _ in client.handles(prefix_handle):
            raise ImpostorBelieved(prefix_handle)

    return each


async def cheap_refusal(client: HandleClient) -> None:
    """Two questions that the node refuses without looking anything up."""
    with contextlib.suppress(HandleRefused):
        await client.delete(_NOT_OURS)
    await client.delete(_NOT_OURS)


@contextlib.contextmanager
def laid(address: Address, each: Round, impostor: Impostor, a_second: float) -> Iterator[Siege]:
    """A siege of so many rounds a second, by a thread of its own, for as long as the block lasts."""
    siege, over = Siege(), threading.Event()

    async def connection() -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with client_by_tcp(*address, impostor) as client:
            while not over.is_set():
                try:
                    await each(client)
                except HandleRefused as refused:
                    siege.codes[refused.response_code] += 1
                siege.rounds += 1
                due = max(due + _CONNECTIONS / a_second, loop.time() - 1)
                await asyncio.sleep(max(0.0, due - loop.time()))

    async def besiege() -> None:
        await asyncio.gather(*(connection() for _ in range(_CONNECTIONS)))

    thread = threading.Thread(target=lambda: asyncio.run(besiege()), name="siege")
    thread.start()
    try:
        yield siege
    finally:
        over.set()
        thread.join()
