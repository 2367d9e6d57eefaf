"""Operations 105 and 302: the handles under a prefix and the prefixes of the node, in replies of bounded size.

Every reply but the last says that more follow (CONT). Names are listed as they are stored, in upper case.
Reference: RFC 3652 section 3.6.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from node.administration import Administration
from resolver.handle.asked import Asked, Told
from resolver.handle.bodies import decode_handle, encode_names
from resolver.handle.codes import Flag, ResponseCode

NAMES = 100
"""Names in one reply: were each as long as the protocol allows, it would still be a message."""


async def list_handles(asked: Asked, administration: Administration) -> AsyncIterator[Told]:
    """Raises the refusals of listing before anything is told."""
    prefix_handle = decode_handle(asked.message.body)
    async for told in _continued(asked, administration.handles(prefix_handle, asked.identity, page=NAMES)):
        yield told


async def list_homed(asked: Asked, administration: Administration) -> AsyncIterator[Told]:
    """Raises the refusals of listing before anything is told."""
    decode_handle(asked.message.body)
    prefixes = await administration.homed_prefixes(asked.identity)
    async for told in _continued(asked, _pages(prefixes)):
        yield told


async def _pages(names: list[str]) -> AsyncIterator[list[str]]:
    for start in range(0, len(names), NAMES):
        yield names[start : start + NAMES]


async def _continued(asked: Asked, pages: AsyncIterator[Iterable[str]]) -> AsyncIterator[Told]:
    """A reply is written when it is known whether another follows."""
    waiting: list[str] = []
    async for page in pages:
        if waiting:
            yield _told(asked, waiting, more=True)
        waiting = list(page)
    yield _told(asked, waiting, more=False)


def _told(asked: Asked, names: list[str], *, more: bool) -> Told:
    flags = int(Flag.CONTINUES) if more else 0
    return Told(asked.reply(ResponseCode.SUCCESS, encode_names(names), flags=flags))
