"""One question as a message, and whether a reply is the answer to it.

Asked are all public values, never on behalf of somebody (no RECU: whoever does not know names who does), one step
deeper than we were asked. The reply is believed when it repeats the question's number and digest, bears the signature
of the key that the delegation names, where that is a key we can verify, and is about the handle that was asked for.
"""

from __future__ import annotations

from node.handle_data import RsaPublicKey
from resolver.handle.bodies import ResolveRequest, encode_resolve
from resolver.handle.codes import Flag, OpCode
from resolver.handle.credential import SIGNED, decode_credential, signed_input
from resolver.handle.envelope import ENVELOPE_BYTES, HIGHEST, Envelope, Version, WireFault, decode_envelope
from resolver.handle.message import UNKNOWN_SERIAL, Header, Message, decode_message, digest_and_body
from resolver.handle.public_keys import PublicKeyProof, signature_proves, usable

_FLAGS = int(Flag.CACHE_CERTIFY | Flag.PUBLIC_ONLY | Flag.RETURN_DIGEST)
_EXPIRES_SECONDS = 60
_DEEPEST = 255
_DIGESTS = frozenset({"SHA-256", "SHA256"})


class NotTheAnswer(Exception):
    """Why a reply is not believed."""


def question_of(handle: str, *, number: int, depth: int, now: float, key: bytes = b"") -> Message:
    """The question for a handle; nobody can guess the ``number``, ``now`` is Unix time, ``key`` the server's."""
    flags = _FLAGS | (int(Flag.CERTIFY) if _verifiable(key) is not None else 0)
    envelope = Envelope(*HIGHEST, 0, *HIGHEST, 0, number, 0, 0)
    header = Header(OpCode.RESOLVE, 0, flags, UNKNOWN_SERIAL, min(depth + 1, _DEEPEST), int(now) + _EXPIRES_SECONDS)
    return Message(envelope, header, encode_resolve(ResolveRequest(handle)))


def answer_to(question: Message, data: bytes, key: bytes = b"") -> tuple[int, bytes]:
    """Response code and body, without the digest, of the reply to a question. Raises NotTheAnswer, WireFault."""
    envelope = decode_envelope(data)
    if envelope.request_id != question.envelope.request_id:
        raise NotTheAnswer("the reply has another number than the question")
    if envelope.encrypted or envelope.truncated or envelope.session_id:
        raise NotTheAnswer("the reply belongs to a session, or is a piece")
    reply = decode_message(envelope, data[ENVELOPE_BYTES:])
    header = reply.header
    if header.op_code != OpCode.RESOLVE or header.response_code <= 0 or header.flags & Flag.CONTINUES:
        raise NotTheAnswer("the reply is to another operation")
    digest, body = digest_and_body(reply)
    if digest is not None and digest != question.digest(digest.kind):
        raise NotTheAnswer("the reply repeats the digest of another question")
    verifiable = _verifiable(key)
    if verifiable is not None and not _signed_by(reply, verifiable):
        raise NotTheAnswer("the reply is not signed with the key that the delegation names")
    return header.response_code, body


def _verifiable(data: bytes) -> RsaPublicKey | None:
    """The key, where replies signed with it can be verified. Of other keys servers may make what use they like."""
    key = usable(data, legacy=False) if data else None
    return key if isinstance(key, RsaPublicKey) else None


def _signed_by(reply: Message, key: RsaPublicKey) -> bool:
    if not reply.credential:
        return False
    try:
        credential = decode_credential(reply.credential)
    except WireFault:
        return False
    if credential.kind != SIGNED or credential.digest_name not in _DIGESTS:
        return False
    covered = signed_input(reply, Version(reply.envelope.major, reply.envelope.minor), credential.counter)
    return signature_proves(PublicKeyProof(credential.digest_name, credential.signature), key, covered, "")
