"""A client of the Handle protocol: resolve, look at the site, administer, log in as Teleinfo's programs do.

    async with by_tcp("127.0.0.1", 2641) as client:
        values = await client.resolve("88.101.2001/P-1")

Every reply is checked against its request: the operation, the digest where one comes, the signature where the
server's key is known and one was asked for. What the server refuses raises HandleRefused with its response code.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from loadtest.handle_identity import Signer, signed_by
from loadtest.handle_peer import Peer, TcpPeer, UdpPeer
from node.errors import Conflict, Malformed
from node.handle_data import Site, decode_site
from node.record import Record
from resolver.handle.bodies import (
    LoginRequest,
    Referral,
    RemoveRequest,
    ResolveRequest,
    ValuesRequest,
    VerifyRequest,
    decode_challenge,
    decode_created,
    decode_error,
    decode_found,
    decode_names,
    decode_referral,
    decode_verified,
    encode_challenge_answer,
    encode_handle,
    encode_login,
    encode_remove,
    encode_resolve,
    encode_values_request,
    encode_verify,
)
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.envelope import HIGHEST, Envelope, Version
from resolver.handle.message import UNKNOWN_SERIAL, Digest, Header, Message, digest_and_body, encode_message

USUAL = int(Flag.RECURSIVE | Flag.CACHE_CERTIFY | Flag.PUBLIC_ONLY)
"""The flags of Handle.Net's client."""
LOGIN_FLAGS = int(Flag.RECURSIVE | Flag.RETURN_DIGEST)
TELEINFO = Version(2, 10)
"""How Teleinfo's programs call themselves."""

_HALF_A_DAY = 43_200
_NAMES = {int(code): code.name.lower().replace("_", " ") for code in ResponseCode}
_REFERRALS = (ResponseCode.SERVICE_REFERRAL, ResponseCode.PREFIX_REFERRAL)


class HandleRefused(Conflict):
    """``response_code`` is a plain number. Evidence: ``response_code``, ``handle``; of a referral ``referral``."""

    title_zh = "Handle 服务器拒绝了请求"

    def __init__(self, response_code: int, message: str, referral: Referral | None = None) -> None:
        name = _NAMES.get(response_code, "unknown to us")
        words = f"{response_code} {name}"
        super().__init__(f"{words}: {message}" if message else words, response_code=response_code)
        self.response_code = response_code
        self.referral = referral


class ReplyUnproven(Malformed):
    """A reply that is not to the request, or not signed by the server's key."""

    title_zh = "应答不可信"


def _numbers() -> Callable[[], int]:
    """Request numbers from somewhere between 1 and 2^30 on, so that a late reply to another client meets nobody."""
    return itertools.count(random.randrange(1, 1 << 30)).__next__


