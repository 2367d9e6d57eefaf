"""``/v1/public/monitoring``: what everybody sees, how fresh it is, and whose name nobody learns from it."""

from __future__ import annotations

import pytest

from admin.statistics.monitoring import masked
from node.database import Pool
from node.journal import Interface
from tests.support.figures import EARLIER, TODAY, YESTERDAY, asked, book, founded, open_desk
from tests.support.office import Office

PATH = "/v1/public/monitoring"


@pytest.fixture
def office(pool: Pool) -> Office:
    return Office(pool)


async def test_everybody_sees_the_totals_and_nobody_a_name_or_a_prefix(office: Office, database_url: str) -> None:
    await founded(office, database_url)
    enterprise = await office.enterprise()
    prefix = (await office.grant(enterprise=enterprise)).prefix.key
    await book(office, EARLIER, [asked(EARLIER, f"P-{n}", n, prefix=prefix) for n in range(4)])
    await book(office, YESTERDAY, [asked(YESTERDAY, "P-1", 0, prefix=prefix, interface=Interface.PAGE)])
    await book(office, TODAY, [asked(TODAY, "P-1", n, prefix=prefix) for n in range(2)])
    async with open_desk(office) as desk:
        got = await desk(PATH)
    told = got.json
    assert (told["resolutions_today"]["valid"], told["resolutions_yesterday"]["valid"]) == (2, 1)
    assert told["resolutions_ever"] == {"raw": 7, "valid": 7}
    assert told["last_30_days"]["valid"] == 5
    assert [day["day"] for day in told["series"]][-1] == "2026-03-02"
    assert [day["resolutions"] for day in told["series"]][-4:] == [4, 0, 1, 2]
    assert len(told["series"]) == 30
    assert told["by_interface"] == [{"name": "handle_json", "resolutions": 6}, {"name": "page", "resolutions": 1}]
    assert told["top_industries"] == [{"name": "制造业", "resolutions": 7}]
    assert told["top_enterprises"] == [{"name": "示例***", "resolutions": 7}]
    assert told["enterprises"]["approved"] == 1
    said = got.body.decode()
    for hidden in (enterprise.facts.name, str(enterprise.enterprise_id), prefix, "P-1"):
        assert hidden not in said


async def test_the_figures_are_made_once_a_minute_however_many_ask(office: Office, database_url: str) -> None:
    await founded(office, database_url)
    prefix = (await office.grant()).prefix.key
    async with open_desk(office) as desk:
        first = await desk(PATH)
        await book(office, TODAY, [asked(TODAY, "P-1", 0, prefix=prefix)])
        desk.ticks = 59
        kept = await desk(PATH)
        desk.ticks = 60
        fresh = await desk(PATH)
    assert kept.body == first.body
    assert (first.json["resolutions_today"]["valid"], fresh.json["resolutions_today"]["valid"]) == (0, 1)
    assert fresh.headers["Cache-Control"] == "public, max-age=60"


async def test_who_has_the_newest_figures_is_told_so_without_them(office: Office, database_url: str) -> None:
    await founded(office, database_url)
    prefix = (await office.grant()).prefix.key
    async with open_desk(office) as desk:
        tag = (await desk(PATH)).headers["ETag"]
        for header in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            unchanged = await desk(PATH, None, {"If-None-Match": header})
            assert (unchanged.status, unchanged.body, unchanged.headers["ETag"]) == (304, b"", tag)
        office.clock.turn(minutes=2)
        desk.ticks = 120
        assert (await desk(PATH, None, {"If-None-Match": tag})).status == 304  # nothing but the time has changed
        await book(office, TODAY, [asked(TODAY, "P-1", 0, prefix=prefix)])
        desk.ticks = 240
        assert (await desk(PATH, None, {"If-None-Match": tag})).status == 200


async def test_who_asks_too_often_is_held_back(office: Office, database_url: str) -> None:
    await founded(office, database_url)
    async with open_desk(office, burst=3) as desk:
        statuses = [(await desk(PATH)).status for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        desk.ticks = 1
        assert (await desk(PATH)).status == 200


def test_of_a_name_two_characters_are_seen() -> None:
    assert [masked(name) for name in ("宁波示例水泵有限公司", "甲", "")] == ["宁波***", "甲***", "***"]
