from collections.abc import AsyncIterator
from hashlib import sha256

import pytest

from registry.batches.body import Body, IdempotencyKeyReused

SENT = bytes(range(256)) * 4


async def blocks(body: bytes, size: int = 100) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def known(octets: int, sent: bytes = SENT) -> Body:
    return Body(blocks(sent), octets, sha256(SENT[:octets]).digest())


@pytest.mark.parametrize("octets", [0, 1, 99, 100, 101, 1024])
async def test_a_known_body_can_be_read_from_its_start_and_from_within(octets: int) -> None:
    body = known(octets)
    assert b"".join([block async for block in body.from_start()]) == SENT
    assert (body.received, body.digest(), body.verified) == (1024, sha256(SENT).digest(), True)
    body = known(octets)
    assert b"".join([block async for block in body.from_offset(octets // 2)]) == SENT[octets // 2 :]


async def test_what_was_read_from_the_start_is_verified_behind_the_known_part() -> None:
    body = known(250)
    seen = []
    async for block in body.from_start():
        seen.append((len(block), body.verified))
    assert seen[:4] == [(100, False), (100, False), (50, False), (50, True)]


async def test_another_body_is_found_out_however_it_is_read() -> None:
    for sent in (SENT[:200], b"x" + SENT[1:], SENT[:249] + b"x" + SENT[250:]):
        for read in (Body.from_start, lambda body: body.from_offset(20)):
            body = known(250, sent)
            with pytest.raises(IdempotencyKeyReused):
                _ = [block async for block in read(body)]
            assert not body.verified


async def test_checking_may_begin_in_the_middle_of_the_known_part() -> None:
    body = known(250)
    source = body.from_start()
    await anext(source)
    await body.check_known()
    assert body.verified
    assert body.received == 250
