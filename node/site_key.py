"""The node's own RSA key: what its HS_SITE names and what signs its answers when a client asks for that.

Made once, at the first start, in a file that only its owner may read; every process of the node loads it.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from node.errors import Malformed
from node.handle_data import RsaPublicKey, encode_public_key
from node.whole_file import put_once

KEY_BITS = 2048
"""Handle.Net's clients check signatures of any length; longer keys cost each signed answer four times as much."""


class SiteKeyUnusable(Malformed):
    """Evidence: ``file``."""

    title_zh = "节点密钥无法使用"


def site_key(file: Path) -> RSAPrivateKey:
    """The key in ``file`` (PEM, PKCS #8 or PKCS #1, unencrypted), made now when there is no such file.

    Raises ``SiteKeyUnusable`` when the file cannot be read or made, or holds anything but RSA of 2,048 bits or more.
    """
    try:
        if not file.exists():
            _make(file)
        pem = file.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SiteKeyUnusable(f"the node's key {file} cannot be read or made: {reason}", file=str(file)) from error
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        detail = f"{file} holds no unencrypted private key in PEM"
        raise SiteKeyUnusable(detail, file=str(file)) from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < KEY_BITS:
        detail = f"the node's key in {file} has to be RSA of {KEY_BITS} bits or more"
        raise SiteKeyUnusable(detail, file=str(file))
    return key


def public_key_data(key: RSAPrivateKey) -> bytes:
    """The public part as the data of an HS_PUBKEY value."""
    numbers = key.public_key().public_numbers()
    return encode_public_key(RsaPublicKey(numbers.n, numbers.e))


def _make(file: Path) -> None:
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.parent.mkdir(parents=True, exist_ok=True)
    put_once(file, pem, 0o600)
