"""What reports change in the tables of the upper side, and what they leave alone."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from node.national.access import Kind
from node.upper.verdicts import decide_verification, next_undecided
from tests.support.upper import CREDIT_CODE, Below, Upper

SITES = [{"address": "192.0.2.7", "tcp_port": 2641, "udp_port": 2641, "http_port": 8000}]


async def pass_prefix(upper: Upper, below: Below, prefix: str, enterprise_id: UUID) -> None:
    """Reported as reviewed, and passed."""
    await below.report_prefix(prefix, enterprise_id)
    async with upper.pool.acquire() as connection, connection.transaction():
        asked = await next_undecided(connection)
        assert asked is not None
        await decide_verification(connection, asked, True, "", upper.clock())


async def prefix_row(upper: Upper, prefix: str) -> Any:
    (row,) = await upper.rows("SELECT * FROM docked_prefix WHERE prefix = $1", prefix)
    return row


async def test_the_newest_report_on_an_enterprise_stands(upper: Upper, below: Below) -> None:
    enterprise = uuid4()
    await below.report_enterprise(enterprise)
    await below.report_enterprise(enterprise, name="改名", state="suspended", industry_code="1412")
    (row,) = await upper.rows("SELECT * FROM docked_enterprise")
    assert (row["name"], row["state"], row["industry_code"], row["credit_code"]) == (
        "改名", "suspended", "1412", CREDIT_CODE,
    )  # fmt: skip


async def test_the_same_enterprise_of_two_nodes_is_two_rows(upper: Upper, below: Below) -> None:
    enterprise = uuid4()
    other = await upper.below("88.102")
    await below.report_enterprise(enterprise)
    await other.report_enterprise(enterprise, name="另一节点")
    assert len(await upper.rows("SELECT 1 FROM docked_enterprise")) == 2


async def test_a_reviewed_prefix_asks_for_verification_with_its_application(upper: Upper, below: Below) -> None:
    enterprise = uuid4()
    await below.report_prefix("88.101.1", enterprise, application=42)
    (row,) = await upper.rows("SELECT * FROM docked_verification")
    assert (row["prefix"], row["application"], row["enterprise_id"]) == ("88.101.1", 42, enterprise)
    assert await upper.rows("SELECT 1 FROM docked_prefix") == []


async def test_a_prefix_that_passed_follows_what_its_node_reports(upper: Upper, below: Below) -> None:
    enterprise = uuid4()
    await pass_prefix(upper, below, "88.101.1", enterprise)
    assert (await prefix_row(upper, "88.101.1"))["state"] == "verified"
    for state in ("enabled", "suspended", "enabled", "withdrawn"):
        await below.report_prefix("88.101.1", enterprise, state)
        assert (await prefix_row(upper, "88.101.1"))["state"] == state


async def test_another_enterprise_of_the_same_node_takes_a_prefix_over(upper: Upper, below: Below) -> None:
    giver, taker = uuid4(), uuid4()
    await pass_prefix(upper, below, "88.101.1", giver)
    await below.report_prefix("88.101.1", taker, "transferred", state="enabled", from_enterprise_id=str(giver))
    assert (await prefix_row(upper, "88.101.1"))["enterprise_id"] == taker


async def test_where_an_enterprise_answers_itself_is_kept_with_its_prefix(upper: Upper, below: Below) -> None:
    enterprise = uuid4()
    await pass_prefix(upper, below, "88.101.1", enterprise)
    await below.report_prefix("88.101.1", enterprise, "route", state="enabled", hosting="self_hosted", sites=SITES)
    row = await prefix_row(upper, "88.101.1")
    assert (row["hosting"], json.loads(row["sites"]), row["state"]) == ("self_hosted", SITES, "verified")
    await below.report_prefix("88.101.1", enterprise, "route", state="enabled", hosting="hosted", sites=[])
    assert json.loads((await prefix_row(upper, "88.101.1"))["sites"]) == []


@pytest.mark.parametrize("kind", ["enabled", "suspended", "withdrawn", "transferred", "route"])
async def test_a_report_on_a_prefix_of_another_node_leaves_it_alone(upper: Upper, below: Below, kind: str) -> None:
    enterprise = uuid4()
    await pass_prefix(upper, below, "88.101.1", enterprise)
    before = await prefix_row(upper, "88.101.1")
    other = await upper.below("88.102")
    await other.report_prefix("88.101.1", uuid4(), kind, hosting="self_hosted", sites=SITES)
    assert await prefix_row(upper, "88.101.1") == before


async def test_a_prefix_that_was_given_up_is_verified_no_more(upper: Upper, below: Below) -> None:
    enterprise = uuid4()
    await below.report_prefix("88.101.1", enterprise)
    await below.report_prefix("88.101.1", enterprise, "withdrawn")
    async with upper.pool.acquire() as connection, connection.transaction():
        assert await next_undecided(connection) is None


async def test_nobody_gives_up_for_another_node(upper: Upper, below: Below) -> None:
    enterprise = uuid4()
    await below.report_prefix("88.101.1", enterprise)
    other = await upper.below("88.102")
    await other.report_prefix("88.101.1", enterprise, "withdrawn")
    async with upper.pool.acquire() as connection, connection.transaction():
        assert await next_undecided(connection) is not None


async def test_a_node_says_where_it_answers_itself(upper: Upper, below: Below) -> None:
    key = base64.b64encode(b"the bytes of a key").decode()
    await below.report("route.node", prefix="88.101", serial=3, sites=SITES, public_key=key)
    await below.report("route.node", prefix="88.101", serial=4, sites=SITES[:0])
    (row,) = await upper.rows("SELECT * FROM docked_route")
    assert (row["delegated_prefix"], row["serial"], json.loads(row["sites"]), row["public_key"]) == (
        "88.101", 4, [], None,
    )  # fmt: skip


async def test_the_route_and_key_of_a_node_are_kept_as_said(upper: Upper, below: Below) -> None:
    await below.report(
        "route.node", prefix="88.101", serial=3, sites=SITES, public_key=base64.b64encode(b"key").decode()
    )
    (row,) = await upper.rows("SELECT * FROM docked_route")
    assert (json.loads(row["sites"]), row["public_key"], row["node_id"]) == (SITES, b"key", below.node_id)


async def test_templates_are_kept_with_their_definition(upper: Upper, below: Below) -> None:
    definition = {"name": "pump", "version": 2, "attributes": [{"name": "serial", "title_zh": "出厂编号"}]}
    for state in ("published", "retired"):
        await below.report(
            f"template.{state}", template_id=7, name="pump", template_version=2, state=state, definition=definition
        )
    (row,) = await upper.rows("SELECT * FROM docked_template")
    assert (row["name"], row["template_version"], row["state"]) == ("pump", 2, "retired")
    assert json.loads(row["report"])["definition"] == definition


async def test_summaries_are_added_up_by_prefix(upper: Upper, below: Below) -> None:
    numbers = {"registered": 5, "updated": 4, "deleted": 3, "suspended": 2, "resumed": 1}
    bodies = [{"prefix": prefix, **numbers} for prefix in ("88.101.1", "88.101.2", "88.101.1")]
    await below.send(*[below.message("registration.summary", body) for body in bodies])
    await below.report("registration.summary", prefix="88.101.2", registered=1, updated=0, deleted=0)
    rows = await upper.rows("SELECT * FROM docked_registration ORDER BY prefix")
    assert [tuple(row)[1:] for row in rows] == [("88.101.1", 10, 8, 6, 4, 2), ("88.101.2", 6, 4, 3, 2, 1)]


async def test_an_enterprise_node_reports_the_prefix_that_was_delegated_to_it(upper: Upper) -> None:
    below = await upper.below("88.101.2001", Kind.ENTERPRISE)
    enterprise = uuid4()
    await pass_prefix(upper, below, "88.101.2001", enterprise)
    await below.report_prefix("88.101.2001", enterprise, "enabled")
    row = await prefix_row(upper, "88.101.2001")
    assert (row["state"], row["delegated_prefix"]) == ("enabled", "88.101.2001")


async def test_a_heartbeat_is_kept_and_names_the_node(upper: Upper, below: Below) -> None:
    beat = {
        "node": str(below.node_id), "laboratory": False, "state": "running", "version": "1", "uptime_seconds": 5,
        "backlog": 17, "at": upper.clock().isoformat(),
    }  # fmt: skip
    assert (await below.ask("POST", "/v1/heartbeats", json.dumps(beat).encode())).content == {}
    (row,) = await upper.rows("SELECT * FROM docked_node")
    assert (row["node_id"], row["heartbeat_at"], json.loads(row["heartbeat"])["backlog"]) == (
        below.node_id, upper.clock(), 17,
    )  # fmt: skip
