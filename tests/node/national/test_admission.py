"""Access to a real national node: applied for, granted, refused, lost and found again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import aiohttp
import asyncpg
import pytest
import structlog

from node.database import Connection, DatabaseAway
from node.national.access import ApplicationStatus, Kind, Site
from node.national.admission import Applicant
from node.national.client import NationalRefusal
from node.national.docking import Docking, docked
from node.sealing import Seal
from node.upper.applications import reject_application
from tests.support.docking import KEYS, SEAL, DockedNode, now, until

APPLICANT = Applicant(
    kind=Kind.SECONDARY, name="示例节点", prefix="88.101", credit_code="91442000MAD0000198", contact="值班室",
    version="1", sites=(Site(address="203.0.113.7", tcp_port=2641),),
)  # fmt: skip


def applying(applicant: Applicant = APPLICANT, **more: Any) -> dict[str, Any]:
    """Options of a steward without a key pair."""
    return {"docking": {"access_key": "", "secret_key": "", "applicant": applicant}, **more}


async def state_of(world: DockedNode) -> str | None:
    state: str | None = await world.pool.fetchval(
        "SELECT state FROM national_application ORDER BY created_at DESC LIMIT 1"
    )
    return state


async def pending(upper: asyncpg.Connection) -> list[Any]:
    return list(await upper.fetch("SELECT application_id FROM docking_application WHERE state = 'pending'"))


async def test_a_node_without_a_key_pair_applies_and_then_reports(
    world: DockedNode, upper: asyncpg.Connection, session: aiohttp.ClientSession
) -> None:
    await world.report_many(["a"], 3)
    async with world.mock() as mock, world.steward(mock.url, **applying()):
        await until(lambda: pending(upper))
        row = await upper.fetchrow("SELECT * FROM docking_application")
        assert (row["kind"], row["name"], row["prefix"]) == ("secondary", "示例节点", "88.101")
        assert await world.waiting() == 3
        approve = f"{mock.url}/applications/{row['application_id']}/approve"
        async with session.post(approve, json={}) as answer:
            assert answer.status == 200

        async def all_delivered() -> bool:
            return await world.waiting() == 0

        await until(all_delivered)
    assert await state_of(world) == "approved"
    sealed = await world.pool.fetchrow("SELECT secret_sealed, body FROM national_application")
    assert "secret" not in json.loads(sealed["body"])
    assert await world.pool.fetchval("SELECT count(*) FROM national_credential") == 1
    # The next steward needs neither settings nor another application.
    await world.report_many(["a"], 1)
    async with world.mock() as mock, world.steward(mock.url, **applying()):
        await until(all_delivered)
    assert await upper.fetchval("SELECT count(*) FROM docking_application") == 1


async def test_a_steward_that_ends_while_it_waits_goes_on_with_the_same_application(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    async with world.mock() as mock:
        for _ in range(3):
            async with world.steward(mock.url, **applying()):
                await until(lambda: pending(upper))

    async def granted() -> bool:
        return await state_of(world) == "approved"

    async with world.mock(approve=True) as mock:
        await upper.execute("DELETE FROM docking_application")  # a national node that has forgotten it is told again
        async with world.steward(mock.url, **applying()):
            await until(granted)
    assert await upper.fetchval("SELECT count(*) FROM docking_application") == 1
    assert await world.pool.fetchval("SELECT count(*) FROM national_application") == 1


async def test_a_rejected_application_is_repeated_only_when_it_says_something_else(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    async def rejected() -> bool:
        return await state_of(world) == "rejected"

    async with world.mock() as mock:
        async with world.steward(mock.url, **applying()):
            await until(lambda: pending(upper))
            number = await upper.fetchval("SELECT application_id FROM docking_application")
            async with upper.transaction():
                await reject_application(upper, number, "名称不全 / the name is not whole", now())
            await until(rejected)
        assert (
            await world.pool.fetchval("SELECT reason FROM national_application") == "名称不全 / the name is not whole"
        )
        newer = Applicant(**{**_members(APPLICANT), "version": "2"})
        async with world.steward(mock.url, **applying(newer)):
            assert not await pending(upper)
        renamed = Applicant(**{**_members(APPLICANT), "name": "示例二级节点"})
        async with world.steward(mock.url, **applying(renamed)):
            await until(lambda: pending(upper))
    assert await world.pool.fetchval("SELECT count(*) FROM national_application") == 2


def _members(applicant: Applicant) -> dict[str, Any]:
    return {name: getattr(applicant, name) for name in applicant.__slots__}


async def test_what_else_access_brings_happens_together_with_it_or_comes_again(world: DockedNode) -> None:
    told: list[ApplicationStatus] = []

    async def granted(connection: Connection, status: ApplicationStatus, at: datetime) -> None:
        told.append(status)
        await connection.execute("UPDATE national_state SET last_contact_at = $1", at)
        assert await connection.fetchval("SELECT count(*) FROM national_credential") == 1
        if len(told) < 3:
            raise DatabaseAway("not now")

    async with world.mock(approve=True) as mock, world.steward(mock.url, **applying(granted=granted)):

        async def approved() -> bool:
            return await state_of(world) == "approved"

        await until(approved)
    assert len(told) == 3
    assert {status.prefix for status in told} == {"88.101"}
    assert await world.pool.fetchval("SELECT count(*) FROM national_credential") == 1


async def test_another_prefix_than_the_nodes_own_is_not_accepted(world: DockedNode) -> None:
    elsewhere = Applicant(**{**_members(APPLICANT), "prefix": "88.199"})
    await world.report_many(["a"], 1)
    async with world.mock() as mock:
        with structlog.testing.capture_logs() as logs:
            async with world.steward(mock.url, **applying(elsewhere)):
                await until(lambda: pending_of(mock))
                number = await mock.pool.fetchval("SELECT application_id FROM docking_application")
                async with aiohttp.ClientSession() as session:
                    approval = session.post(f"{mock.url}/applications/{number}/approve", json={"prefix": "88.101"})
                    async with approval as answer:
                        assert answer.status == 200
                await until(lambda: any(entry.get("code") == "delegated_prefix_differs" for entry in logs))
    assert await world.waiting() == 1
    assert await world.pool.fetchval("SELECT count(*) FROM national_credential") == 0


async def pending_of(mock: Any) -> bool:
    return bool(await mock.pool.fetchval("SELECT count(*) FROM docking_application"))


async def test_a_key_pair_that_was_lost_after_its_use_is_applied_for_again(
    world: DockedNode, upper: asyncpg.Connection, lower: asyncpg.Connection
) -> None:
    """A database restored from a copy that knows of the application, but not of what came of it."""

    async def delivered() -> bool:
        return await world.waiting() == 0

    async with world.mock(approve=True) as mock:
        await world.report_many(["a"], 1)
        async with world.steward(mock.url, **applying()):
            await until(delivered)
        await lower.execute("DELETE FROM national_credential")
        await lower.execute("UPDATE national_application SET state = 'sent', decided_at = NULL")
        await world.report_many(["a"], 1)
        async with world.steward(mock.url, **applying()):
            await until(delivered)
    assert await upper.fetchval("SELECT count(*) FROM docking_application") == 2


async def test_a_key_pair_is_replaced_at_its_age_and_on_demand_while_everything_goes_on(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    async with world.mock() as mock:
        first = {"docking": {"key_days": 0}}
        async with world.steward(mock.url, **first):

            async def replaced() -> bool:
                return bool(await world.pool.fetchval("SELECT count(*) = 2 FROM national_credential"))

            for _ in range(20):
                await world.report_many(["a", "b"], 50)

            async def succeeded() -> bool:
                ending = await upper.fetchval("SELECT count(*) FROM docking_key WHERE expires_at IS NOT NULL")
                return bool(ending == 1)

            await until(replaced)
            await until(lambda: nothing_waits(world))
            await until(succeeded)
    verdicts = await upper.fetch("SELECT DISTINCT signature FROM request")
    assert {row["signature"] for row in verdicts} <= {"valid", "unsigned"}
    assert await upper.fetchval("SELECT count(*) FROM docked_message") == 2000


async def nothing_waits(world: DockedNode) -> bool:
    return await world.waiting() == 0


async def test_a_successor_whose_answer_was_lost_is_the_same_when_it_is_asked_for_again(world: DockedNode) -> None:
    async with world.mock() as mock:
        docking = Docking(mock.url, KEYS.access_key, KEYS.secret_key)
        async with (
            docked(world.pool, docking, SEAL, clock=now) as client,
            docked(world.pool, docking, SEAL, clock=now) as slow,
        ):
            lost = await client.next_key()
            assert await client.replace_key() == lost.access_key == client.credentials.current().access_key
            # Another process of ours that has not noticed goes on with the old one, before and after the new is used.
            assert slow.credentials.current() == KEYS
            for speaker in (slow, client, slow, client):
                assert (await speaker.standby()).position is None
            with pytest.raises(NationalRefusal) as refusal:
                await slow.next_key()
            assert (refusal.value.evidence["refusal"], refusal.value.retry) == ("key_succeeded", False)
            await slow.credentials.load()
            assert slow.credentials.current() == client.credentials.current()


async def test_secrets_of_applications_are_sealed(world: DockedNode) -> None:
    async with world.mock(approve=True) as mock, world.steward(mock.url, **applying()):
        await until(lambda: granted_state(world))
    sealed = await world.pool.fetchrow("SELECT application_id, secret_sealed FROM national_application")
    context = f"national_application:{sealed['application_id']}"
    assert len(SEAL.open(sealed["secret_sealed"], context)) >= 32
    with pytest.raises(Exception, match="does not open"):
        Seal(b"another").open(sealed["secret_sealed"], context)


async def granted_state(world: DockedNode) -> bool:
    return await state_of(world) == "approved"
