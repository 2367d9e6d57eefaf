"""Who is let in to the desk: by signature, nonce, clock, and client certificate."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from node.database import Pool
from node.national.signature import ACCESS_KEY, KeyPair
from node.own_certificate import Pair
from node.tls import ServerCertificate
from node.upper.exchange import Moods
from node.upper.keys import revoke_key
from tests.support.certificates import certificate_of, rsa_key, written
from tests.support.upper import Below, Upper, moody, running_upper

VERDICTS = "/v1/verdicts?after=0"


async def test_a_signed_question_is_answered(below: Below) -> None:
    said = await below.ask("GET", VERDICTS)
    assert (said.status, said.content) == (200, {"verdicts": []})


@pytest.mark.parametrize("path", [VERDICTS, "/v1/instructions?after=0"])
async def test_without_a_signature_there_is_no_answer(upper: Upper, path: str) -> None:
    said = await upper.ask("GET", path)
    assert (said.status, said.code, said.content["retry"]) == (401, "signature_missing", False)


async def test_a_wrong_secret_and_an_unknown_key_are_not_told_apart(below: Below) -> None:
    wrong = await below.ask("GET", VERDICTS, keys=KeyPair(below.keys.access_key, "another secret, wrong"))
    unknown = await below.ask("GET", VERDICTS, keys=KeyPair("nobody", "another secret, wrong"))
    assert wrong == unknown
    assert (wrong.status, wrong.code) == (401, "signature_wrong")


async def test_the_path_is_signed_with_its_query(below: Below) -> None:
    said = await below.ask("GET", "/v1/verdicts?after=1", sign_as=VERDICTS)
    assert said.code == "signature_wrong"


async def test_the_path_is_signed_as_sent_with_what_stands_before_it(pool: Pool) -> None:
    async with running_upper(pool, base="/docking") as upper:
        below = await upper.below()
        assert (await below.ask("GET", VERDICTS)).status == 200
        assert (await below.ask("GET", VERDICTS, sign_as=VERDICTS)).code == "signature_wrong"


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
async def test_a_clock_that_is_off_is_named(below: Below, seconds: int) -> None:
    said = await below.ask("GET", VERDICTS, off=timedelta(seconds=seconds))
    assert (said.status, said.code) == (401, "clock_skewed")


@pytest.mark.parametrize("seconds", [-299, 299])
async def test_a_clock_may_be_off_a_little(below: Below, seconds: int) -> None:
    assert (await below.ask("GET", VERDICTS, off=timedelta(seconds=seconds))).status == 200


async def test_a_nonce_is_good_once(below: Below) -> None:
    assert (await below.ask("GET", VERDICTS, nonce="nonce-0123456789abcdef")).status == 200
    said = await below.ask("GET", VERDICTS, nonce="nonce-0123456789abcdef")
    assert (said.status, said.code, said.content["retry"]) == (401, "nonce_reused", True)


async def test_of_many_at_once_with_one_nonce_one_is_let_in(below: Below) -> None:
    asked = [below.ask("GET", VERDICTS, nonce="nonce-0123456789abcdef") for _ in range(8)]
    said = await asyncio.gather(*asked)
    assert sorted(each.status for each in said) == [200] + [401] * 7


async def test_the_nonce_of_a_refused_request_is_spent_too(below: Below) -> None:
    nonce = "nonce-0123456789abcdef"
    assert (await below.ask("POST", "/v1/messages", b"{}", nonce=nonce)).status == 400
    assert (await below.ask("GET", VERDICTS, nonce=nonce)).code == "nonce_reused"


async def test_two_nodes_may_choose_the_same_nonce(upper: Upper, below: Below) -> None:
    other = await upper.below("88.102")
    assert (await below.ask("GET", VERDICTS, nonce="nonce-0123456789abcdef")).status == 200
    assert (await other.ask("GET", VERDICTS, nonce="nonce-0123456789abcdef")).status == 200


async def test_nonces_are_forgotten_when_no_timestamp_can_carry_them_any_more(upper: Upper, below: Below) -> None:
    await below.ask("GET", VERDICTS)
    upper.clock.advance(minutes=14)
    await upper.desk.forget_nonces()
    assert len(await upper.rows("SELECT nonce FROM docking_nonce")) == 1
    upper.clock.advance(minutes=2)
    await upper.desk.forget_nonces()
    assert await upper.rows("SELECT nonce FROM docking_nonce") == []


async def test_a_revoked_key_is_answered_like_an_unknown_one(upper: Upper, below: Below) -> None:
    async with upper.pool.acquire() as connection:
        await revoke_key(connection, below.keys.access_key, upper.clock())
    assert (await below.ask("GET", VERDICTS)).code == "signature_wrong"


# Client certificates ------------------------------------------------------------------------------------------


def _trusting(server: Pair, client: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=server.certificate)
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    return context


async def test_a_key_that_is_bound_to_a_certificate_holds_with_that_only(pool: Pool, tmp_path: Path) -> None:
    own, bound, other = rsa_key(), rsa_key(), rsa_key()
    server = written(tmp_path, own, certificate_of(own, "localhost"), "server")
    certificate = certificate_of(bound, "node 88.101")
    mine = written(tmp_path, bound, certificate, "mine")
    foreign = written(tmp_path, other, certificate_of(other, "node 88.101"), "foreign")
    async with running_upper(pool, certificate=ServerCertificate(server)) as upper:
        digest = sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
        below = await upper.below(certificate_sha256=digest)
        free = await upper.below("88.102")
        with_it = await below.ask("GET", VERDICTS, context=_trusting(server, mine))
        with_another = await below.ask("GET", VERDICTS, context=_trusting(server, foreign))
        with_none = await below.ask("GET", VERDICTS, context=_trusting(server))
        not_bound = await free.ask("GET", VERDICTS, context=_trusting(server))
    assert with_it.status == not_bound.status == 200
    assert (with_another.status, with_another.code) == (401, "certificate_required")
    assert with_none.code == "certificate_required"


async def test_without_tls_a_bound_key_does_not_hold(upper: Upper) -> None:
    below = await upper.below(certificate_sha256="ab" * 32)
    assert (await below.ask("GET", VERDICTS)).code == "certificate_required"


# Bad days on purpose ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moods", "code", "retry"),
    [
        (Moods(reject_nonce=True), "nonce_rejected", True),
        (Moods(wrong_signature=True), "signature_wrong", False),
        (Moods(clock_skew=timedelta(minutes=6)), "clock_skewed", False),
    ],
)
async def test_a_desk_in_a_mood_refuses_what_is_right(pool: Pool, moods: Moods, code: str, *, retry: bool) -> None:
    async with running_upper(pool, around=moody(moods)) as upper:
        below = await upper.below()
        said = await below.ask("GET", VERDICTS)
    assert (said.status, said.code, said.content["retry"]) == (401, code, retry)


async def test_a_malformed_header_counts_as_missing(below: Below) -> None:
    said = await below.ask("GET", VERDICTS, headers={ACCESS_KEY: "§"})
    assert said.code == "signature_missing"


async def test_any_header_may_be_garbage(upper: Upper) -> None:
    garbage: list[dict[str, Any]] = [
        {ACCESS_KEY: "a" * 5000},
        {"Biaoshi-Timestamp": "-1"},
        {"Biaoshi-Signature": "0" * 63},
    ]
    for headers in garbage:
        assert (await upper.ask("GET", VERDICTS, headers=headers)).status == 401
