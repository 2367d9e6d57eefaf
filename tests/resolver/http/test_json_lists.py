"""Lists of handles and prefixes, the node's site, and whether a proof holds."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.support.administrators import administrator, keep_secret
from tests.support.registrar import admin_value, administer
from tests.support.secure import Secure, secure_node
from tests.support.world import NODE_PREFIX

NODE_SECRET = "Geheim-des-Knotens"
VALUE = {"index": 1, "type": "URL", "data": "https://pumps.example/"}


@pytest.fixture
async def ask(database_url: str) -> AsyncIterator[Secure]:
    async with secure_node(database_url) as secure:
        yield secure


async def register(ask: Secure, *suffixes: str) -> None:
    for suffix in suffixes:
        assert (await ask("PUT", f"/handles/{ask.handle(suffix)}", json=[VALUE])).status == 201


async def listed(ask: Secure, query: str, **more: Any) -> Any:
    return (await ask("GET", f"/handles?{query}", **more)).json


async def test_all_handles_under_a_prefix_in_upper_case(ask: Secure) -> None:
    await register(ask, "b", "A", "c/d", "%E6%B3%B5")
    handles = [ask.handle(suffix) for suffix in ("A", "B", "C/D", "泵")]
    whole = {"responseCode": 1, "prefix": ask.who.handle, "totalCount": "4", "handles": handles}
    for query in (f"prefix={ask.who.prefix}", f"prefix={ask.who.handle}", f"prefix={ask.who.prefix}&page=-1"):
        assert await listed(ask, query) == whole
    assert (await ask("GET", f"/handles/?prefix={ask.who.prefix}")).json == whole


async def test_an_empty_prefix_has_an_empty_list(ask: Secure) -> None:
    assert await listed(ask, f"prefix={ask.who.prefix}") == {
        "responseCode": 1, "prefix": ask.who.handle, "totalCount": "0", "handles": [],
    }  # fmt: skip


async def test_pages_follow_each_other(ask: Secure) -> None:
    await register(ask, *"abcde")
    seen = []
    for page in range(4):
        told = await listed(ask, f"prefix={ask.who.prefix}&page={page}&pageSize=2")
        assert (told["totalCount"], told["page"], told["pageSize"]) == ("5", page, 2)
        seen.append(told["handles"])
    assert seen == [[ask.handle(name) for name in names] for names in ("AB", "CD", "E", "")]


async def test_a_page_of_nothing_counts(ask: Secure) -> None:
    await register(ask, "a", "b")
    told = await listed(ask, f"prefix={ask.who.prefix}&pageSize=0")
    assert told == {
        "responseCode": 1, "prefix": ask.who.handle, "totalCount": "2", "page": 0, "pageSize": 0, "handles": [],
    }  # fmt: skip


async def test_a_long_list_is_sent_as_it_is_read(ask: Secure) -> None:
    await ask.node.world.pool.execute(
        "INSERT INTO identifier (prefix_id, template_id, version, state, registered_at, updated_at, suffix_key,"
        " record) SELECT p.prefix_id, t.template_id, 1, 1, now(), now(), lpad(n::text, 6, '0'), '\\x00000000'"
        " FROM prefix p, template t, generate_series(1, 2500) n WHERE p.prefix = $1 AND t.name = 'thing'",
        ask.who.registrar.holder.prefix.key,
    )  # fmt: skip
    answer = await ask("GET", f"/handles?prefix={ask.who.prefix}")
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
    assert answer.json["handles"] == [ask.handle(f"{number:06}") for number in range(1, 2501)]
    called = await ask("GET", f"/handles?prefix={ask.who.prefix}&callback=cb")
    assert called.body.startswith(b'cb({"responseCode":1,')
    assert called.body.endswith(b"]});")


async def test_what_is_no_list_is_refused(ask: Secure) -> None:
    for query in ("", "prefix=", "prefix=88.101.3001&page=x", "prefix=88.101.3001&page=0&pageSize=10001",
                  "prefix=88.101.3001&page=0&pageSize=99999999999"):  # fmt: skip
        answer = await ask("GET", f"/handles?{query}")
        assert (answer.status, answer.json["responseCode"]) == (400, 4), query
    elsewhere = await ask("GET", "/handles?prefix=88.101.9")
    assert (elsewhere.status, elsewhere.json["responseCode"]) == (400, 301)


async def test_handles_are_listed_to_those_who_may_list_them(ask: Secure) -> None:
    other = await administrator(ask.node.world, 3002)
    path = f"/handles?prefix={ask.who.prefix}"
    told = [
        await ask("GET", path, as_={}),
        await ask("GET", path, plain=True),
        await ask("GET", path, as_=other.basic()),
    ]
    assert [(answer.status, answer.json["responseCode"]) for answer in told] == [(401, 402), (403, 402), (403, 400)]


# The node itself ----------------------------------------------------------------------------------


async def test_the_site_says_where_the_node_is(ask: Secure) -> None:
    answer = await ask("GET", "/site", as_={}, plain=True)
    assert answer.status == 200
    site = answer.json["site"]
    assert site["protocolVersion"] == "2.11"
    assert {one["protocol"] for one in site["servers"][0]["interfaces"]} == {"TCP", "UDP", "HTTP", "HTTPS"}
    assert site["servers"][0]["publicKey"]["format"] == "key"


async def node_administrator(ask: Secure) -> dict[str, str]:
    """Basic of somebody who administers the node itself."""
    world = ask.node.world
    await administer(world, NODE_PREFIX, admin_value(f"0.NA/{NODE_PREFIX.text}", 0))
    await keep_secret(world, NODE_PREFIX.key, NODE_SECRET)
    return ask.who.basic(f"301:0.NA/{NODE_PREFIX.text}", NODE_SECRET)


async def test_prefixes_are_homed_and_unhomed_by_administrators_of_the_node(ask: Secure) -> None:
    them = await node_administrator(ask)
    await register(ask, "a")
    homed = await ask("GET", "/prefixes", as_=them)
    assert ask.who.handle in homed.json["prefixes"]
    assert homed.json["totalCount"] == str(len(homed.json["prefixes"]))
    for method in ("POST", "DELETE"):
        refused = await ask(method, f"/prefixes/{ask.who.handle}")
        assert (refused.status, refused.json["responseCode"]) == (403, 401)
    assert (await ask("GET", "/prefixes")).status == 403
    unhomed = await ask("DELETE", f"/prefixes/{ask.who.handle}", as_=them)
    assert (unhomed.status, unhomed.json) == (200, {"responseCode": 1, "handle": ask.who.handle})
    assert (await ask("GET", f"/handles/{ask.handle('a')}?auth", as_={})).status == 404
    again = await ask("POST", "/prefixes", as_=them, json={"prefix": ask.who.handle})
    assert again.status == 200
    assert (await ask("GET", f"/handles/{ask.handle('a')}?auth", as_={})).status == 200


async def test_a_prefix_has_to_be_named_and_ours(ask: Secure) -> None:
    them = await node_administrator(ask)
    for path, code in (("/prefixes", 4), ("/prefixes/0.NA/10.1000", 301), ("/prefixes/0.NA/88.x", 102)):
        answer = await ask("POST", path, as_=them)
        assert (answer.status, answer.json["responseCode"]) == (400, code), path


# Verifications ------------------------------------------------------------------------------------


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def verified(ask: Secure, name: str, **fields: str) -> Any:
    query = "&".join(f"{key}={value.replace('+', '%2B').replace('=', '%3D')}" for key, value in fields.items())
    return await ask("GET", f"/verifications/{name}?{query}", as_={})


async def test_a_proof_by_a_secret_is_verified(ask: Secure) -> None:
    nonce, cnonce, salt = b"n" * 16, b"c" * 20, b"s" * 16
    secret = ask.who.secret.encode()
    derived = hashlib.pbkdf2_hmac("sha1", secret, salt, 10_000, 20)
    mac = hmac.digest(derived, nonce + cnonce, "sha1")
    fields = {
        "nonce": b64(nonce), "cnonce": b64(cnonce), "alg": "PBKDF2WithHmacSHA1", "signature": b64(mac),
        "salt": b64(salt), "iterations": "10000", "length": "160",
    }  # fmt: skip
    good = await verified(ask, ask.who.username, **fields)
    assert (good.status, good.json["responseCode"], good.json["isValid"]) == (200, 1, True)
    simple = hmac.digest(secret, nonce + cnonce, "sha256")
    assert (await verified(ask, ask.who.username, **{**fields, "alg": "HMAC-SHA256", "signature": b64(simple)})).json[
        "isValid"
    ]
    for name, changed in (
        (ask.who.username, {"signature": b64(bytes(20))}),
        (ask.who.username, {"nonce": b64(b"m" * 16)}),
        (f"302:{ask.who.handle}", {}),
        ("301:0.NA/88.101.9", {}),
    ):
        answer = await verified(ask, name, **{**fields, **changed})
        assert (answer.status, answer.json["isValid"]) == (200, False), name
    indexed = await verified(ask, ask.who.handle, **fields, index="301")
    assert indexed.json["isValid"]


async def test_a_proof_by_a_private_key_is_verified(ask: Secure) -> None:
    signature = ask.who.key.sign(b"nc", padding.PKCS1v15(), hashes.SHA256())
    fields = {"nonce": b64(b"n"), "cnonce": b64(b"c"), "alg": "SHA256", "signature": b64(signature)}
    assert (await verified(ask, ask.who.key_name, **fields, type="HS_PUBKEY")).json["isValid"]
    assert not (await verified(ask, ask.who.key_name, **{**fields, "cnonce": "YQ=="}, type="HS_PUBKEY")).json[
        "isValid"
    ]


async def test_a_question_without_its_parts_is_refused(ask: Secure) -> None:
    fields = {"nonce": "bg==", "cnonce": "Yw==", "alg": "HMAC-SHA256", "signature": b64(bytes(32))}
    for missing in fields:
        left = {name: value for name, value in fields.items() if name != missing}
        answer = await verified(ask, ask.who.username, **left)
        assert (answer.status, answer.json["responseCode"]) == (400, 4)
    for changed, code in (({"alg": "ROT13"}, 406), ({"alg": "MD5"}, 406), ({"signature": "!"}, 404)):
        answer = await verified(ask, ask.who.username, **{**fields, **changed})
        assert answer.json["responseCode"] == code
