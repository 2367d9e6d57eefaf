"""Who is speaking: everything between the bytes of a message and an identity that has been proved, and back.

One for each worker. ``hear`` turns what came into a message and, where its session vouches for it, an identity; an
operation that needs a proof then gets a ``challenge``, whose answer is ``answered`` with the request that waited.
``finish`` authenticates, signs and encrypts the reply.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node.administration import PUBLIC_KEY, Identity, IdentityKey
from node.client_address import Network
from node.handle_data import RsaPublicKey, encode_public_key
from resolver.handle import session_setup
from resolver.handle.bodies import (
    SessionSetup,
    SessionSetupReply,
    decode_challenge_answer,
    decode_key_exchange,
    decode_session_setup,
    encode_challenge,
    encode_session_setup_reply,
)
from resolver.handle.challenges import Challenges
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.computing import Allowance, Computing
from resolver.handle.conversation import OUR_IDS, Conversation, Place, Transport
from resolver.handle.credential import MAC, Credential, decode_credential, encode_credential, signed_input
from resolver.handle.envelope import ENCRYPTED, Envelope, Version, WireFault, answered_version, encode_envelope
from resolver.handle.login import check_answer, check_login
from resolver.handle.message import Message, decode_message, encode_payload
from resolver.handle.proofs import KeysOf, Proofs, decode_answer
from resolver.handle.session_cipher import MAC_NAME, SessionFailed, undecipherable
from resolver.handle.sessions import (
    IDLE_SECONDS,
    InvalidSessionKey,
    InvalidSessionSetup,
    NoSuchSession,
    Session,
    Sessions,
)

OLDEST_WITH_SESSIONS = Version(2, 7)
_PRIVATE_ENCRYPTED_SINCE = Version(2, 8)
_KEYLESS = frozenset({int(OpCode.SESSION_SETUP), int(OpCode.SESSION_KEY_EXCHANGE)})
"""Their replies are the server's, signed with its key: the client has none of the session yet."""
_SETUPS = 60.0
_SETUPS_BACK = 4.0  # a second
_BY_SERVER_KEY, _BY_HANDLE, _AGREED = 2, 3, 4


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """The settings of group ``handle`` that are the guard's."""

    challenge_seconds: float
    session_seconds: float
    iterations: int
    legacy_proofs: bool
    login_networks: Sequence[Network]


class Heard(NamedTuple):
    """A message, deciphered. ``identity`` has been proved; ``vouched``: the MAC of its session is right.

    ``proved_by`` is the key by which the answer to a challenge proved the identity: then ``message`` is the request
    that waited, and the reply carries ``request_id``, that of the answer. ``encrypted``: so shall the reply be.
    """

    message: Message
    session: Session | None
    identity: Identity | None
    request_id: int
    vouched: bool = False
    encrypted: bool = False
    proved_by: IdentityKey | None = None


class ReplyBody(NamedTuple):
    """``session_id`` ``None``: that of the request."""

    response_code: ResponseCode
    body: bytes = b""
    session_id: int | None = None


Sign = Callable[[Message], Awaitable[Message]]


