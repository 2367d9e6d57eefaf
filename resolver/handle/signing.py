"""Replies signed with the node's own key, for clients that ask for it with the flag CERT.

The signature covers the envelope's versions, session and request beside the message, so no reply can pass for
another's; the public key stands in the node's HS_SITE. Reference: RFC 3652 section 2.2.4; the bytes of tests/vectors.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from resolver.handle.credential import SIGNED, Credential, encode_credential, signed_input
from resolver.handle.envelope import Version
from resolver.handle.message import Message

_SHA256_SINCE = Version(2, 7)


def sign(message: Message, key: RSAPrivateKey) -> Message:
    """The message with its signature, which takes half a millisecond. Versions before 2.7 know SHA-1 only."""
    version = Version(message.envelope.major, message.envelope.minor)
    covered = signed_input(message, version)
    if version >= _SHA256_SINCE:
        name, signature = "SHA-256", key.sign(covered, PKCS1v15(), SHA256())
    else:
        name, signature = "SHA1", key.sign(covered, PKCS1v15(), SHA1())  # noqa: S303 - all that such a client reads
    return message._replace(credential=encode_credential(Credential(SIGNED, name, signature)))
