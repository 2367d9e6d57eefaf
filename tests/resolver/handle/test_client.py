"""The client of ``loadtest`` writes what the known clients write and reads what the known servers answer."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from loadtest.handle_client import USUAL, HandleClient, HandleRefused, ReplyUnproven
from loadtest.handle_identity import HMAC_SHA256, RsaSigner, SecretSigner, signed_by
from loadtest.handle_peer import ServerSilent, TcpPeer, UdpPeer
from node.handle_data import decode_site
from node.record import Record, Reference, Value
from resolver.handle.bodies import decode_challenge_answer
from resolver.handle.codes import Flag
from resolver.handle.envelope import ENVELOPE_BYTES, Version, WireFault, decode_envelope
from resolver.handle.fields import read_block, read_name
from resolver.handle.message import Digest, DigestKind, Message, decode_message, encode_message

VECTORS: dict[str, dict[str, Any]] = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "handle.json").read_text(encoding="utf-8"))
}
HANDLE = "88.111.1/Prod-001"
PREFIX_HANDLE = "0.NA/88.111.1"
TWELVE_HOURS_BEFORE_THE_VECTORS_EXPIRE = 1_800_000_000 - 43_200
ERRORS = [
    name
    for name, vector in VECTORS.items()
    if vector["kind"] in ("response", "sdk_response") and vector["fields"]["responseCode"] not in (1, 302, 402)
]


def octets(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name]["hex"])


def read(data: bytes) -> Message:
    return decode_message(decode_envelope(data), data[ENVELOPE_BYTES:])


def values_of(name: str) -> Record:
    return tuple(
        Value(
            each["index"], each["type"], bytes.fromhex(each["data_hex"]), each["ttl"], each["ttlType"],
            each["permissions"], each["timestamp"],
            tuple(Reference(one["handle"], one["index"]) for one in each["references"]),
        )
        for each in VECTORS[name]["fields"]["values"]
    )  # fmt: skip


def answered_as(number: int, answer: bytes) -> bytes:
    """An answer of the vectors as it would be to request ``number``."""
    return answer[:8] + number.to_bytes(4, "big") + answer[12:]


@dataclass
class Teller:
    """A server that says what it was told to, one entry for each request, and keeps what it heard."""

    says: list[list[bytes]]
    heard: list[bytes] = field(default_factory=list)
    port: int = 0
    closes: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while (head := await reader.read(ENVELOPE_BYTES)) and self.says:
                envelope = decode_envelope(head)
                self.heard.append(head + await reader.readexactly(envelope.length))
                for answer in self.says.pop(0):
                    writer.write(answered_as(envelope.request_id, answer))
                if self.closes:
                    return


@asynccontextmanager
async def told(*says: Iterable[bytes], closes: bool = False) -> AsyncIterator[Teller]:
    teller = Teller([list(answers) for answers in says], closes=closes)
    server = await asyncio.start_server(teller.serve, "127.0.0.1", 0)
    teller.port = server.sockets[0].getsockname()[1]
    async with server:
        yield teller


def client_of(peer: Any, *numbers: int, **options: Any) -> HandleClient:
    return HandleClient(
        peer, next_id=iter(numbers).__next__, clock=lambda: TWELVE_HOURS_BEFORE_THE_VECTORS_EXPIRE, **options
    )


async def exchange(
    says: Sequence[Iterable[bytes]],
    numbers: tuple[int, ...],
    act: Callable[[HandleClient], Coroutine[Any, Any, Any]],
    **options: Any,
) -> tuple[list[bytes], Any]:
    """What the server heard, and what came of it."""
    async with told(*says) as teller:
        with closing(TcpPeer("127.0.0.1", teller.port, patience=5)) as peer:
            outcome = await act(client_of(peer, *numbers, **options))
    return teller.heard, outcome


OK = octets("ok-101")
ASKED: dict[str, tuple[Callable[[HandleClient], Coroutine[Any, Any, Any]], dict[str, Any], str]] = {
    "resolve-default": (lambda client: client.resolve(HANDLE), {}, "resolve-response"),
    "resolve-types-indexes-flags": (
        lambda client: client.resolve(HANDLE, (1, 100, -1), ("URL", "HS_ADMIN", "类型"), everything=True),
        {"flags": 0xD980_0000}, "resolve-response",
    ),
    "resolve-in-session": (lambda client: client.resolve(HANDLE), {"session_id": 12345}, "resolve-response"),
    "create": (lambda client: client.create(HANDLE, values_of("create")), {"flags": 0x1980_0000}, "create-response"),
    "create-overwrite": (
        lambda client: client.create(HANDLE, values_of("create-overwrite"), overwrite=True), {}, "create-response",
    ),
    "create-empty": (lambda client: client.create(HANDLE, ()), {}, "create-response"),
    "delete": (lambda client: client.delete(HANDLE), {}, "ok-101"),
    "add-values": (lambda client: client.add(HANDLE, values_of("add-values")), {}, "ok-102"),
    "remove-values": (lambda client: client.remove(HANDLE, (1, 2, 2000)), {}, "ok-103"),
    "home-na": (lambda client: client.home(PREFIX_HANDLE), {}, "ok-300"),
    "unhome-na": (lambda client: client.unhome(PREFIX_HANDLE), {}, "ok-301"),
    "list-nas": (lambda client: client.homed(), {}, "list-nas-response"),
    "sdk-resolve": (
        lambda client: client.resolve(HANDLE), {"version": Version(2, 10), "authority": b""}, "resolve-response",
    ),
    "sdk-resolve-with-auth-string": (
        lambda client: client.resolve(HANDLE, (1,), ("URL",)),
        {"version": Version(2, 10), "authority": b"token-abc", "flags": USUAL | Flag.RECURSIVE_IDENTITY},
        "resolve-response",
    ),
    "sdk-heartbeat": (
        lambda client: client.resolve("0"), {"version": Version(2, 10), "authority": b""}, "resolve-response",
    ),
}  # fmt: skip


def success_of(name: str, request: str) -> bytes:
    """A success among the vectors; where they have none of an operation, an empty one with its number."""
    if name in VECTORS:
        return octets(name)
    message = read(OK)
    return encode_message(
        message._replace(header=message.header._replace(op_code=read(octets(request)).header.op_code))
    )


@pytest.mark.parametrize("name", ASKED)
async def test_a_request_is_written_as_the_known_clients_write_it(name: str) -> None:
    act, options, answer = ASKED[name]
    number = VECTORS[name]["fields"]["requestId"]
    heard, _ = await exchange([[success_of(answer, name)]], (number,), act, **options)
    assert heard == [octets(name)]


async def test_a_resolution_is_read_as_handle_net_answers_it() -> None:
    _, values = await exchange([[octets("resolve-response")]], (1,), lambda client: client.resolve(HANDLE))
    assert values == values_of("resolve-response")


async def test_site_information_is_read_as_handle_net_answers_it() -> None:
    heard, site = await exchange([[octets("get-site-info-response")]], (1,), lambda client: client.site())
    assert site == decode_site(bytes.fromhex(VECTORS["hs_site-1server-3if"]["hex"]))
    assert read(heard[0]).body == b"\0\0\0\x01/"


async def test_the_number_of_the_verification_is_read_as_handle_net_answers_it() -> None:
    digest = Digest(DigestKind.SHA256, bytes(32))
    says = [[octets("verify-auth-response-true")]]
    heard, valid = await exchange(
        says, (1,), lambda client: client.verify(PREFIX_HANDLE, 301, bytes(16), digest, b"\x13" + bytes(32))
    )
    assert valid is True
    assert read(heard[0]).header.op_code == 201


async def test_a_minted_handle_is_told() -> None:
    _, handle = await exchange(
        [[octets("create-response")]], (1,), lambda client: client.create("88.111.1/", (), mint=True)
    )
    assert handle == "88.111.1/minted-1"


async def test_a_list_is_read_until_no_more_follows() -> None:
    more = octets("list-response-continuous")
    message = read(more)
    last = encode_message(message._replace(header=message.header._replace(flags=USUAL)))

    async def listed(client: HandleClient) -> list[str]:
        return [handle async for handle in client.handles(PREFIX_HANDLE)]

    heard, handles = await exchange([[more, more, last]], (1013,), listed)
    assert heard == [octets("list-handles")]
    assert handles == ["88.111.1/A", "88.111.1/中文"] * 3


@pytest.mark.parametrize("name", ERRORS)
async def test_every_error_is_told_with_its_code_and_words(name: str) -> None:
    with pytest.raises(HandleRefused) as refusal:
        await exchange([[octets(name)]], (1,), lambda client: client.resolve(HANDLE))
    fields = VECTORS[name]["fields"]
    assert refusal.value.response_code == fields["responseCode"]
    assert refusal.value.detail.endswith(fields["message"])


async def test_a_referral_names_its_handle_and_its_servers() -> None:
    with pytest.raises(HandleRefused) as refusal:
        await exchange([[octets("service-referral-302")]], (1,), lambda client: client.resolve(HANDLE))
    referral = refusal.value.referral
    assert referral is not None
    assert (referral.handle, referral.values) == ("0.SERV/88", values_of("service-referral-302"))


def secret_of(name: str, form: int) -> SecretSigner:
    fields = VECTORS[name]["fields"]
    salt = bytes.fromhex(fields.get("salt_hex", ""))
    return SecretSigner(PREFIX_HANDLE, fields["userIndex"], fields["secret"].encode(), form, salt)


@pytest.mark.parametrize(
    ("name", "form"), [("challenge-answer-seckey-pbkdf2", 0x22), ("challenge-answer-seckey-hmac-sha256", HMAC_SHA256)]
)
async def test_a_challenge_is_answered_with_a_secret_key_as_the_known_clients_do(name: str, form: int) -> None:
    heard, handle = await exchange(
        [[octets("challenge-402-sha256")], [octets("create-response-rrdg")]],
        (VECTORS["create"]["fields"]["requestId"], VECTORS[name]["fields"]["requestId"]),
        lambda client: client.create(HANDLE, values_of("create")),
        flags=0x1980_0000,
        signer=secret_of(name, form),
    )
    assert heard == [octets("create"), octets(name)]
    assert handle == HANDLE


async def test_a_challenge_is_answered_with_an_rsa_key_over_nonce_and_digest() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    vector = VECTORS["challenge-answer-rsa-sha256"]
    heard, _ = await exchange(
        [[octets("challenge-402-sha256")], [octets("create-response-rrdg")]],
        (1005, vector["fields"]["requestId"]),
        lambda client: client.create(HANDLE, values_of("create")),
        flags=0x1980_0000,
        signer=RsaSigner(PREFIX_HANDLE, 300, key),
    )
    ours = decode_challenge_answer(read(heard[1]).body)
    name, at = read_name(ours.answer, 0)
    signature, _ = read_block(ours.answer, at)
    theirs = octets("challenge-answer-rsa-sha256")
    assert heard[1].replace(signature, b"") == theirs.replace(theirs[-260:-4], b"")
    assert name == "SHA-256"
    signed = bytes.fromhex(vector["fields"]["signed_hex"])
    key.public_key().verify(signature, signed, padding.PKCS1v15(), SHA256())


async def test_a_challenge_to_another_request_is_not_answered() -> None:
    signer = secret_of("challenge-answer-seckey-pbkdf2", 0x22)
    with pytest.raises(ReplyUnproven):
        await exchange(
            [[octets("challenge-402-sha256")]], (1005,), lambda client: client.delete(HANDLE), signer=signer
        )


async def test_a_challenge_is_a_refusal_to_a_client_without_a_key() -> None:
    with pytest.raises(HandleRefused) as refusal:
        await exchange(
            [[octets("challenge-402-sha256")]], (1005,),
            lambda client: client.create(HANDLE, values_of("create")), flags=0x1980_0000,
        )  # fmt: skip
    assert refusal.value.response_code == 402


async def test_a_login_is_the_sequence_of_the_teleinfo_program() -> None:
    challenge = octets("sdk-login-step3-challenge")
    message = read(OK)
    logged_in = encode_message(message._replace(header=message.header._replace(op_code=2001)))
    heard, _ = await exchange(
        [[octets("error-2")], [challenge], [logged_in]],
        (9003, 9004, 9006),
        lambda client: client.login(PREFIX_HANDLE, 300),
        signer=SecretSigner(PREFIX_HANDLE, 300, b"secret123", HMAC_SHA256),
    )
    assert read(heard[0]).envelope.session_id == 10_001
    assert heard[1] == octets("sdk-login-step2-opcode-2001")
    ours, theirs = read(heard[2]), read(octets("sdk-login-step4-answer-sm2"))
    assert ours.envelope._replace(length=0) == theirs.envelope._replace(length=0)
    assert ours.header == theirs.header


async def test_a_signed_reply_is_believed_with_the_right_key_only() -> None:
    vector = VECTORS["resolve-response-signed-rsa"]
    key, other = bytes.fromhex(vector["fields"]["pubkey_hex"]), octets("hs_pubkey-dsa1024")
    data = octets("resolve-response-signed-rsa")
    heard, values = await exchange([[data]], (5001,), lambda client: client.resolve(HANDLE), server_key=key)
    assert values == values_of("resolve-response-signed-rsa")
    assert read(heard[0]).header.flags & Flag.CERTIFY
    assert not signed_by(read(data), other)
    for wrong in (
        data[:70] + bytes((data[70] ^ 1,)) + data[71:],
        answered_as(5002, data),
        octets("resolve-response"),
    ):
        assert not signed_by(read(wrong), key)
    with pytest.raises(ReplyUnproven):
        await exchange([[data]], (5002,), lambda client: client.resolve(HANDLE), server_key=key)


async def test_a_reply_to_another_operation_is_not_believed() -> None:
    with pytest.raises(ReplyUnproven):
        await exchange([[octets("list-nas-response")]], (1,), lambda client: client.resolve(HANDLE))


async def test_a_reply_with_the_digest_of_another_request_is_not_believed() -> None:
    with pytest.raises(ReplyUnproven):
        await exchange([[octets("resolve-response-rrdg-sha1")]], (1,), lambda client: client.resolve(HANDLE))


async def test_requests_overlap_on_one_connection() -> None:
    async def backwards(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            numbers = []
            for _ in range(5):
                envelope = decode_envelope(await reader.readexactly(ENVELOPE_BYTES))
                await reader.readexactly(envelope.length)
                numbers.append(envelope.request_id)
            for number in reversed(numbers):
                writer.write(answered_as(number, octets("resolve-response")))
            await reader.read()

    server = await asyncio.start_server(backwards, "127.0.0.1", 0)
    async with server:
        with closing(TcpPeer("127.0.0.1", server.sockets[0].getsockname()[1], patience=5)) as peer:
            client = client_of(peer, *range(1, 6))
            found = await asyncio.gather(*(client.resolve(HANDLE) for _ in range(5)))
            assert peer.connections == 1
    assert found == [values_of("resolve-response")] * 5


async def test_a_server_that_closes_behind_each_reply_is_connected_to_again() -> None:
    async with told(*([octets("resolve-response")] for _ in range(3)), closes=True) as teller:
        with closing(TcpPeer("127.0.0.1", teller.port, patience=5)) as peer:
            client = client_of(peer, 1, 2, 3)
            for _ in range(3):
                assert await client.resolve(HANDLE) == values_of("resolve-response")
                await asyncio.sleep(0.05)
            assert peer.connections == 3


async def test_a_server_that_says_nothing_is_named() -> None:
    async with told([]) as teller:
        with closing(TcpPeer("127.0.0.1", teller.port, patience=0.2)) as peer, pytest.raises(ServerSilent):
            await client_of(peer, 1).resolve(HANDLE)


async def test_a_port_where_nobody_listens_is_named() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with closing(TcpPeer("127.0.0.1", held.getsockname()[1])) as peer, pytest.raises(ServerSilent):
            await client_of(peer, 1).resolve(HANDLE)


async def test_a_server_of_another_protocol_is_a_wire_fault() -> None:
    with pytest.raises(WireFault):
        await exchange([[b"HTTP/1.1 400 Bad Request\r\n\r\n"]], (1,), lambda client: client.resolve(HANDLE))


class Datagrams(asyncio.DatagramProtocol):
    """Hears datagrams; says ``answers`` to the last of the ``due`` it waits for."""

    def __init__(self, answers: list[bytes], due: int) -> None:
        self.answers, self.due, self.heard = answers, due, list[bytes]()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.append(data)
        if len(self.heard) == self.due:
            for answer in self.answers:
                self.transport.sendto(answered_as(decode_envelope(data).request_id, answer), addr)


@asynccontextmanager
async def listening(answers: list[bytes], due: int = 1) -> AsyncIterator[tuple[Datagrams, int]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: Datagrams(answers, due), local_addr=("127.0.0.1", 0)
    )
    with closing(transport):
        yield server, transport.get_extra_info("sockname")[1]


async def test_a_reply_in_several_datagrams_is_put_together_whatever_their_order() -> None:
    packets = [bytes.fromhex(packet) for packet in VECTORS["udp-fragments-resolve-response"]["fields"]["packets_hex"]]
    async with listening([packets[2], packets[0], packets[0], packets[1]]) as (_, port):
        with closing(UdpPeer("127.0.0.1", port)) as peer:
            values = await client_of(peer, 6001).resolve(HANDLE)
    assert values[0].data == b"y" * 1200


async def test_a_datagram_is_sent_again_until_something_answers() -> None:
    async with listening([octets("resolve-response")], due=3) as (server, port):
        with closing(UdpPeer("127.0.0.1", port, repeats=(0.05, 0.05, 5))) as peer:
            assert await client_of(peer, 1000).resolve(HANDLE) == values_of("resolve-response")
    assert server.heard == [octets("resolve-default")] * 3


async def test_a_server_that_never_answers_a_datagram_is_named() -> None:
    async with listening([], due=0) as (server, port):
        with closing(UdpPeer("127.0.0.1", port, repeats=(0.02, 0.02))) as peer, pytest.raises(ServerSilent):
            await client_of(peer, 1000).resolve(HANDLE)
    assert len(server.heard) == 2


async def test_a_long_request_is_sent_in_several_datagrams() -> None:
    whole = octets("add-values")
    async with listening([success_of("ok-102", "add-values")], due=11) as (server, port):
        with closing(UdpPeer("127.0.0.1", port)) as peer:
            await client_of(peer, 1010).add(HANDLE, values_of("add-values"))
    assert b"".join(data[ENVELOPE_BYTES:] for data in server.heard) == whole[ENVELOPE_BYTES:]
    assert all(len(data) <= 512 and decode_envelope(data).truncated for data in server.heard)
