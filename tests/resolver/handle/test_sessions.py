"""Classic sessions, in every mode, with a client that knows the protocol and not our modules."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from node.administration import PUBLIC_KEY, SECRET_KEY, Identity, IdentityKey
from node.handle_data import DhPublicKey, RsaPublicKey, decode_public_key, encode_public_key
from resolver.handle import sessions
from resolver.handle.bodies import (
    SessionSetup,
    decode_session_setup_reply,
    encode_key_exchange,
    encode_session_setup,
)
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.computing import Computing
from resolver.handle.conversation import OUR_IDS, Conversation, Transport
from resolver.handle.envelope import ENVELOPE_BYTES
from resolver.handle.message import Message, encode_message
from resolver.handle.session_setup import agreed, received
from resolver.handle.sessions import Counters, MessageReplayed
from tests.support.handle_session import (
    CERTIFIED,
    NODE_KEY,
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
    check_node_signature,
    code,
    house,
    public_data,
    read,
)

# The group of 1,024 bits that Java, and so Handle.Net, chooses by itself: no safe prime, no small generator.
JAVA_P = int(
    "fd7f53811d75122952df4a9c2eece4e7f611b7523cef4400c31e3f80b6512669455d402251fb593d8d58fabfc5f5ba30f6cb9b556cd7813b"
    "801d346ff26660b76b9950a5a49f9fe8047b1022c24fbba9d7feb7c61bf83b57e7c6a8a6150f04fb83f6d3c51ec3023554135a169132f675"
    "f3ae2b61d72aeff22203199dd14801c7",
    16,
)
JAVA_G = int(
    "f7e1a085d69b3ddecbbcab5c36b857b97994afbbfa3aea82f9574c0b3d0782675159578ebad4594fe67107108180b449167123e84c281613"
    "b7cf09328cc8a6e13c167a8b547c8d28e0a3ae1e2bb3a675916ea37f0bfa213562f1fb627a01243bcca4f1bea8519089a883dfe15ae59f06"
    "928b665e807b552564014c3bfecf492a",
    16,
)
DELETE = OpCode.DELETE_HANDLE
KEY = IdentityKey(USER.index, PUBLIC_KEY, public_data(USER_KEY))
OTHER_KEY = rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def home() -> AsyncIterator[House]:
    computing = Computing()
    yield house(computing=computing)
    await computing.close()


def setup_body(mode: int, *, user: Identity | None = USER, timeout: int = 86_400, **key: Any) -> bytes:
    named = user or Identity("", -1)
    return encode_session_setup(SessionSetup(mode, timeout, named.handle, named.index, **key))


async def set_up(client: Client, told: bytes) -> tuple[Message, bytes]:
    """The reply, which the node signed, and its data."""
    request = client.request(OpCode.SESSION_SETUP, told, flags=CERTIFIED)
    reply = await client.send(request)
    assert code(reply) == ResponseCode.SUCCESS
    check_node_signature(reply)
    assert reply.envelope.session_id >= OUR_IDS
    answer = decode_session_setup_reply(body(reply))
    assert answer.mode == int.from_bytes(told[:2], "big")
    return reply, answer.data


async def by_client_key(client: Client, **more: Any) -> ClientSession:
    reply, data = await set_up(client, setup_body(1, public_key=public_data(OTHER_KEY), **more))
    return opened(reply, OTHER_KEY.decrypt(data, padding.PKCS1v15()))


async def by_server_key(client: Client, **more: Any) -> ClientSession:
    reply, data = await set_up(client, setup_body(2, **more))
    public = decode_public_key(data)
    assert isinstance(public, RsaPublicKey)
    secret = secrets.token_bytes(32)  # what newer Java makes for AES
    encrypted = (
        rsa.RSAPublicNumbers(public.e, public.n).public_key().encrypt(b"\0\0\0\3" + secret, padding.PKCS1v15())
    )
    exchange = client.request(
        OpCode.SESSION_KEY_EXCHANGE,
        encode_key_exchange(encrypted),
        session_id=reply.envelope.session_id,
        flags=CERTIFIED,
    )
    exchanged = await client.send(exchange)
    assert code(exchanged) == ResponseCode.SUCCESS
    check_node_signature(exchanged)
    return ClientSession(reply.envelope.session_id, secret)


async def by_handle(client: Client, **more: Any) -> ClientSession:
    reply, data = await set_up(client, setup_body(3, key_handle=USER.handle, key_index=USER.index, **more))
    return opened(reply, USER_KEY.decrypt(data, padding.PKCS1v15()))


async def by_agreement(client: Client, **more: Any) -> ClientSession:
    exponent = secrets.randbits(1000)
    told = encode_public_key(DhPublicKey(pow(JAVA_G, exponent, JAVA_P), JAVA_P, JAVA_G))
    reply, data = await set_up(client, setup_body(4, public_key=told, **more))
    assert data[:4] == b"\0\0\0\3"
    theirs = decode_public_key(data[4:])
    assert isinstance(theirs, DhPublicKey)
    assert (theirs.p, theirs.g) == (JAVA_P, JAVA_G)
    shared = pow(theirs.y, exponent, JAVA_P).to_bytes(128, "big")
    while len(shared) > 32 and not shared[0]:
        shared = shared[1:]
    return ClientSession(reply.envelope.session_id, shared[:32])


def opened(reply: Message, plain: bytes) -> ClientSession:
    assert plain[:4] == b"\0\0\0\3"
    assert len(plain) == 20
    return ClientSession(reply.envelope.session_id, plain[4:])


MODES = [by_client_key, by_server_key, by_handle, by_agreement]


async def authenticate(client: Client, session: ClientSession, user: Identity = USER) -> None:
    """One request with a challenge; its answer carries no MAC, as Handle.Net's does not."""
    request = session.vouched(client.request(DELETE, b"first", session_id=session.id))
    challenge = await client.send(request)
    assert challenge.envelope.session_id == session.id
    signed = challenged(challenge, request)
    if user == USER:
        answer = answer_to(client, challenge, by_rsa(signed))
    else:
        answer = answer_to(client, challenge, by_hmac(signed), user, SECRET_KEY)
    assert code(await client.send(answer)) == ResponseCode.SUCCESS


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("version", [(2, 11), (2, 8), (2, 7)])
async def test_a_session_is_set_up_proved_once_used_and_ended(
    home: House, mode: Any, version: tuple[int, int]
) -> None:
    client = Client(home, version=version)
    session = await mode(client)
    await authenticate(client, session)
    for n in range(3):
        request = session.vouched(client.request(DELETE, b"%d" % n, session_id=session.id, flags=CERTIFIED))
        reply = await client.send(request)
        assert code(reply) == ResponseCode.SUCCESS
        assert session.check(reply) == n + 1
    assert [message.body for _, message in home.done] == [b"first", b"0", b"1", b"2"]
    assert {identity for identity, _ in home.done} == {USER}
    ending = session.vouched(client.request(OpCode.SESSION_TERMINATE, block(b"/"), session_id=session.id))
    assert code(await client.send(ending)) == ResponseCode.SUCCESS
    late = session.vouched(client.request(DELETE, b"late", session_id=session.id))
    assert code(await client.send(late)) == ResponseCode.SESSION_TIMEOUT
    assert len(home.guard.sessions) == 0


