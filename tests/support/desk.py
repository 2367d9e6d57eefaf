"""A desk with everything behind it that is real, and a peer who hands it messages as a front would."""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from node.administration import Identity
from node.database import Pool
from node.handle_data import ALL_ADMIN_PERMISSIONS, AdminData, encode_admin
from node.identifier import Prefix
from node.notices import CHANNEL, Notice, NoticeKind
from node.record import Record, Value, encode_values
from node.site import Ports, own_site
from node.site_key import public_key_data
from registry.handle.administration import HandleAdministration
from resolver.chain import Resolver
from resolver.counting.never import NeverCounts
from resolver.handle import bodies
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.computing import Computing
from resolver.handle.conversation import Conversation, Transport
from resolver.handle.desk import Desk, Reply
from resolver.handle.envelope import ENVELOPE_BYTES, Envelope, decode_envelope
from resolver.handle.guard import Guard, GuardLimits
from resolver.handle.message import (
    UNKNOWN_SERIAL,
    Header,
    Message,
    decode_message,
    digest_and_body,
    encode_message,
)
from tests.support.shelf import resolver_of

NODE_PREFIX = Prefix.parse("88.101")
USUAL_FLAGS = int(Flag.RECURSIVE | Flag.CACHE_CERTIFY | Flag.PUBLIC_ONLY)
"""What Handle.Net's clients send."""
KEY_INDEX = 300
PROBE = f"handle:{KEY_INDEX}:0.NA/88.101.3"
"""Whose questions never count."""


@functools.cache
def key_of(owner: str) -> RSAPrivateKey:
    """A key of somebody: the node's, an administrator's."""
    return generate_private_key(public_exponent=65537, key_size=2048)


