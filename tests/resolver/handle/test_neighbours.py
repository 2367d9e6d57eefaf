"""Workers hand each other what belongs to the other's sessions: real desks behind real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.asymmetric import padding

from node.database import Pool
from node.identifier import Prefix
from node.site import Ports, own_site
from node.site_key import public_key_data
from registry.handle.administration import HandleAdministration
from resolver.chain import Resolver
from resolver.counting.never import NeverCounts
from resolver.handle.bodies import SessionSetup, decode_session_setup_reply, encode_session_setup
from resolver.handle.codes import OpCode, ResponseCode
from resolver.handle.computing import Computing
from resolver.handle.conversation import Conversation, Place, Transport
from resolver.handle.desk import Desk
from resolver.handle.envelope import ENVELOPE_BYTES, decode_envelope
from resolver.handle.guard import Guard, GuardLimits
from resolver.handle.message import Message, encode_message
from resolver.handle.neighbours import Neighbours
from tests.support.handle_session import (
    CERTIFIED,
    NODE_KEY,
    USER,
    USER_KEY,
    Client,
    ClientSession,
    Keys,
    answer_to,
    block,
    body,
    by_rsa,
    code,
    house,
    read,
)

SITE = own_site(
    Prefix.parse("88.101"), "biaoshi", ["127.0.0.1"], Ports(2641, 2641, 8000, None), 1, public_key_data(NODE_KEY)
)
STATUS = block(b"0.SITE/status") + bytes(8)


@pytest.fixture
def client() -> Client:
    """Only to write messages with: they go to the workers."""
    return Client(house())


@pytest.fixture
async def workers(pool: Pool, database_url: str) -> AsyncIterator[Sequence[Neighbours]]:
    """Three workers of a node."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="biaoshi-neighbours-")))
        yield [await stack.enter_async_context(worker(number, folder, pool, database_url)) for number in range(3)]


@contextlib.asynccontextmanager
async def worker(number: int, folder: Path, pool: Pool, url: str) -> AsyncIterator[Neighbours]:
    place = Place(number, 3)
    computing = Computing()
    limits = GuardLimits(60.0, 86_400.0, 100_000, legacy_proofs=False, login_networks=())
    guard = Guard(Keys().of, NODE_KEY, limits, computing, place=place)
    resolver = Resolver(
        url,
        listen_url=url,
        site=SITE,
        cache_bytes=1 << 20,
        missing_bytes=1 << 20,
        missing_seconds=1,
        stale_seconds=60,
        lookup_seconds=5,
    )

    def clock() -> datetime:
        return datetime.now(UTC)

    administration = HandleAdministration(pool, clock, Prefix.parse("88.101"))
    desk = Desk(resolver, administration, guard, SITE, NODE_KEY, clock, NeverCounts(()))
    async with Neighbours(desk, place, folder) as neighbours:
        yield neighbours
    await desk.close()
    await computing.close()


async def tell(worker: Neighbours, message: Message, source: str = "192.0.2.7") -> Message:
    """The one reply to a message on a connection of its own."""
    conversation = Conversation(source, Transport.TCP)
    data = encode_message(message)
    replies = [
        reply.data async for reply in worker.answer(decode_envelope(data), data[ENVELOPE_BYTES:], conversation)
    ]
    conversation.close()
    assert len(replies) == 1
    return read(replies[0])


async def set_up(worker: Neighbours, client: Client) -> ClientSession:
    told = encode_session_setup(
        SessionSetup(3, 3600, USER.handle, USER.index, key_handle=USER.handle, key_index=USER.index)
    )
    reply = await tell(worker, client.request(OpCode.SESSION_SETUP, told))
    plain = USER_KEY.decrypt(decode_session_setup_reply(body(reply)).data, padding.PKCS1v15())
    return ClientSession(reply.envelope.session_id, plain[4:])


