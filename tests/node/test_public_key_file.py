"""Public keys from files."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from node.handle_data import DsaPublicKey, RsaPublicKey, Sm2PublicKey, decode_public_key, encode_public_key
from node.public_key_file import PublicKeyUnusable, public_key_data

VECTORS = {vector["name"]: vector for vector in json.loads(
    (Path(__file__).parents[1] / "vectors" / "handle.json").read_text(encoding="utf-8")
)}  # fmt: skip
RSA = rsa.generate_private_key(65537, 2048)


def spki(key: rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def file_of(folder: Path, content: bytes) -> Path:
    file = folder / "key"
    file.write_bytes(content)
    return file


def expected(key: rsa.RSAPrivateKey) -> RsaPublicKey:
    numbers = key.public_key().public_numbers()
    return RsaPublicKey(numbers.n, numbers.e)


def test_an_rsa_key_in_pem_with_whatever_stands_around_it(tmp_path: Path) -> None:
    for content in (spki(RSA), b"Bag Attributes\n" + spki(RSA).replace(b"\n", b"\r\n")):
        assert decode_public_key(public_key_data(file_of(tmp_path, content))) == expected(RSA)


def test_the_key_of_a_certificate(tmp_path: Path) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "300:0.NA/88.101.2001")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, RSA.public_key(), 1, now, now + timedelta(days=9)).sign(RSA, SHA256())
    )  # fmt: skip
    file = file_of(tmp_path, certificate.public_bytes(Encoding.PEM))
    assert decode_public_key(public_key_data(file)) == expected(RSA)


def test_the_data_of_an_hs_pubkey_value_as_handle_net_s_programs_keep_it(tmp_path: Path) -> None:
    data = bytes.fromhex(VECTORS["hs_pubkey-rsa2048"]["hex"])
    assert public_key_data(file_of(tmp_path, data)) == data


def test_a_dsa_key(tmp_path: Path) -> None:
    found = decode_public_key(public_key_data(file_of(tmp_path, spki(dsa.generate_private_key(1024)))))  # noqa: S505
    assert isinstance(found, DsaPublicKey)


def test_an_sm2_key_keeps_its_text_as_teleinfo_s_programs_do(tmp_path: Path) -> None:
    vector = VECTORS["sdk-hs_pubkey-sm2"]
    key = decode_public_key(bytes.fromhex(vector["hex"]))
    assert isinstance(key, Sm2PublicKey)
    assert public_key_data(file_of(tmp_path, key.pem.encode())).hex() == vector["hex"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no public key"),
        (b"ssh-rsa AAAA", "no public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key"),
        (b"-----BEGIN PUBLIC KEY-----\n!!\n", "no public key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no public key"),
        (RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "private key"),
        (spki(ec.generate_private_key(ec.SECP256R1())), "no public key"),
        (spki(rsa.generate_private_key(65537, 1024)), "1024 bits"),  # noqa: S505
        (encode_public_key(RsaPublicKey((1 << 1023) + 1, 3)), "1024 bits"),
        (b"\x00\x00\x00\x03ABC\x00\x00rest", "unknown kind 'ABC'"),
    ],
)
def test_what_is_no_key_to_register_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(PublicKeyUnusable, match=why):
        public_key_data(file_of(tmp_path, content))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PublicKeyUnusable, match="nowhere"):
        public_key_data(tmp_path / "nowhere")
