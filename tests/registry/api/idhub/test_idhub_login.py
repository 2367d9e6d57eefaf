"""The login of IDHub (snms-api 8): challenge and verify."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from datetime import timedelta

import pytest

from node.database import Pool
from node.journal import Interface
from registry.accounts.key_sign_in import MOST_OF_ONE, KeySignIn
from registry.accounts.stored import AccountState
from tests.support.idhub import DOIP, OPEN, Client, Hub, application_key, public_pem, running_hub, signature
from tests.support.world import World

CHALLENGE, VERIFY = f"{DOIP}/public/challenge", f"{DOIP}/public/verify-response"
PROCESSED = "operation was successfully processed"


async def test_a_signed_nonce_is_worth_a_token(hub: Hub, client: Client) -> None:
    asked = await client("GET", CHALLENGE, query={"handle": client.handle})
    assert asked.keys() == {"code", "message", "data"}
    assert (asked["code"], asked["message"]) == (1, PROCESSED)
    assert re.fullmatch(r"[0-9]{16}", asked["data"])
    proof = {"handle": client.handle, "signature": signature(client.key, asked["data"])}
    answer = await client("POST", VERIFY, proof)
    assert (answer["code"], answer["message"]) == (1, PROCESSED)
    client.token = answer["data"]["token"]
    assert await client.done("GET", f"{OPEN}/handle-user-group/list")


async def test_the_signature_may_hold_line_breaks(hub: Hub, client: Client) -> None:
    nonce = await client.done("GET", CHALLENGE, query={"handle": client.handle})
    whole = signature(client.key, nonce)
    broken = "\r\n".join(whole[start : start + 76] for start in range(0, len(whole), 76))
    assert (await client("POST", VERIFY, {"handle": client.handle, "signature": broken}))["code"] == 1


@pytest.mark.parametrize("handle", ["88.101.2001/App_none", "no handle", "", "88.101.2001/App_" + "x" * 300])
async def test_who_is_no_application_identity_gets_no_nonce(hub: Hub, handle: str) -> None:
    stranger = hub.stranger()
    assert await stranger.refused("GET", CHALLENGE, query={"handle": handle}) == (40508, "标识格式异常")
    proof = {"handle": handle or "x", "signature": "aaaa"}
    if len(handle) < 256:
        assert await stranger.refused("POST", VERIFY, proof) == (40508, "标识格式异常")


async def test_an_identity_without_a_key_gets_no_nonce(hub: Hub) -> None:
    holder = hub.holder
    handle = f"{holder.prefix.text}/App_password"
    await hub.world.application_identities.create(holder.account, holder.actor, handle)
    assert await hub.stranger().refused("GET", CHALLENGE, query={"handle": handle}) == (40508, "标识格式异常")


async def test_a_nonce_is_good_for_one_answer_within_two_minutes(hub: Hub, client: Client) -> None:
    async def answer(nonce: str) -> int:
        proof = {"handle": client.handle, "signature": signature(client.key, nonce)}
        return int((await client("POST", VERIFY, proof))["code"])

    first, second, late = [await client.done("GET", CHALLENGE, query={"handle": client.handle}) for _ in range(3)]
    assert len({first, second, late}) == 3
    assert sorted(await asyncio.gather(answer(second), answer(second))) == [1, 401]
    assert await answer(first) == 1
    hub.world.clock.advance(seconds=121)
    assert await answer(late) == 401


async def test_a_nonce_belongs_to_the_identity_it_was_made_for(hub: Hub, client: Client) -> None:
    other = await hub.client(name="App_wms", number=1)
    nonce = await client.done("GET", CHALLENGE, query={"handle": client.handle})
    for proof in (
        {"handle": other.handle, "signature": signature(other.key, nonce)},
        {"handle": client.handle, "signature": signature(other.key, nonce)},
        {"handle": client.handle, "signature": "not base64!"},
        {"handle": client.handle, "signature": signature(client.key, "4821")},
    ):
        assert await client.refused("POST", VERIFY, proof) == (401, "认证失败")


async def test_a_disabled_identity_comes_in_no_more(hub: Hub, client: Client) -> None:
    nonce = await client.done("GET", CHALLENGE, query={"handle": client.handle})
    holder = hub.holder
    await hub.world.application_identities.turn(holder.account, holder.actor, client.handle, AccountState.DISABLED)
    proof = {"handle": client.handle, "signature": signature(client.key, nonce)}
    assert (await client.refused("POST", VERIFY, proof))[0] == 40508
    assert await client.refused("GET", f"{OPEN}/handle-user-group/list") == (101, "无效的token")


@pytest.mark.parametrize("body", [{}, {"handle": "x"}, {"handle": 1, "signature": "a"}, [], "x"])
async def test_a_proof_with_missing_members_is_a_bind_error(hub: Hub, body: object) -> None:
    assert await hub.stranger().refused("POST", VERIFY, body) == (30000, "validate.bind.error")


async def test_bad_json_is_a_bind_error_in_the_envelope(hub: Hub) -> None:
    told = await hub.stranger()("POST", VERIFY, raw=b"{", headers={"Content-Type": "application/json"})
    assert (told["code"], told["message"]) == (30000, "validate.bind.error")


async def test_a_missing_token_and_a_wrong_one_are_invalid_tokens(hub: Hub) -> None:
    stranger = hub.stranger()
    for token in ("", "eyJhbGciOi.x.y"):
        stranger.token = token
        assert await stranger.refused("GET", f"{OPEN}/meta/classify-query") == (101, "无效的token")


async def test_an_expired_token_is_an_invalid_token(hub: Hub, client: Client) -> None:
    hub.world.clock.advance(hours=24, seconds=1)
    assert await client.refused("GET", f"{OPEN}/meta/classify-query") == (101, "无效的token")


async def test_verify_by_get_is_a_switch(pool: Pool) -> None:
    async with running_hub(World(pool), verify_by_get=True) as hub:
        client = await hub.client()
        nonce = await client.done("GET", CHALLENGE, query={"handle": client.handle})
        proof = {"handle": client.handle, "signature": signature(client.key, nonce)}
        raw = json.dumps(proof).encode()
        assert (await client("GET", VERIFY, raw=raw, headers={"Content-Type": "application/json"}))["code"] == 1


async def test_without_the_switch_a_get_is_refused_in_the_envelope(hub: Hub, client: Client) -> None:
    assert (await client("GET", VERIFY))["code"] == 106
    assert (await client("GET", "/api/v1/nothing/here"))["code"] == 106


async def test_many_questions_about_one_identity_wait(hub: Hub, client: Client) -> None:
    codes = [(await client("GET", CHALLENGE, query={"handle": client.handle}))["code"] for _ in range(40)]
    assert codes[0] == 1
    assert codes[-1] == 200


async def test_the_nonces_of_one_identity_are_bounded(hub: Hub, client: Client) -> None:
    seconds = itertools.count(0, 60)
    desk = KeySignIn(hub.world.pool, hub.world.clock, timedelta(hours=1), lambda: float(next(seconds)))
    for _ in range(MOST_OF_ONE + 5):
        await desk.challenge(client.handle, "127.0.0.1")
    assert await hub.world.pool.fetchval("SELECT count(*) FROM login_challenge") == MOST_OF_ONE


async def test_every_worker_knows_a_nonce(hub: Hub, client: Client) -> None:
    first, second = (KeySignIn(hub.world.pool, hub.world.clock, timedelta(hours=1), lambda: 0.0) for _ in range(2))
    nonce = await first.challenge(client.handle, "127.0.0.1")
    issued = await second.sign_in(client.handle, signature(client.key, nonce), "127.0.0.1", interface=Interface.IDHUB)
    assert issued.token.expires_at == hub.world.clock.now + timedelta(hours=1)


def test_keys_of_applications_differ() -> None:
    assert public_pem(application_key(0)) != public_pem(application_key(1))
