"""The way from the roots to whoever answers, at real servers on loopback."""

from __future__ import annotations

import asyncio

import pytest

from node.identifier import InvalidIdentifier
from node.record import Value
from resolver.handle.codes import Flag, OpCode
from resolver.handle.message import Message
from resolver.recursion.delegation import Delegation
from resolver.recursion.errors import DelegationUnusable, FarSideSilent, RecursionBusy
from resolver.recursion.foreign import Foreign, ForeignMissing, ForeignRecord, ForeignRefusal
from resolver.recursion.hop import Came, Hop
from resolver.recursion.recursion import RecursionLimits
from tests.support.far_side import HASTY, FarSide, far_sides, record_reply, recursing, silent, site_value, text, texts
from tests.support.ticks import Ticks

NAME = "88.102.7/Pump-1"


def delegated(root: FarSide, owner: FarSide, *, ttl: int = 86_400) -> None:
    """The root knows that the owner answers for 88.102.7, where the pump is registered."""
    root.record("0.NA/88.102.7", owner.site(ttl=ttl))
    owner.record(NAME, text("a pump", ttl=ttl), text("https://pump.example/", 2, kind="URL", ttl=ttl))


def found(foreign: Foreign) -> ForeignRecord:
    assert isinstance(foreign, ForeignRecord), foreign
    return foreign


async def test_the_root_names_the_site_and_the_site_answers() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        record = found(await recursion.resolve(NAME))
        assert texts(record.values) == ["a pump", "https://pump.example/"]
        assert record.elsewhere.server == f"127.0.0.1:{owner.port}"
        assert record.elsewhere.age == 0
        assert (record.entry.prefix, record.entry.suffix) == ("88.102.7", "Pump-1")
        assert root.asked == ["0.NA/88.102.7"]
        assert owner.asked == [NAME]


async def test_nobody_is_asked_on_behalf_of_anybody_and_each_question_is_one_step_deeper() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        await recursion.resolve(NAME, depth=3)
        for question in (*root.questions, *owner.questions):
            header = question.header
            assert header.op_code == OpCode.RESOLVE
            assert not header.flags & (Flag.RECURSIVE | Flag.AUTHORITATIVE)
            assert header.flags & Flag.PUBLIC_ONLY
            assert header.flags & Flag.RETURN_DIGEST
            assert header.recursion == 4
        numbers = {question.envelope.request_id for question in (*root.questions, *owner.questions)}
        assert len(numbers) == 2


async def test_types_and_indexes_choose_among_the_values_of_one_kept_record() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        assert texts(found(await recursion.resolve(NAME, ("URL",))).values) == ["https://pump.example/"]
        assert texts(found(await recursion.resolve(NAME, (), (1,))).values) == ["a pump"]
        assert texts(found(await recursion.resolve(NAME, ("EMAIL",))).values) == []
        assert owner.asked == [NAME]


async def test_values_that_are_not_public_are_dropped_whatever_the_far_side_sends() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        secret = Value(3, "HS_SECKEY", b"secret")
        owner.record(NAME, text("a pump"), text("private", 2, permissions=0x0C), secret)
        record = found(await recursion.resolve(NAME))
        assert texts(record.values) == ["a pump"]
        assert [value.index for value in record.entry.values()] == [1]


async def test_other_spellings_of_a_name_share_its_answer() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        await recursion.resolve(NAME)
        assert texts(found(await recursion.resolve("88.102.7/PUMP-1")).values)[0] == "a pump"
        assert owner.asked == [NAME]
        assert recursion.knows("88.102.7/pump-1")
        assert not recursion.knows("88.102.7/pump-2")


async def test_a_prefix_referral_leads_to_who_keeps_the_derived_prefixes() -> None:
    async with far_sides(3) as (root, node, enterprise), recursing(root) as recursion:
        root.refers("0.NA/88.102.7", 303, "0.NA/88.102", node.site(kind="HS_SITE.PREFIX"))
        node.record("0.NA/88.102.7", enterprise.site())
        enterprise.record(NAME, text("a pump"))
        assert texts(found(await recursion.resolve(NAME)).values) == ["a pump"]
        assert (root.asked, node.asked, enterprise.asked) == (["0.NA/88.102.7"], ["0.NA/88.102.7"], [NAME])


async def test_a_service_referral_leads_to_who_answers_the_same_question() -> None:
    async with far_sides(3) as (root, node, enterprise), recursing(root) as recursion:
        root.record("0.NA/88.102.7", node.site())
        node.refers(NAME, 302, "0.NA/88.102.7", enterprise.site())
        enterprise.record(NAME, text("a pump"))
        assert texts(found(await recursion.resolve(NAME)).values) == ["a pump"]
        assert (node.asked, enterprise.asked) == ([NAME], [NAME])