@dataclass(slots=True)
class HandleClient:
    """One server, one identity (or none), one session.

    ``server_key``, the data of its HS_PUBKEY value, makes every reply be asked for and checked with a signature.
    ``authority`` is what Teleinfo's programs append to a question, ``clock`` Unix time.
    """

    peer: Peer
    signer: Signer | None = None
    server_key: bytes = b""
    flags: int = USUAL
    version: Version = HIGHEST
    authority: bytes | None = None
    session_id: int = 0
    next_id: Callable[[], int] = field(default_factory=_numbers)
    clock: Callable[[], float] = time.time

    # Looking ------------------------------------------------------------------------------------------------------

    async def resolve(
        self, handle: str, indexes: tuple[int, ...] = (), types: tuple[str, ...] = (), *, everything: bool = False
    ) -> Record:
        """The values asked for, all when none is; ``everything``: those too that only administrators may read."""
        asked = encode_resolve(ResolveRequest(handle, indexes, types, self.authority))
        drop = int(Flag.PUBLIC_ONLY) if everything else 0
        return decode_found(await self._ask(OpCode.RESOLVE, asked, drop=drop)).values

    async def site(self) -> Site:
        """Where the server says that it and its like are."""
        return decode_site(await self._ask(OpCode.GET_SITE_INFO, encode_handle("/")))

    async def handles(self, prefix_handle: str) -> AsyncGenerator[str, None]:
        """The handles under a prefix, as they come."""
        asked = self._request(OpCode.LIST_HANDLES, encode_handle(prefix_handle))
        async with aclosing(self._replies(asked)) as replies:
            async for body in replies:
                for handle in decode_names(body):
                    yield handle

    async def homed(self) -> tuple[str, ...]:
        """The prefix handles that the server serves."""
        return decode_names(await self._ask(OpCode.LIST_HOMED, encode_handle("/")))

    async def verify(self, handle: str, key_index: int, nonce: bytes, digest: Digest, answer: bytes) -> bool:
        """Whether an answer to a challenge is that of a secret key which the server keeps."""
        asked = VerifyRequest(handle, key_index, nonce, digest, answer)
        return decode_verified(await self._ask(OpCode.VERIFY_CHALLENGE, encode_verify(asked)))

    # Changing -----------------------------------------------------------------------------------------------------

    async def create(self, handle: str, values: Record, *, overwrite: bool = False, mint: bool = False) -> str:
        """Register a handle, its suffix completed by the server if ``mint``; returns it as the server names it."""
        asked = encode_values_request(ValuesRequest(handle, values))
        added = (int(Flag.OVERWRITE) if overwrite else 0) | (int(Flag.MINT) if mint else 0)
        created = decode_created(await self._ask(OpCode.CREATE_HANDLE, asked, added))
        return handle if created is None else created

    async def delete(self, handle: str) -> None:
        await self._ask(OpCode.DELETE_HANDLE, encode_handle(handle))

    async def add(self, handle: str, values: Record, *, overwrite: bool = False) -> None:
        asked = encode_values_request(ValuesRequest(handle, values))
        await self._ask(OpCode.ADD_VALUES, asked, int(Flag.OVERWRITE) if overwrite else 0)

    async def remove(self, handle: str, indexes: tuple[int, ...]) -> None:
        await self._ask(OpCode.REMOVE_VALUES, encode_remove(RemoveRequest(handle, indexes)))

    async def modify(self, handle: str, values: Record) -> None:
        asked = encode_values_request(ValuesRequest(handle, values))
        await self._ask(OpCode.MODIFY_VALUES, asked)

    async def home(self, prefix_handle: str) -> None:
        await self._ask(OpCode.HOME_PREFIX, encode_handle(prefix_handle))

    async def unhome(self, prefix_handle: str) -> None:
        await self._ask(OpCode.UNHOME_PREFIX, encode_handle(prefix_handle))

    async def login(self, user_handle: str, user_index: int, *, session_id: int = 10_001) -> None:
        """As Teleinfo's programs do before their first change: the connection then speaks for the identity.

        The session's number is the client's own choice and means something on this connection only.
        """
        self.version, self.session_id = TELEINFO, session_id
        with contextlib.suppress(HandleRefused):  # any reply will do
            await self._ask(OpCode.GET_SITE_INFO, encode_handle("/"))
        asked = self._request(OpCode.LOGIN, encode_login(LoginRequest(user_handle, user_index)))
        asked = asked._replace(header=asked.header._replace(flags=LOGIN_FLAGS))
        async with aclosing(self._replies(asked, credential_absent=True)) as replies:
            async for _ in replies:
                pass

    # Asking -------------------------------------------------------------------------------------------------------

    async def _ask(self, op_code: OpCode, body: bytes, add: int = 0, *, drop: int = 0) -> bytes:
        request = self._request(op_code, body, add, drop)
        async with aclosing(self._replies(request)) as replies:
            async for content in replies:
                return content
        raise ReplyUnproven("there was no reply")

    def _request(self, op_code: OpCode, body: bytes, add: int = 0, drop: int = 0) -> Message:
        certify = int(Flag.CERTIFY) if self.server_key else 0
        flags = (self.flags | add | certify) & ~drop
        envelope = Envelope(*self.version, 0, *HIGHEST, self.session_id, self.next_id(), 0, 0)
        expiration = int(self.clock()) + _HALF_A_DAY
        return Message(envelope, Header(op_code, 0, flags, UNKNOWN_SERIAL, 0, expiration), body)

    async def _replies(self, request: Message, *, credential_absent: bool = False) -> AsyncGenerator[bytes, None]:
        """The bodies of the successful replies to a request, its challenge answered if there is one."""
        challenge = None
        async with aclosing(self._exchanged(request, credential_absent=credential_absent)) as replies:
            async for reply in replies:
                if reply.header.response_code == ResponseCode.AUTHENTICATION_NEEDED and self.signer is not None:
                    challenge = reply
                    break
                yield self._content(request, (request,), reply)
        if challenge is None or self.signer is None:
            return
        answer = self._answer(request, challenge, self.signer)
        async with aclosing(self._exchanged(answer)) as replies:
            async for reply in replies:
                yield self._content(request, (request, answer), reply)

    async def _exchanged(self, asked: Message, *, credential_absent: bool = False) -> AsyncGenerator[Message, None]:
        data = encode_message(asked, credential_absent=credential_absent)
        async with aclosing(self.peer.replies(data, asked.envelope.request_id)) as replies:
            async for reply in replies:
                if self.server_key and not signed_by(reply, self.server_key):
                    raise ReplyUnproven("the reply is not signed with the server's key")
                yield reply

    def _answer(self, request: Message, challenge: Message, signer: Signer) -> Message:
        digest, body = digest_and_body(challenge)
        if digest is None or digest != request.digest(digest.kind):
            raise ReplyUnproven("the challenge is to another request")
        answer = signer.answer(decode_challenge(body), digest)
        message = self._request(OpCode.CHALLENGE_ANSWER, encode_challenge_answer(answer))
        header = message.header._replace(flags=USUAL | request.header.flags & Flag.CERTIFY)
        envelope = message.envelope._replace(session_id=challenge.envelope.session_id)
        return message._replace(envelope=envelope, header=header)

    def _content(self, request: Message, digested: tuple[Message, ...], reply: Message) -> bytes:
        """The body of a success. Raises HandleRefused, ReplyUnproven."""
        digest, body = digest_and_body(reply)
        if digest is not None and all(digest != one.digest(digest.kind) for one in digested):
            raise ReplyUnproven("the reply repeats the digest of another request")
        header = reply.header
        if header.response_code == ResponseCode.SUCCESS:
            if header.op_code != request.header.op_code:
                raise ReplyUnproven(f"the reply is to operation {header.op_code}")
            return body
        if header.response_code in _REFERRALS:
            referral = decode_referral(body)
            raise HandleRefused(header.response_code, f"ask the servers of {referral.handle}", referral)
        if header.response_code == ResponseCode.AUTHENTICATION_NEEDED:
            raise HandleRefused(header.response_code, "")
        raise HandleRefused(header.response_code, decode_error(body))


@contextlib.asynccontextmanager
async def by_tcp(host: str, port: int, signer: Signer | None = None) -> AsyncIterator[HandleClient]:
    """A client with a connection of its own, closed at the end."""
    with contextlib.closing(TcpPeer(host, port)) as peer:
        yield HandleClient(peer, signer)


@contextlib.asynccontextmanager
async def by_udp(host: str, port: int) -> AsyncIterator[HandleClient]:
    """A client by datagrams, which can ask but not change anything."""
    with contextlib.closing(UdpPeer(host, port)) as peer:
        yield HandleClient(peer)
