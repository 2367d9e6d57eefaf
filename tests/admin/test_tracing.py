"""``/v1/public/trace`` and ``biaoshi trace``: every hop, for everybody, so often a minute."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from admin.tracing import TraceQuery, trace_routes
from node.database import Pool
from node.identifier import InvalidPrefix
from node.rate_limit import RateLimit, TooManyRequests
from node.routes import Call
from resolver.recursion.hop import Came
from resolver.recursion.tracing import Tracer
from tests.support.command import biaoshi
from tests.support.desk import store_prefix_handle
from tests.support.far_side import HASTY, FarSide, far_sides, on_behalf_of, recursing, silent, text
from tests.support.node import Node, running_node
from tests.support.shelf import Shelf, resolver_of, shelf_at


@pytest.fixture
async def shelf(database_url: str) -> AsyncIterator[Shelf]:
    async with shelf_at(database_url) as shelf:
        yield shelf


NAME = "88.102.7/Pump-1"


@contextlib.asynccontextmanager
async def crossing(url: str, **groups: Any) -> AsyncIterator[tuple[Node, FarSide, FarSide]]:
    """A node that asks others, the root, and who answers for 88.102.7."""
    async with far_sides(2) as (root, owner):
        root.record("0.NA/88.102.7", owner.site())
        owner.record(NAME, text("a\x1b[31m pump"))
        asked = {"enabled": True, "roots": [f"127.0.0.1:{root.port}"], "networks": ["127.0.0.0/8"], **groups}
        async with running_node(url, populated=False, recursion=asked, log={"requests": False}) as node:
            yield node, root, owner


async def command(*arguments: str) -> tuple[int, str]:
    """Status and output of ``biaoshi trace``."""
    ended = await asyncio.to_thread(biaoshi, "trace", *arguments)
    return ended.exit_code, ended.output


def came(told: dict[str, Any]) -> Sequence[tuple[str, str, int | None]]:
    return [(hop["server"], hop["came"], hop["code"]) for hop in told["hops"]]


async def test_everybody_sees_the_way_to_an_identifier_of_another_node(database_url: str) -> None:
    async with crossing(database_url) as (node, root, owner):
        answer = await node("GET", "/v1/public/trace", by=None, query={"identifier": NAME})
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        told = answer.json
        assert (told["identifier"], told["came"]) == (NAME, "record")
        assert told["server"] == f"127.0.0.1:{owner.port}"
        assert came(told) == [
            ("88.101", "referral", 301),
            (f"127.0.0.1:{root.port}", "delegation", 1),
            (f"127.0.0.1:{owner.port}", "record", 1),
        ]
        assert [hop["question"] for hop in told["hops"]] == [NAME, "0.NA/88.102.7", NAME]
        assert told["values"][0]["data"]["value"] == "a\x1b[31m pump"


async def test_a_trace_ends_where_the_way_ends(database_url: str) -> None:
    async with crossing(database_url) as (node, root, _):
        root.says("0.NA/88.102.8", 301, "suspended")
        for identifier, word in (("88.102.9/x", "missing"), ("88.102.8/x", "refused")):
            told = (await node("GET", "/v1/public/trace", by=None, query={"identifier": identifier})).json
            assert (told["values"], told["came"]) == ([], word)
        answer = await node("GET", "/v1/public/trace", by=None, query={"identifier": "no identifier"})
        assert (answer.status, answer.code) == (400, "invalid_prefix")


async def test_the_command_shows_the_hops_and_steers_no_terminal(database_url: str) -> None:
    async with crossing(database_url) as (node, root, owner):
        status, shown = await command(NAME, "--server", node.url)
        assert status == 0
        for word in (f"127.0.0.1:{root.port}", f"127.0.0.1:{owner.port}", "0.NA/88.102.7", "委派", "记录"):
            assert word in shown
        assert "\x1b[31m pump" not in shown
        status, shown = await command("88.102.7/none", "--server", node.url)
        assert status == 1
        assert "不存在" in shown
        status, shown = await command(NAME, "--server", node.url, "--json")
        assert (status, json.loads(shown)["came"]) == (0, "record")


async def test_the_command_walks_the_way_itself_from_a_root() -> None:
    async with far_sides(2) as (root, owner):
        root.record("0.NA/88.102.7", owner.site())
        owner.record(NAME, text("a pump"))
        status, shown = await command(NAME, "--root", f"127.0.0.1:{root.port}", "--json")
        told = json.loads(shown)
        assert status == 0
        assert came(told) == [(f"127.0.0.1:{root.port}", "delegation", 1), (f"127.0.0.1:{owner.port}", "record", 1)]
        status, shown = await command(NAME, "--root", "nowhere")
        assert status == 1


async def test_a_network_traces_so_often_a_minute() -> None:
    limit = RateLimit(per_minute=60, burst=2, most_sources=10, clock=lambda: 0.0)
    (route,) = trace_routes(Tracer(resolver_of("postgres://nowhere"), None, "88.101"), limit)
    for _ in range(2):
        with pytest.raises(InvalidPrefix):
            await route.handler(Call(None, None, "192.0.2.1", {}), query=TraceQuery(identifier="no prefix"))  # type: ignore[arg-type]
    with pytest.raises(TooManyRequests):
        await route.handler(Call(None, None, "192.0.2.1", {}), query=TraceQuery(identifier="no prefix"))  # type: ignore[arg-type]


# The tracer itself --------------------------------------------------------------------------------------


async def test_what_is_here_is_answered_here(database_url: str, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/Pump-1")
    await shelf.prefix("88.101.2", state="suspended")
    async with far_sides(1) as (root,), recursing(root) as recursion, resolver_of(database_url) as resolver:
        tracer = Tracer(resolver, on_behalf_of(recursion), "88.101")
        for name, word, code, values in (
            ("88.101.1/Pump-1", Came.RECORD, 1, 3),
            ("88.101.1/none", Came.MISSING, 100, 0),
            ("88.101.2/x", Came.REFUSED, 301, 0),
        ):
            traced = await tracer.trace(name, "192.0.2.1")
            assert (traced.came, traced.server, len(traced.values)) == (word, "88.101", values)
            assert [(hop.server, hop.came, hop.code) for hop in traced.hops] == [("88.101", word, code)]
        assert root.asked == []


async def test_for_whom_nobody_is_asked_the_trace_ends_at_the_referral(
    database_url: str, shelf: Shelf, pool: Pool
) -> None:
    await shelf.prefix()
    async with far_sides(1) as (owner,), recursing() as recursion, resolver_of(database_url) as resolver:
        await store_prefix_handle(pool, "88.101.1", [owner.site()])
        owner.record("88.101.1/theirs", text("theirs"))
        nobody = on_behalf_of(recursion, clients=["198.51.100.0/24"])
        for beyond in (None, nobody):
            traced = await Tracer(resolver, beyond, "88.101").trace("88.101.1/theirs", "192.0.2.1")
            assert (traced.came, traced.hops[0].code) == (Came.REFERRAL, 302)
            assert traced.detail
        assert owner.asked == []
        traced = await Tracer(resolver, nobody, "88.101").trace("88.101.1/theirs", "198.51.100.7")
        assert traced.came is Came.RECORD
        assert [hop.came for hop in traced.hops] == [Came.REFERRAL, Came.RECORD]


async def test_a_way_that_ends_in_silence_is_shown_to_its_end(database_url: str) -> None:
    async with (
        far_sides(2) as (root, owner),
        recursing(root, limits=HASTY) as recursion,
        resolver_of(database_url) as resolver,
    ):
        root.record("0.NA/88.102.7", owner.site())
        owner.answers["*"] = silent
        traced = await Tracer(resolver, on_behalf_of(recursion), "88.101").trace(NAME, "192.0.2.1")
        assert traced.came is Came.SILENT
        assert [hop.came for hop in traced.hops] == [Came.REFERRAL, Came.DELEGATION, Came.SILENT]
        assert traced.hops[-1].milliseconds >= 290
        assert "do not answer" in traced.detail
