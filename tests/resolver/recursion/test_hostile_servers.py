"""Servers that lie: nothing of what they say is believed, kept, or followed further than it may lead."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from ipaddress import ip_network
from itertools import pairwise

import pytest

from node.errors import Unavailable
from node.handle_data import Protocol
from node.outward import Outward
from node.record import encode_values
from resolver.handle.bodies import Referral, encode_error, encode_found, encode_referral
from resolver.handle.codes import Flag, ResponseCode
from resolver.handle.message import Message, encode_message, reply_to
from resolver.recursion.delegation import Target
from resolver.recursion.errors import (
    AnswerNotBelieved,
    DelegationUnusable,
    FarSideSilent,
    LoopDetected,
    TooManyHops,
)
from resolver.recursion.foreign import ForeignRecord
from resolver.recursion.hop import Came, Hop
from resolver.recursion.recursion import Recursion, RecursionLimits
from tests.support.far_side import (
    HASTY,
    FarSide,
    far_sides,
    record_reply,
    recursing,
    silent,
    site_value,
    text,
    texts,
)

NAME = "88.102.7/Pump-1"
OTHER = "88.102.7/Pump-2"


def delegated(root: FarSide, owner: FarSide) -> None:
    root.record("0.NA/88.102.7", owner.site())


def forged(question: Message, **changed: int) -> bytes:
    """An answer whose envelope or header is not the question's."""
    reply = reply_to(question, ResponseCode.SUCCESS, encode_found(NAME, struct.pack(">i", 0)))
    return encode_message(reply._replace(envelope=reply.envelope._replace(**changed)))


def about_another(question: Message, _: str) -> bytes:
    return record_reply(question, OTHER, [text("poison")])


def another_number(question: Message, _: str) -> bytes:
    return forged(question, request_id=question.envelope.request_id ^ 1)


def another_session(question: Message, _: str) -> bytes:
    return forged(question, session_id=7)


def another_operation(question: Message, _: str) -> bytes:
    return encode_message(reply_to(question, ResponseCode.SUCCESS, encode_found(NAME, bytes(4)), op_code=2))


def the_question_itself(question: Message, _: str) -> bytes:
    return encode_message(question)


def more_to_come(question: Message, _: str) -> bytes:
    body = encode_found(NAME, bytes(4))
    return encode_message(reply_to(question, ResponseCode.SUCCESS, body, flags=int(Flag.CONTINUES)))


def another_digest(question: Message, _: str) -> bytes:
    reply = reply_to(question, ResponseCode.SUCCESS, encode_found(NAME, bytes(4)))
    body = bytearray(reply.body)
    body[5] ^= 1
    return encode_message(reply._replace(body=bytes(body)))


def broken_record(question: Message, _: str) -> bytes:
    return encode_message(reply_to(question, ResponseCode.SUCCESS, encode_found(NAME, struct.pack(">i", 5))))


