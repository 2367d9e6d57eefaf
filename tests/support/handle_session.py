"""A client of the Handle protocol for the tests of its proofs and sessions, written from the protocol's description
and not from the server's modules; and a place where a guard answers it without sockets.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from node.administration import PUBLIC_KEY, SECRET_KEY, HandleUnknown, Identity, IdentityKey, ProofNeeded
from node.client_address import Network
from node.errors import NodeError
from node.handle_data import RsaPublicKey, encode_public_key
from resolver.handle.bodies import ChallengeAnswer, encode_challenge_answer
from resolver.handle.codes import Flag, OpCode, ResponseCode, response_code_of
from resolver.handle.computing import Computing
from resolver.handle.conversation import Conversation, Place, Transport
from resolver.handle.envelope import ENVELOPE_BYTES, Envelope, decode_envelope
from resolver.handle.guard import Guard, GuardLimits, Heard
from resolver.handle.message import Header, Message, decode_message, digest_and_body, encode_message, reply_to
from resolver.handle.signing import sign

USER = Identity("0.NA/88.101.2001", 300)
SECRET_USER = Identity("0.NA/88.101.2001", 301)
SECRET = b"a secret of pumps"
ALONE = Place()

USER_KEY = rsa.generate_private_key(65537, 2048)
NODE_KEY = rsa.generate_private_key(65537, 2048)


def public_data(key: rsa.RSAPrivateKey) -> bytes:
    """The public part as the data of an HS_PUBKEY value."""
    numbers = key.public_key().public_numbers()
    return encode_public_key(RsaPublicKey(numbers.n, numbers.e))


@dataclass
class Keys:
    """The keys of prefix handles, as a registry finds them."""

    known: dict[str, Sequence[IdentityKey]] = field(
        default_factory=lambda: {
            USER.handle: (
                IdentityKey(300, PUBLIC_KEY, public_data(USER_KEY)),
                IdentityKey(301, SECRET_KEY, SECRET),
            )
        }
    )
    asked: int = 0

    async def of(self, identity: Identity) -> Sequence[IdentityKey]:
        self.asked += 1
        try:
            keys = self.known[identity.handle]
        except KeyError:
            raise HandleUnknown(f"{identity.handle} is unknown") from None
        return [key for key in keys if identity.index in (0, key.index)]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class House:
    """A guard, and a desk that does any operation for whoever has proved who he is."""

    guard: Guard
    keys: Keys
    clock: Clock
    done: list[tuple[Identity, Message]] = field(default_factory=list)
    private: bool = False

    async def answer(self, data: bytes, conversation: Conversation) -> bytes:
        """The bytes of the reply to the bytes of a message."""
        envelope = decode_envelope(data)
        try:
            heard = self.guard.hear(envelope, data[ENVELOPE_BYTES:], conversation)
        except NodeError as error:
            request = Message(envelope, Header(1, 0, 0, 0, 0, 0), b"")
            return encode_message(reply_to(request, response_code_of(error)))
        try:
            reply, heard = await self._worked(heard, conversation)
        except NodeError as error:
            reply = reply_to(heard.message, response_code_of(error), request_id=heard.request_id)

        async def signed(message: Message) -> Message:
            return sign(message, NODE_KEY)

        return await self.guard.finish(heard, reply, signed, private=self.private)

    async def _worked(self, heard: Heard, conversation: Conversation) -> tuple[Message, Heard]:
        guard = self.guard
        await guard.confirm(heard)
        if heard.message.header.op_code == OpCode.CHALLENGE_ANSWER:
            heard = await guard.answered(heard, conversation)
        try:
            match heard.message.header.op_code:
                case OpCode.GET_SITE_INFO:
                    told = (ResponseCode.SUCCESS, b"site", None)
                case OpCode.SESSION_SETUP:
                    told = await guard.set_up(heard, conversation)
                case OpCode.SESSION_KEY_EXCHANGE:
                    told = await guard.exchange_key(heard, conversation)
                case OpCode.SESSION_TERMINATE:
                    told = guard.terminate(heard, conversation)
                case OpCode.LOGIN:
                    told = guard.login(heard, conversation)
                case _:
                    told = self._done(heard)
        except ProofNeeded:
            told = guard.challenge(heard, conversation)
        code, body, session_id = told
        return reply_to(heard.message, code, body, session_id=session_id, request_id=heard.request_id), heard

    def _done(self, heard: Heard) -> tuple[ResponseCode, bytes, int | None]:
        if heard.identity is None:
            raise ProofNeeded("prove who you are")
        self.done.append((heard.identity, heard.message))
        return ResponseCode.SUCCESS, b"", None


def house(
    *,
    keys: Keys | None = None,
    clock: Clock | None = None,
    computing: Computing | None = None,
    place: Place = ALONE,
    iterations: int = 100_000,
    legacy: bool = False,
    login_networks: Sequence[Network] = (),
) -> House:
    """A guard with its surroundings. Whoever makes it closes ``computing``."""
    keys, clock = keys or Keys(), clock or Clock()
    limits = GuardLimits(60.0, 86_400.0, iterations, legacy, login_networks)
    guard = Guard(keys.of, NODE_KEY, limits, computing or Computing(), clock=clock, place=place)
    return House(guard, keys, clock)


class Client:
    """A program at ``source``. ``version`` is what it writes, and it suggests 2.11."""

    def __init__(self, house: House, source: str = "192.0.2.7", version: tuple[int, int] = (2, 11)) -> None:
        self.house = house
        self.source = source
        self.version = version
        self.ids = itertools.count(1001)

    def connect(self, *, secure: bool = False, transport: Transport = Transport.TCP) -> Conversation:
        return Conversation(self.source, transport, secure=secure)

    def request(
        self, op_code: int, body: bytes = b"", *, session_id: int = 0, flags: int = 0x19000000, request_id: int = 0
    ) -> Message:
        major, minor = self.version
        envelope = Envelope(major, minor, 0, 2, 11, session_id, request_id or next(self.ids), 0, 0)
        return Message(envelope, Header(op_code, 0, flags, 0xFFFF, 0, 1_800_000_000), body)

    async def send(self, message: Message, conversation: Conversation | None = None) -> Message:
        """The reply. Without a conversation a new connection is opened and closed, as Handle.Net does."""
        return read(await self.send_bytes(encode_message(message), conversation))

    async def send_bytes(self, data: bytes, conversation: Conversation | None = None) -> bytes:
        if conversation is not None:
            return await self.house.answer(data, conversation)
        own = self.connect()
        try:
            return await self.house.answer(data, own)
        finally:
            own.close()


def read(data: bytes) -> Message:
    return decode_message(decode_envelope(data), data[ENVELOPE_BYTES:])


def code(message: Message) -> int:
    return message.header.response_code


def body(message: Message) -> bytes:
    return digest_and_body(message)[1]


def challenged(reply: Message, request: Message) -> bytes:
    """What a client signs: the nonce and its own digest of its own request, which the server's must equal."""
    assert code(reply) == ResponseCode.AUTHENTICATION_NEEDED
    digest, rest = digest_and_body(reply)
    assert digest is not None
    own = hashlib.sha256(request.signed_part).digest()
    assert digest.value == own
    assert rest[:4] == b"\0\0\0\x10"
    assert len(rest) == 20
    return rest[4:] + own