@pytest.mark.parametrize("mode", MODES)
async def test_an_encrypted_session_encrypts_its_replies(home: House, mode: Any) -> None:
    client = Client(home)
    session = await mode(client)
    await authenticate(client, session)
    request = session.vouched(client.request(DELETE, b"hidden", session_id=session.id, flags=CERTIFIED))
    reply = session.decrypted(await client.send_bytes(session.encrypted(request)))
    assert code(reply) == ResponseCode.SUCCESS
    session.check(reply)
    assert home.done[-1][1].body == b"hidden"


async def test_a_reply_is_encrypted_where_it_is_asked_for_or_holds_what_is_not_public(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    await authenticate(client, session)

    async def flags_of_reply(flags: int) -> int:
        request = session.vouched(client.request(DELETE, session_id=session.id, flags=flags))
        return (await client.send_bytes(encode_message(request)))[2] & 0x40

    assert await flags_of_reply(0x19000000) == 0
    assert await flags_of_reply(0x19000000 | Flag.ENCRYPT) == 0x40
    home.private = True
    assert await flags_of_reply(0x19000000) == 0x40
    plain = await client.send_bytes(encode_message(client.request(OpCode.GET_SITE_INFO)))
    assert plain[2] & 0x40 == 0


async def test_a_private_reply_is_not_encrypted_before_version_2_8(home: House) -> None:
    client = Client(home, version=(2, 7))
    session = await by_handle(client)
    await authenticate(client, session)
    home.private = True
    request = session.vouched(client.request(DELETE, session_id=session.id))
    request = request._replace(envelope=request.envelope._replace(suggested_minor=7))
    request = session.vouched(request)
    assert (await client.send_bytes(encode_message(request)))[2] & 0x40 == 0


# What a session does not believe ------------------------------------------------------------------------------------


async def test_a_message_without_mac_is_believed_by_nobody(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    await authenticate(client, session)
    request = client.request(DELETE, b"forged", session_id=session.id)
    reply = await client.send(request)
    assert code(reply) == ResponseCode.AUTHENTICATION_NEEDED
    assert reply.envelope.session_id != session.id
    assert len(home.done) == 1


async def test_a_message_with_a_wrong_mac_is_refused(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    await authenticate(client, session)
    forger = ClientSession(session.id, bytes(16), counter=50)
    reply = await client.send(forger.vouched(client.request(DELETE, b"forged", session_id=session.id)))
    assert code(reply) == ResponseCode.INVALID_SESSION_KEY
    request = session.vouched(client.request(DELETE, b"right", session_id=session.id))
    altered = request._replace(body=b"wrong")
    assert code(await client.send(altered)) == ResponseCode.INVALID_SESSION_KEY
    renumbered = request._replace(envelope=request.envelope._replace(request_id=7))
    assert code(await client.send(renumbered)) == ResponseCode.INVALID_SESSION_KEY
    assert code(await client.send(request)) == ResponseCode.SUCCESS


async def test_ten_thousand_guessed_numbers_find_no_session(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    await authenticate(client, session)
    for _ in range(10_000):
        guessed = OUR_IDS + secrets.randbelow(OUR_IDS)
        if guessed != session.id:
            assert home.guard.sessions.find(client.connect(), guessed) is None


async def test_no_replay_of_a_thousand_is_accepted(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    await authenticate(client, session)
    captured = [session.vouched(client.request(DELETE, b"%d" % n, session_id=session.id)) for n in range(10)]
    for message in reversed(captured):  # threads of a client overtake each other
        assert code(await client.send(message)) == ResponseCode.SUCCESS
    for _ in range(100):
        for message in captured:
            assert code(await client.send(message)) == ResponseCode.SESSION_MESSAGE_REJECTED
    assert len(home.done) == 11


async def test_a_session_is_not_known_from_another_address(home: House) -> None:
    client, thief = Client(home), Client(home, "198.51.100.9")
    session = await by_handle(client)
    await authenticate(client, session)
    message = session.vouched(client.request(DELETE, b"mine", session_id=session.id))
    assert code(await thief.send(message)) == ResponseCode.SESSION_TIMEOUT
    assert code(await client.send(message)) == ResponseCode.SUCCESS


async def test_the_key_of_one_session_does_not_vouch_in_another(home: House) -> None:
    client = Client(home)
    one, other = await by_handle(client), await by_handle(client)
    await authenticate(client, one)
    await authenticate(client, other)
    crossed = ClientSession(other.id, one.mac_key, counter=10)
    reply = await client.send(crossed.vouched(client.request(DELETE, b"crossed", session_id=other.id)))
    assert code(reply) == ResponseCode.INVALID_SESSION_KEY
    assert home.guard.sessions.find(client.connect(), one.id) is not None


async def test_a_proof_counts_for_later_only_when_it_is_that_of_who_set_the_session_up(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)  # as 300
    await authenticate(client, session, SECRET_USER)  # proved as 301
    again = session.vouched(client.request(DELETE, b"again", session_id=session.id))
    assert code(await client.send(again)) == ResponseCode.AUTHENTICATION_NEEDED
    nobody = await by_handle(client, user=None)
    await authenticate(client, nobody)
    again = nobody.vouched(client.request(DELETE, b"again", session_id=nobody.id))
    assert code(await client.send(again)) == ResponseCode.AUTHENTICATION_NEEDED


async def test_the_answer_to_a_request_that_nothing_vouched_for_proves_no_session(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    request = client.request(DELETE, b"unvouched", session_id=session.id)
    challenge = await client.send(request)
    answer = answer_to(client, challenge, by_rsa(challenged(challenge, request)))
    assert code(await client.send(answer)) == ResponseCode.SUCCESS
    again = session.vouched(client.request(DELETE, b"again", session_id=session.id))
    assert code(await client.send(again)) == ResponseCode.AUTHENTICATION_NEEDED


async def test_the_handle_of_who_set_the_session_up_is_compared_without_case(home: House) -> None:
    client = Client(home)
    session = await by_handle(client, user=Identity(USER.handle.lower(), USER.index))
    await authenticate(client, session)
    again = session.vouched(client.request(DELETE, b"again", session_id=session.id))
    assert code(await client.send(again)) == ResponseCode.SUCCESS


async def test_a_repeated_request_of_a_session_has_the_same_challenge(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    request = client.request(DELETE, b"sent twice", session_id=session.id)
    first = await client.send(session.vouched(request))
    second = await client.send(session.vouched(request))  # with a MAC of its own, as Handle.Net sends it again
    assert first == second
    answer = answer_to(client, first, by_rsa(challenged(first, request)))
    assert code(await client.send(answer)) == ResponseCode.SUCCESS


async def test_only_a_message_with_the_mac_ends_a_session(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    told = client.request(OpCode.SESSION_TERMINATE, block(b"/"), session_id=session.id)
    assert code(await client.send(told)) == ResponseCode.INVALID_SESSION_KEY
    assert code(await client.send(session.vouched(told))) == ResponseCode.SUCCESS
    assert code(await client.send(told)) == ResponseCode.SESSION_TIMEOUT


async def test_macs_of_versions_before_2_7_are_refused(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    old = client.request(DELETE, b"old", session_id=session.id)
    old = old._replace(envelope=old.envelope._replace(minor=6))
    assert code(await client.send(session.vouched(old))) == ResponseCode.INVALID_SESSION_KEY


# Encryption ---------------------------------------------------------------------------------------------------------


async def test_a_ciphertext_of_an_unknown_session_is_told_to_begin_another(home: House) -> None:
    client = Client(home)
    for number, expected in (
        (OUR_IDS + 5, ResponseCode.SESSION_TIMEOUT),
        (0, ResponseCode.SESSION_FAILED),
        (-3, ResponseCode.SESSION_FAILED),
    ):
        stranger = ClientSession(number, bytes(16))
        request = client.request(DELETE, session_id=number)
        assert code(read(await client.send_bytes(stranger.encrypted(request)))) == expected


async def test_altered_ciphertexts_are_refused_alike_and_soon_end_the_session(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    request = session.encrypted(session.vouched(client.request(DELETE, b"x" * 40, session_id=session.id)))
    codes = []
    for n in range(sessions._MOST_FAILURES):
        # The last block breaks the padding, the first what stands behind it, a short one both.
        altered = bytearray(request)
        altered[(-1, ENVELOPE_BYTES + 1)[n % 2]] ^= 0x80
        if n == 2:
            altered = altered[:-5]
            altered[16:20] = (len(altered) - ENVELOPE_BYTES).to_bytes(4, "big")
        codes.append(code(read(await client.send_bytes(bytes(altered)))))
    assert set(codes) == {ResponseCode.SESSION_FAILED}
    assert code(read(await client.send_bytes(request))) == ResponseCode.SESSION_TIMEOUT


# Set-up -------------------------------------------------------------------------------------------------------------


async def refused(client: Client, told: bytes, version: tuple[int, int] = (2, 11)) -> int:
    request = client.request(OpCode.SESSION_SETUP, told)
    envelope = request.envelope._replace(suggested_major=version[0], suggested_minor=version[1])
    return code(await client.send(request._replace(envelope=envelope)))


async def test_what_a_session_cannot_be_set_up_with(home: House) -> None:
    client = Client(home)
    weak = public_data(rsa.generate_private_key(65537, 1024))  # noqa: S505 - to be refused
    ours = encode_public_key(DhPublicKey(5, JAVA_P, JAVA_G))
    short = encode_public_key(DhPublicKey(5, (1 << 1022) + 1, 3))
    long = encode_public_key(DhPublicKey(5, (1 << 2048) + 1, 3))
    degenerate = [
        encode_public_key(DhPublicKey(y, p, g))
        for y, p, g in ((1, JAVA_P, JAVA_G), (JAVA_P - 1, JAVA_P, JAVA_G), (5, JAVA_P, 1), (5, JAVA_P + 1, JAVA_G))
    ]
    home.keys.known["0.NA/88.101.9"] = [IdentityKey(1, SECRET_KEY, b"no public key")]
    expected = {
        setup_body(1, public_key=weak): ResponseCode.RSA_KEY_NEEDED,
        setup_body(1, public_key=ours): ResponseCode.RSA_KEY_NEEDED,
        setup_body(1, public_key=b"junk"): ResponseCode.RSA_KEY_NEEDED,
        setup_body(3, key_handle="0.NA/88.101.404", key_index=300): ResponseCode.SESSION_FAILED,
        setup_body(3, key_handle=USER.handle, key_index=301): ResponseCode.SESSION_FAILED,
        setup_body(3, key_handle="0.NA/88.101.9", key_index=1): ResponseCode.SESSION_FAILED,
        setup_body(4, public_key=public_data(USER_KEY)): ResponseCode.INVALID_SESSION_SETUP,
        setup_body(4, public_key=b"junk"): ResponseCode.INVALID_SESSION_SETUP,
        setup_body(4, public_key=short): ResponseCode.INVALID_SESSION_SETUP,
        setup_body(4, public_key=long): ResponseCode.INVALID_SESSION_SETUP,
        **dict.fromkeys((setup_body(4, public_key=key) for key in degenerate), ResponseCode.INVALID_SESSION_SETUP),
        setup_body(7): ResponseCode.INVALID_SESSION_SETUP,
        setup_body(2)[:9]: ResponseCode.PROTOCOL_ERROR,
    }
    for told, code_expected in expected.items():
        assert await refused(client, told) == code_expected, told[:40]
    assert await refused(client, setup_body(2), (2, 6)) == ResponseCode.INVALID_SESSION_SETUP
    assert len(home.guard.sessions) == 0


async def test_set_ups_without_end_are_refused_before_anything_is_computed(home: House) -> None:
    client = Client(home)
    codes = [await refused(client, setup_body(2)) for _ in range(70)]
    assert codes == [ResponseCode.SUCCESS] * 60 + [ResponseCode.TOO_BUSY] * 10
    assert await refused(Client(home, "198.51.100.9"), setup_body(2)) == ResponseCode.SUCCESS
    home.clock.now += 1
    assert await refused(client, setup_body(2)) == ResponseCode.SUCCESS


def test_a_shared_number_with_zeros_in_front_gives_the_key_that_java_makes() -> None:
    p = (1 << 1023) + 1155  # any odd modulus: the arithmetic is the same
    seen = set()
    for y in range(2, 300):
        exchange = agreed(encode_public_key(DhPublicKey(y, p, 2)), lambda size: bytes(size))
        shared = pow(y, 1 << 319, p).to_bytes(128, "big")
        leading = len(shared) - len(shared.lstrip(b"\0"))
        seen.add(leading)
        stripped = shared[min(leading, 96) :]
        assert exchange.key.secret == stripped[:32]
        assert len(exchange.key.secret) == 32
    assert {0, 1} <= seen


async def test_a_key_that_cannot_be_decrypted_is_answered_like_any_other(home: House) -> None:
    client = Client(home)
    right = NODE_KEY.public_key().encrypt(b"\0\0\0\3" + bytes(16), padding.PKCS1v15())
    des = NODE_KEY.public_key().encrypt(b"\0\0\0\1" + bytes(8), padding.PKCS1v15())
    for encrypted in (right, des, bytes(256), b"\xff" * 256, b"", b"short", bytes(1000)):
        reply, _ = await set_up(client, setup_body(2))
        exchange = client.request(
            OpCode.SESSION_KEY_EXCHANGE, encode_key_exchange(encrypted), session_id=reply.envelope.session_id
        )
        assert code(await client.send(exchange)) == ResponseCode.SUCCESS
        session = ClientSession(reply.envelope.session_id, bytes(16))
        answered = code(await client.send(session.vouched(client.request(DELETE, session_id=session.id))))
        expected = ResponseCode.AUTHENTICATION_NEEDED if encrypted is right else ResponseCode.INVALID_SESSION_KEY
        assert answered == expected


def test_what_is_received_instead_of_a_key_is_never_twice_the_same() -> None:
    keys = {received(b"junk", NODE_KEY, secrets.token_bytes).secret for _ in range(10)}
    assert len(keys) == 10


async def test_a_key_is_exchanged_once_and_only_where_it_is_awaited(home: House) -> None:
    client = Client(home)
    session = await by_server_key(client)
    again = client.request(OpCode.SESSION_KEY_EXCHANGE, encode_key_exchange(bytes(256)), session_id=session.id)
    assert code(await client.send(again)) == ResponseCode.SESSION_FAILED
    other = await by_handle(client)
    elsewhere = client.request(OpCode.SESSION_KEY_EXCHANGE, encode_key_exchange(bytes(256)), session_id=other.id)
    assert code(await client.send(elsewhere)) == ResponseCode.SESSION_FAILED
    nowhere = client.request(OpCode.SESSION_KEY_EXCHANGE, encode_key_exchange(bytes(256)))
    assert code(await client.send(nowhere)) == ResponseCode.SESSION_TIMEOUT
    await authenticate(client, session)


async def test_a_session_that_still_waits_for_its_key_vouches_for_nothing(home: House) -> None:
    client = Client(home)
    reply, _ = await set_up(client, setup_body(2))
    session = ClientSession(reply.envelope.session_id, b"")
    request = client.request(DELETE, session_id=session.id)
    assert code(await client.send(session.vouched(request))) == ResponseCode.INVALID_SESSION_KEY
    encrypted = ClientSession(session.id, bytes(16)).encrypted(request)
    assert code(read(await client.send_bytes(encrypted))) == ResponseCode.SESSION_FAILED


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.HTTP])
async def test_a_session_is_set_up_and_used_over_any_transport(home: House, transport: Transport) -> None:
    client = Client(home)
    request = client.request(OpCode.SESSION_SETUP, setup_body(3, key_handle=USER.handle, key_index=300))
    reply = await client.send(request, client.connect(transport=transport))
    session = opened(reply, USER_KEY.decrypt(decode_session_setup_reply(body(reply)).data, padding.PKCS1v15()))
    await authenticate(client, session)


async def test_a_session_ends_soon_after_its_key_is_taken_away(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    await authenticate(client, session)
    home.keys.known[USER.handle] = [IdentityKey(USER.index, PUBLIC_KEY, public_data(OTHER_KEY))]
    codes = []
    for pause in (0.0, 9.9, 0.1, 0.0):
        home.clock.now += pause
        codes.append(code(await client.send(session.vouched(client.request(DELETE, session_id=session.id)))))
    assert codes == [ResponseCode.SUCCESS] * 2 + [ResponseCode.SESSION_TIMEOUT] * 2


async def test_a_session_whose_key_stands_is_asked_for_it_now_and_then(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    await authenticate(client, session)
    asked = home.keys.asked
    for _ in range(100):
        home.clock.now += 1
        assert code(await client.send(session.vouched(client.request(DELETE, session_id=session.id)))) == 1
    assert home.keys.asked - asked == 10


# How long, how many -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("timeout", "idle"), [(86_400, 900), (120, 120), (0, 900), (-5, 900), (2**31 - 1, 900)])
async def test_a_session_that_is_not_used_ends(home: House, timeout: int, idle: int) -> None:
    client = Client(home)
    session = await by_handle(client, timeout=timeout)
    await authenticate(client, session)
    for pause, expected in ((idle - 1, ResponseCode.SUCCESS), (idle, ResponseCode.SESSION_TIMEOUT)):
        home.clock.now += pause
        request = session.vouched(client.request(DELETE, session_id=session.id))
        assert code(await client.send(request)) == expected


async def test_no_session_outlives_the_longest_life(home: House) -> None:
    client = Client(home)
    session = await by_handle(client)
    await authenticate(client, session)
    for _ in range(108):
        home.clock.now += 800
        reply = await client.send(session.vouched(client.request(DELETE, session_id=session.id)))
    assert code(reply) == ResponseCode.SESSION_TIMEOUT
    assert home.clock.now - 1000 == 86_400


def conversation(number: int) -> Conversation:
    return Conversation(f"10.0.{number >> 8}.{number & 255}", Transport.TCP)


async def test_unproved_sessions_are_bounded_and_never_take_the_place_of_proved_ones(home: House) -> None:
    table = home.guard.sessions
    proved = table.begin(conversation(0))
    table.proved(proved, USER, KEY)
    mine = [table.begin(conversation(1)) for _ in range(sessions.MOST_UNPROVED_PER_SOURCE + 1)]
    assert table.find(conversation(1), mine[0].id) is None
    assert table.find(conversation(1), mine[1].id) is mine[1]
    for number in range(2, sessions.MOST_UNPROVED + 200):
        table.begin(conversation(number))
    assert len(table) == sessions.MOST_UNPROVED + 1
    assert table.find(conversation(0), proved.id) is proved


async def test_proved_sessions_are_bounded(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_PROVED", 100)
    table = home.guard.sessions
    for number in range(300):
        table.proved(table.begin(conversation(number)), USER, KEY)
    assert len(table) == 100
    assert len(table._by_source) == 100


async def test_one_source_has_a_bounded_number_of_sessions(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_PER_SOURCE", 80)
    table = home.guard.sessions
    for _ in range(300):
        table.proved(table.begin(conversation(1)), USER, KEY)
    assert len(table) == 80


def test_each_counter_is_accepted_once_in_any_near_order() -> None:
    counters = Counters()
    order = [1, 5, 3, 2, 4, 300, 299, 298, 45]
    for counter in order:
        counters.accept(counter)
    for counter in order:
        with pytest.raises(MessageReplayed):
            counters.accept(counter)
    for never in (0, -1, -(2**31), 44, 6):  # behind the window or no counter
        with pytest.raises(MessageReplayed):
            counters.accept(never)
    counters.accept(2**31 - 1)
    with pytest.raises(MessageReplayed):
        counters.accept(301)


async def test_keys_of_the_index_0_are_any_public_key_of_the_handle(home: House) -> None:
    client = Client(home)
    home.keys.known[USER.handle] = [
        IdentityKey(301, SECRET_KEY, b"a secret"),
        IdentityKey(300, PUBLIC_KEY, public_data(USER_KEY)),
    ]
    reply, data = await set_up(client, setup_body(3, key_handle=USER.handle, key_index=0))
    opened(reply, USER_KEY.decrypt(data, padding.PKCS1v15()))