def no_message(_: Message, __: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def too_large(question: Message, _: str) -> bytes:
    return record_reply(question, NAME, [text("x" * 70_000)])


def announced_too_large(question: Message, _: str) -> bytes:
    data = forged(question)
    return data[:16] + struct.pack(">I", 2**31) + data[20:]


def ends(_: Message, __: str) -> bytes:
    return b""


LIES = [
    about_another, another_number, another_session, another_operation, the_question_itself, more_to_come,
    another_digest, broken_record, no_message, too_large, announced_too_large,
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
async def test_what_is_not_the_answer_to_the_question_is_not_believed(lie: object) -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        owner.answers["*"] = lie  # type: ignore[assignment]  # one of those above
        with pytest.raises(AnswerNotBelieved):
            await recursion.resolve(NAME)
        assert not recursion.knows(NAME)
        assert not recursion.knows(OTHER)


async def test_a_thousand_forged_answers_leave_nothing_behind() -> None:
    chance = random.Random(7)
    async with far_sides(2) as (root, owner):
        delegated(root, owner)
        told = list(LIES)

        def lie(question: Message, handle: str) -> bytes:
            if chance.random() < 0.5:
                guess = chance.randrange(1, 1 << 31)
                return record_reply(
                    question._replace(envelope=question.envelope._replace(request_id=guess)), handle, [text("poison")]
                )
            return chance.choice(told)(question, handle)

        owner.answers["*"] = lie
        # A breaker would rest after three: each walk is a new process's.
        for number in range(1000):
            async with Recursion([owner.target], Outward(), RecursionLimits()) as recursion:
                with pytest.raises(AnswerNotBelieved):
                    await recursion.resolve(f"88.102.7/{number}")
                assert len(recursion._kept) == 0
        assert len(owner.asked) == 1000


async def test_an_answer_that_comes_after_the_answer_is_not_taken_for_the_next() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)

        def two(question: Message, handle: str) -> bytes:
            guess = question._replace(envelope=question.envelope._replace(request_id=5))
            return record_reply(question, handle, [text("right")]) + record_reply(guess, OTHER, [text("poison")])

        owner.answers["*"] = two
        found = await recursion.resolve(NAME)
        assert isinstance(found, ForeignRecord)
        assert texts(found.values) == ["right"]
        with pytest.raises(FarSideSilent):
            await recursion.resolve(OTHER)
        found = await recursion.resolve(OTHER)  # by a new connection
        assert isinstance(found, ForeignRecord)
        assert texts(found.values) == ["right"]


@pytest.mark.parametrize(("code", "error"), [(302, LoopDetected), (303, DelegationUnusable)])
async def test_servers_that_refer_to_one_another_are_a_circle(code: int, error: type[Exception]) -> None:
    async with far_sides(3) as (root, one, other), recursing(root) as recursion:
        delegated(root, one)
        one.refers("*", code, "0.NA/88.102.7", other.site())
        other.refers("*", code, "0.NA/88.102.7", one.site())
        with pytest.raises(error):
            await recursion.resolve(NAME)
        assert len(one.asked) + len(other.asked) <= 4


async def test_a_server_that_refers_to_itself_is_a_circle() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        delegated(root, owner)
        owner.refers(NAME, 302, "0.NA/88.102.7", owner.site())
        with pytest.raises(LoopDetected):
            await recursion.resolve(NAME)
        assert owner.asked == [NAME]


async def test_servers_of_one_prefix_that_name_ever_others_are_left_after_the_second() -> None:
    async with far_sides(6) as (root, *chain), recursing(root) as recursion:
        delegated(root, chain[0])
        for here, there in pairwise(chain):
            here.refers("*", 302, "0.NA/88.102.7", there.site())
        with pytest.raises(DelegationUnusable):
            await recursion.resolve(NAME)
        assert [len(side.asked) for side in chain] == [1, 1, 1, 0, 0]


async def test_an_endless_way_of_ever_longer_prefixes_ends_after_so_many_questions() -> None:
    name = "88.1.2.3.4.5.6.7.8.9.10.11/x"
    async with far_sides(1) as (root,), recursing(root, limits=RecursionLimits(hops=5)) as recursion:
        depth = 0

        def deeper(question: Message, _: str) -> bytes:
            nonlocal depth
            depth += 1
            prefix = ".".join(name.split("/")[0].split(".")[: depth + 1])
            site = site_value([(f"127.0.0.{depth + 1}", root.port)], kind="HS_SITE.PREFIX")
            return encode_message(
                reply_to(question, ResponseCode.PREFIX_REFERRAL, encode_referral(Referral(f"0.NA/{prefix}", (site,))))
            )

        root.answers["*"] = deeper
        servers = [await asyncio.start_server(root.serve, f"127.0.0.{host}", root.port) for host in range(2, 14)]
        with pytest.raises(TooManyHops):
            await recursion.resolve(name)
        assert len(root.asked) == 5
        for server in servers:
            server.close()


@pytest.mark.parametrize(
    "named",
    ["0.NA/88.102.8", "0.NA/88.102.70", "0.NA/88.102.7.1", "0.NA/86", "10.1000/x", "0.NA/", "0.SITE/88.102.7", "x"],
)
async def test_a_referral_that_is_not_on_the_way_to_the_name_is_not_followed(named: str) -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        root.refers("0.NA/88.102.7", 303, named, owner.site())
        owner.record("0.NA/88.102.7", owner.site())
        owner.record(NAME, text("poison"))
        with pytest.raises(DelegationUnusable):
            await recursion.resolve(NAME)
        assert owner.asked == []


async def test_nobody_speaks_for_more_than_was_delegated_to_him() -> None:
    async with far_sides(3) as (root, owner, thief), recursing(root) as recursion:
        root.refers("0.NA/88.102.7.5", 303, "0.NA/88.102.7", owner.site(kind="HS_SITE.PREFIX"))
        owner.refers("0.NA/88.102.7.5", 303, "0.NA/88.102", thief.site(kind="HS_SITE.PREFIX"))
        with pytest.raises(DelegationUnusable):
            await recursion.resolve("88.102.7.5/x")
        assert thief.asked == []
        # Nor is anything remembered that would lead others to the thief.
        root.record("0.NA/88.102.9", owner.site())
        owner.record("88.102.9/x", text("right"))
        found = await recursion.resolve("88.102.9/x")
        assert isinstance(found, ForeignRecord)
        assert thief.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.9", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "192.0.2.1", "198.18.0.1", "255.255.255.255", "::1", "fe80::1", "fc00::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "2001:db8::1",
    ],
)  # fmt: skip
async def test_a_delegation_into_a_network_that_is_not_ours_to_reach_is_not_followed(address: str) -> None:
    async with far_sides(2) as (root, owner):
        if address == "::1":  # which the encoding would write as an IPv4 address
            address = "fd00::1"
        root.record("0.NA/88.102.7", site_value([(address, owner.port)]))
        async with recursing(root, outward=Outward()) as recursion:
            began = time.monotonic()
            with pytest.raises(DelegationUnusable):
                await recursion.resolve(NAME)
            assert time.monotonic() - began < 0.25
            hops: list[Hop] = []
            with pytest.raises(DelegationUnusable):
                await recursion.trace(NAME, hops=hops)
            assert [hop.came for hop in hops] == [Came.DELEGATION, Came.FORBIDDEN]
        assert owner.connections == 0


