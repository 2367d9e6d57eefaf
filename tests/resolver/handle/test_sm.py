"""SM2 and SM3: the bytes of Teleinfo's client are believed, and without the extra they are refused in a sentence."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gmalg
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from node.administration import PUBLIC_KEY, Identity, IdentityKey, ProofFailed, ProofUnsupported
from node.handle_data import Sm2PublicKey, decode_public_key, encode_public_key
from resolver.handle import session_setup, sm
from resolver.handle.computing import Computing
from resolver.handle.proofs import Proofs, PublicKeyProof, decode_answer
from resolver.handle.session_cipher import Algorithm, encode_key
from resolver.handle.sessions import RsaKeyNeeded
from tests.support.handle_session import USER, Clock, Keys, by_rsa

VECTORS: dict[str, dict[str, Any]] = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "handle.json").read_text(encoding="utf-8"))
}
LOGIN, CHALLENGE = VECTORS["sdk-login-step4-answer-sm2"]["fields"], VECTORS["sdk-login-step3-challenge"]["fields"]
KEY = bytes.fromhex(VECTORS["sdk-hs_pubkey-sm2"]["hex"])
TELEINFO = Identity(LOGIN["userHandle"], LOGIN["userIndex"])
SIGNED = bytes.fromhex(CHALLENGE["nonce_hex"] + CHALLENGE["requestDigest_hex"])


@pytest.fixture
async def proofs() -> AsyncIterator[Proofs]:
    computing = Computing()
    keys = Keys()
    keys.known[TELEINFO.handle] = [IdentityKey(TELEINFO.index, PUBLIC_KEY, KEY)]
    yield Proofs(keys.of, computing, iterations=100_000, legacy=False, clock=Clock())
    await computing.close()


def pem_of(point: bytes) -> str:
    key = decode_public_key(KEY)
    assert isinstance(key, Sm2PublicKey)
    front = bytes.fromhex(VECTORS["sdk-hs_pubkey-sm2"]["fields"]["x509_hex"])[:-65]
    text = base64.encodebytes(front + point).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n"


async def test_the_login_of_the_known_client_is_believed(proofs: Proofs) -> None:
    proof = decode_answer(LOGIN["authType"], bytes.fromhex(LOGIN["answer_hex"]))
    assert await proofs.prove(TELEINFO, proof, SIGNED, source="192.0.2.7") == TELEINFO


async def test_another_nonce_user_or_signature_is_not(proofs: Proofs) -> None:
    proof = decode_answer(LOGIN["authType"], bytes.fromhex(LOGIN["answer_hex"]))
    assert isinstance(proof, PublicKeyProof)
    altered = bytearray(proof.signature)
    altered[-1] ^= 1
    for user, wrong, signed in (
        (TELEINFO, proof, SIGNED + b"!"),
        (TELEINFO, proof._replace(signature=bytes(altered)), SIGNED),
        (TELEINFO, proof._replace(signature=b""), SIGNED),
        (TELEINFO, proof._replace(signature=proof.signature * 3), SIGNED),
        (USER, proof, SIGNED),
        (Identity("0.NA/88.101.404", 300), proof, SIGNED),
    ):
        with pytest.raises(ProofFailed):
            await proofs.prove(user, wrong, signed, source="192.0.2.7")


async def test_the_key_of_nobody_proves_nobody(proofs: Proofs) -> None:
    # Its secret is 1: anybody signs with it as an unknown user, and stays unknown.
    user = Identity("0.NA/88.101.404", 300)
    signer = gmalg.SM2(sk=b"\1", uid=user.handle.encode())
    signature = encode_dss_signature(*(int.from_bytes(number, "big") for number in signer.sign(sm.sm3(SIGNED))))
    assert sm.signature_proves(sm.ABSENT_KEY, signature, SIGNED, user.handle)
    with pytest.raises(ProofFailed):
        await proofs.prove(user, PublicKeyProof("SM3", signature), SIGNED, source="192.0.2.7")


async def test_a_key_of_one_kind_does_not_verify_the_signatures_of_the_other(proofs: Proofs) -> None:
    for user, name in ((TELEINFO, "SHA-256"), (USER, "SM3")):
        rsa_proof = decode_answer(PUBLIC_KEY, by_rsa(SIGNED))
        assert isinstance(rsa_proof, PublicKeyProof)
        with pytest.raises(ProofFailed):
            await proofs.prove(user, rsa_proof._replace(digest_name=name), SIGNED, source="192.0.2.7")


def test_signatures_of_a_fresh_key_verify_hashed_twice_under_the_users_handle() -> None:
    secret, point = gmalg.SM2().generate_keypair()
    signer = gmalg.SM2(sk=secret, uid=b"0.NA/88.1", pk=point)
    r, s = (int.from_bytes(number, "big") for number in signer.sign(sm.sm3(SIGNED)))
    signature = encode_dss_signature(r, s)
    assert sm.signature_proves(pem_of(point), signature, SIGNED, "0.NA/88.1")
    assert not sm.signature_proves(pem_of(point), signature, SIGNED, "0.NA/88.2")
    once = encode_dss_signature(*(int.from_bytes(number, "big") for number in signer.sign(SIGNED)))
    assert not sm.signature_proves(pem_of(point), once, SIGNED, "0.NA/88.1")


def test_sm3_is_the_standards() -> None:
    assert sm.sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm.sm3(SIGNED).hex() == LOGIN["signed_message_hex"]


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "junk",
        "-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----",
        pem_of(b"\4" + bytes(63) + b"\1"),
        sm.ABSENT_KEY + "x" * 1000,
    ],
    ids=["empty", "no PEM", "no base64", "no key", "not on the curve", "long"],
)
def test_a_key_that_is_none_proves_nothing(pem: str) -> None:
    assert not sm.signature_proves(pem, encode_dss_signature(1, 1), SIGNED, "0.NA/88.1")
    assert sm.encrypted(pem, b"plain") is None


def test_a_session_key_goes_to_the_owner_of_an_sm2_key() -> None:
    secret, point = gmalg.SM2().generate_keypair()
    data = encode_public_key(Sm2PublicKey(pem_of(point)))
    exchange = session_setup.sent_to(data, lambda size: bytes(range(size)))
    assert exchange.key.algorithm is Algorithm.SM4
    assert gmalg.SM2(sk=secret).decrypt(exchange.data) == encode_key(exchange.key)


async def test_without_the_extra_sm2_is_refused_in_a_sentence_that_names_it(
    proofs: Proofs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gmalg", None)
    proof = decode_answer(LOGIN["authType"], bytes.fromhex(LOGIN["answer_hex"]))
    for user in (TELEINFO, Identity("0.NA/88.101.404", 300)):
        with pytest.raises(ProofUnsupported, match=r"biaoshi\[sm\]"):
            await proofs.prove(user, proof, SIGNED, source="192.0.2.7")
    with pytest.raises(RsaKeyNeeded, match=r"biaoshi\[sm\]"):
        session_setup.sent_to(KEY, lambda size: bytes(size))
