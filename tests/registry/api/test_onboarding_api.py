"""``/v1`` can do what SNMS can: enter enterprises in one go, access keys, many identifiers in one call."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from registry.credit_code import complete
from tests.support.node import Answer, Node, running_node

PREFIX = "88.101.2001"
USER = {"name": "demo_ent", "password": "Tr7-lampe-Kran", "email": "ops@example.com", "mobile": "13800000000"}
MANY = "/v1/identifiers/many"


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


def enterprise(number: int = 1) -> dict[str, Any]:
    return {
        "credit_code": complete(f"91330212{number:08d}"), "name": f"示例阀门{number}有限公司",
        "division_code": "330212", "industry_code": "3443", "contact_name": "示例联系人",
        "contact_phone": "13800000000", "contact_email": "ops@example.com",
    }  # fmt: skip


async def onboard(node: Node, *, by: str = "administrator", **body: Any) -> Answer:
    return await node("POST", "/v1/onboarding", by=by, json=body)


def row(suffix: str, *, template: str = "pump", prefix: str = PREFIX, **attributes: Any) -> dict[str, Any]:
    return {
        "identifier": f"{prefix}/{suffix}", "template": template, "attributes": {"name": "离心泵", **attributes},
    }  # fmt: skip


# Onboarding ---------------------------------------------------------------------------------------


async def test_an_enterprise_enters_with_its_user_and_the_next_number(node: Node) -> None:
    made = await onboard(node, account=USER, enterprise=enterprise(), hosting="hosted")
    assert made.status == 201, made.body
    told = made.json
    assert (told["enterprise_state"], told["prefix_state"]) == ("submitted", "applied")
    assert told["prefix"] == "88.101.2003"
    account = told["account"]
    assert (account["email"], account["mobile"], account["role"]) == (
        "o***@example.com",
        "138****0000",
        "enterprise_user",
    )
    assert account["enterprise_id"] == told["enterprise_id"]
    signed = await node("POST", "/v1/tokens", by=None, json={"name": "demo_ent", "password": USER["password"]})
    assert signed.status == 201
    assert (await node("POST", f"/v1/enterprises/{told['enterprise_id']}/approve", by="reviewer")).status == 200
    assert (await node("GET", f"/v1/prefixes/{told['prefix']}")).json["state"] == "reviewed"


async def test_nothing_is_left_of_an_entry_that_is_refused(node: Node) -> None:
    count = (
        "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM enterprise), (SELECT count(*) FROM act_history)"
    )
    before = tuple(await node.world.pool.fetchrow(count))
    for code, body in (
        ("prefix_taken", {"account": USER, "enterprise": enterprise(), "prefix": PREFIX}),
        ("account_name_taken", {"account": {**USER, "name": "reviewer"}, "enterprise": enterprise()}),
        ("password_too_weak", {"account": {**USER, "password": "short"}, "enterprise": enterprise()}),
        ("onboarding_incomplete", {"account": USER, "account_name": "demo_ent"}),
        ("onboarding_incomplete", {"account_name": "demo_ent"}),
        ("onboarding_incomplete", {"account": {"name": "demo_ent"}}),
        ("account_unknown", {"account_name": "nobody", "enterprise": enterprise()}),
        ("not_of_an_enterprise", {"account_name": "reviewer", "enterprise": enterprise()}),
    ):
        assert (await onboard(node, **body)).code == code
    assert (await onboard(node, by="enterprise_user", account=USER, enterprise=enterprise())).code == "not_allowed"
    assert tuple(await node.world.pool.fetchrow(count)) == before


async def test_an_account_may_come_before_its_enterprise(node: Node) -> None:
    digest = hashlib.sha256(b"Demo#2030").hexdigest()
    made = await onboard(node, account={"name": "demo_ent", "password_sha256": digest, "remarks": "先建账号"})
    assert (made.status, made.json["enterprise_id"], made.json["account"]["remarks"]) == (201, None, "先建账号")
    signed = await node("POST", "/v1/tokens", by=None, json={"name": "demo_ent", "password": "Demo#2030"})
    node.tokens["demo"] = signed.json["token"]
    assert (await node("GET", "/v1/me", by="demo")).json["enterprise_id"] is None
    assert (await node("GET", "/v1/tokens", by="demo")).status == 200
    assert (await node("GET", "/v1/prefixes", by="demo")).code == "not_allowed"
    entered = await onboard(node, account_name="demo_ent", enterprise=enterprise())
    assert (entered.status, entered.json["prefix"]) == (200, "88.101.2003")
    moved: dict[str, Any] = {"account_name": "demo_ent", "enterprise": {**enterprise(), "address": "新址2号"}}
    assert (await onboard(node, **moved)).code == "transition_refused"
    await node("POST", f"/v1/enterprises/{entered.json['enterprise_id']}/approve", by="reviewer")
    again = await onboard(node, **moved)
    assert (again.status, again.json["prefix"]) == (200, "88.101.2003")
    assert (await node("GET", "/v1/me", by="demo")).json["enterprise_id"] == entered.json["enterprise_id"]


# Access keys --------------------------------------------------------------------------------------


async def test_a_pair_signs_in_until_it_is_revoked(node: Node) -> None:
    path = f"/v1/accounts/{node.account_ids['application']}/access-keys"
    made = await node("POST", path, by="application", json={"label": "MES"})
    pair = {"name": made.json["access_key"], "password": made.json["secret_key"]}
    assert (await node("POST", "/v1/tokens", by=None, json=pair)).status == 201
    assert "secret_key" not in (await node("GET", path, by="administrator")).json["items"][0]
    assert (await node("GET", path, by="enterprise_user")).code == "not_allowed"
    assert (await node("DELETE", f"{path}/{pair['name']}", by="application")).status == 204
    assert (await node("POST", "/v1/tokens", by=None, json=pair)).code == "sign_in_refused"
    assert (await node("DELETE", f"{path}/AK", by="application")).code == "access_key_unknown"


# Many identifiers ---------------------------------------------------------------------------------


async def test_many_are_registered_changed_and_deleted_in_one_call_each(node: Node) -> None:
    sent = [row("A-1", weight_kg=1.10), row("A-1"), row("A-2", grade="Z"), row("A-3", template="none"), row("")]
    told = (await node("POST", MANY, by="application", json={"rows": sent})).json
    assert [item["code"] for item in told["items"]] == [
        None, "identifier_exists", "attributes_invalid", "template_unknown", "invalid_suffix",
    ]  # fmt: skip
    assert told["done"] == 1
    assert told["items"][2]["evidence"]["faults"][0]["field"] == "grade"
    read = (await node("GET", f"/v1/identifiers/{PREFIX}/A-1", by="application")).json
    assert read["attributes"]["weight_kg"] == "1.1"
    changes = [{**row("A-1", model="CP-2"), "version": 1}, {**row("A-1"), "version": 1}, row("A-9")]
    told = (await node("PUT", MANY, by="application", json={"rows": changes})).json
    assert [item["code"] for item in told["items"]] == [None, "identifier_changed", "identifier_unknown"]
    names = {"identifiers": [f"{PREFIX}/A-1", f"{PREFIX}/A-9", "88.101.2002/A-1", "nothing"]}
    told = (await node("POST", "/v1/identifier-deletions", by="application", json=names)).json
    assert [item["code"] for item in told["items"]] == [
        None, "identifier_unknown", "not_allowed", "invalid_prefix",
    ]  # fmt: skip


async def test_digits_stay_as_they_were_sent_and_too_many_rows_are_refused(node: Node) -> None:
    head = f'{{"identifier": "{PREFIX}/B-'
    rows = [
        f'{head}{number}", "template": "pump", "attributes": {{"name": "泵", "weight_kg": {text}}}}}'
        for number, text in enumerate(("1.10", "0.1", "12345678901234567.5"))
    ]
    body = f'{{"rows": [{", ".join(rows)}]}}'
    headers = {"Content-Type": "application/json"}
    told = await node("POST", MANY, by="application", data=body.encode(), headers=headers)
    assert told.json["done"] == 3
    for number, text in enumerate(("1.10", "0.1", "12345678901234567.5")):
        read = (await node("GET", f"/v1/identifiers/{PREFIX}/B-{number}", by="application")).json
        assert read["attributes"]["weight_kg"] == text
    names = {"identifiers": [f"{PREFIX}/B-{number}" for number in range(2001)]}
    refused = await node("POST", "/v1/identifier-deletions", by="application", json=names)
    assert refused.code == "invalid_input"


async def test_what_no_database_takes_is_refused_row_by_row_or_with_the_body(node: Node) -> None:
    sent = [row("A\0B"), row("C-1", model="a\0b"), row("C-2", template="a\0b"), row("C-3")]
    told = await node("POST", MANY, by="application", json={"rows": [*sent[:2], sent[3]]})
    assert [item["code"] for item in told.json["items"]] == ["invalid_suffix", "attributes_invalid", None]
    assert (await node("POST", MANY, by="application", json={"rows": sent})).code == "invalid_input"
    for broken in (b'{"rows": [{"identifier": "88.101.2001/\\ud800"}]}', b"[]", b"{"):
        headers = {"Content-Type": "application/json"}
        assert (await node("POST", MANY, by="application", data=broken, headers=headers)).code == "invalid_input"