async def test_a_site_that_cannot_be_asked_by_tcp_names_nobody() -> None:
    async with far_sides(1) as (root,), recursing(root) as recursion:
        for site in (
            site_value([("127.0.0.1", 2641)], protocol=Protocol.UDP),
            site_value([("127.0.0.1", 0)]),
            site_value([]),
        ):
            root.record("0.NA/88.102.7", site)
            with pytest.raises(DelegationUnusable):
                await recursion.resolve(NAME)


async def test_a_site_that_cannot_be_read_is_passed_over() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        root.record("0.NA/88.102.7", text("\0\0", kind="HS_SITE"), owner.site(index=2))
        owner.record(NAME, text("a pump"))
        found = await recursion.resolve(NAME)
        assert isinstance(found, ForeignRecord)


async def test_one_record_makes_us_knock_at_few_doors() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        owner.answers["*"] = ends
        sites = [site_value([(f"127.0.0.{host}", owner.port)], index=host) for host in range(2, 200)]
        root.record("0.NA/88.102.7", *sites)
        hops: list[Hop] = []
        with pytest.raises((FarSideSilent, TooManyHops)):
            await recursion.trace(NAME, hops=hops)
        assert len(hops) <= 8


async def test_drop_by_drop_is_too_slow() -> None:
    async with far_sides(2) as (root, owner), recursing(root, limits=HASTY) as recursion:
        delegated(root, owner)
        server = await asyncio.start_server(dripping, "127.0.0.1", 0)
        root.record("0.NA/88.102.7", site_value([server.sockets[0].getsockname()[:2]]))
        began = time.monotonic()
        with pytest.raises(FarSideSilent):
            await recursion.resolve(NAME)
        assert time.monotonic() - began < 1.0
        server.close()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    try:
        for _ in range(100):
            writer.write(b"\x02")
            await writer.drain()
            await asyncio.sleep(0.05)
    except OSError:
        pass
    writer.close()