async def test_a_referral_without_values_is_followed_by_the_record_of_its_handle() -> None:
    async with far_sides(3) as (root, node, enterprise), recursing(root) as recursion:
        root.refers("0.NA/88.102.7", 303, "0.NA/88.102")
        root.record("0.NA/88.102", node.site(kind="HS_NA_DELEGATE"))
        node.record("0.NA/88.102.7", enterprise.site())
        enterprise.record(NAME, text("a pump"))
        assert texts(found(await recursion.resolve(NAME)).values) == ["a pump"]
        assert root.asked == ["0.NA/88.102.7", "0.NA/88.102"]


async def test_a_service_named_by_its_handle_is_found_by_one_more_question() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        root.record("0.NA/88.102.7", Value(1, "HS_SERV", b"0.SITE/88.102"))
        root.record("0.SITE/88.102", owner.site())
        assert texts(found(await recursion.resolve(NAME)).values)[0] == "a pump"
        assert root.asked == ["0.NA/88.102.7", "0.SITE/88.102"]


@pytest.mark.parametrize("name", ["0.NA/88.102.7", "0.na/88.102.7", "88.102.7"])
async def test_the_record_of_a_prefix_is_what_its_parent_says(name: str) -> None:
    async with far_sides(1) as (root,), recursing(root) as recursion:
        root.record(name, root.site())
        record = found(await recursion.resolve(name))
        assert [value.type for value in record.values] == ["HS_SITE"]
        assert record.entry.prefix.upper() == "0.NA"
        assert root.asked == [name]


async def test_where_a_resolution_begins_may_be_known() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        start = Delegation("88.102.7", targets=(owner.target,))
        assert texts(found(await recursion.resolve(NAME, start=start)).values)[0] == "a pump"
        assert root.asked == []


async def test_a_server_that_closes_behind_each_reply_is_connected_to_again() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        root.closes = owner.closes = True
        for number in range(5):
            owner.record(f"88.102.7/{number}", text(str(number)))
            assert texts(found(await recursion.resolve(f"88.102.7/{number}")).values) == [str(number)]
        assert owner.connections == 5


async def test_one_connection_serves_one_question_after_the_other() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        for number in range(5):
            assert isinstance(await recursion.resolve(f"88.102.7/{number}"), ForeignMissing)
        assert owner.connections == 1


async def test_who_asks_the_same_meanwhile_shares_one_way() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        answers = await asyncio.gather(*(recursion.resolve(NAME) for _ in range(200)))
        assert all(texts(found(answer).values)[0] == "a pump" for answer in answers)
        assert (root.asked, owner.asked) == (["0.NA/88.102.7"], [NAME])


async def test_one_who_leaves_takes_the_answer_from_nobody() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        first = asyncio.create_task(recursion.resolve(NAME))
        await asyncio.sleep(0)
        second = asyncio.create_task(recursion.resolve(NAME))
        await asyncio.sleep(0)
        first.cancel()
        assert texts(found(await second).values)[0] == "a pump"
        assert owner.asked == [NAME]


async def test_an_answer_is_kept_as_long_as_its_owner_says_and_not_longer_than_the_bound() -> None:
    ticks = Ticks()
    async with far_sides(2) as (root, owner), recursing(root, monotonic=ticks) as recursion:
        delegated(root, owner, ttl=100)
        await recursion.resolve(NAME)
        ticks.pass_(99)
        record = found(await recursion.resolve(NAME))
        assert (record.elsewhere.age, record.elsewhere.seconds) == (99, 1)
        assert len(owner.asked) == 1
        ticks.pass_(2)
        assert found(await recursion.resolve(NAME)).elsewhere.age == 0
        assert len(owner.asked) == 2
        delegated(root, owner, ttl=1_000_000)
        ticks.pass_(101)
        assert found(await recursion.resolve(NAME)).elsewhere.seconds == 3600
        ticks.pass_(3601)
        await recursion.resolve(NAME)
        assert len(owner.asked) == 4


async def test_routes_are_kept_and_asked_for_again_when_they_are_over() -> None:
    ticks = Ticks()
    async with far_sides(2) as (root, owner), recursing(root, monotonic=ticks) as recursion:
        delegated(root, owner, ttl=100)
        await recursion.resolve(NAME)
        await recursion.resolve("88.102.7/other")
        assert root.asked == ["0.NA/88.102.7"]
        ticks.pass_(101)
        await recursion.resolve("88.102.7/third")
        assert root.asked == ["0.NA/88.102.7"] * 2