def block(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def by_rsa(signed: bytes, key: rsa.RSAPrivateKey = USER_KEY, name: bytes = b"SHA-256") -> bytes:
    return block(name) + block(key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))


def by_pbkdf2(signed: bytes, secret: bytes = SECRET, iterations: int = 10_000, bits: int = 160) -> bytes:
    salt = secrets.token_bytes(16)
    key = hashlib.pbkdf2_hmac("sha1", secret, salt, iterations, bits // 8)
    numbers = iterations.to_bytes(4, "big") + bits.to_bytes(4, "big")
    return b"\x22" + block(salt) + numbers + block(hmac.digest(key, signed, "sha1"))


def by_hmac(signed: bytes, secret: bytes = SECRET) -> bytes:
    return b"\x13" + hmac.digest(secret, signed, "sha256")


def answer_to(
    client: Client, challenge: Message, answer: bytes, user: Identity = USER, auth_type: str = PUBLIC_KEY
) -> Message:
    """Operation 200, in the session of the challenge."""
    told = encode_challenge_answer(ChallengeAnswer(auth_type, user.handle, user.index, answer))
    return client.request(OpCode.CHALLENGE_ANSWER, told, session_id=challenge.envelope.session_id)


# Sessions ---------------------------------------------------------------------------------------------------------


@dataclass
class ClientSession:
    """The client's side: ``mac_key`` vouches, its first 16 bytes encrypt (AES-128-CBC, or SM4 as Teleinfo has it)."""

    id: int
    mac_key: bytes
    algorithm: int = 3
    counter: int = 0

    def vouched(self, message: Message, counter: int = 0) -> Message:
        """The message with its MAC; 2.7 leaves out the suggested version."""
        if not counter:
            self.counter += 1
            counter = self.counter
        name, kind = b"HMAC-SHA256", b"HS_MAC"
        section = block(name) + block(hmac.digest(self.mac_key, covered(message, counter), "sha256"))
        credential = bytes(4) + block(b"") + counter.to_bytes(4, "big") + block(kind) + block(section)
        return message._replace(credential=credential)

    def encrypted(self, message: Message) -> bytes:
        """Envelope and ciphertext."""
        plain = encode_message(message)
        padder = PKCS7(128).padder()
        padded = padder.update(plain[ENVELOPE_BYTES:]) + padder.finalize()
        vector = self.mac_key[:16] if self.algorithm == 4 else secrets.token_bytes(16)
        encryptor = self._cipher(vector).encryptor()
        sent = (b"" if self.algorithm == 4 else vector) + encryptor.update(padded) + encryptor.finalize()
        return plain[:2] + bytes((plain[2] | 0x40,)) + plain[3:16] + len(sent).to_bytes(4, "big") + sent

    def decrypted(self, data: bytes) -> Message:
        assert data[2] & 0x40, "the reply is not encrypted"
        sent = data[ENVELOPE_BYTES:]
        vector = self.mac_key[:16] if self.algorithm == 4 else sent[:16]
        decryptor = self._cipher(vector).decryptor()
        padded = decryptor.update(sent if self.algorithm == 4 else sent[16:]) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        plain = unpadder.update(padded) + unpadder.finalize()
        return decode_message(decode_envelope(data), plain)

    def check(self, reply: Message) -> int:
        """That the reply carries the session's MAC; its counter."""
        credential = reply.credential
        assert credential[:8] == bytes(8)
        counter = int.from_bytes(credential[8:12], "big")
        section = block(b"HMAC-SHA256") + block(hmac.digest(self.mac_key, covered(reply, counter), "sha256"))
        assert credential[12:] == block(b"HS_MAC") + block(section)
        return counter

    def _cipher(self, vector: bytes) -> Cipher[modes.CBC]:
        key = self.mac_key[:16]
        cipher = algorithms.SM4(key) if self.algorithm == 4 else algorithms.AES(key)
        return Cipher(cipher, modes.CBC(vector))


def covered(message: Message, counter: int) -> bytes:
    """What MACs and signatures cover, by the version of the message."""
    envelope = message.envelope
    versions = bytes((envelope.major, envelope.minor))
    if (envelope.major, envelope.minor) >= (2, 8):
        versions += bytes((envelope.suggested_major, envelope.suggested_minor))
    numbers = (envelope.session_id, envelope.request_id, counter)
    return versions + b"".join(number.to_bytes(4, "big") for number in numbers) + message.signed_part


def check_node_signature(reply: Message) -> None:
    """That the reply is signed by the node's key."""
    section = reply.credential[12 + 4 + len(b"HS_SIGNED") + 4 :]
    assert section.startswith(block(b"SHA-256"))
    signature = section[4 + len(b"SHA-256") + 4 :]
    NODE_KEY.public_key().verify(signature, covered(reply, 0), padding.PKCS1v15(), hashes.SHA256())


CERTIFIED = int(0x19000000 | Flag.CERTIFY | Flag.RETURN_DIGEST)