class Guard:
    """``keys_of`` finds the keys of an identity, ``node_key`` is the one that the node's HS_SITE names."""

    def __init__(
        self,
        keys_of: KeysOf,
        node_key: RSAPrivateKey,
        limits: GuardLimits,
        computing: Computing,
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
        place: Place = Place(),  # noqa: B008 - a value
    ) -> None:
        self.proofs = Proofs(
            keys_of, computing, iterations=limits.iterations, legacy=limits.legacy_proofs, clock=clock
        )
        self.place = place
        self.challenges = Challenges(seconds=limits.challenge_seconds, clock=clock, random=random, place=place)
        self.sessions = Sessions(seconds=limits.session_seconds, clock=clock, random=random, place=place)
        self._node_key = node_key
        self._login_networks = limits.login_networks
        self._computing = computing
        self._setups = Allowance(_SETUPS, _SETUPS_BACK, clock)
        self._random = random

    def hear(self, envelope: Envelope, payload: bytes, conversation: Conversation) -> Heard:
        """Raises ``WireFault``, ``NoSuchSession``, ``SessionFailed``, ``InvalidSessionKey``, ``MessageReplayed``."""
        session = self.sessions.find(conversation, envelope.session_id)
        if envelope.encrypted:
            message, vouched = self._deciphered(envelope, payload, session)
        else:
            message = decode_message(envelope, payload)
            vouched = self._vouched(message, session)
        believed = session is not None and (vouched or session.connection is not None)
        return Heard(
            message,
            session,
            session.identity if session is not None and believed else None,
            envelope.request_id,
            vouched,
            envelope.encrypted or bool(message.header.flags & Flag.ENCRYPT),
        )

    def _deciphered(self, envelope: Envelope, payload: bytes, session: Session | None) -> tuple[Message, bool]:
        """The message, and whether its MAC is right."""
        if envelope.session_id <= 0:
            raise SessionFailed("the message is encrypted and names no session")
        if session is None:
            raise NoSuchSession("there is no such session, or it is over", session=envelope.session_id)
        try:
            if session.key is None:
                raise undecipherable()
            message = decode_message(envelope, session.key.decrypt(payload))
            return message, self._vouched(message, session)
        except (SessionFailed, InvalidSessionKey, WireFault):
            # One answer to all: whoever sends altered ciphertexts must not learn how far they were understood.
            self.sessions.failed(session)
            raise undecipherable() from None

    def _vouched(self, message: Message, session: Session | None) -> bool:
        """Whether the session's MAC is there and right."""
        if not message.credential:
            return False
        credential = decode_credential(message.credential)
        if credential.kind != MAC:
            return False
        if session is None:
            raise NoSuchSession("there is no such session, or it is over", session=message.envelope.session_id)
        version = Version(message.envelope.major, message.envelope.minor)
        covered = signed_input(message, version, credential.counter)
        right = (
            session.key is not None
            and version >= OLDEST_WITH_SESSIONS
            and session.key.vouches(credential.digest_name, covered, credential.signature)
        )
        if not right:
            raise InvalidSessionKey("the message's MAC is not made with the key of its session")
        session.received.accept(credential.counter)
        return True

    # Proofs -----------------------------------------------------------------------------------------------

    def challenge(self, heard: Heard, conversation: Conversation) -> ReplyBody:
        """What is told to who has to prove who he is. The request waits for the answer."""
        session = heard.session
        in_session = session is not None and session.connection is None and heard.vouched
        made = self.challenges.make(
            conversation,
            heard.message,
            session_id=session.id if session is not None and in_session else 0,
            authenticated=in_session,
        )
        return ReplyBody(ResponseCode.AUTHENTICATION_NEEDED, encode_challenge(made.nonce), made.session_id)

    async def answered(self, heard: Heard, conversation: Conversation) -> Heard:
        """The request that waited for this answer, with the identity that the answer proves.

        Raises ``ProofLate``, ``ProofFailed``, ``InvalidProof``, ``ProofUnsupported``, ``WireFault``, and ``TooMany``
        in one of its forms.
        """
        answer = decode_challenge_answer(heard.message.body)
        challenge = self.challenges.take(conversation, heard.message.envelope.session_id)
        proof = decode_answer(answer.auth_type, answer.answer)
        request = challenge.request
        if request.header.op_code == OpCode.LOGIN:
            check_answer(request, answer)
        named = Identity(answer.user_handle, answer.user_index)
        key = await self.proofs.key_behind(named, proof, challenge.signed, source=conversation.source)
        identity = Identity(named.handle, key.index)
        session = self.sessions.find(conversation, request.envelope.session_id)
        if session is not None and challenge.authenticated and session.is_claimed_by(named):
            self.sessions.proved(session, identity, key)
        encrypted = request.envelope.encrypted or bool(request.header.flags & Flag.ENCRYPT)
        return Heard(request, session, identity, heard.request_id, challenge.authenticated, encrypted, proved_by=key)

    async def confirm(self, heard: Heard) -> None:
        """That the key by which a session's identity was proved still stands; looked up every few seconds.

        Raises ``NoSuchSession`` when it does not, and then the session is over.
        """
        session, identity = heard.session, heard.identity
        if session is None or identity is None or heard.proved_by is not None:
            return
        if not self.sessions.to_be_confirmed(session) or session.proved_by in await self.proofs.known(identity):
            return
        self.sessions.end(session)
        if session.connection is not None:
            session.connection.over = True
        raise NoSuchSession("the key that proved this session is no longer there", session=session.id)

    def login(self, heard: Heard, conversation: Conversation) -> ReplyBody:
        """Operation 2001: a challenge; and when ``heard`` is what was ``answered``, success. Raises what
        ``check_login`` raises."""
        named = check_login(heard.message, conversation, self._login_networks)
        number = heard.message.envelope.session_id
        if heard.proved_by is None or heard.identity is None:
            made = self.challenges.make(conversation, heard.message, session_id=number, of_connection=True)
            return ReplyBody(ResponseCode.AUTHENTICATION_NEEDED, encode_challenge(made.nonce))
        session = heard.session
        if session is None or session.connection is not conversation:
            session = self.sessions.begin(conversation, chosen_id=number, claimed=named)
        self.sessions.proved(session, heard.identity, heard.proved_by)
        return ReplyBody(ResponseCode.SUCCESS)

    # Sessions ---------------------------------------------------------------------------------------------

    async def set_up(self, heard: Heard, conversation: Conversation) -> ReplyBody:
        """Operation 400. Raises ``InvalidSessionSetup``, ``RsaKeyNeeded``, ``SessionFailed``, ``WireFault``,
        ``TooMany`` in one of its forms."""
        setup = decode_session_setup(heard.message.body)
        version = answered_version(heard.message.envelope)
        if version < OLDEST_WITH_SESSIONS:
            raise InvalidSessionSetup("sessions need version 2.7 of the protocol or a later one")
        self._setups.spend(conversation.source, 1.0)
        chosen_id = _chosen_id(heard, conversation)
        key, data = None, b""
        if setup.mode == _BY_SERVER_KEY:
            if chosen_id:
                raise InvalidSessionSetup("mode 2 numbers its session itself")
            numbers = self._node_key.public_key().public_numbers()
            data = encode_public_key(RsaPublicKey(numbers.n, numbers.e))
        else:
            key, data = await self._exchanged(setup, conversation)
        claimed = Identity(setup.identity_handle, setup.identity_index) if setup.identity_handle else None
        idle = float(setup.timeout) if setup.timeout > 0 else IDLE_SECONDS
        session = self.sessions.begin(conversation, chosen_id=chosen_id, claimed=claimed, key=key, idle_seconds=idle)
        body = encode_session_setup_reply(SessionSetupReply(setup.mode, data))
        return ReplyBody(ResponseCode.SUCCESS, body, session.id)

    async def _exchanged(self, setup: SessionSetup, conversation: Conversation) -> session_setup.Exchange:
        public_key = setup.public_key
        if setup.mode == _BY_HANDLE:
            public_key = await self._public_key_of(Identity(setup.key_handle, setup.key_index))
        make = session_setup.agreed if setup.mode == _AGREED else session_setup.sent_to
        return await self._computing.run(conversation.source, lambda: make(public_key, self._random))

    async def _public_key_of(self, identity: Identity) -> bytes:
        for key in await self.proofs.known(identity):
            if key.type == PUBLIC_KEY and identity.index in (0, key.index):
                return key.data
        raise SessionFailed(f"there is no public key in the value {identity}")

    async def exchange_key(self, heard: Heard, conversation: Conversation) -> ReplyBody:
        """Operation 402, the second half of mode 2. Raises ``NoSuchSession``, ``SessionFailed``, ``WireFault``,
        ``ComputingFull``."""
        encrypted = decode_key_exchange(heard.message.body)
        session = heard.session
        if session is None:
            raise NoSuchSession("there is no such session, or it is over")
        if not session.awaits_key:
            raise SessionFailed("the session does not wait for a key")
        session.awaits_key = False
        session.key = await self._computing.run(
            conversation.source, lambda: session_setup.received(encrypted, self._node_key, self._random)
        )
        return ReplyBody(ResponseCode.SUCCESS)

    def terminate(self, heard: Heard, conversation: Conversation) -> ReplyBody:
        """Operation 401. Raises ``NoSuchSession`` and ``InvalidSessionKey``."""
        session = heard.session
        if session is None:
            raise NoSuchSession("there is no such session, or it is over")
        if not heard.vouched and session.connection is not conversation:
            raise InvalidSessionKey("only a message with the session's MAC ends it")
        self.sessions.end(session)
        return ReplyBody(ResponseCode.SUCCESS)

    # Replies ----------------------------------------------------------------------------------------------

    async def finish(self, heard: Heard, reply: Message, sign: Sign, *, private: bool = False) -> bytes:
        """The bytes of a reply: with the session's MAC or, by ``sign``, the node's signature where the client asks
        for one; encrypted where the request was, or where it holds values that are not public (``private``).

        Raises ``WireFault`` when the reply is too long, and what ``sign`` raises.
        """
        session = None if reply.header.op_code in _KEYLESS else heard.session
        key = session.key if session is not None else None
        if reply.header.flags & Flag.CERTIFY:
            if session is not None and key is not None and session.connection is None:
                reply = _with_mac(reply, session)
            else:
                reply = await sign(reply)
        payload = encode_payload(reply)
        envelope = reply.envelope
        version = Version(envelope.major, envelope.minor)
        if key is not None and (heard.encrypted or (private and version >= _PRIVATE_ENCRYPTED_SINCE)):
            payload = key.encrypt(payload, self._random)
            envelope = envelope._replace(flags=envelope.flags | ENCRYPTED)
        return encode_envelope(envelope._replace(length=len(payload))) + payload


def _with_mac(reply: Message, session: Session) -> Message:
    assert session.key is not None
    counter = session.next_counter()
    covered = signed_input(reply, Version(reply.envelope.major, reply.envelope.minor), counter)
    credential = Credential(MAC, MAC_NAME, session.key.mac(covered), counter)
    return reply._replace(credential=encode_credential(credential))


def _chosen_id(heard: Heard, conversation: Conversation) -> int:
    """The number that a Teleinfo program chose, or 0: Handle.Net names no session, or the one it replaces."""
    number = heard.message.envelope.session_id
    return number if 0 < number < OUR_IDS and conversation.transport is Transport.TCP else 0
