"""Which proofs are believed, which are refused before anything is computed, and that refusals tell nothing more."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa

from node.administration import (
    PUBLIC_KEY,
    SECRET_KEY,
    Identity,
    IdentityKey,
    InvalidProof,
    ProofFailed,
    ProofUnsupported,
)
from node.handle_data import DsaPublicKey, RsaPublicKey, encode_public_key
from resolver.handle import proofs as proofs_module
from resolver.handle import public_keys, secret_keys
from resolver.handle.computing import AllowanceSpent, Computing, ComputingFull
from resolver.handle.proofs import PlainSecret, Proof, Proofs, PublicKeyProof, decode_answer
from tests.support.handle_session import (
    SECRET,
    SECRET_USER,
    USER,
    USER_KEY,
    Clock,
    Keys,
    block,
    by_hmac,
    by_pbkdf2,
    by_rsa,
    public_data,
)

VECTORS: dict[str, dict[str, Any]] = {
    vector["name"]: vector["fields"]
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "handle.json").read_text(encoding="utf-8"))
}
SIGNED = b"nonce and digest of a request"
HOME = "192.0.2.7"


class Office:
    """Proofs over keys that a test may change."""

    def __init__(self, computing: Computing) -> None:
        self.keys = Keys()
        self.clock = Clock()
        self.computing = computing

    def proofs(self, *, legacy: bool = False, iterations: int = 100_000) -> Proofs:
        return Proofs(self.keys.of, self.computing, iterations=iterations, legacy=legacy, clock=self.clock)

    async def proves(self, proof: Proof, user: Identity = USER, *, legacy: bool = False) -> Identity:
        return await self.proofs(legacy=legacy).prove(user, proof, SIGNED, source=HOME)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    computing = Computing()
    yield Office(computing)
    await computing.close()


@pytest.mark.parametrize("name", ["rsa-sha256", "seckey-pbkdf2", "seckey-hmac-sha256"])
async def test_the_answers_of_the_known_clients_are_believed(office: Office, name: str) -> None:
    fields = VECTORS[f"challenge-answer-{name}"]
    user = Identity("0.NA/88.111.1", fields["userIndex"])
    data = bytes.fromhex(fields["pubkey_hex"]) if "pubkey_hex" in fields else fields["secret"].encode()
    office.keys.known[user.handle] = [IdentityKey(user.index, fields["authType"], data)]
    signed = bytes.fromhex(VECTORS["challenge-answer-rsa-sha256"]["signed_hex"])
    proof = decode_answer(fields["authType"], bytes.fromhex(fields["answer_hex"]))
    proofs = office.proofs()
    assert await proofs.prove(user, proof, signed, source=HOME) == user
    with pytest.raises(ProofFailed):
        await proofs.prove(user, proof, signed + b"!", source=HOME)


@pytest.mark.parametrize("name", ["md5", "sha256", "hmac-sha1"])
def test_old_answers_of_the_known_clients_are_refused(name: str) -> None:
    fields = VECTORS[f"challenge-answer-seckey-{name}"]
    with pytest.raises(ProofUnsupported, match="0x22"):
        decode_answer("HS_SECKEY", bytes.fromhex(fields["answer_hex"]))


@pytest.mark.parametrize("form", [1, 2, 3, 0x12])
def test_old_forms_are_refused_whatever_follows(form: int) -> None:
    with pytest.raises(ProofUnsupported):
        decode_answer("HS_SECKEY", bytes((form,)) + bytes(32))


def test_a_bare_md5_is_refused() -> None:
    with pytest.raises(ProofUnsupported, match="MD5"):
        decode_answer("HS_SECKEY", hashlib.md5(b"old", usedforsecurity=False).digest().replace(b"\x13", b"\x99"))


@pytest.mark.parametrize(
    ("auth_type", "answer"),
    [
        ("HS_SECKEY", b""),
        ("HS_SECKEY", b"\x13"),
        ("HS_SECKEY", b"\x13" + bytes(31)),
        ("HS_SECKEY", b"\x13" + bytes(33)),
        ("HS_SECKEY", b"\x22" + block(bytes(16))),
        ("HS_SECKEY", b"\x22" + block(bytes(16)) + bytes(8)),
        ("HS_SECKEY", by_pbkdf2(SIGNED)[:-1]),
        ("HS_SECKEY", by_pbkdf2(SIGNED) + b"\0"),
        ("HS_SECKEY", b"\x22\xff\xff\xff\xff" + bytes(40)),
        ("HS_SECKEY", b"\x13" + bytes(600)),
        ("HS_PUBKEY", b""),
        ("HS_PUBKEY", block(b"SHA-256")),
        ("HS_PUBKEY", block(b"SHA-256") + b"\xff\xff\xff\xff"),
        ("HS_PUBKEY", by_rsa(SIGNED) + b"\0"),
        ("HS_PUBKEY", block(b"SHA-256") + block(bytes(3000))),
        ("HS_PUBKEY", block("摘要".encode()) + block(bytes(256))),
    ],
    ids=map(str, range(16)),  # answers differ from run to run
)
def test_an_answer_that_is_none_is_an_invalid_credential(auth_type: str, answer: bytes) -> None:
    with pytest.raises(InvalidProof):
        decode_answer(auth_type, answer)


def test_another_kind_of_proof_is_unsupported() -> None:
    with pytest.raises(ProofUnsupported, match="HS_CERT"):
        decode_answer("HS_CERT", b"")


@pytest.mark.parametrize("index", [300, 0])
async def test_a_signature_proves_the_owner_of_the_key(office: Office, index: int) -> None:
    user = Identity(USER.handle, index)
    assert await office.proves(decode_answer(PUBLIC_KEY, by_rsa(SIGNED)), user) == USER


@pytest.mark.parametrize("index", [301, 0])
@pytest.mark.parametrize("make", [by_hmac, by_pbkdf2])
async def test_a_secret_proves_who_knows_it(office: Office, index: int, make: Any) -> None:
    user = Identity(USER.handle, index)
    assert await office.proves(decode_answer(SECRET_KEY, make(SIGNED)), user) == SECRET_USER
    with pytest.raises(ProofFailed):
        await office.proves(decode_answer(SECRET_KEY, make(SIGNED, b"another secret")), user)


async def test_a_plain_secret_proves_who_knows_it(office: Office) -> None:
    assert await office.proves(PlainSecret(SECRET), SECRET_USER) == SECRET_USER
    for wrong in (b"", SECRET[:-1], SECRET + b"s", b"x" * 100_000):
        with pytest.raises(ProofFailed):
            await office.proves(PlainSecret(wrong), SECRET_USER)


def test_a_plain_secret_does_not_show_itself() -> None:
    assert "pumps" not in f"{PlainSecret(SECRET)!r} {PlainSecret(SECRET)}"


async def test_a_secret_beyond_ascii_is_derived_as_java_derives_it(office: Office) -> None:
    secret = "密码一二三四".encode()
    office.keys.known["0.NA/88.101.9"] = [IdentityKey(300, SECRET_KEY, secret)]
    user = Identity("0.NA/88.101.9", 300)
    as_java = "".join(chr(byte) for byte in secret).encode()
    assert await office.proves(decode_answer(SECRET_KEY, by_pbkdf2(SIGNED, as_java)), user) == user
    assert await office.proves(decode_answer(SECRET_KEY, by_hmac(SIGNED, secret)), user) == user


@pytest.mark.parametrize(("iterations", "bits", "salt"), [(2**31 - 1, 160, 16), (100_001, 160, 16), (999, 160, 16),
    (0, 160, 16), (-1, 160, 16), (10_000, 2**31 - 1, 16), (10_000, 0, 16), (10_000, -8, 16), (10_000, 161, 16),
    (10_000, 264, 16), (10_000, 160, 7), (10_000, 160, 65)])  # fmt: skip
async def test_what_a_client_asks_to_be_computed_is_bounded_first(
    office: Office, iterations: int, bits: int, salt: int
) -> None:
    numbers = iterations.to_bytes(4, "big", signed=True) + bits.to_bytes(4, "big", signed=True)
    proof = decode_answer(SECRET_KEY, b"\x22" + block(bytes(salt)) + numbers + block(bytes(20)))
    began = time.perf_counter()
    with pytest.raises(ProofUnsupported):
        await office.proves(proof, SECRET_USER)
    assert time.perf_counter() - began < 0.1
    assert office.keys.asked == 0


@pytest.mark.parametrize(("iterations", "bits"), [(1_000, 128), (100_000, 160), (10_000, 256)])
async def test_the_bounds_themselves_are_accepted(office: Office, iterations: int, bits: int) -> None:
    proof = decode_answer(SECRET_KEY, by_pbkdf2(SIGNED, SECRET, iterations, bits))
    assert await office.proves(proof, SECRET_USER) == SECRET_USER


async def test_the_operator_lowers_the_most_iterations(office: Office) -> None:
    proof = decode_answer(SECRET_KEY, by_pbkdf2(SIGNED, iterations=20_000))
    with pytest.raises(ProofUnsupported, match="10000"):
        await office.proofs(iterations=10_000).prove(SECRET_USER, proof, SIGNED, source=HOME)


@pytest.mark.parametrize("name", ["SHA1", "SHA-1", "\x02"])
async def test_sha1_only_behind_the_switch(office: Office, name: str) -> None:
    proof = PublicKeyProof(name, USER_KEY.sign(SIGNED, padding.PKCS1v15(), hashes.SHA1()))  # noqa: S303
    with pytest.raises(ProofUnsupported, match="legacy_proofs"):
        await office.proves(proof)
    assert await office.proves(proof, legacy=True) == USER


@pytest.mark.parametrize("name", ["SHA-256", "SHA256", "\x03"])
async def test_sha256_has_several_spellings(office: Office, name: str) -> None:
    assert await office.proves(PublicKeyProof(name, decode_rsa(by_rsa(SIGNED)))) == USER


def decode_rsa(answer: bytes) -> bytes:
    proof = decode_answer(PUBLIC_KEY, answer)
    assert isinstance(proof, PublicKeyProof)
    return proof.signature


@pytest.mark.parametrize("name", ["MD5", "SHA-512", "", "x" * 100])
async def test_other_digests_are_refused(office: Office, name: str) -> None:
    with pytest.raises(ProofUnsupported):
        await office.proves(PublicKeyProof(name, bytes(256)), legacy=True)


async def test_dsa_only_behind_the_switch(office: Office) -> None:
    key = dsa.generate_private_key(1024)  # noqa: S505 - as old clients have them
    public = key.public_key().public_numbers()
    group = public.parameter_numbers
    data = encode_public_key(DsaPublicKey(public.y, group.p, group.q, group.g))
    office.keys.known["0.NA/88.101.9"] = [IdentityKey(300, PUBLIC_KEY, data)]
    user = Identity("0.NA/88.101.9", 300)
    for name, digest in (("SHA1", hashes.SHA1()), ("SHA-256", hashes.SHA256())):  # noqa: S303
        proof = PublicKeyProof(name, key.sign(SIGNED, digest))
        assert await office.proves(proof, user, legacy=True) == user
        with pytest.raises(ProofFailed):
            await office.proofs(legacy=True).prove(user, proof, b"other", source=HOME)
    with pytest.raises(ProofFailed):
        await office.proves(PublicKeyProof("SHA-256", key.sign(SIGNED, hashes.SHA256())), user)


WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
NUMBERS = USER_KEY.public_key().public_numbers()


@pytest.mark.parametrize(
    "key",
    [
        RsaPublicKey(WEAK.public_key().public_numbers().n, 65537),
        RsaPublicKey((1 << 8193) + 1, 65537),
        RsaPublicKey(NUMBERS.n, 1),
        RsaPublicKey(NUMBERS.n, 65536),
        RsaPublicKey(NUMBERS.n, 2**40 + 1),
        RsaPublicKey(NUMBERS.n + 1, 65537),
    ],
    ids=["1024 bits", "8194 bits", "exponent 1", "even exponent", "long exponent", "even modulus"],
)
def test_a_key_out_of_bounds_is_never_computed_with(key: RsaPublicKey) -> None:
    assert public_keys.usable(encode_public_key(key), legacy=True) is None


@pytest.mark.parametrize("data", [b"", b"junk", bytes(5000), b"\xff" * 40, public_data(USER_KEY)[:-100]])
async def test_a_key_that_is_none_proves_nobody(office: Office, data: bytes) -> None:
    office.keys.known["0.NA/88.101.9"] = [IdentityKey(300, PUBLIC_KEY, data)]
    with pytest.raises(ProofFailed):
        await office.proves(decode_answer(PUBLIC_KEY, by_rsa(SIGNED)), Identity("0.NA/88.101.9", 300))


async def test_an_index_of_0_tries_the_keys_up_to_a_bound(office: Office) -> None:
    others = [IdentityKey(n, SECRET_KEY, b"secret number %d" % n) for n in range(1, 12)]
    office.keys.known["0.NA/88.101.9"] = [IdentityKey(50, PUBLIC_KEY, public_data(USER_KEY)), *others]
    user = Identity("0.NA/88.101.9", 0)
    eighth = decode_answer(SECRET_KEY, by_hmac(SIGNED, b"secret number 8"))
    ninth = decode_answer(SECRET_KEY, by_hmac(SIGNED, b"secret number 9"))
    assert await office.proves(eighth, user) == Identity(user.handle, 8)
    with pytest.raises(ProofFailed):
        await office.proves(ninth, user)
    assert await office.proves(ninth, Identity(user.handle, 9)) == Identity(user.handle, 9)


async def test_a_key_of_another_index_or_kind_proves_nothing(office: Office) -> None:
    for index in (301, 1, -300):
        with pytest.raises(ProofFailed):
            await office.proves(decode_answer(PUBLIC_KEY, by_rsa(SIGNED)), Identity(USER.handle, index))
    with pytest.raises(ProofFailed):
        await office.proves(decode_answer(SECRET_KEY, by_hmac(SIGNED, public_data(USER_KEY))), USER)


@pytest.mark.parametrize("make", [by_rsa, by_hmac, by_pbkdf2])
async def test_an_unknown_identity_costs_and_says_what_a_wrong_proof_does(
    office: Office, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[str] = []

    def counting(name: str, function: Any) -> Any:
        def counted(*arguments: Any) -> Any:
            work.append(name)
            return function(*arguments)

        return counted

    for name in ("signature_proves", "secret_proves"):
        monkeypatch.setattr(proofs_module, name, counting(name, getattr(proofs_module, name)))
    kind = PUBLIC_KEY if make is by_rsa else SECRET_KEY
    index = USER.index if make is by_rsa else SECRET_USER.index
    proof = decode_answer(kind, make(b"something else"))
    said, done = set(), []
    for user in (
        Identity(USER.handle, index),
        Identity(USER.handle, 0),
        Identity(USER.handle, 999),
        Identity("0.NA/88.101.404", index),
    ):
        work.clear()
        with pytest.raises(ProofFailed) as refused:
            await office.proves(proof, user)
        said.add((refused.value.detail, repr(refused.value.evidence)))
        done.append(tuple(work))
    assert len(said) == 1
    assert set(done) == {("signature_proves",) if make is by_rsa else ("secret_proves",)}


async def test_a_signature_of_the_wrong_length_is_verified_all_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[int] = []
    genuine = rsa.RSAPublicNumbers.public_key

    def counted(numbers: rsa.RSAPublicNumbers, backend: Any = None) -> rsa.RSAPublicKey:
        verified.append(numbers.n.bit_length())
        return genuine(numbers, backend)

    monkeypatch.setattr(rsa.RSAPublicNumbers, "public_key", counted)
    for user in (USER, Identity("0.NA/88.101.404", 300)):
        for size in (0, 255, 257, 256):
            with pytest.raises(ProofFailed):
                await office.proofs().prove(user, PublicKeyProof("SHA-256", b"\1" * size), SIGNED, source=HOME)
    assert verified == [2048] * 8


def test_macs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    genuine = hmac.compare_digest

    def counted(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return genuine(one, other)

    monkeypatch.setattr(secret_keys.hmac, "compare_digest", counted)
    for answer in (by_hmac(SIGNED), by_pbkdf2(SIGNED)):
        proof = secret_keys.decode_secret_answer(answer)
        assert secret_keys.secret_proves(proof, SECRET, SIGNED)
        assert not secret_keys.secret_proves(proof, b"wrong", SIGNED)
    assert not secret_keys.secret_proves(PlainSecret(b"wrong"), SECRET, SIGNED)
    assert compared == [32, 32, 20, 20, 32]


# What failures cost ------------------------------------------------------------------------------------------------


async def test_who_fails_too_often_is_refused_before_anything_is_computed(office: Office) -> None:
    proofs = office.proofs()
    wrong, right = (decode_answer(SECRET_KEY, by_hmac(SIGNED, secret)) for secret in (b"wrong", SECRET))
    for _ in range(20):
        with pytest.raises(ProofFailed):
            await proofs.prove(SECRET_USER, wrong, SIGNED, source=HOME)
    asked = office.keys.asked
    with pytest.raises(AllowanceSpent) as refused:
        await proofs.prove(SECRET_USER, right, SIGNED, source=HOME)
    assert refused.value.evidence["retry_after"] == 1
    assert office.keys.asked == asked
    assert await proofs.prove(SECRET_USER, right, SIGNED, source="198.51.100.9") == SECRET_USER
    office.clock.now += 0.5
    assert await proofs.prove(SECRET_USER, right, SIGNED, source=HOME) == SECRET_USER


async def test_who_proves_himself_spends_nothing(office: Office) -> None:
    proofs = office.proofs()
    right = decode_answer(SECRET_KEY, by_hmac(SIGNED))
    for _ in range(100):
        assert await proofs.prove(SECRET_USER, right, SIGNED, source=HOME) == SECRET_USER


async def test_a_costly_derivation_counts_as_several_failures(office: Office) -> None:
    proofs = office.proofs()
    wrong = decode_answer(SECRET_KEY, by_pbkdf2(SIGNED, b"wrong", 100_000))
    for _ in range(2):
        with pytest.raises(ProofFailed):
            await proofs.prove(SECRET_USER, wrong, SIGNED, source=HOME)
    with pytest.raises(AllowanceSpent):
        await proofs.prove(SECRET_USER, wrong, SIGNED, source=HOME)


async def test_what_waits_to_be_computed_is_bounded_and_one_source_never_takes_all() -> None:
    computing = Computing(threads=1, waiting=3, per_source=2)
    gate = threading.Event()
    waiting = [asyncio.create_task(computing.run("192.0.2.66", lambda: gate.wait(10))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ComputingFull):
        await computing.run("192.0.2.66", lambda: 1)
    waiting += [asyncio.create_task(computing.run(f"192.0.2.{n}", lambda: gate.wait(10))) for n in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(ComputingFull):
        await computing.run("192.0.2.3", lambda: 1)
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 4
    assert await computing.run("192.0.2.66", lambda: 1) == 1
    await computing.close()


async def test_who_hangs_up_keeps_his_place_until_the_thread_is_done() -> None:
    computing = Computing(threads=1, waiting=0, per_source=1)
    gate = threading.Event()
    task = asyncio.create_task(computing.run(HOME, lambda: gate.wait(10)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ComputingFull):
        await computing.run("192.0.2.9", lambda: 1)
    gate.set()
    async with asyncio.timeout(5):
        while True:
            try:
                assert await computing.run("192.0.2.9", lambda: 1) == 1
                break
            except ComputingFull:
                await asyncio.sleep(0.01)
    await computing.close()


async def test_a_full_queue_costs_the_client_nothing(office: Office) -> None:
    gate = threading.Event()
    busy = [asyncio.create_task(office.computing.run(HOME, lambda: gate.wait(10))) for _ in range(8)]
    await asyncio.sleep(0)
    proofs = office.proofs()
    right = decode_answer(SECRET_KEY, by_hmac(SIGNED))
    for _ in range(40):
        with pytest.raises(ComputingFull):
            await proofs.prove(SECRET_USER, right, SIGNED, source=HOME)
    gate.set()
    await asyncio.gather(*busy)
    assert await proofs.prove(SECRET_USER, right, SIGNED, source=HOME) == SECRET_USER


async def test_the_loop_goes_on_while_keys_are_derived(office: Office) -> None:
    proof = decode_answer(SECRET_KEY, by_pbkdf2(SIGNED, iterations=100_000))
    turns = 0
    began = time.perf_counter()
    proving = asyncio.create_task(office.proves(proof, SECRET_USER))
    while not proving.done():
        await asyncio.sleep(0)
        turns += 1
    assert await proving == SECRET_USER
    # Some 50 ms of derivation: had it held the interpreter, the loop would not have turned beside it.
    assert turns > 100 * (time.perf_counter() - began) / 0.05


async def test_allowances_of_many_sources_stay_bounded(office: Office) -> None:
    proofs = office.proofs()
    allowance = proofs._failures
    for number in range(21_000):
        allowance.spend(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1.0)
    assert len(allowance._left) == 20_000


async def test_the_thread_rests_behind_a_failure_and_not_behind_a_success(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(proofs_module.time, "sleep", rests.append)
    assert await office.proves(decode_answer(SECRET_KEY, by_pbkdf2(SIGNED)), SECRET_USER) == SECRET_USER
    assert rests == []
    for user in (SECRET_USER, Identity("0.NA/88.101.404", 301)):
        with pytest.raises(ProofFailed):
            await office.proves(decode_answer(SECRET_KEY, by_pbkdf2(SIGNED, b"wrong")), user)
    assert len(rests) == 2
    assert min(rests) > 0.001
