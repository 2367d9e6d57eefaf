"""Challenges: their bytes, their single use, their time, whom they belong to, how many there may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from node.administration import ProofLate
from resolver.handle import challenges
from resolver.handle.challenges import Challenges
from resolver.handle.codes import OpCode, ResponseCode
from resolver.handle.computing import Computing
from resolver.handle.conversation import Conversation, Place, Transport
from resolver.handle.message import Message, encode_message
from tests.support.handle_session import (
    SECRET_USER,
    USER,
    Client,
    Clock,
    House,
    answer_to,
    by_hmac,
    by_rsa,
    challenged,
    code,
    house,
)

DELETE = OpCode.DELETE_HANDLE


@pytest.fixture
async def home() -> AsyncIterator[House]:
    computing = Computing()
    yield house(computing=computing)
    await computing.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(clock: Clock) -> Challenges:
    numbers = iter(range(10**9))
    return Challenges(
        seconds=60.0,
        clock=clock,
        random=lambda size: next(numbers).to_bytes(size, "big"),
        place=Place(),
    )


async def test_an_answer_on_another_connection_runs_the_request_that_waited(home: House) -> None:
    client = Client(home)
    request = client.request(DELETE, b"whatever")
    challenge = await client.send(request)
    assert challenge.header.op_code == DELETE
    answer = answer_to(client, challenge, by_rsa(challenged(challenge, request)))
    reply = await client.send(answer)
    assert code(reply) == ResponseCode.SUCCESS
    assert reply.header.op_code == DELETE
    assert reply.envelope.request_id == answer.envelope.request_id
    assert [(identity, message.body) for identity, message in home.done] == [(USER, b"whatever")]


async def test_two_challenges_never_share_their_nonce_or_number(home: House) -> None:
    client = Client(home)
    replies = [await client.send(client.request(DELETE, b"%d" % n)) for n in range(100)]
    assert len({reply.body[-16:] for reply in replies}) == 100
    assert len({reply.envelope.session_id for reply in replies}) == 100


async def test_a_request_sent_again_has_the_same_challenge(home: House) -> None:
    client = Client(home)
    request = client.request(DELETE, b"whatever")
    datagrams = [client.connect(transport=Transport.UDP) for _ in range(2)]
    first = await client.send(request, datagrams[0])
    assert await client.send(request, datagrams[1]) == first
    assert len(home.guard.challenges) == 1
    other = await client.send(request._replace(body=b"another"), datagrams[1])
    assert other.envelope.session_id != first.envelope.session_id


async def test_no_replay_of_a_thousand_is_accepted(home: House) -> None:
    client = Client(home)
    request = client.request(DELETE, b"whatever")
    challenge = await client.send(request)
    captured = encode_message(answer_to(client, challenge, by_rsa(challenged(challenge, request))))
    assert (await client.send_bytes(captured))[24:28] == b"\0\0\0\1"
    for _ in range(1000):
        reply = await client.send_bytes(captured)
        assert int.from_bytes(reply[24:28], "big") == ResponseCode.AUTHENTICATION_TIMEOUT
    assert len(home.done) == 1


async def test_of_two_answers_at_once_one_wins(home: House) -> None:
    client = Client(home)
    for _ in range(100):
        request = client.request(DELETE, b"whatever")
        challenge = await client.send(request)
        signed = by_hmac(challenged(challenge, request))
        answers = [answer_to(client, challenge, signed, SECRET_USER, "HS_SECKEY") for _ in range(2)]
        codes = sorted([code(reply) for reply in await asyncio.gather(*(client.send(one) for one in answers))])
        assert codes == [ResponseCode.SUCCESS, ResponseCode.AUTHENTICATION_TIMEOUT]
    assert len(home.done) == 100


async def test_a_wrong_answer_uses_the_challenge_up(home: House) -> None:
    client = Client(home)
    request = client.request(DELETE, b"whatever")
    challenge = await client.send(request)
    right = by_rsa(challenged(challenge, request))
    wrong = await client.send(answer_to(client, challenge, by_rsa(b"something else")))
    assert code(wrong) == ResponseCode.AUTHENTICATION_FAILED
    assert code(await client.send(answer_to(client, challenge, right))) == ResponseCode.AUTHENTICATION_TIMEOUT
    assert home.done == []


async def test_an_answer_is_late_after_a_minute(home: House) -> None:
    client = Client(home)
    codes = []
    for seconds in (59.9, 60.0):
        request = client.request(DELETE, b"whatever")
        challenge = await client.send(request)
        home.clock.now += seconds
        codes.append(code(await client.send(answer_to(client, challenge, by_rsa(challenged(challenge, request))))))
    assert codes == [ResponseCode.SUCCESS, ResponseCode.AUTHENTICATION_TIMEOUT]
    assert len(home.guard.challenges) == 0


async def test_nobody_answers_the_challenge_of_another_address(home: House) -> None:
    client, thief = Client(home), Client(home, "198.51.100.9")
    request = client.request(DELETE, b"whatever")
    challenge = await client.send(request)
    answer = answer_to(client, challenge, by_rsa(challenged(challenge, request)))
    assert code(await thief.send(answer)) == ResponseCode.AUTHENTICATION_TIMEOUT
    assert code(await client.send(answer)) == ResponseCode.SUCCESS


@pytest.mark.parametrize(("transport", "secure"), [(Transport.HTTP, False), (Transport.TCP, True)])
async def test_an_answer_comes_the_way_its_request_came(home: House, transport: Transport, secure: bool) -> None:
    client = Client(home)
    request = client.request(DELETE, b"whatever")
    challenge = await client.send(request)
    answer = answer_to(client, challenge, by_rsa(challenged(challenge, request)))
    other_way = client.connect(transport=transport, secure=secure)
    assert code(await client.send(answer, other_way)) == ResponseCode.AUTHENTICATION_TIMEOUT


async def test_the_answer_to_one_nonce_proves_nothing_for_another(home: House) -> None:
    client = Client(home)
    one, other = client.request(DELETE, b"one"), client.request(DELETE, b"other")
    challenge, another = await client.send(one), await client.send(other)
    crossed = answer_to(client, another, by_rsa(challenged(challenge, one)))
    assert code(await client.send(crossed)) == ResponseCode.AUTHENTICATION_FAILED
    assert home.done == []


async def test_a_number_of_ours_that_nobody_gave_is_answered_late(home: House) -> None:
    client = Client(home)
    for number in (0, 1, 10_001, 2**30, 2**31 - 1, -1):
        answer = client.request(OpCode.CHALLENGE_ANSWER, b"", session_id=number)
        answer = answer._replace(body=answer_body())
        assert code(await client.send(answer)) == ResponseCode.AUTHENTICATION_TIMEOUT


def answer_body() -> bytes:
    return b"\0\0\0\x09HS_SECKEY\0\0\0\x010\0\0\0\0\0\0\0\x01\x13"


async def test_an_answer_that_breaks_off_leaves_the_challenge_open(home: House) -> None:
    client = Client(home)
    request = client.request(DELETE, b"whatever")
    challenge = await client.send(request)
    answer = answer_to(client, challenge, by_rsa(challenged(challenge, request)))
    assert code(await client.send(answer._replace(body=answer.body[:-1]))) == ResponseCode.PROTOCOL_ERROR
    assert code(await client.send(answer)) == ResponseCode.SUCCESS


def of(client: Client, number: int, size: int = 8) -> Message:
    return client.request(DELETE, number.to_bytes(size, "big"), request_id=number + 1)


def test_the_oldest_of_a_source_gives_way_and_others_stay(home: House, table: Challenges) -> None:
    client = Client(home)
    greedy, modest = Conversation("192.0.2.66", Transport.TCP), Conversation("192.0.2.7", Transport.TCP)
    kept = table.make(modest, of(client, 0))
    made = [table.make(greedy, of(client, number)) for number in range(challenges.MOST_PER_SOURCE + 1)]
    assert len(table) == challenges.MOST_PER_SOURCE + 1
    with pytest.raises(ProofLate):
        table.take(greedy, made[0].session_id)
    assert table.take(greedy, made[1].session_id) is made[1]
    assert table.take(modest, kept.session_id) is kept


def test_all_challenges_together_are_bounded(home: House, table: Challenges, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenges, "MOST", 50)
    client = Client(home)
    for number in range(120):
        table.make(Conversation(f"192.0.2.{number}", Transport.TCP), of(client, number))
    assert len(table) == 50


def test_the_bytes_of_waiting_requests_are_bounded(home: House, table: Challenges) -> None:
    client = Client(home)
    request = of(client, 1, size=250_000)
    for number in range(400):
        table.make(Conversation(f"198.51.{number % 256}.{number // 256}", Transport.TCP), request)
    assert len(table) * 250_000 <= challenges.MOST_BYTES < (len(table) + 2) * 251_000


def test_late_challenges_are_forgotten_when_others_come(home: House, table: Challenges, clock: Clock) -> None:
    client = Client(home)
    for number in range(10):
        table.make(Conversation("192.0.2.7", Transport.TCP), of(client, number))
    clock.now += 61
    table.make(Conversation("192.0.2.8", Transport.TCP), of(client, 11))
    assert len(table) == 1


def test_a_challenge_of_a_connection_ends_with_it(home: House, table: Challenges) -> None:
    client = Client(home)
    conversation = Conversation("192.0.2.7", Transport.TCP)
    table.make(conversation, of(client, 1), session_id=10_001, of_connection=True)
    other = Conversation("192.0.2.7", Transport.TCP)
    with pytest.raises(ProofLate):
        table.take(other, 10_001)
    conversation.close()
    assert len(table) == 0
