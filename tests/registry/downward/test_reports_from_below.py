"""What an enterprise's node reports does here: its route, what goes on upward, its counts."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import aiohttp
import msgspec
import pytest

from node.china_time import CHINA
from node.errors import Unavailable
from node.founding import found
from node.national.messages import BelowCounts, Counts
from node.national.outbox import sender
from registry.downward.below import state_below
from registry.prefix_grant import PrefixGrant
from registry.transitions import Hosting, PrefixState, Verb
from tests.support.node_below import NodeBelow, desk_open
from tests.support.office import Office, acting

DAY = date(2026, 3, 2)
HOUR = datetime(2026, 3, 2, 9, tzinfo=CHINA)
SUMMARY = {"registered": 3, "updated": 1, "deleted": 0}


def route_of(prefix: str, *addresses: str) -> dict[str, Any]:
    sites = [{"address": address, "tcp_port": 2641, "udp_port": 2641, "http_port": 8000} for address in addresses]
    return {"prefix": prefix, "serial": 1, "sites": sites, "public_key": ""}


async def outbox(office: Office) -> list[dict[str, Any]]:
    return (await office.traces()).messages


# Route -------------------------------------------------------------------------------------------


async def test_the_address_of_the_node_becomes_the_route_of_its_prefix(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    assert (
        await docked.report("route.node", route_of(held.prefix.key, "192.0.2.9", "2001:db8::9"))
    ).status == "accepted"
    sites = await office.routes.get(office.admin, held.prefix)
    assert [str(site.address) for site in sites] == ["192.0.2.9", "2001:db8::9"]
    assert [site.tcp_port for site in sites] == [2641, 2641]
    assert (await office.prefixes.get(office.admin, held.prefix)).hosting is Hosting.SELF_HOSTED
    told = (await outbox(office))[-1]
    assert (told["stream"], told["kind"]) == ("prefix", "prefix.route")
    assert (told["body"]["hosting"], len(told["body"]["sites"])) == ("self_hosted", 2)


async def test_the_same_route_again_changes_nothing(office: Office, docked: NodeBelow, held: PrefixGrant) -> None:
    await docked.report("route.node", route_of(held.prefix.key, "192.0.2.9"))
    async with office.nothing_left():
        await docked.report("route.node", route_of(held.prefix.key, "192.0.2.9"))


@pytest.mark.parametrize("addresses", [(), ("192.0.2.1", "192.0.2.2"), ("0.0.0.0",)])
async def test_a_route_that_cannot_be_one_leaves_the_one_before_it(
    office: Office, docked: NodeBelow, held: PrefixGrant, addresses: tuple[str, ...]
) -> None:
    await docked.report("route.node", route_of(held.prefix.key, "192.0.2.9"))
    async with office.nothing_left():
        assert (await docked.report("route.node", route_of(held.prefix.key, *addresses))).status == "accepted"
    assert len(await office.routes.get(office.admin, held.prefix)) == 1


async def test_a_node_has_no_say_about_another_prefix(office: Office, docked: NodeBelow) -> None:
    other = await office.grant()
    async with office.nothing_left():
        assert (await docked.report("route.node", route_of(other.prefix.key, "192.0.2.9"))).status == "refused"
        summary = {**SUMMARY, "prefix": other.prefix.key}
        await docked.report("registration.summary", summary)
    assert await office.routes.get(office.admin, other.prefix) == []


async def test_a_withdrawn_prefix_gets_no_route(office: Office, docked: NodeBelow, held: PrefixGrant) -> None:
    await office.prefixes.move(office.admin, acting(office.admin), held.prefix, Verb.WITHDRAW, "注销")
    async with office.nothing_left():
        await docked.report("route.node", route_of(held.prefix.key, "192.0.2.9"))
    assert (await office.prefixes.get(office.admin, held.prefix)).state is PrefixState.WITHDRAWN


# What goes on upward -------------------------------------------------------------------------------


async def test_registrations_and_templates_go_on_upward_as_the_node_s(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    before = len(await outbox(office))
    await docked.report("registration.summary", {**SUMMARY, "prefix": held.prefix.key})
    await docked.report("registration.summary", {**SUMMARY, "prefix": f"{held.prefix.key}.5"})
    template = {
        "template_id": 7, "name": "pump", "template_version": 1, "state": "published",
        "definition": {"name": "pump", "version": 1, "title_zh": "泵"},
    }  # fmt: skip
    await docked.report("template.published", template)
    await docked.report("enterprise.approved", {
        "enterprise_id": str(held.enterprise_id), "credit_code": held.credit_code, "other_certificate": "",
        "name": "示例", "division_code": "330212", "industry_code": "3443", "state": "approved",
    })  # fmt: skip
    passed = (await outbox(office))[before:]
    assert [(one["stream"], one["kind"]) for one in passed] == [
        (f"{docked.node_id}:registration", "registration.summary"),
        (f"{docked.node_id}:registration", "registration.summary"),
        (f"{docked.node_id}:template", "template.published"),
    ]
    assert {one["body"]["origin"] for one in passed} == {str(docked.node_id)}
    assert [one["body"]["origin_sequence"] for one in passed] == [1, 2, 3]
    assert passed[0]["body"]["registered"] == 3
    assert passed[2]["body"]["definition"] == template["definition"]


async def test_a_report_that_comes_twice_goes_on_once(office: Office, docked: NodeBelow, held: PrefixGrant) -> None:
    taken: list[Any] = []
    deliver = docked.deliver

    async def remembering(message: Any) -> Any:
        taken.append(message)
        return await deliver(message)

    docked.deliver = remembering  # type: ignore[method-assign]  # what was sent is sent again
    await docked.report("registration.summary", {**SUMMARY, "prefix": held.prefix.key})
    async with office.nothing_left():
        assert (await deliver(taken[0])).status == "duplicate"


async def test_the_manifest_of_a_log_file_goes_on_upward_once(office: Office, docked: NodeBelow) -> None:
    lines = b'{"position": 1}\n'
    assert not (await docked.put_log(lines)).known
    (told,) = [one for one in await outbox(office) if one["kind"] == "log.manifest"]
    assert told["stream"] == f"{docked.node_id}:log"
    assert (told["body"]["kind"], told["body"]["number"], told["body"]["origin"]) == (
        "log.registration", 1, str(docked.node_id),
    )  # fmt: skip
    async with office.nothing_left():
        assert (await docked.put_log(lines)).known


@pytest.mark.parametrize("we_are_one", [False, True])
async def test_what_is_laboratory_below_goes_up_from_a_laboratory_only(
    office: Office, docked: NodeBelow, held: PrefixGrant, we_are_one: bool
) -> None:
    async with desk_open(office, office.pool, laboratory=we_are_one) as url, aiohttp.ClientSession() as session:
        docked.url, docked.session, docked.laboratory = url, session, True
        before = len(await outbox(office))
        await docked.report("registration.summary", {**SUMMARY, "prefix": held.prefix.key})
        await docked.put_log(b'{"position": 1}\n')
        assert len(await outbox(office)) - before == (2 if we_are_one else 0)


# Counts ---------------------------------------------------------------------------------------------


class Above:
    """The node above, as far as counts go: what it was told, as it came over the wire; or silent."""

    def __init__(self) -> None:
        self.told: list[BelowCounts] = []
        self.silent = False

    async def count(self, counts: Counts) -> None:
        if self.silent:
            raise Silence("nobody there")
        assert (counts.days, counts.hours, counts.minutes) == ([], [], [])
        self.told += msgspec.json.decode(msgspec.json.encode(counts), type=Counts).below


class Silence(Unavailable):
    title_zh = "无应答"


@pytest.fixture
async def founded(office: Office, database_url: str) -> None:
    await found(database_url, laboratory=False, at=office.clock())
    assert not (await sender(office.pool)).laboratory


@pytest.mark.usefixtures("founded")
async def test_what_a_node_below_counted_is_stated_upward_and_nothing_twice(
    office: Office, docked: NodeBelow
) -> None:
    above: Any = Above()
    await docked.count(DAY, 5, resolutions=7, hour=HOUR)
    assert await state_below(office.pool, above, office.clock())
    (day,) = [one for one in above.told if one.days]
    (hour,) = [one for one in above.told if one.hours]
    assert (day.node, day.prefix, day.laboratory) == (docked.node_id, docked.prefix, False)
    assert (day.days[0].day, day.days[0].registered, day.days[0].resolutions[0].resolutions) == (DAY, 5, 7)
    assert (hour.hours[0].at, hour.hours[0].resolutions[0].resolutions) == (HOUR, 7)
    assert not await state_below(office.pool, above, office.clock())
    office.clock.turn(minutes=1)
    await docked.count(DAY, 6)
    await state_below(office.pool, above, office.clock())
    assert [one.days[0].registered for one in above.told if one.days] == [5, 6]


@pytest.mark.usefixtures("founded")
async def test_what_could_not_be_stated_is_stated_later(office: Office, docked: NodeBelow) -> None:
    above: Any = Above()
    above.silent = True
    await docked.count(DAY, 5)
    for _ in range(2):
        with pytest.raises(Silence):
            await state_below(office.pool, above, office.clock())
    above.silent = False
    assert await state_below(office.pool, above, office.clock())
    assert [one.days[0].registered for one in above.told] == [5]


@pytest.mark.usefixtures("founded")
async def test_what_is_stated_anew_while_it_is_stated_upward_goes_up_again(office: Office, docked: NodeBelow) -> None:
    above: Any = Above()
    plain = above.count

    async def meanwhile(counts: Counts) -> None:
        await plain(counts)
        if len(above.told) == 1:
            office.clock.turn(minutes=1)
            await docked.count(DAY, 6)

    above.count = meanwhile
    await docked.count(DAY, 5)
    while await state_below(office.pool, above, office.clock()):
        pass
    assert [one.days[0].registered for one in above.told] == [5, 6]


@pytest.mark.usefixtures("founded")
async def test_a_laboratory_s_counts_keep_their_mark(office: Office, docked: NodeBelow) -> None:
    above: Any = Above()
    docked.laboratory = True
    await docked.count(DAY, 5)
    await state_below(office.pool, above, office.clock())
    assert [one.laboratory for one in above.told] == [True]
    row = await office.pool.fetchrow("SELECT laboratory, resolutions::text AS said FROM docked_count")
    assert row["laboratory"]
    assert json.loads(row["said"]) == [{"interface": 1, "outcome": 1, "resolutions": 0}]