async def test_all_of_a_way_has_one_deadline() -> None:
    async def slowly(question: Message, handle: str) -> bytes:
        await asyncio.sleep(0.2)
        return encode_message(reply_to(question, ResponseCode.TOO_BUSY, encode_error("")))

    limits = RecursionLimits(seconds=0.5, hop_seconds=0.3)
    async with far_sides(7) as (root, *sides), recursing(root, limits=limits) as recursion:
        for side in sides:
            side.answers["*"] = slowly
        root.record("0.NA/88.102.7", *(side.site(index=number) for number, side in enumerate(sides, 1)))
        began = time.monotonic()
        with pytest.raises(FarSideSilent):
            await recursion.resolve(NAME)
        assert 0.4 < time.monotonic() - began < 0.8


async def test_a_silent_server_is_left_alone_after_three_failures() -> None:
    async with far_sides(2) as (root, owner), recursing(root, limits=RecursionLimits(hop_seconds=0.1)) as recursion:
        delegated(root, owner)
        owner.answers["*"] = silent
        for number in range(3):
            with pytest.raises(FarSideSilent):
                await recursion.resolve(f"88.102.7/{number}")
        began = time.monotonic()
        for number in range(50):
            with pytest.raises(FarSideSilent):
                await recursion.resolve(f"88.102.7/other-{number}")
        assert time.monotonic() - began < 0.5
        assert len(owner.asked) == 3


async def test_a_server_that_nobody_listens_at_is_silent() -> None:
    async with far_sides(1) as (gone,):
        target = gone.target
    async with Recursion([Target("127.0.0.1", target.port, configured=True)], Outward(), HASTY) as recursion:
        with pytest.raises(FarSideSilent):
            await recursion.resolve(NAME)


async def test_roots_are_the_operator_s_choice_but_what_they_delegate_is_not() -> None:
    async with far_sides(2) as (root, owner):
        delegated(root, owner)
        owner.record(NAME, text("a pump"))
        async with recursing(root, outward=Outward()) as recursion:
            with pytest.raises(DelegationUnusable):
                await recursion.resolve(NAME)
        async with recursing(root, outward=Outward((ip_network("127.0.0.1/32"),))) as recursion:
            assert isinstance(await recursion.resolve(NAME), ForeignRecord)


async def test_damaged_replies_end_in_a_refusal_with_a_name_and_never_in_a_fault() -> None:
    chance = random.Random(11)
    async with far_sides(2) as (root, owner):
        sites = (owner.site(), owner.site(kind="HS_SITE.PREFIX", index=2), text("x", 3, kind="HS_SERV"))

        def damaged(question: Message, handle: str) -> bytes:
            codes = (ResponseCode.SUCCESS, ResponseCode.SERVICE_REFERRAL, ResponseCode.PREFIX_REFERRAL)
            code = chance.choice((*codes, ResponseCode.ERROR, ResponseCode.HANDLE_NOT_FOUND))
            body = encode_referral(Referral("0.NA/88.102.7", sites)) if code is not ResponseCode.ERROR else b"\0\0"
            if code is ResponseCode.SUCCESS:
                body = encode_found(handle, encode_values(sites))
            data = bytearray(encode_message(reply_to(question, code, body)))
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(20, len(data))] = chance.randrange(256)
            return bytes(data)

        root.answers["*"] = owner.answers["*"] = damaged
        ended: set[str] = set()
        for number in range(400):
            async with recursing(root, limits=HASTY) as recursion:
                try:
                    ended.add(type(await recursion.resolve(f"88.102.7/{number}")).__name__)
                except Unavailable as error:
                    ended.add(type(error).__name__)
        assert "AnswerNotBelieved" in ended
        assert len(ended) >= 3, ended  # some damage leaves a message that says something