async def test_a_session_is_known_to_every_worker(workers: Sequence[Neighbours], client: Client) -> None:
    sessions = [await set_up(worker, client) for worker in workers]
    assert sorted(session.id % 3 for session in sessions) == [0, 1, 2]
    for session in sessions:
        for n, worker in enumerate(workers):
            request = client.request(OpCode.GET_SITE_INFO, block(b"/"), session_id=session.id, flags=CERTIFIED)
            reply = await tell(worker, session.vouched(request))
            assert code(reply) == ResponseCode.SUCCESS
            assert session.check(reply) == n + 1


async def test_a_counter_is_accepted_once_whichever_worker_it_comes_to(
    workers: Sequence[Neighbours], client: Client
) -> None:
    session = await set_up(workers[0], client)
    request = client.request(OpCode.GET_SITE_INFO, block(b"/"), session_id=session.id)
    message = session.vouched(request)
    codes = [code(await tell(worker, message)) for worker in (*workers, *workers)]
    assert codes == [ResponseCode.SUCCESS] + [ResponseCode.SESSION_MESSAGE_REJECTED] * 5


async def test_a_challenge_is_answered_at_any_worker(workers: Sequence[Neighbours], client: Client) -> None:
    for asked in workers:
        for answered in workers:
            request = client.request(OpCode.RESOLVE, STATUS, flags=0x18000000)
            challenge = await tell(asked, request)
            assert code(challenge) == ResponseCode.AUTHENTICATION_NEEDED
            answer = answer_to(client, challenge, by_rsa(challenge.body[-16:] + challenge.body[1:33]))
            # Proved, and no administrator of the node: that is another refusal than of a challenge nobody knows.
            reply = await tell(answered, answer)
            assert code(reply) in (ResponseCode.INVALID_ADMIN, ResponseCode.NOT_PERMITTED)
            assert code(await tell(answered, answer)) == ResponseCode.AUTHENTICATION_TIMEOUT


async def test_the_source_goes_with_the_message(workers: Sequence[Neighbours], client: Client) -> None:
    session = await set_up(workers[0], client)
    message = session.vouched(client.request(OpCode.GET_SITE_INFO, block(b"/"), session_id=session.id))
    assert code(await tell(workers[1], message, "198.51.100.9")) == ResponseCode.SESSION_TIMEOUT


async def test_what_belongs_to_a_worker_that_is_away_is_unknown(
    workers: Sequence[Neighbours], client: Client
) -> None:
    session = await set_up(workers[2], client)
    await workers[2].__aexit__()
    message = session.vouched(client.request(OpCode.GET_SITE_INFO, block(b"/"), session_id=session.id))
    assert code(await tell(workers[0], message)) == ResponseCode.SESSION_TIMEOUT
    await workers[2].__aenter__()
    again = session.vouched(client.request(OpCode.GET_SITE_INFO, block(b"/"), session_id=session.id))
    assert code(await tell(workers[0], again)) == ResponseCode.SUCCESS


async def test_numbers_that_clients_choose_are_never_handed_on(workers: Sequence[Neighbours], client: Client) -> None:
    for worker in workers[1:]:
        await worker.__aexit__()
    for number in range(10_001, 10_010):
        request = client.request(OpCode.GET_SITE_INFO, block(b"/"), session_id=number)
        assert code(await tell(workers[0], request)) == ResponseCode.SUCCESS
    for worker in workers[1:]:
        await worker.__aenter__()


JUNK = [
    b"",
    b"\0\0",
    b"\xff\xff\xff\xff",
    b"\0\0\0\4null\0\0\0\1x",
    b"\0\0\0\2{}\0\0\0\1x",
    block(b'{"source":"192.0.2.7","transport":"tcp","secure":false}') + block(bytes(20)),
    block(b'{"source":"192.0.2.7","transport":"tcp","secure":false}') + block(b"short"),
]


@pytest.mark.parametrize("junk", JUNK)
async def test_junk_on_the_socket_harms_nobody(workers: Sequence[Neighbours], client: Client, junk: bytes) -> None:
    broken: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context))
    reader, writer = await asyncio.open_unix_connection(workers[0]._socket(0))
    writer.write(junk)
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await set_up(workers[0], client)
    assert broken == []