SITE = own_site(
    NODE_PREFIX,
    "desk",
    ["192.0.2.7", "2001:db8::7"],
    Ports(2641, 2641, 8000, 8443),
    3,
    public_key_data(key_of("node")),
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back for it."""

    request: Message
    replies: Sequence[Reply]

    @property
    def messages(self) -> list[Message]:
        return [read(reply.data) for reply in self.replies]

    @property
    def reply(self) -> Reply:
        (only,) = self.replies
        return only

    @property
    def message(self) -> Message:
        return read(self.reply.data)

    @property
    def code(self) -> int:
        return self.message.header.response_code

    @property
    def body(self) -> bytes:
        """Without the digest of the request, which has to be right if it is there."""
        digest, body = digest_and_body(self.message)
        assert digest is None or digest == self.request.digest(digest.kind)
        return body

    @property
    def values(self) -> Record:
        assert self.code == ResponseCode.SUCCESS, (self.code, self.told)
        return bodies.decode_found(self.body).values

    @property
    def told(self) -> str:
        return bodies.decode_error(self.body)


def read(data: bytes) -> Message:
    """The message of whole bytes."""
    return decode_message(decode_envelope(data), data[ENVELOPE_BYTES:])


class Peer:
    """Somebody at the desk, by one connection."""

    def __init__(self, desk: Desk, transport: Transport = Transport.TCP, source: str = "192.0.2.1") -> None:
        self.desk = desk
        self.conversation = Conversation(source, transport)
        self._numbers = itertools.count(1000)

    async def hand(self, data: bytes) -> list[Reply]:
        """What is answered to a whole message."""
        envelope = decode_envelope(data)
        return [reply async for reply in self.desk.answer(envelope, data[ENVELOPE_BYTES:], self.conversation)]

    async def send(
        self,
        operation: int,
        body: bytes,
        *,
        flags: int = USUAL_FLAGS,
        version: tuple[int, int] = (2, 11),
        suggests: tuple[int, int] | None = None,
        session_id: int = 0,
        credential: bytes = b"",
    ) -> Exchange:
        """One request, and its replies."""
        request = Message(
            Envelope(*version, 0, *(suggests or version), session_id, next(self._numbers), 0, 0),
            Header(operation, 0, flags, UNKNOWN_SERIAL, 0, int(time.time()) + 43_200),
            body,
            credential,
        )
        return Exchange(request, await self.hand(encode_message(request)))

    async def resolve(
        self, handle: str, *, indexes: Iterable[int] = (), types: Iterable[str] = (), **how: Any
    ) -> Exchange:
        """Operation 1."""
        request = bodies.ResolveRequest(handle, tuple(indexes), tuple(types))
        return await self.send(OpCode.RESOLVE, bodies.encode_resolve(request), **how)

    async def prove(self, challenged: Exchange, identity: Identity, key: RSAPrivateKey, **how: Any) -> Exchange:
        """The answer to a challenge: a signature by the key."""
        assert challenged.code == ResponseCode.AUTHENTICATION_NEEDED, (challenged.code, challenged.body)
        digest, body = digest_and_body(challenged.message)
        assert digest is not None
        assert digest == challenged.request.digest(digest.kind)
        signature = key.sign(bodies.decode_challenge(body) + digest.value, PKCS1v15(), SHA256())
        proof = len(b"SHA-256").to_bytes(4, "big") + b"SHA-256" + len(signature).to_bytes(4, "big") + signature
        answer = bodies.ChallengeAnswer("HS_PUBKEY", identity.handle, identity.index, proof)
        answered = await self.send(
            OpCode.CHALLENGE_ANSWER,
            bodies.encode_challenge_answer(answer),
            session_id=challenged.message.envelope.session_id,
            **how,
        )
        # The digest that a reply repeats is that of the request that waited.
        return Exchange(challenged.request, answered.replies)


def administrator(prefix: str) -> Identity:
    """Who administers a prefix, once he is ``admit``-ted."""
    return Identity(f"0.NA/{prefix}", KEY_INDEX)


def administrator_values(prefix: str, permissions: int = ALL_ADMIN_PERMISSIONS) -> Record:
    """HS_ADMIN and HS_PUBKEY of one whose key is ``key_of(prefix)``."""
    admin = AdminData(f"0.NA/{prefix}", KEY_INDEX, permissions)
    return (
        Value(100, "HS_ADMIN", encode_admin(admin)),
        Value(KEY_INDEX, "HS_PUBKEY", public_key_data(key_of(prefix))),
    )


async def store_prefix_handle(pool: Pool, prefix: str, values: Iterable[Value]) -> None:
    """The record of 0.NA/<prefix>, replacing any, with the notice that the writer sends."""
    now = datetime.now(UTC)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO prefix_handle (prefix, version, registered_at, updated_at, record)"
            " VALUES ($1, 1, $2, $2, $3) ON CONFLICT (prefix)"
            " DO UPDATE SET version = prefix_handle.version + 1, record = excluded.record",
            prefix, now, encode_values(values),
        )  # fmt: skip
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, Notice(NoticeKind.PREFIX, prefix).encode())


async def admit(pool: Pool, prefix: str, permissions: int = ALL_ADMIN_PERMISSIONS) -> Identity:
    """An administrator of the prefix, proved by ``key_of(prefix)``."""
    await store_prefix_handle(pool, prefix, administrator_values(prefix, permissions))
    return administrator(prefix)


@dataclass(frozen=True, slots=True)
class Office:
    """A desk and what stands behind it."""

    desk: Desk
    resolver: Resolver
    pool: Pool

    def peer(self, transport: Transport = Transport.TCP, source: str = "192.0.2.1") -> Peer:
        return Peer(self.desk, transport, source)


@contextlib.asynccontextmanager
async def office_at(url: str, pool: Pool, **changed: Any) -> AsyncIterator[Office]:
    """A desk of the node 88.101 on the database at ``url``; ``changed`` are settings of its resolver."""
    administration = HandleAdministration(pool, lambda: datetime.now(UTC), NODE_PREFIX, Random(7))
    limits = GuardLimits(
        challenge_seconds=60,
        session_seconds=3600,
        iterations=100_000,
        legacy_proofs=False,
        login_networks=(ip_network("192.0.2.0/24"),),
    )
    computing = Computing()
    guard = Guard(administration.keys_of, key_of("node"), limits, computing)
    async with resolver_of(url, site=SITE, **changed) as resolver:
        desk = Desk(
            resolver, administration, guard, SITE, key_of("node"), lambda: datetime.now(UTC), NeverCounts([PROBE])
        )
        try:
            yield Office(desk, resolver, pool)
        finally:
            await desk.close()
            await computing.close()
