"""Access: applied for, decided, and the key pair handed to who applied and to nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from node.database import Connection, Pool
from node.errors import Conflict
from node.identifier import InvalidPrefix
from node.national.access import Application, Kind
from node.national.messages import encode
from node.national.signature import KeyPair
from node.rate_limit import RateLimit
from node.upper.applications import (
    MOST_PENDING,
    ApplicationDecided,
    ApplicationUnknown,
    approve_application,
    reject_application,
)
from node.upper.effects import NoEffects
from tests.support.upper import SEAL, Below, Said, Upper, running_upper

Approve = Callable[..., Awaitable[KeyPair]]


@pytest.fixture
def approve(upper: Upper) -> Approve:
    async def approved(application: Application, **how: Any) -> KeyPair:
        async with upper.pool.acquire() as connection, connection.transaction():
            return await approve_application(connection, SEAL, application.application_id, upper.clock(), **how)

    return approved


def below_of(upper: Upper, said: Said) -> Below:
    key = said.content["key"]
    return Below(upper, KeyPair(key["access_key"], key["secret_key"]), said.content["prefix"])


async def test_an_application_waits_for_a_decision(upper: Upper) -> None:
    application, said = await upper.apply()
    assert said.status == 200
    assert said.content["state"] == "pending"
    assert said.content["application_id"] == str(application.application_id)
    told = await upper.status_of(application)
    assert (told.status, told.content["state"], told.content["key"]) == (200, "pending", None)


async def test_an_approved_applicant_comes_in_with_its_key(upper: Upper, approve: Approve) -> None:
    application, _ = await upper.apply(prefix="88.102")
    keys = await approve(application)
    told = await upper.status_of(application)
    assert (told.content["state"], told.content["prefix"]) == ("approved", "88.102")
    assert told.content["key"]["access_key"] == keys.access_key
    below = below_of(upper, told)
    assert (await below.ask("GET", "/v1/verdicts?after=0")).status == 200


async def test_the_key_is_told_again_until_it_was_used_and_then_no_more(upper: Upper, approve: Approve) -> None:
    application, _ = await upper.apply()
    await approve(application)
    first, second = await upper.status_of(application), await upper.status_of(application)
    assert first.content == second.content
    await below_of(upper, first).ask("GET", "/v1/verdicts?after=0")
    third = await upper.status_of(application)
    assert (third.content["state"], third.content["key"]) == ("approved", None)


async def test_another_prefix_than_the_one_asked_for_may_be_delegated(upper: Upper, approve: Approve) -> None:
    application, _ = await upper.apply(prefix="88.102")
    await approve(application, prefix="88.103")
    assert (await upper.status_of(application)).content["prefix"] == "88.103"


async def test_a_rejected_applicant_reads_the_reason(upper: Upper) -> None:
    application, _ = await upper.apply()
    async with upper.pool.acquire() as connection, connection.transaction():
        await reject_application(connection, application.application_id, "材料不全 / incomplete", upper.clock())
    told = await upper.status_of(application)
    assert (told.content["state"], told.content["reason"]) == ("rejected", "材料不全 / incomplete")


async def test_the_same_application_again_changes_nothing(upper: Upper) -> None:
    application, first = await upper.apply()
    again = await upper.ask("POST", "/v1/applications", encode(application))
    assert again == first
    assert len(await upper.rows("SELECT 1 FROM docking_application")) == 1


async def test_the_same_application_many_times_at_once_is_one(upper: Upper) -> None:
    application, _ = await upper.apply()
    body = encode(Application(**{**_facts(application), "application_id": uuid4()}))
    said = await asyncio.gather(*[upper.ask("POST", "/v1/applications", body) for _ in range(6)])
    assert {each.status for each in said} == {200}
    assert len(await upper.rows("SELECT 1 FROM docking_application")) == 2


def _facts(application: Application) -> dict[str, Any]:
    return {name: getattr(application, name) for name in application.__struct_fields__}


@pytest.mark.parametrize("changed", [{"name": "another"}, {"secret": "x" * 40}, {"prefix": "88.105"}])
async def test_the_same_number_with_another_content_or_secret_is_refused(upper: Upper, changed: Any) -> None:
    application, _ = await upper.apply()
    other = Application(**{**_facts(application), **changed})
    said = await upper.ask("POST", "/v1/applications", encode(other))
    assert (said.status, said.code, said.content["retry"]) == (409, "application_differs", False)
    assert (await upper.status_of(application)).status == 200


async def test_the_answer_to_an_application_never_holds_the_key(upper: Upper, approve: Approve) -> None:
    application, _ = await upper.apply()
    await approve(application)
    again = await upper.ask("POST", "/v1/applications", encode(application))
    assert (again.content["state"], again.content["key"]) == ("approved", None)


async def test_nobody_but_the_applicant_reads_the_key(upper: Upper, approve: Approve, below: Below) -> None:
    application, _ = await upper.apply()
    other, _ = await upper.apply(prefix="88.103")
    await approve(application)
    number = str(application.application_id)
    guesses = [
        KeyPair(number, "a guess of a secret, 32 characters"),
        KeyPair(str(other.application_id), other.secret),
        below.keys,
    ]
    for keys in guesses:
        said = await upper.status_of(application, keys=keys)
        assert (said.status, said.code) == (401, "signature_wrong")
    assert (await upper.ask("GET", f"/v1/applications/{number}")).code == "signature_missing"


async def test_an_application_that_there_is_not_is_answered_like_a_wrong_secret(upper: Upper) -> None:
    application, _ = await upper.apply()
    missing = Application(**{**_facts(application), "application_id": uuid4()})
    assert (await upper.status_of(missing)).code == "signature_wrong"


async def test_the_secret_of_an_applicant_signs_nothing_else(upper: Upper, approve: Approve) -> None:
    application, _ = await upper.apply()
    await approve(application)
    keys = KeyPair(str(application.application_id), application.secret)
    assert (await upper.ask("GET", "/v1/verdicts?after=0", keys=keys)).code == "signature_wrong"


async def test_a_question_about_an_application_is_good_once(upper: Upper) -> None:
    application, _ = await upper.apply()
    assert (await upper.status_of(application, nonce="nonce-0123456789abcdef")).status == 200
    assert (await upper.status_of(application, nonce="nonce-0123456789abcdef")).code == "nonce_reused"


async def test_neither_secret_lies_open_in_the_tables(upper: Upper, approve: Approve) -> None:
    application, _ = await upper.apply()
    keys = await approve(application)
    for table in ("docking_application", "docking_key"):
        (row,) = await upper.rows(f"SELECT to_jsonb(t)::text AS text FROM {table} t")
        assert application.secret not in row["text"]
        assert application.secret.encode().hex() not in row["text"]
        assert keys.secret_key.encode().hex() not in row["text"]


async def test_an_application_is_decided_once(upper: Upper, approve: Approve) -> None:
    application, _ = await upper.apply()
    await approve(application)
    with pytest.raises(ApplicationDecided):
        await approve(application)
    async with upper.pool.acquire() as connection:
        with pytest.raises(ApplicationDecided):
            await reject_application(connection, application.application_id, "no", upper.clock())


async def test_what_was_not_applied_for_cannot_be_decided(upper: Upper, approve: Approve) -> None:
    with pytest.raises(ApplicationUnknown):
        await approve(
            Application(application_id=uuid4(), secret="s" * 40, kind=Kind.ENTERPRISE, name="n", prefix="p")
        )


async def test_a_certificate_of_the_application_is_bound_to_the_key(upper: Upper, approve: Approve) -> None:
    application, _ = await upper.apply(certificate_sha256="cd" * 32)
    await approve(application)
    below = below_of(upper, await upper.status_of(application))
    assert (await below.ask("GET", "/v1/verdicts?after=0")).code == "certificate_required"


async def test_a_node_that_lost_its_key_may_apply_again(upper: Upper, approve: Approve) -> None:
    lost, _ = await upper.apply()
    await approve(lost)
    again, _ = await upper.apply()
    await approve(again)
    below = below_of(upper, await upper.status_of(again))
    assert (await below.ask("GET", "/v1/verdicts?after=0")).status == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "short"},
        {"kind": "tertiary"},
        {"certificate_sha256": "ab"},
        {"name": "a\x00b"},
        {"name": "x" * 501},
    ],
)
async def test_a_malformed_application_is_refused(upper: Upper, changed: Any) -> None:
    _, said = await upper.apply(**changed)
    assert (said.status, said.code) == (400, "request_malformed")
    assert await upper.rows("SELECT 1 FROM docking_application") == []


@pytest.mark.parametrize("prefix", ["", "88", "89.101", "88.101.2001.7", "88.1 01"])
async def test_what_is_no_prefix_cannot_be_applied_for(upper: Upper, prefix: str) -> None:
    _, said = await upper.apply(prefix=prefix)
    assert (said.status, said.code) == (400, "invalid_prefix")


async def test_what_is_no_prefix_cannot_be_delegated(upper: Upper, approve: Approve) -> None:
    application, _ = await upper.apply()
    with pytest.raises(InvalidPrefix):
        await approve(application, prefix="everything")
    assert (await upper.status_of(application)).content["state"] == "pending"


async def test_applications_from_one_network_are_bounded(pool: Pool) -> None:
    limit = RateLimit(per_minute=1, burst=2, most_sources=10, clock=time.monotonic)
    async with running_upper(pool, applications=limit) as upper:
        said = [(await upper.apply())[1] for _ in range(3)]
    assert [each.status for each in said] == [200, 200, 429]
    assert said[2].content["retry"]


async def test_so_many_wait_for_a_decision_and_no_more(upper: Upper) -> None:
    await upper.pool.execute(
        "INSERT INTO docking_application (application_id, secret_sealed, kind, name, prefix, credit_code, body,"
        " received_at) SELECT gen_random_uuid(), '', 'secondary', 'n', '88.1', '', '{}', now()"
        " FROM generate_series(1, $1)", MOST_PENDING,
    )  # fmt: skip
    _, said = await upper.apply()
    assert (said.status, said.code, said.content["retry"]) == (429, "applications_full", True)


class Quick(NoEffects):
    """Approves at once where the prefix is known, and knows its enterprise."""

    async def applied(self, connection: Connection, application_id: UUID, at: datetime) -> None:
        prefix = await connection.fetchval(
            "SELECT prefix FROM docking_application WHERE application_id = $1", application_id
        )
        if prefix == "88.101.9":
            raise PrefixNotHere("nobody holds that prefix here")
        await approve_application(connection, SEAL, application_id, at)

    async def enterprise_facts(self, _: Connection, prefix: str) -> dict[str, str]:
        return {"name": f"示例企业 {prefix}"}


class PrefixNotHere(Conflict):
    title_zh = "前缀不在此处"


async def test_who_runs_the_desk_may_approve_at_once_or_refuse(pool: Pool) -> None:
    async with running_upper(pool, effects=Quick()) as upper:
        application, said = await upper.apply(kind=Kind.ENTERPRISE, prefix="88.101.2001")
        assert said.content["state"] == "approved"
        told = await upper.status_of(application)
        assert told.content["enterprise"] == {"name": "示例企业 88.101.2001"}
        assert (await below_of(upper, told).ask("GET", "/v1/verdicts?after=0")).status == 200
        _, refused = await upper.apply(kind=Kind.ENTERPRISE, prefix="88.101.9")
        assert (refused.status, refused.code) == (409, "prefix_not_here")
        assert len(await upper.rows("SELECT 1 FROM docking_application")) == 1