async def test_the_route_to_derived_prefixes_serves_all_of_them() -> None:
    async with far_sides(2) as (root, node), recursing(root) as recursion:
        for number in range(3):
            root.refers(f"0.NA/88.102.{number}", 303, "0.NA/88.102", node.site(kind="HS_SITE.PREFIX"))
            node.record(f"0.NA/88.102.{number}", node.site())
            node.record(f"88.102.{number}/x", text(str(number)))
            assert texts(found(await recursion.resolve(f"88.102.{number}/x")).values) == [str(number)]
        assert root.asked == ["0.NA/88.102.0"]


async def test_what_does_not_exist_is_remembered_for_a_minute() -> None:
    ticks = Ticks()
    async with far_sides(2) as (root, owner), recursing(root, monotonic=ticks) as recursion:
        delegated(root, owner)
        for _ in range(3):
            missing = await recursion.resolve("88.102.7/none")
            assert missing == ForeignMissing(f"127.0.0.1:{owner.port}")
        assert owner.asked == ["88.102.7/none"]
        ticks.pass_(61)
        owner.record("88.102.7/none", text("now"))
        assert texts(found(await recursion.resolve("88.102.7/none")).values) == ["now"]


async def test_a_prefix_that_the_root_does_not_know_has_no_identifiers() -> None:
    async with far_sides(1) as (root,), recursing(root) as recursion:
        assert isinstance(await recursion.resolve(NAME), ForeignMissing)
        assert root.asked == ["0.NA/88.102.7"]


async def test_while_the_far_side_is_silent_its_last_answer_is_given_with_its_age_for_a_day() -> None:
    ticks = Ticks()
    async with far_sides(2) as (root, owner), recursing(root, limits=HASTY, monotonic=ticks) as recursion:
        delegated(root, owner, ttl=100)
        await recursion.resolve(NAME)
        root.answers = owner.answers = {"*": silent}
        ticks.pass_(1000)
        stale = found(await recursion.resolve(NAME))
        assert texts(stale.values)[0] == "a pump"
        assert (stale.elsewhere.age, stale.elsewhere.seconds) == (1000, -900)
        with pytest.raises(FarSideSilent):
            await recursion.resolve(NAME, anew=True)
        ticks.pass_(86_400)
        with pytest.raises(FarSideSilent):
            await recursion.resolve(NAME)


async def test_that_there_is_none_is_never_said_stale() -> None:
    ticks = Ticks()
    async with far_sides(2) as (root, owner), recursing(root, limits=HASTY, monotonic=ticks) as recursion:
        delegated(root, owner)
        assert isinstance(await recursion.resolve("88.102.7/none"), ForeignMissing)
        root.answers = owner.answers = {"*": silent}
        ticks.pass_(61)
        with pytest.raises(FarSideSilent):
            await recursion.resolve("88.102.7/none")


async def test_a_remembered_route_to_a_silent_server_is_given_up_for_what_the_root_says_now() -> None:
    async with far_sides(3) as (root, owner, successor), recursing(root, limits=HASTY) as recursion:
        delegated(root, owner)
        await recursion.resolve("88.102.7/first")
        owner.answers = {"*": silent}
        delegated(root, successor)
        record = found(await recursion.resolve(NAME))
        assert record.elsewhere.server == f"127.0.0.1:{successor.port}"


async def test_a_remembered_route_to_one_who_answers_no_more_is_given_up_too() -> None:
    async with far_sides(3) as (root, owner, successor), recursing(root) as recursion:
        delegated(root, owner)
        await recursion.resolve("88.102.7/first")
        owner.says(NAME, 301, "that prefix does not live here")
        delegated(root, successor)
        assert texts(found(await recursion.resolve(NAME)).values)[0] == "a pump"


async def test_a_refusal_is_told_with_who_said_it_and_is_not_remembered() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        owner.says(NAME, 2, "out of\x1b[31m order")
        refusal = await recursion.resolve(NAME)
        assert refusal == ForeignRefusal(2, "out of\ufffd[31m order", f"127.0.0.1:{owner.port}")
        owner.record(NAME, text("a pump"))
        assert texts(found(await recursion.resolve(NAME)).values) == ["a pump"]


async def test_the_second_site_is_asked_when_the_first_is_busy() -> None:
    async with far_sides(3) as (root, busy, owner), recursing(root) as recursion:
        root.record("0.NA/88.102.7", busy.site(), owner.site(index=2))
        busy.says(NAME, 3, "later")
        owner.record(NAME, text("a pump"))
        assert texts(found(await recursion.resolve(NAME)).values) == ["a pump"]


