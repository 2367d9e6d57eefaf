"""``/api/sessions``: who a client is, proved once, known to every worker; and client certificates."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from node.administration import Identity, IdentityKey, ProofLate
from node.database import Pool
from resolver.http.sessions import Opening, Sessions, SessionUnknown
from tests.support.administrators import Administrator, public_key_value
from tests.support.certificates import certificate_of, rsa_key, written
from tests.support.node import Answer
from tests.support.registrar import admin_value, administer
from tests.support.secure import Secure, secure_node

VALUE = {"index": 1, "type": "URL", "data": "https://pumps.example/"}


@pytest.fixture
async def ask(database_url: str) -> AsyncIterator[Secure]:
    async with secure_node(database_url) as secure:
        yield secure


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def header(fields: dict[str, str]) -> dict[str, str]:
    return {"Authorization": "Handle " + ", ".join(f'{name}="{value}"' for name, value in fields.items())}


def by_key(who: Administrator, session: Any, **changed: str) -> dict[str, str]:
    """The fields of a proof by the private key."""
    cnonce = os.urandom(20)
    signature = who.key.sign(base64.b64decode(session["nonce"]) + cnonce, padding.PKCS1v15(), hashes.SHA256())
    return {
        "version": "0", "sessionId": session["sessionId"], "id": quote(who.key_name, safe=""), "type": "HS_PUBKEY",
        "cnonce": b64(cnonce), "alg": "SHA256", "signature": b64(signature), **changed,
    }  # fmt: skip


def by_secret(who: Administrator, session: Any, **changed: str) -> dict[str, str]:
    """The fields of a proof by the secret key."""
    cnonce, salt = os.urandom(20), os.urandom(16)
    derived = hashlib.pbkdf2_hmac("sha1", who.secret.encode(), salt, 10_000, 20)
    mac = hmac.digest(derived, base64.b64decode(session["nonce"]) + cnonce, "sha1")
    return {
        "sessionId": session["sessionId"], "id": quote(who.username, safe=""), "type": "HS_SECKEY",
        "cnonce": b64(cnonce), "alg": "PBKDF2WithHmacSHA1", "signature": b64(mac), "salt": b64(salt),
        "iterations": "10000", "length": "160", **changed,
    }  # fmt: skip


async def begun(ask: Secure) -> Any:
    answer = await ask("POST", "/sessions", as_={})
    assert answer.status == 201
    return answer.json


async def write(ask: Secure, as_: dict[str, str], suffix: str = "s") -> Answer:
    return await ask("PUT", f"/handles/{ask.handle(suffix)}", as_=as_, json=[VALUE])


async def test_a_session_begins_with_a_nonce_and_as_nobody_s(ask: Secure) -> None:
    answer = await ask("POST", "/sessions/", as_={})
    assert (answer.status, answer.headers["Location"]) == (201, "/api/sessions/this")
    assert len(base64.b64decode(answer.json["nonce"])) == 16
    shown = await ask("GET", "/sessions/this", as_=header({"sessionId": answer.json["sessionId"]}))
    assert shown.json == {**answer.json, "authenticated": False}
    refused = await write(ask, header({"sessionId": answer.json["sessionId"]}))
    assert (refused.status, refused.json["responseCode"]) == (401, 402)


@pytest.mark.parametrize("prove", [by_key, by_secret])
async def test_whoever_signs_the_nonce_is_known_by_the_session(ask: Secure, prove: Any) -> None:
    session = await begun(ask)
    fields = prove(ask.who, session)
    proved = await ask("PUT", "/sessions/this", as_=header(fields))
    assert (proved.status, proved.json["authenticated"]) == (200, True)
    assert proved.json["id"] == (ask.who.key_name if prove is by_key else ask.who.username)
    assert proved.json["sessionId"] == session["sessionId"]
    short = header({"version": "0", "sessionId": session["sessionId"]})
    assert (await write(ask, short, "by-session")).status == 201
    assert (await ask("GET", "/sessions/this", as_=short)).json["authenticated"] is True


async def test_the_fields_may_stand_in_the_body(ask: Secure) -> None:
    session = await begun(ask)
    fields = by_key(ask.who, session, id=ask.who.key_name)
    proved = await ask("PUT", "/sessions/this", as_={}, json=fields)
    assert (proved.status, proved.json["authenticated"]) == (200, True)


async def test_a_request_may_carry_its_own_proof_for_the_nonce_of_a_refusal(ask: Secure) -> None:
    refused = await write(ask, {})
    asked = refused.headers.getall("WWW-Authenticate")[1]  # type: ignore[attr-defined]  # a multidict
    session = dict(part.split("=", 1) for part in asked.removeprefix("Handle ").split(", "))
    session = {name: text.strip('"') for name, text in session.items()}
    fields = header(by_key(ask.who, session))
    assert (await write(ask, fields)).status == 201
    assert (await write(ask, fields)).status == 200, "clients send the same header again"


@pytest.mark.parametrize("prove", [by_key, by_secret])
async def test_a_proof_that_does_not_hold_makes_nobody_known(ask: Secure, prove: Any) -> None:
    session, other = await begun(ask), await begun(ask)
    good = prove(ask.who, session)
    wrong: list[tuple[dict[str, str], int]] = [
        ({"signature": b64(bytes(256 if prove is by_key else 20))}, 401),
        ({"cnonce": b64(b"another")}, 401),
        ({"sessionId": other["sessionId"]}, 401),
        ({"id": "300%3A0.NA%2F88.101.9"}, 401),
        ({"id": "999%3A0.NA%2F88.101.3001"}, 401),
        ({"version": "1"}, 401),
        ({"type": "HS_WHAT"}, 401),
        ({"alg": "MD5"}, 401),
        ({"iterations": "100000000"}, 200 if prove is by_key else 401),
    ]  # fmt: skip
    for changed, status in wrong:
        answer = await ask("PUT", "/sessions/this", as_=header({**good, **changed}))
        assert answer.status == status, changed
    for missing in ("id", "cnonce", "alg", "signature"):
        left = {name: text for name, text in good.items() if name != missing}
        assert (await ask("PUT", "/sessions/this", as_=header(left))).status == 401
    assert (await ask("GET", "/sessions/this", as_=header({"sessionId": other["sessionId"]}))).json[
        "authenticated"
    ] is False


async def test_a_wrong_proof_is_told_with_the_session_and_a_new_challenge(ask: Secure) -> None:
    session = await begun(ask)
    answer = await ask("PUT", "/sessions/this", as_=header(by_key(ask.who, session, cnonce="YQ==")))
    assert answer.status == 401
    assert answer.json == {**session, "authenticated": False, "error": answer.json["error"]}
    assert answer.headers["WWW-Authenticate"].startswith("Handle sessionId=")


async def test_an_ended_session_is_over_even_for_the_same_proof(ask: Secure) -> None:
    session = await begun(ask)
    fields = header(by_key(ask.who, session))
    assert (await write(ask, fields)).status == 201
    ended = await ask("DELETE", "/sessions/this", as_=header({"sessionId": session["sessionId"]}))
    assert (ended.status, ended.body) == (204, b"")
    short = header({"sessionId": session["sessionId"]})
    assert (await write(ask, fields)).status == 401
    assert (await write(ask, short)).status == 401
    assert (await ask("GET", "/sessions/this", as_=short)).json["authenticated"] is False


async def test_a_session_ends_with_the_key_that_began_it(ask: Secure) -> None:
    session = await begun(ask)
    await ask("PUT", "/sessions/this", as_=header(by_key(ask.who, session)))
    short = header({"sessionId": session["sessionId"]})
    assert (await write(ask, short)).status == 201
    prefix = ask.who.registrar.holder.prefix
    await administer(ask.node.world, prefix, admin_value(ask.who.handle, 0), public_key_value(rsa_key()))
    refused = await write(ask, short)
    assert (refused.status, refused.json["responseCode"]) == (401, 403)


async def test_sessions_are_for_https(ask: Secure) -> None:
    for method, path in (("POST", "/sessions"), ("GET", "/sessions/this"), ("PUT", "/sessions/this"),
                         ("DELETE", "/sessions/this")):  # fmt: skip
        answer = await ask(method, path, as_={}, plain=True)
        assert (answer.status, answer.json["responseCode"]) == (403, 402)


async def test_what_is_no_session_is_refused(ask: Secure) -> None:
    good = (await begun(ask))["sessionId"]
    for session_id in ("", "x", good[:-1], good + "AAAA", good[::-1], "A" * len(good), "A" * 4000, "水"):
        as_ = header({"sessionId": session_id})
        if session_id == "水":
            as_ = {"Authorization": 'Handle sessionId="\\x"'}
        for method, path in (("GET", "/sessions/this"), ("GET", f"/handles/{ask.handle('x')}")):
            assert (await ask(method, path, as_=as_)).status == 401, session_id
    assert (await ask("GET", "/sessions/this", as_={})).status == 401


async def test_a_session_may_begin_with_a_secret_or_a_certificate(ask: Secure, tmp_path: Path) -> None:
    by_basic = await ask("POST", "/sessions")
    assert (by_basic.status, by_basic.json["authenticated"], by_basic.json["id"]) == (201, True, ask.who.username)
    pair = ask.who.certificate(tmp_path)
    shown = await ask("POST", "/sessions", as_={"Authorization": 'Handle clientCert="true"'}, certificate=pair)
    assert shown.json["id"] == ask.who.key_name
    for session in (by_basic.json, shown.json):
        assert (await write(ask, header({"sessionId": session["sessionId"]}))).status in (200, 201)


# Sessions among workers ---------------------------------------------------------------------------


class Clock:
    now = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


IDENTITY = Identity("0.NA/88.101.3001", 300)
KEY = IdentityKey(300, "HS_PUBKEY", b"key")


def sessions_of(pool: Pool, clock: Clock, secret: bytes = b"the node's") -> Sessions:
    return Sessions(pool, secret, clock, challenge_seconds=60, session_seconds=3600)


async def test_every_process_with_the_node_s_key_knows_a_session_and_its_end(pool: Pool) -> None:
    clock = Clock()
    one, two = sessions_of(pool, clock), sessions_of(pool, clock)
    opening = one.begin()
    assert two.opened(opening.session_id) == opening
    await two.keep(opening, IDENTITY, KEY, b"proof")
    standing = await one.standing(opening)
    assert standing is not None
    assert (standing.identity.index, standing.proof_digest) == (300, b"proof")
    await one.end(opening)
    assert await two.standing(opening) is None
    with pytest.raises(SessionUnknown):
        await two.keep(opening, IDENTITY, KEY, b"proof")


async def test_another_node_s_sessions_are_none(pool: Pool) -> None:
    clock = Clock()
    opening = sessions_of(pool, clock).begin()
    with pytest.raises(SessionUnknown):
        sessions_of(pool, clock, b"another's").opened(opening.session_id)


async def test_a_session_can_be_signed_for_a_minute_and_lasts_an_hour(pool: Pool) -> None:
    clock = Clock()
    sessions = sessions_of(pool, clock)
    opening = sessions.begin()
    clock.now += timedelta(seconds=59)
    sessions.check_fresh(opening)
    await sessions.keep(opening, IDENTITY, KEY, b"proof")
    clock.now += timedelta(seconds=2)
    with pytest.raises(ProofLate):
        sessions.check_fresh(opening)
    clock.now += timedelta(seconds=3538)
    assert await sessions.standing(sessions.opened(opening.session_id)) is not None
    clock.now += timedelta(seconds=2)
    assert await sessions.standing(opening) is None
    with pytest.raises(SessionUnknown):
        sessions.opened(opening.session_id)


async def test_nobody_fills_the_database_with_sessions(pool: Pool) -> None:
    clock = Clock()
    sessions = sessions_of(pool, clock)
    kept: list[Opening] = []
    for _ in range(100):
        clock.now += timedelta(seconds=10)
        kept.append(sessions.begin())
        await sessions.keep(kept[-1], IDENTITY, KEY, b"proof")
    assert await pool.fetchval("SELECT count(*) FROM handle_session") <= 64 + 7
    assert await sessions.standing(kept[-1]) is not None
    assert await sessions.standing(kept[0]) is None
    clock.now += timedelta(seconds=3600)
    await sessions.keep(sessions.begin(), IDENTITY, KEY, b"proof")
    assert await pool.fetchval("SELECT count(*) FROM handle_session") == 1


async def test_beginning_a_session_writes_nothing(ask: Secure) -> None:
    for _ in range(5):
        await begun(ask)
    assert await ask.node.world.pool.fetchval("SELECT count(*) FROM handle_session") == 0


# Certificates -------------------------------------------------------------------------------------

SHOWN = {"Authorization": 'Handle clientCert="true"'}


async def certified(ask: Secure, pair: Any, suffix: str = "c") -> Answer:
    return await ask("PUT", f"/handles/{ask.handle(suffix)}", as_=SHOWN, certificate=pair, json=[VALUE])


async def test_a_certificate_of_the_registered_key_is_a_proof(ask: Secure, tmp_path: Path) -> None:
    assert (await certified(ask, ask.who.certificate(tmp_path))).status == 201
    without_index = ask.who.certificate(tmp_path, ask.who.handle)
    assert (await certified(ask, without_index)).status == 200


async def test_the_uid_goes_before_the_common_name(ask: Secure, tmp_path: Path) -> None:
    named = ask.who.certificate(tmp_path, "Somebody", user_id=ask.who.key_name)
    assert (await certified(ask, named)).status == 201
    misnamed = ask.who.certificate(tmp_path, ask.who.key_name, user_id="300:0.NA/88.101.9")
    assert (await certified(ask, misnamed)).status == 401


async def test_a_certificate_of_another_key_is_none_whatever_it_says(ask: Secure, tmp_path: Path) -> None:
    key = rsa_key()
    for number, name in enumerate((ask.who.key_name, ask.who.handle, "300:0.NA/88.101.9", "nobody")):
        pair = written(tmp_path, key, certificate_of(key, name), f"forged-{number}")
        answer = await certified(ask, pair)
        assert (answer.status, answer.json["responseCode"]) == (401, 403)


async def test_a_certificate_counts_only_when_the_request_says_so(ask: Secure, tmp_path: Path) -> None:
    pair = ask.who.certificate(tmp_path)
    answer = await ask("PUT", f"/handles/{ask.handle('c')}", as_={}, certificate=pair, json=[VALUE])
    assert (answer.status, answer.json["responseCode"]) == (401, 402)


async def test_who_forges_certificates_is_told_to_wait(ask: Secure, tmp_path: Path) -> None:
    key = rsa_key()
    pair = written(tmp_path, key, certificate_of(key, ask.who.key_name))
    codes = {(await certified(ask, pair)).json["responseCode"] for _ in range(40)}
    assert codes == {403, 3}
