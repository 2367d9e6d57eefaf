"""Verdicts and instructions: in order, to whom they are for, and at once to who waits."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from node.database import Pool, open_pool
from node.national.instructions import Key, Order, Suspend
from node.national.messages import LONGEST_WAIT
from node.upper.instructions import issue_instruction
from node.upper.keys import revoke_key
from node.upper.news import News
from node.upper.verdicts import decide_verification, next_undecided
from tests.support.upper import CREDIT_CODE, Below, Said, Upper, running_upper

NOTHING = {"verdicts": "/v1/verdicts", "instructions": "/v1/instructions"}


async def decide_all(upper: Upper, *, passed: bool = True, reason: str = "") -> None:
    while True:
        async with upper.pool.acquire() as connection, connection.transaction():
            asked = await next_undecided(connection)
            if asked is None:
                return
            await decide_verification(connection, asked, passed, reason, upper.clock())


async def instruct(upper: Upper, prefix: str = "88.101", reason: str = "测试") -> int:
    async with upper.pool.acquire() as connection, connection.transaction():
        body = Suspend(prefix=f"{prefix}.1", reason=reason)
        return (await issue_instruction(connection, prefix, Order.SUSPEND, body, upper.clock())).sequence


async def verdicts(below: Below, after: int = 0) -> list[dict[str, Any]]:
    said = await below.ask("GET", f"/v1/verdicts?after={after}")
    return list(said.content["verdicts"])


# Verdicts ------------------------------------------------------------------------------------------------------


async def test_a_verdict_names_the_application_that_asked_for_it(upper: Upper, below: Below) -> None:
    await below.report_prefix("88.101.1", uuid4(), application=42)
    await decide_all(upper, passed=False, reason="企业信息有误 / invalid")
    (verdict,) = await verdicts(below)
    assert (verdict["prefix"], verdict["application"], verdict["passed"], verdict["reason"]) == (
        "88.101.1", 42, False, "企业信息有误 / invalid",
    )  # fmt: skip
    assert await upper.rows("SELECT 1 FROM docked_prefix") == []


async def test_a_prefix_that_passed_has_its_holder(upper: Upper, below: Below) -> None:
    enterprise = uuid4()
    await below.report_prefix("88.101.1", enterprise)
    await decide_all(upper)
    (row,) = await upper.rows("SELECT * FROM docked_prefix")
    assert (row["prefix"], row["delegated_prefix"], row["enterprise_id"], row["credit_code"], row["state"]) == (
        "88.101.1", "88.101", enterprise, CREDIT_CODE, "verified",
    )  # fmt: skip


async def test_who_judges_sees_the_enterprise_and_another_holder(upper: Upper, below: Below) -> None:
    first, second = uuid4(), uuid4()
    await below.report_enterprise(first)
    await below.report_prefix("88.101.1", first)
    async with upper.pool.acquire() as connection, connection.transaction():
        asked = await next_undecided(connection)
        assert asked is not None
        assert (asked["enterprise_state"], asked["reported_code"], asked["holder"]) == ("approved", CREDIT_CODE, None)
    await decide_all(upper)
    await below.report_prefix("88.101.1", second)
    async with upper.pool.acquire() as connection, connection.transaction():
        asked = await next_undecided(connection)
        assert asked is not None
        assert (asked["enterprise_state"], asked["holder"]) == (None, CREDIT_CODE)


async def test_what_was_given_up_has_no_holder(upper: Upper, below: Below) -> None:
    first = uuid4()
    await below.report_prefix("88.101.1", first)
    await decide_all(upper)
    await below.report_prefix("88.101.1", first, "withdrawn")
    await below.report_prefix("88.101.1", uuid4())
    async with upper.pool.acquire() as connection, connection.transaction():
        asked = await next_undecided(connection)
        assert asked is not None
        assert asked["holder"] is None


async def test_two_who_judge_at_once_do_not_judge_the_same(upper: Upper, below: Below) -> None:
    for number in range(2):
        await below.report_prefix(f"88.101.{number}", uuid4())
    async with upper.pool.acquire() as one, upper.pool.acquire() as other, one.transaction(), other.transaction():
        first, second = await next_undecided(one), await next_undecided(other)
        assert first is not None
        assert second is not None
        assert (first["prefix"], second["prefix"]) == ("88.101.0", "88.101.1")
        assert await next_undecided(one, after=second["verification_id"]) is None
        assert await next_undecided(one, delegated_prefix="88.102") is None


async def test_a_node_reads_its_own_verdicts_in_order_and_goes_on_where_it_was(upper: Upper, below: Below) -> None:
    other = await upper.below("88.102")
    for number in range(130):
        await below.report_prefix(f"88.101.{number}", uuid4())
    await other.report_prefix("88.102.1", uuid4())
    await decide_all(upper)
    first = await verdicts(below)
    rest = await verdicts(below, first[-1]["sequence"])
    assert (len(first), len(rest)) == (100, 30)
    assert [verdict["prefix"] for verdict in first + rest] == [f"88.101.{number}" for number in range(130)]
    assert [verdict["prefix"] for verdict in await verdicts(other)] == ["88.102.1"]
    assert await verdicts(below, rest[-1]["sequence"]) == []


async def test_the_order_of_sequences_is_the_order_of_commits(upper: Upper, below: Below) -> None:
    """Who reads on while many write misses nothing."""
    seen: list[int] = []
    done = asyncio.Event()

    async def read_on() -> None:
        last = 0
        while True:
            finished = done.is_set()
            said = await below.ask("GET", f"/v1/instructions?after={last}")
            numbers = [each["sequence"] for each in said.content["instructions"]]
            seen.extend(numbers)
            last = max(numbers, default=last)
            if finished and not numbers:
                return

    async def write() -> None:
        for _ in range(15):
            async with upper.pool.acquire() as connection, connection.transaction():
                await issue_instruction(connection, "88.101", "probe", {}, upper.clock())
                await asyncio.sleep(0.003)  # others would overtake who holds a number but has not committed

    reading = asyncio.create_task(read_on())
    await asyncio.gather(*[write() for _ in range(4)])
    done.set()
    await reading
    written = [row["sequence"] for row in await upper.rows("SELECT sequence FROM docked_instruction ORDER BY 1")]
    assert seen == written
    assert len(written) == 60


# Instructions ---------------------------------------------------------------------------------------------------


async def test_an_instruction_reaches_the_node_it_is_for_and_no_other(upper: Upper, below: Below) -> None:
    other = await upper.below("88.102")
    sequence = await instruct(upper)
    said = await below.ask("GET", "/v1/instructions?after=0")
    (instruction,) = said.content["instructions"]
    assert (instruction["sequence"], instruction["kind"]) == (sequence, "suspend")
    assert instruction["body"] == {"prefix": "88.101.1", "reason": "测试"}
    assert (await other.ask("GET", "/v1/instructions?after=0")).content == {"instructions": []}


async def test_a_moment_in_an_instruction_has_an_offset(upper: Upper, below: Below) -> None:
    async with upper.pool.acquire() as connection, connection.transaction():
        await issue_instruction(connection, "88.101", Order.KEY, Key(before=upper.clock()), upper.clock())
    said = await below.ask("GET", "/v1/instructions?after=0")
    assert said.content["instructions"][0]["body"]["before"].endswith("Z")


async def test_an_answer_is_kept_with_its_instruction_and_only_the_first(upper: Upper, below: Below) -> None:
    sequence = await instruct(upper)
    (row,) = await upper.rows("SELECT instruction_id FROM docked_instruction")
    answer = {"instruction_id": str(row["instruction_id"]), "sequence": sequence}
    await below.report(
        "instruction.answered", **answer, outcome="done", detail="已停用", result={"state": "suspended"}
    )
    await below.report("instruction.answered", **answer, outcome="failed", detail="late")
    (row,) = await upper.rows("SELECT * FROM docked_instruction")
    assert (row["outcome"], row["detail"], json.loads(row["result"])) == ("done", "已停用", {"state": "suspended"})


async def test_nobody_answers_for_another_node(upper: Upper, below: Below) -> None:
    other = await upper.below("88.102")
    sequence = await instruct(upper)
    (row,) = await upper.rows("SELECT instruction_id FROM docked_instruction")
    await other.report(
        "instruction.answered", instruction_id=str(row["instruction_id"]), sequence=sequence, outcome="done"
    )
    assert (await upper.rows("SELECT outcome FROM docked_instruction"))[0]["outcome"] is None


# Waiting --------------------------------------------------------------------------------------------------------


async def _asked(below: Below, path: str, wait: int) -> tuple[Said, float]:
    began = time.monotonic()
    said = await below.ask("GET", f"{path}?after=0&wait={wait}")
    return said, time.monotonic() - began


@pytest.mark.parametrize("part", NOTHING)
async def test_who_waits_in_vain_is_told_nothing_when_the_time_is_over(below: Below, part: str) -> None:
    said, seconds = await _asked(below, NOTHING[part], 1)
    assert said.content == {part: []}
    assert 0.9 < seconds < 3


async def test_who_waits_is_told_as_soon_as_there_is_something(upper: Upper, below: Below) -> None:
    waiting = asyncio.create_task(_asked(below, "/v1/instructions", LONGEST_WAIT))
    await asyncio.sleep(0.7)
    began = time.monotonic()
    await instruct(upper)
    said, _ = await waiting
    assert len(said.content["instructions"]) == 1
    assert time.monotonic() - began < 1.5


async def test_who_waits_for_a_verdict_is_told_as_soon_as_it_is_there(upper: Upper, below: Below) -> None:
    waiting = asyncio.create_task(_asked(below, "/v1/verdicts", LONGEST_WAIT))
    await below.report_prefix("88.101.1", uuid4())
    await decide_all(upper)
    said, seconds = await waiting
    assert len(said.content["verdicts"]) == 1
    assert seconds < 3


async def test_who_waits_sleeps_on_when_something_came_for_another(upper: Upper, below: Below) -> None:
    waiting = asyncio.create_task(_asked(below, "/v1/instructions", 2))
    await asyncio.sleep(0.3)
    await instruct(upper, "88.102")
    said, seconds = await waiting
    assert said.content == {"instructions": []}
    assert seconds > 1.9


async def test_what_is_there_already_is_told_without_waiting(upper: Upper, below: Below) -> None:
    await instruct(upper)
    _, seconds = await _asked(below, "/v1/instructions", LONGEST_WAIT)
    assert seconds < 1


async def test_what_comes_between_the_look_and_the_waiting_is_not_missed(upper: Upper, below: Below) -> None:
    """Each time the instruction is written while the question is on its way."""
    last = 0
    for _ in range(25):
        asked = asyncio.create_task(below.ask("GET", f"/v1/instructions?after={last}&wait={LONGEST_WAIT}"))
        writing = asyncio.create_task(instruct(upper))
        async with asyncio.timeout(5):
            said, last = await asked, await writing
        assert [each["sequence"] for each in said.content["instructions"]] == [last]


@pytest.fixture
async def narrow(database_url: str) -> AsyncIterator[Pool]:
    """A pool of two connections."""
    pool = await open_pool(database_url, "biaoshi_writer", size=2, seconds=5, name="narrow")
    yield pool
    pool.terminate()


async def test_many_wait_without_holding_a_connection_or_a_transaction(narrow: Pool) -> None:
    async with running_upper(narrow) as upper:
        nodes = [await upper.below(f"88.{number}") for number in range(101, 141)]
        waiting = [asyncio.create_task(_asked(below, "/v1/instructions", LONGEST_WAIT)) for below in nodes]
        await asyncio.sleep(1)
        assert not any(task.done() for task in waiting)
        for below in nodes[:10]:
            assert (await below.send(below.message("audit.note", {}))).status == 200
        (row,) = await upper.rows("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'")
        assert row["count"] == 0
        for below in nodes:
            await instruct(upper, below.delegated_prefix)
        said = await asyncio.gather(*waiting)
    assert [len(each.content["instructions"]) for each, _ in said] == [1] * 40


async def test_who_waits_with_a_key_that_is_revoked_meanwhile_is_told_no_more(upper: Upper, below: Below) -> None:
    waiting = asyncio.create_task(_asked(below, "/v1/instructions", LONGEST_WAIT))
    await asyncio.sleep(0.5)
    async with upper.pool.acquire() as connection:
        await revoke_key(connection, below.keys.access_key, upper.clock())
    await instruct(upper)
    said, _ = await waiting
    assert (said.status, said.code) == (401, "signature_wrong")


async def test_whoever_waits_when_the_desk_closes_is_answered(pool: Pool) -> None:
    async with running_upper(pool) as upper:
        below = await upper.below()
        waiting = asyncio.create_task(_asked(below, "/v1/verdicts", LONGEST_WAIT))
        await asyncio.sleep(0.5)
        upper.desk.close()
        said, seconds = await waiting
        assert (said.status, said.content) == (200, {"verdicts": []})
        assert seconds < 3
        _, seconds = await _asked(below, "/v1/verdicts", LONGEST_WAIT)
        assert seconds < 1


async def test_a_longer_wait_is_the_longest(below: Below) -> None:
    asked = asyncio.create_task(below.ask("GET", "/v1/verdicts?after=0&wait=1000"))
    await asyncio.sleep(0.3)
    assert not asked.done()
    asked.cancel()


@pytest.mark.parametrize("query", ["", "?after=", "?after=-1", "?after=x", "?after=0&wait=x", "?after=0&wait=-1"])
async def test_a_malformed_question_is_told_at_once(below: Below, query: str) -> None:
    said = await below.ask("GET", f"/v1/verdicts{query}")
    assert (said.status, said.code) == (400, "request_malformed")


# The look that all share ----------------------------------------------------------------------------------------


async def test_nobody_looks_while_nobody_waits() -> None:
    looks = 0

    async def look() -> object:
        nonlocal looks
        looks += 1
        return 0

    news = News(look, 0.01)
    await asyncio.sleep(0.05)
    assert looks == 0
    await asyncio.gather(*[news.wait(news.mark(), 0.1) for _ in range(5)])
    seen = looks
    assert 0 < seen < 20  # one look for all of them
    await asyncio.sleep(0.05)
    assert looks == seen


async def test_who_waits_alone_is_not_woken_by_what_was_seen_before() -> None:
    looks = wakes = 0

    async def look() -> object:
        nonlocal looks
        looks += 1
        return "the same"

    news = News(look, 0.05)
    loop = asyncio.get_running_loop()
    until = loop.time() + 0.5
    while (left := until - loop.time()) > 0:
        await news.wait(news.mark(), left)
        wakes += 1
    assert wakes <= 2, "the first look wakes, and the end of the time"
    assert looks <= 12


async def test_the_look_goes_on_after_the_database_was_away() -> None:
    answers: list[object] = [OSError("away"), asyncpg.AdminShutdownError("going"), 1, 1, 2]

    async def look() -> object:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    news = News(look, 0.01)
    mark = news.mark()
    async with asyncio.timeout(5):
        await news.wait(mark, 5)
        assert mark.is_set()
        mark = news.mark()
        await news.wait(mark, 5)
    assert answers == [2]


async def test_what_came_after_the_mark_wakes_who_waits_later() -> None:
    numbers = iter(range(10**6))

    async def look() -> object:
        return next(numbers)

    news = News(look, 0.01)
    old = news.mark()
    waiting = asyncio.create_task(news.wait(news.mark(), 5))
    await waiting
    async with asyncio.timeout(0.5):
        await news.wait(old, 5)


async def test_long_instructions_come_a_few_at_a_time_and_none_is_left_out(upper: Upper, below: Below) -> None:
    names = [f"88.101.1/{'长' * 200}{number}" for number in range(900)]
    for _ in range(5):
        async with upper.pool.acquire() as connection, connection.transaction():
            await issue_instruction(connection, "88.101", Order.BLOCKLIST, {"remove": names}, upper.clock())
    last, pages = 0, []
    while numbers := [
        each["sequence"]
        for each in (await below.ask("GET", f"/v1/instructions?after={last}")).content["instructions"]
    ]:
        pages.append(len(numbers))
        last = max(numbers)
    assert sum(pages) == 5
    assert 1 < len(pages) < 5
