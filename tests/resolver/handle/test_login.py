"""Teleinfo's login: the sequence of its client, whom it is bound to, where it is accepted, how it ends."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding

from node.administration import Identity
from resolver.handle.bodies import SessionSetup, decode_session_setup_reply, encode_session_setup
from resolver.handle.codes import OpCode, ResponseCode
from resolver.handle.computing import Computing
from resolver.handle.conversation import OUR_IDS, Conversation, Transport
from resolver.handle.envelope import ENVELOPE_BYTES
from resolver.handle.message import Message, encode_message
from tests.support.handle_session import (
    SECRET_USER,
    USER,
    USER_KEY,
    Client,
    ClientSession,
    House,
    answer_to,
    block,
    body,
    by_hmac,
    by_rsa,
    challenged,
    code,
    house,
    read,
)

LOGIN_FLAGS = 0x10800000
DELETE = OpCode.DELETE_HANDLE
VECTORS: dict[str, dict[str, Any]] = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "handle.json").read_text(encoding="utf-8"))
}


@pytest.fixture
async def home() -> AsyncIterator[House]:
    computing = Computing()
    yield house(computing=computing, login_networks=(ipaddress.ip_network("192.0.2.0/24"),))
    await computing.close()


@pytest.fixture
def client(home: House) -> Client:
    return Client(home, version=(2, 10))


def login_body(user: Identity = USER) -> bytes:
    return block(user.handle.encode()) + user.index.to_bytes(4, "big")


async def begin(
    client: Client, connection: Conversation, number: int, user: Identity = USER
) -> tuple[Message, Message]:
    """The login and its challenge; the login without the four bytes of an absent credential, as the client has it."""
    login = client.request(OpCode.LOGIN, login_body(user), session_id=number, flags=LOGIN_FLAGS)
    data = encode_message(login, credential_absent=True)
    assert len(data) == ENVELOPE_BYTES + 24 + len(login.body)
    challenge = read(await client.send_bytes(data, connection))
    return login, challenge


async def log_in(client: Client, connection: Conversation, number: int = 10_001) -> None:
    site = client.request(OpCode.GET_SITE_INFO, block(b"/"), session_id=number)
    assert code(await client.send(site, connection)) == ResponseCode.SUCCESS
    login, challenge = await begin(client, connection, number)
    assert challenge.header.op_code == OpCode.LOGIN
    assert challenge.envelope.session_id == number
    answer = answer_to(client, challenge, by_rsa(challenged(challenge, login)))
    reply = await client.send(answer, connection)
    assert (reply.header.op_code, code(reply)) == (OpCode.LOGIN, ResponseCode.SUCCESS)
    assert reply.envelope.session_id == number
    assert reply.envelope.request_id == answer.envelope.request_id


async def test_whoever_logged_in_is_believed_on_that_connection(home: House, client: Client) -> None:
    connection = client.connect()
    assert not connection.logged_in
    await log_in(client, connection)
    assert connection.logged_in
    for n in range(3):
        request = client.request(DELETE, b"%d" % n, session_id=10_001)
        assert code(await client.send(request, connection)) == ResponseCode.SUCCESS
    assert [(identity, message.body) for identity, message in home.done] == [(USER, b"0"), (USER, b"1"), (USER, b"2")]


async def test_the_bytes_of_the_known_client_log_in(home: House) -> None:
    vector = VECTORS["sdk-login-step2-opcode-2001"]
    user = Identity("0.NA/88.111.1", 300)
    home.keys.known[user.handle] = home.keys.known[USER.handle]
    client = Client(home, version=(2, 10))
    connection = client.connect()
    challenge = read(await client.send_bytes(bytes.fromhex(vector["hex"]), connection))
    login = read(bytes.fromhex(vector["hex"]))
    expected = VECTORS["sdk-login-step3-challenge"]["fields"]
    signed = challenged(challenge, login)
    assert signed[16:].hex() == expected["requestDigest_hex"]
    assert challenge.envelope.session_id == expected["sessionId"]
    reply = await client.send(answer_to(client, challenge, by_rsa(signed), user), connection)
    assert (reply.header.op_code, code(reply)) == (OpCode.LOGIN, ResponseCode.SUCCESS)


async def test_the_same_number_on_another_connection_is_nobody(home: House, client: Client) -> None:
    connection, other = client.connect(), client.connect()
    await log_in(client, connection)
    request = client.request(DELETE, b"forged", session_id=10_001)
    assert code(await client.send(request, other)) == ResponseCode.AUTHENTICATION_NEEDED
    assert not other.logged_in
    assert home.done == []


async def test_another_number_on_the_same_connection_is_nobody(home: House, client: Client) -> None:
    connection = client.connect()
    await log_in(client, connection)
    for number in (0, 10_002):
        request = client.request(DELETE, b"forged", session_id=number)
        assert code(await client.send(request, connection)) == ResponseCode.AUTHENTICATION_NEEDED
    assert home.done == []


async def test_the_challenge_of_a_login_is_answered_on_its_connection_only(home: House, client: Client) -> None:
    connection, other = client.connect(), client.connect()
    login, challenge = await begin(client, connection, 10_001)
    answer = answer_to(client, challenge, by_rsa(challenged(challenge, login)))
    assert code(await client.send(answer, other)) == ResponseCode.AUTHENTICATION_TIMEOUT
    assert code(await client.send(answer, connection)) == ResponseCode.SUCCESS
    assert code(await client.send(answer, connection)) == ResponseCode.AUTHENTICATION_TIMEOUT


async def test_two_clients_choose_the_same_number(home: House, client: Client) -> None:
    one, other = client.connect(), client.connect()
    await log_in(client, one)
    login, challenge = await begin(client, other, 10_001, SECRET_USER)
    signed = by_hmac(challenged(challenge, login))
    assert code(await client.send(answer_to(client, challenge, signed, SECRET_USER, "HS_SECKEY"), other)) == 1
    for connection, user in ((one, USER), (other, SECRET_USER)):
        assert code(await client.send(client.request(DELETE, session_id=10_001), connection)) == 1
        assert home.done[-1][0] == user


async def test_who_answers_must_be_who_logs_in(home: House, client: Client) -> None:
    connection = client.connect()
    login, challenge = await begin(client, connection, 10_001)
    signed = by_hmac(challenged(challenge, login))
    reply = await client.send(answer_to(client, challenge, signed, SECRET_USER, "HS_SECKEY"), connection)
    assert code(reply) == ResponseCode.INVALID_CREDENTIAL
    assert not connection.logged_in


async def test_a_wrong_answer_logs_nobody_in(home: House, client: Client) -> None:
    connection = client.connect()
    _, challenge = await begin(client, connection, 10_001)
    reply = await client.send(answer_to(client, challenge, by_rsa(b"something else")), connection)
    assert code(reply) == ResponseCode.AUTHENTICATION_FAILED
    assert not connection.logged_in
    assert len(home.guard.sessions) == 0


async def test_whoever_is_logged_in_proves_himself_anew_to_be_another(home: House, client: Client) -> None:
    connection = client.connect()
    await log_in(client, connection)
    login, challenge = await begin(client, connection, 10_001, SECRET_USER)
    signed = by_hmac(challenged(challenge, login))
    assert code(await client.send(answer_to(client, challenge, signed, SECRET_USER, "HS_SECKEY"), connection)) == 1
    await client.send(client.request(DELETE, session_id=10_001), connection)
    assert home.done[-1][0] == SECRET_USER
    assert connection.logins == 1


@pytest.mark.parametrize(
    ("source", "secure", "accepted"),
    [
        ("192.0.2.200", False, True),
        ("198.51.100.1", False, False),
        ("198.51.100.1", True, True),
        ("::1", False, False),
    ],
)
async def test_without_tls_only_named_networks_log_in(home: House, source: str, secure: bool, accepted: bool) -> None:
    client = Client(home, source)
    connection = client.connect(secure=secure)
    _, reply = await begin(client, connection, 10_001)
    expected = ResponseCode.AUTHENTICATION_NEEDED if accepted else ResponseCode.NOT_PERMITTED
    assert code(reply) == expected
    assert len(home.guard.challenges) == accepted


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.HTTP])
async def test_a_login_needs_a_tcp_connection(home: House, client: Client, transport: Transport) -> None:
    _, reply = await begin(client, client.connect(transport=transport), 10_001)
    assert code(reply) == ResponseCode.OPERATION_UNSUPPORTED


@pytest.mark.parametrize("number", [0, -1, OUR_IDS, 2**31 - 1])
async def test_a_login_names_a_session_by_a_small_positive_number(home: House, client: Client, number: int) -> None:
    _, reply = await begin(client, client.connect(), number)
    assert code(reply) == ResponseCode.INVALID_SESSION_SETUP


async def test_a_login_ends_with_its_connection(home: House, client: Client) -> None:
    connections = [client.connect() for _ in range(20)]
    for connection in connections:
        await log_in(client, connection)
    assert len(home.guard.sessions) == 20
    for connection in connections:
        connection.close()
    assert len(home.guard.sessions) == 0
    assert len(home.guard.challenges) == 0


async def test_a_login_that_arrives_behind_the_end_of_its_connection_leaves_nothing(
    home: House, client: Client
) -> None:
    connection = client.connect()
    login, challenge = await begin(client, connection, 10_001)
    answer = answer_to(client, challenge, by_rsa(challenged(challenge, login)))
    heard = home.guard.hear(*parts(answer), connection)
    heard = await home.guard.answered(heard, connection)
    connection.close()
    home.guard.login(heard, connection)
    assert len(home.guard.sessions) == 0


def parts(message: Message) -> tuple[Any, bytes]:
    data = encode_message(message)
    return message.envelope, data[ENVELOPE_BYTES:]


async def test_a_login_lives_idle_for_hours_and_ends_after_its_longest_life(home: House, client: Client) -> None:
    connection = client.connect()
    await log_in(client, connection)
    home.clock.now += 86_399
    assert code(await client.send(client.request(DELETE, session_id=10_001), connection)) == ResponseCode.SUCCESS
    assert not connection.over
    home.clock.now += 1
    reply = await client.send(client.request(DELETE, session_id=10_001), connection)
    assert code(reply) == ResponseCode.SESSION_TIMEOUT
    assert connection.over
    assert not connection.logged_in


async def test_a_login_ends_soon_after_its_key_is_taken_away(home: House, client: Client) -> None:
    connection = client.connect()
    await log_in(client, connection)
    home.keys.known[USER.handle] = []
    home.clock.now += 10
    reply = await client.send(client.request(DELETE, session_id=10_001), connection)
    assert code(reply) == ResponseCode.SESSION_TIMEOUT
    assert connection.over
    assert home.done == []


async def test_logging_out_leaves_nobody(home: House, client: Client) -> None:
    connection = client.connect()
    await log_in(client, connection)
    end = client.request(OpCode.SESSION_TERMINATE, block(b"/"), session_id=10_001)
    assert code(await client.send(end, connection)) == ResponseCode.SUCCESS
    assert not connection.logged_in
    again = await client.send(client.request(DELETE, session_id=10_001), connection)
    assert code(again) == ResponseCode.AUTHENTICATION_NEEDED


async def test_an_encrypted_login_as_the_known_client_has_it(home: House, client: Client) -> None:
    connection = client.connect()
    number = 10_007
    told = encode_session_setup(SessionSetup(3, 86_400, "", -1, key_handle=USER.handle, key_index=USER.index))
    reply = await client.send(client.request(OpCode.SESSION_SETUP, told, session_id=number), connection)
    assert code(reply) == ResponseCode.SUCCESS
    assert reply.envelope.session_id == number
    plain = USER_KEY.decrypt(decode_session_setup_reply(body(reply)).data, padding.PKCS1v15())
    session = ClientSession(number, plain[4:], algorithm=plain[3])

    async def exchanged(message: Message) -> Message:
        return session.decrypted(await client.send_bytes(session.encrypted(message), connection))

    login = client.request(OpCode.LOGIN, login_body(), session_id=number, flags=LOGIN_FLAGS)
    challenge = await exchanged(login)
    done = await exchanged(answer_to(client, challenge, by_rsa(challenged(challenge, login))))
    assert (done.header.op_code, code(done)) == (OpCode.LOGIN, ResponseCode.SUCCESS)
    assert connection.logged_in
    assert code(await exchanged(client.request(DELETE, b"hidden", session_id=number))) == ResponseCode.SUCCESS
    assert home.done[-1][0] == USER


async def test_a_proof_in_a_session_of_a_chosen_number_is_no_login(home: House, client: Client) -> None:
    connection = client.connect()
    told = encode_session_setup(
        SessionSetup(3, 86_400, USER.handle, USER.index, key_handle=USER.handle, key_index=USER.index)
    )
    await client.send(client.request(OpCode.SESSION_SETUP, told, session_id=10_001), connection)
    request = client.request(DELETE, b"once", session_id=10_001)
    challenge = await client.send(request, connection)
    reply = await client.send(answer_to(client, challenge, by_rsa(challenged(challenge, request))), connection)
    assert code(reply) == ResponseCode.SUCCESS
    again = await client.send(client.request(DELETE, b"twice", session_id=10_001), connection)
    assert code(again) == ResponseCode.AUTHENTICATION_NEEDED


async def test_mode_2_numbers_its_session_itself(home: House, client: Client) -> None:
    told = encode_session_setup(SessionSetup(2, 86_400, "", -1))
    reply = await client.send(client.request(OpCode.SESSION_SETUP, told, session_id=10_001), client.connect())
    assert code(reply) == ResponseCode.INVALID_SESSION_SETUP
