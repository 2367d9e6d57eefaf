"""Lists for operators: all rows once, page by page, and of one node only where that is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from node.national.access import Kind
from node.national.instructions import Order
from node.upper import management
from node.upper.applications import approve_application, reject_application
from node.upper.instructions import issue_instruction
from node.upper.verdicts import decide_verification, next_undecided
from tests.support.upper import SEAL, Below, Upper

SITES = [{"address": "192.0.2.7", "tcp_port": 2641}]

LISTS: dict[str, Callable[..., Any]] = {
    "applications": management.list_applications,
    "keys": management.list_keys,
    "nodes": management.list_nodes,
    "streams": management.list_streams,
    "prefixes": management.list_prefixes,
    "routes": management.list_routes,
    "verdicts": management.list_verdicts,
    "days": partial(management.list_counts, period="day"),
    "hours": partial(management.list_counts, period="hour"),
    "minutes": partial(management.list_counts, period="minute"),
    "instructions": management.list_instructions,
}


@pytest.fixture
async def busy(upper: Upper) -> Upper:
    """Three nodes, each with two or more of everything but routes."""
    for number in (101, 102, 103):
        below = await upper.below(f"88.{number}")
        await _live(upper, below)
        await upper.below(f"88.{number}", Kind.SECONDARY)  # a second key
        for _ in range(2):
            await upper.apply(prefix=f"88.{number}")
            upper.clock.advance(seconds=1)
    return upper


async def _live(upper: Upper, below: Below) -> None:
    prefix = below.delegated_prefix
    for number in range(2):
        enterprise = uuid4()
        await below.report_enterprise(enterprise, name=f"企业 {number}")
        await below.report_prefix(f"{prefix}.{number}", enterprise)
        await below.report(
            "template.published",
            template_id=number,
            name="pump",
            template_version=1,
            state="published",
            definition={},
        )
        async with upper.pool.acquire() as connection, connection.transaction():
            asked = await next_undecided(connection)
            assert asked is not None
            await decide_verification(connection, asked, True, "", upper.clock())
            await issue_instruction(connection, prefix, Order.PROBE, {}, upper.clock())
    await below.report("route.node", prefix=prefix, serial=1, sites=SITES)
    asked = [{"interface": 4, "outcome": outcome, "resolutions": 5} for outcome in (1, 3)]
    hours = [f"2026-11-21T0{hour}:00:00+08:00" for hour in (1, 2)]
    counts = {
        "node": str(below.node_id), "laboratory": False, "at": upper.clock().isoformat(),
        "days": [
            {"day": day, "registered": 3, "updated": 0, "deleted": 0, "resolutions": asked}
            for day in ("2026-11-20", "2026-11-21")
        ],
        "hours": [{"at": at, "resolutions": asked} for at in hours],
        "minutes": [{"at": at, "resolutions": asked} for at in hours],
    }  # fmt: skip
    await below.ask("POST", "/v1/counts", json.dumps(counts).encode())


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_shows_every_row_once_page_by_page(busy: Upper, name: str) -> None:
    async with busy.pool.acquire() as connection:
        whole = await LISTS[name](connection, limit=100)
        after, pages = "", []
        while page := await LISTS[name](connection, after=after, limit=2):
            after = page[-1]["cursor"]
            pages += page
    assert len(whole) >= 3
    assert pages == whole
    assert len({row["cursor"] for row in whole}) == len(whole)


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_of_one_prefix_holds_nothing_of_others(busy: Upper, name: str) -> None:
    async with busy.pool.acquire() as connection:
        whole = await LISTS[name](connection, limit=100)
        parts = [await LISTS[name](connection, delegated_prefix=f"88.{number}") for number in (101, 102, 103)]
        assert await LISTS[name](connection, delegated_prefix="88.1") == []
    assert {len(part) for part in parts} == {len(whole) // 3}
    assert sorted(row["cursor"] for part in parts for row in part) == sorted(row["cursor"] for row in whole)


@pytest.mark.parametrize("name", [name for name in LISTS if name not in ("keys", "routes")])
async def test_a_cursor_that_is_none_is_refused(upper: Upper, name: str) -> None:
    async with upper.pool.acquire() as connection:
        with pytest.raises(management.CursorUnfit):
            await LISTS[name](connection, after="§|§")


async def test_the_newest_comes_first_of_what_happens(busy: Upper) -> None:
    async with busy.pool.acquire() as connection:
        for name in ("verdicts", "instructions"):
            sequences = [row["sequence"] for row in await LISTS[name](connection)]
            assert sequences == sorted(sequences, reverse=True)
        beginnings = [row["at"] for row in await LISTS["days"](connection)]
    assert beginnings == sorted(beginnings, reverse=True)


async def test_days_hours_and_minutes_are_lists_of_their_own(busy: Upper) -> None:
    async with busy.pool.acquire() as connection:
        lists = {name: await LISTS[name](connection) for name in ("days", "hours", "minutes")}
    assert {name: len(rows) for name, rows in lists.items()} == {"days": 6, "hours": 6, "minutes": 6}
    assert {row["resolutions"] for rows in lists.values() for row in rows} == {10}
    assert {row["registered"] for row in lists["days"]} == {3}


async def test_a_node_is_listed_with_how_late_its_newest_message_came(upper: Upper) -> None:
    below = await upper.below()
    late = below.message("audit.note", {}, created_at=(upper.clock() - timedelta(seconds=90)).isoformat())
    await below.send(late)
    async with upper.pool.acquire() as connection:
        (row,) = await management.list_nodes(connection)
    assert (row["node_id"], row["lag_seconds"], row["message_at"]) == (below.node_id, 90.0, upper.clock())


async def test_keys_are_listed_without_secrets(upper: Upper) -> None:
    below = await upper.below(certificate_sha256="ab" * 32)
    async with upper.pool.acquire() as connection:
        (row,) = await management.list_keys(connection)
    assert (row["access_key"], row["certificate_sha256"]) == (below.keys.access_key, "ab" * 32)
    assert not any("secret" in name for name in row.keys())  # noqa: SIM118 - a record iterates over its values


async def test_applications_are_listed_by_state_with_the_keys_that_hold_already(upper: Upper) -> None:
    first, _ = await upper.apply(prefix="88.101")
    second, _ = await upper.apply(prefix="88.102")
    third, _ = await upper.apply(prefix="88.101")
    async with upper.pool.acquire() as connection, connection.transaction():
        await approve_application(connection, SEAL, first.application_id, upper.clock())
        await reject_application(connection, second.application_id, "no", upper.clock())
        found = {
            state: [row["application_id"] for row in await management.list_applications(connection, state=state)]
            for state in ("approved", "rejected", "pending")
        }
        row = await management.application_of(connection, third.application_id)
        assert await management.application_of(connection, uuid4()) is None
    assert found == {
        "approved": [first.application_id], "rejected": [second.application_id], "pending": [third.application_id],
    }  # fmt: skip
    assert row is not None
    assert (row["keys"], row["state"], row["access_key"]) == (1, "pending", None)
    assert "secret" not in json.loads(row["body"])
