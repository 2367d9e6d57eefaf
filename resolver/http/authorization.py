"""The ``Authorization`` header of a Handle client, read but not believed.

    Basic base64(301%3A0.NA%2F88.101.2001:secret)      the identity is percent-encoded, for it holds a colon itself
    Handle sessionId="…", id="300%3A0.NA%2F88.101.2001", type="HS_PUBKEY", cnonce="…", alg="SHA256", signature="…"
    Handle sessionId="…"                               of a session that has been signed for
    Handle clientCert="true"                           the certificate of the TLS connection

Reference: RFC 7617, RFC 9110 section 11.4, and Handle.Net's technical manual for its own scheme.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from node.administration import PUBLIC_KEY, SECRET_KEY, Identity, InvalidProof, ProofUnsupported
from resolver.handle.proofs import Proof
from resolver.handle.public_keys import PublicKeyProof
from resolver.handle.secret_keys import (
    HMAC_SHA256,
    PBKDF2_HMAC_SHA1,
    Pbkdf2Proof,
    PlainSecret,
    decode_secret_answer,
)

_FIELDS = re.compile(r'\s*([A-Za-z]{1,32})\s*=\s*(?:"((?:[^"\\]|\\.){0,8192})"|([^\s",]{0,8192}))\s*(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")
_INDEX = re.compile(r"[0-9]{1,10}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_NOT_A_LETTER = re.compile(r"[^A-Z0-9]")
_LONGEST_NONCE = 256
_VERSION = "0"

_DIGESTS = {"SHA256": "SHA-256", "SHA2": "SHA-256", "SHA1": "SHA1", "SHA": "SHA1", "SM3": "SM3"}
_SECRET_FORMS = {
    "PBKDF2HMACSHA1": PBKDF2_HMAC_SHA1,
    "PBKDF2WITHHMACSHA1": PBKDF2_HMAC_SHA1,
    "HMACSHA256": HMAC_SHA256,
    "HMACSHA1": 0x12,
    "MD5": 0x01,
    "SHA1": 0x02,
    "SHA": 0x02,
    "SHA256": 0x03,
    "SHA2": 0x03,
}


class AuthorizationUnreadable(InvalidProof):
    title_zh = "身份凭证格式有误"


@dataclass(frozen=True, slots=True)
class Secret:
    """Somebody's secret key, as it is."""

    identity: Identity
    proof: PlainSecret


@dataclass(frozen=True, slots=True)
class Signed:
    """A proof over the nonce of a session and the client's own."""

    identity: Identity
    proof: Proof
    client_nonce: bytes


@dataclass(frozen=True, slots=True)
class HandleFields:
    """What the ``Handle`` scheme says: about a session, with or without a signature, or about a certificate."""

    session_id: str | None
    signed: Signed | None
    certificate: bool


def authorization(header: str) -> Secret | HandleFields | None:
    """What a header says; ``None`` for other schemes, which are not ours to judge.

    Raises ``AuthorizationUnreadable`` and ``ProofUnsupported``.
    """
    if not header.isascii():
        raise AuthorizationUnreadable("the Authorization header is not ASCII")
    scheme, _, rest = header.strip().partition(" ")
    match scheme.lower():
        case "basic":
            return _basic(rest.strip())
        case "handle":
            return handle_fields(fields_of(rest))
        case _:
            return None


def fields_of(text: str) -> dict[str, str]:
    """The fields of the ``Handle`` scheme by their names in lower case. Raises ``AuthorizationUnreadable``."""
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _FIELDS.match(text, at)
        if found is None or found[1].lower() in fields:
            raise AuthorizationUnreadable("the Authorization header is no list of names and values")
        value = _ESCAPED.sub(r"\1", found[2]) if found[2] is not None else found[3]
        name = found[1].lower()
        fields[name] = _unescaped(value) if name == "id" else value
        at = found.end()
    return fields


def handle_fields(fields: Mapping[str, str]) -> HandleFields:
    """The meaning of fields. Raises ``AuthorizationUnreadable`` and ``ProofUnsupported``."""
    if fields.get("version", _VERSION) != _VERSION:
        raise AuthorizationUnreadable("version 0 of the Handle authorization is known here")
    signed = None
    if {"id", "type", "alg", "signature"} & fields.keys():
        missing = {"sessionid", "id", "type", "cnonce", "alg", "signature"} - fields.keys()
        if missing:
            raise AuthorizationUnreadable(f"the Authorization header lacks {', '.join(sorted(missing))}")
        client_nonce = bytes_of(fields, "cnonce")
        if len(client_nonce) > _LONGEST_NONCE:
            raise AuthorizationUnreadable(f"cnonce has at most {_LONGEST_NONCE} bytes")
        signed = Signed(identity_of(fields["id"]), proof_of(fields["type"], fields), client_nonce)
    return HandleFields(fields.get("sessionid"), signed, fields.get("clientcert", "").lower() == "true")


def proof_of(kind: str, fields: Mapping[str, str]) -> Proof:
    """The proof in ``alg``, ``signature`` and, of PBKDF2, ``salt``, ``iterations`` and ``length`` (bits).

    ``kind`` is HS_PUBKEY or HS_SECKEY. Raises ``AuthorizationUnreadable`` and ``ProofUnsupported``.
    """
    signature = bytes_of(fields, "signature")
    algorithm = fields.get("alg", "")
    name = _NOT_A_LETTER.sub("", algorithm.upper())
    if kind == PUBLIC_KEY:
        return PublicKeyProof(_DIGESTS.get(name, algorithm), signature)
    if kind != SECRET_KEY:
        raise ProofUnsupported(f"proofs by {kind[:32]!r} are not accepted; HS_PUBKEY and HS_SECKEY are")
    form = _SECRET_FORMS.get(name)
    if form is None:
        raise ProofUnsupported(f"{algorithm[:32]!r} is unknown; use PBKDF2WithHmacSHA1 or HMAC-SHA256")
    if form == PBKDF2_HMAC_SHA1 and "salt" in fields:
        return Pbkdf2Proof(
            bytes_of(fields, "salt"), _number(fields, "iterations"), _number(fields, "length"), signature
        )
    return decode_secret_answer(bytes([form]) + signature)


def identity_of(text: str) -> Identity:
    """``300:0.NA/88.101.2001``; without an index, any key of the handle."""
    index, colon, handle = text.partition(":")
    if colon and _INDEX.fullmatch(index) and int(index) < 2**31:
        return Identity(handle, int(index))
    return Identity(text, 0)


def bytes_of(fields: Mapping[str, str], name: str) -> bytes:
    """A field in base64, also that of addresses and without padding. Raises ``AuthorizationUnreadable``."""
    text = fields.get(name, "").rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise AuthorizationUnreadable(f"{name} is not base64") from None


def _basic(encoded: str) -> Secret:
    try:
        user, colon, secret = base64.b64decode(encoded, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        raise AuthorizationUnreadable("the Authorization header is not base64") from None
    if not colon:
        raise AuthorizationUnreadable("the Authorization header has no colon behind the user")
    return Secret(identity_of(_unescaped(user.decode("utf-8", "replace"))), PlainSecret(secret))


def _unescaped(text: str) -> str:
    return unquote_to_bytes(text.encode("utf-8", "replace")).decode("utf-8", "replace")


def _number(fields: Mapping[str, str], name: str) -> int:
    text = fields.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise AuthorizationUnreadable(f"{name} is no number")
    return int(text)