async def test_a_prefix_without_any_service_cannot_be_resolved_and_is_not_said_to_be_missing() -> None:
    async with far_sides(1) as (root,), recursing(root) as recursion:
        root.says("0.NA/88.102.7", 200)
        with pytest.raises(DelegationUnusable):
            await recursion.resolve(NAME)
        root.record("0.NA/88.102.7", text("no site"))
        with pytest.raises(DelegationUnusable):
            await recursion.resolve(NAME)


@pytest.mark.parametrize("name", ["0.SITE/88.102", "/x", "88..1/x", "8 8/x", "88.102/x\0y", "é.1/x", ""])
async def test_what_nobody_can_be_delegated_is_asked_of_nobody(name: str) -> None:
    async with far_sides(1) as (root,), recursing(root) as recursion:
        with pytest.raises(InvalidIdentifier):
            await recursion.resolve(name)
        assert root.asked == []


async def test_too_many_ways_at_once_are_refused() -> None:
    async with far_sides(1) as (root,), recursing(root, limits=HASTY) as recursion:
        root.answers["*"] = silent
        asking = [asyncio.create_task(recursion.resolve(f"88.102.7/{number}")) for number in range(300)]
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert sum(isinstance(result, RecursionBusy) for result in results) == 44
        assert sum(isinstance(result, FarSideSilent) for result in results) == 256


async def test_who_waits_when_the_process_ends_is_told() -> None:
    async with far_sides(1) as (root,):
        root.answers["*"] = silent
        async with recursing(root, limits=HASTY) as recursion:
            waiting = asyncio.create_task(recursion.resolve(NAME))
            await asyncio.sleep(0.05)
        with pytest.raises(RecursionBusy):
            await waiting


async def test_a_trace_tells_every_question_and_remembers_nothing() -> None:
    async with far_sides(3) as (root, node, enterprise), recursing(root) as recursion:
        root.refers("0.NA/88.102.7", 303, "0.NA/88.102", node.site(kind="HS_SITE.PREFIX"))
        node.record("0.NA/88.102.7", enterprise.site())
        enterprise.record(NAME, text("a pump"))
        for _ in range(2):
            hops: list[Hop] = []
            assert texts(found(await recursion.trace(NAME, hops=hops)).values) == ["a pump"]
            assert [(hop.server, hop.question, hop.came, hop.code) for hop in hops] == [
                (f"127.0.0.1:{root.port}", "0.NA/88.102.7", Came.REFERRAL, 303),
                (f"127.0.0.1:{node.port}", "0.NA/88.102.7", Came.DELEGATION, 1),
                (f"127.0.0.1:{enterprise.port}", NAME, Came.RECORD, 1),
            ]
            assert all(hop.milliseconds > 0 for hop in hops)
        assert len(root.asked) == 2


async def test_the_server_of_a_site_is_chosen_by_the_hash_of_the_name() -> None:
    async with far_sides(4) as (root, *servers), recursing(root) as recursion:
        root.record("0.NA/88.102.7", site_value([("127.0.0.1", server.port) for server in servers]))
        for number in range(30):
            await recursion.resolve(f"88.102.7/{number}")
        assert sum(len(server.asked) for server in servers) == 30
        assert all(server.asked for server in servers)


async def test_what_its_owner_wants_kept_for_no_time_is_asked_for_each_time() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner, ttl=0)
        for _ in range(3):
            assert texts(found(await recursion.resolve(NAME)).values)[0] == "a pump"
        assert len(owner.asked) == len(root.asked) == 3


async def test_a_crowd_at_a_slow_server_waits_its_turn_and_the_server_is_not_blamed() -> None:
    async def slowly(question: Message, handle: str) -> bytes:
        await asyncio.sleep(0.2)
        return record_reply(question, handle, [text("at last")])

    limits = RecursionLimits(seconds=8.0, hop_seconds=1.0)
    async with far_sides(2) as (root, owner), recursing(root, limits=limits) as recursion:
        delegated(root, owner)
        await recursion.resolve(NAME)
        owner.answers["*"] = slowly
        asking = [recursion.resolve(f"88.102.7/{number}") for number in range(200)]
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert {type(result) for result in results} <= {ForeignRecord, FarSideSilent}
        assert sum(isinstance(result, ForeignRecord) for result in results) >= 16
        assert owner.connections <= 16
        assert isinstance(await recursion.resolve("88.102.7/after"), ForeignRecord)
