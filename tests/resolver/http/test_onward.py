"""Over HTTP the node answers for other nodes' names too, and says whose the answer is and how old."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientResponse

from node.database import Pool
from node.journal import Interface
from node.record import Value
from node.resolutions import Outcome
from resolver.recursion.recursion import RecursionLimits
from tests.support.desk import store_prefix_handle
from tests.support.far_side import HASTY, PATIENT, FarSide, far_sides, on_behalf_of, recursing, silent, text
from tests.support.shelf import Front, Shelf, front_of
from tests.support.ticks import Ticks

NAME = "88.102.7/Pump-1"
JSON = {"Accept": "application/json"}
BROWSER = {"Accept": "text/html", "Accept-Language": "en"}


@dataclass
class Crossing:
    """A node that asks others, the root, and who answers for 88.102.7."""

    front: Front
    root: FarSide
    owner: FarSide
    ticks: Ticks

    @contextlib.asynccontextmanager
    async def get(self, path: str, **headers: str) -> AsyncIterator[ClientResponse]:
        async with self.front.session.get(path, headers=headers, allow_redirects=False) as answer:
            yield answer

    async def json(self, path: str) -> tuple[int, dict[str, Any]]:
        async with self.get(path, **JSON) as answer:
            return answer.status, await answer.json(content_type=None)


@contextlib.asynccontextmanager
async def crossing(url: str, pool: Pool, limits: RecursionLimits = PATIENT, **given: Any) -> AsyncIterator[Crossing]:
    ticks = Ticks()
    async with far_sides(2) as (root, owner), recursing(root, limits=limits, monotonic=ticks) as recursion:
        root.record("0.NA/88.102.7", owner.site(ttl=100))
        owner.record(NAME, text("a pump", ttl=100), text("https://pump.example/", 2, kind="URL", ttl=100))
        async with front_of(url, pool, beyond=on_behalf_of(recursion, **given)) as front:
            yield Crossing(front, root, owner, ticks)


@pytest.fixture
async def cross(database_url: str, pool: Pool, pump: str) -> AsyncIterator[Crossing]:
    async with crossing(database_url, pool) as cross:
        yield cross


async def counted(front: Front, pool: Pool) -> dict[tuple[str, Interface, Outcome], int]:
    await front.counter.write()
    rows = await pool.fetch("SELECT prefix, interface, outcome, resolutions FROM resolution_count")
    return {(row["prefix"], Interface(row["interface"]), Outcome(row["outcome"])): row["resolutions"] for row in rows}


@pytest.mark.parametrize("path", [f"/api/handles/{NAME}", f"/{NAME}"])
async def test_a_program_gets_the_record_of_another_node_with_its_age(cross: Crossing, path: str) -> None:
    async with cross.get(path, **JSON) as answer:
        assert answer.status == 200
        told = await answer.json(content_type=None)
        assert told["responseCode"] == 1
        assert told["handle"] == NAME
        assert [value["data"]["value"] for value in told["values"]] == ["a pump", "https://pump.example/"]
        assert answer.headers["Cache-Status"] == "biaoshi; fwd=miss; ttl=100"
        assert (answer.headers["Age"], answer.headers["Cache-Control"]) == ("0", "public, max-age=100")
    cross.ticks.pass_(40)
    async with cross.get(path, **JSON) as answer:
        assert answer.headers["Cache-Status"] == "biaoshi; hit; ttl=60"
        assert (answer.headers["Age"], answer.headers["Cache-Control"]) == ("40", "public, max-age=100")
        tag = answer.headers["ETag"]
    async with cross.get(path, **JSON, **{"If-None-Match": tag}) as answer:
        assert answer.status == 304
    assert cross.owner.asked == [NAME]


async def test_a_stale_answer_is_marked_as_one(database_url: str, pool: Pool) -> None:
    async with crossing(database_url, pool, limits=HASTY) as cross:
        assert (await cross.json(f"/api/handles/{NAME}"))[0] == 200
        cross.ticks.pass_(700)
        cross.root.answers = cross.owner.answers = {"*": silent}
        async with cross.get(f"/api/handles/{NAME}", **JSON) as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Status"] == "biaoshi; hit; ttl=-600; detail=stale"
            assert (answer.headers["Age"], answer.headers["Cache-Control"]) == ("700", "public, max-age=5")
        async with cross.get(f"/{NAME}", **BROWSER) as answer:
            page = await answer.text()
        assert "That node does not answer now; this is what it said 11 minutes ago." in page
        status, told = await cross.json("/api/handles/88.102.7/unknown")
        assert (status, told["responseCode"]) == (503, 3)


async def test_a_reader_sees_whose_answer_it_is(cross: Crossing) -> None:
    async with cross.get(f"/{NAME}", **BROWSER) as answer:
        page = await answer.text()
        assert answer.status == 200
    assert f"Resolved by another node (127.0.0.1:{cross.owner.port})." in page
    assert "a pump" in page
    assert "under review" not in page


async def test_others_texts_are_escaped_like_ours(cross: Crossing) -> None:
    cross.owner.record("88.102.7/evil", text("<script>alert(1)</script>"), text("javascript:alert(1)", 2, kind="URL"))
    async with cross.get("/88.102.7/evil", **BROWSER) as answer:
        page = await answer.text()
    assert "<script>" not in page
    assert 'href="javascript:' not in page
    async with cross.get("/88.102.7/evil") as answer:
        assert answer.status == 200
        assert "Location" not in answer.headers


async def test_who_is_led_to_a_place_is_led_to_that_of_another_node_s_record(cross: Crossing) -> None:
    async with cross.get(f"/{NAME}") as answer:
        assert answer.status == 302
        assert answer.headers["Location"] == "https://pump.example/"
        assert answer.headers["Cache-Status"].startswith("biaoshi; fwd=miss")


@pytest.mark.parametrize("parameter", ["recursive=false", "recursive=0", "doNotRefer"])
async def test_who_does_not_want_others_asked_is_told_that_it_is_not_here(cross: Crossing, parameter: str) -> None:
    status, told = await cross.json(f"/api/handles/{NAME}?{parameter}")
    assert (status, told["responseCode"]) == (400, 301)
    assert cross.root.asked == []


async def test_a_delegated_prefix_is_resolved_or_referred_as_the_client_wants(cross: Crossing, pool: Pool) -> None:
    await store_prefix_handle(pool, "88.101.1", [cross.owner.site()])
    cross.owner.record("88.101.1/theirs", text("theirs"))
    status, told = await cross.json("/api/handles/88.101.1/theirs")
    assert (status, told["values"][0]["data"]["value"]) == (200, "theirs")
    status, told = await cross.json("/api/handles/88.101.1/theirs?recursive=false")
    assert (status, told["responseCode"], told["referralHandle"]) == (300, 302, "0.NA/88.101.1")
    assert await counted(cross.front, pool) == {
        ("88.101.1", Interface.RECURSIVE, Outcome.RECURSED): 1,
        ("88.101.1", Interface.HANDLE_JSON, Outcome.REFERRED): 1,
    }


async def test_what_was_asked_of_others_counts_as_recursive(cross: Crossing, pool: Pool, pump: str) -> None:
    for path in (
        f"/api/handles/{NAME}", f"/{NAME}", "/api/handles/88.102.7/none", f"/api/handles/{NAME}?type=NONE",
        "/api/handles/88.999.1/x", "/api/handles/0.NA/88.102.7", f"/api/handles/{pump}",
    ):  # fmt: skip
        await cross.json(path)
    cross.owner.says("88.102.7/refused", 2, "no")
    await cross.json("/api/handles/88.102.7/refused")
    assert await counted(cross.front, pool) == {
        ("", Interface.RECURSIVE, Outcome.RECURSED): 2,
        ("", Interface.RECURSIVE, Outcome.MISSING): 3,
        ("", Interface.RECURSIVE, Outcome.ERROR): 1,
        ("88.101.1", Interface.HANDLE_JSON, Outcome.HIT): 1,
    }


async def test_our_own_identifiers_are_asked_of_nobody(cross: Crossing, pump: str) -> None:
    assert (await cross.json(f"/api/handles/{pump}"))[0] == 200
    assert (await cross.json("/api/handles/88.101.1/none"))[0] == 404
    async with cross.get(f"/{pump}", **BROWSER) as answer:
        assert "another node" not in await answer.text()
    assert (cross.root.asked, cross.owner.asked) == ([], [])


async def test_clients_outside_the_operator_s_networks_are_told_as_ever(database_url: str, pool: Pool) -> None:
    async with crossing(database_url, pool, clients=["192.0.2.0/24"]) as cross:
        assert (await cross.json(f"/api/handles/{NAME}"))[1]["responseCode"] == 301
        assert cross.root.asked == []


async def test_an_alias_to_another_node_s_name_leads_there(cross: Crossing, shelf: Shelf) -> None:
    await shelf.register("88.101.1/alias", [Value(1, "HS_ALIAS", NAME.encode())])
    status, told = await cross.json("/88.101.1/alias")
    assert status == 200
    assert [value["data"]["value"] for value in told["values"]] == ["a pump", "https://pump.example/"]
    status, told = await cross.json("/88.101.1/alias?recursive=false")
    assert (status, told["responseCode"]) == (400, 301)


async def test_an_alias_of_another_node_may_lead_back_to_ours(cross: Crossing, pump: str) -> None:
    cross.owner.record("88.102.7/alias", Value(1, "HS_ALIAS", pump.encode()))
    status, told = await cross.json("/88.102.7/alias")
    assert status == 200
    assert "多级离心泵" in str(told["values"])
    cross.owner.record("88.102.7/circle", Value(1, "HS_ALIAS", b"88.102.7/circle"))
    assert (await cross.json("/88.102.7/circle"))[0] == 404


async def test_a_reader_is_told_in_both_languages_why_there_is_no_answer(cross: Crossing) -> None:
    cross.root.says("0.NA/88.102.8", 200)
    for language, heading in (("en", "The responsible node cannot be reached"), ("zh", "无法到达负责的节点")):
        async with cross.get("/88.102.8/x", **{**BROWSER, "Accept-Language": language}) as answer:
            assert answer.status == 503
            assert heading in await answer.text()
