"""``/v1/statistics``: who sees what, in which form, and that the columns stand side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from node.auth import Account
from node.database import Pool, transaction
from node.journal import Interface
from node.resolutions import Outcome, tenant_of
from registry.enterprises import Enterprise
from resolver.counting.writing import Gap, note_gap
from tests.support.counting import at, close_days
from tests.support.figures import EARLIER, TODAY, YESTERDAY, Desk, asked, book, founded, open_desk
from tests.support.office import Office

ROOT = "/v1/statistics"
SERIES = f"{ROOT}/resolutions"
DAYS = {"since": EARLIER, "until": TODAY}


@dataclass
class Scene:
    """Pumps were asked for on three days, valves on two; some asked for what nobody has."""

    desk: Desk
    pumps: Enterprise
    valves: Enterprise
    pump: str
    valve: str

    @property
    def auditor(self) -> Account:
        return self.desk.office.auditor

    @property
    def pump_user(self) -> Account:
        return self.desk.office.user(self.pumps)

    async def rows(self, by: str, person: Account | None = None, **query: Any) -> list[tuple[Any, ...]]:
        """Key and the columns side by side."""
        got = await self.desk(SERIES, person or self.auditor, by=by, **{**DAYS, **query})
        return [
            tuple(row[name] for name in ("key", "raw", "valid", "deduplicated", "flagged", "net"))
            for row in got.items
        ]


@pytest.fixture
def office(pool: Pool) -> Office:
    return Office(pool)


@pytest.fixture
async def scene(office: Office, database_url: str) -> AsyncIterator[Scene]:
    await founded(office, database_url)
    pumps, valves = await office.enterprise(), await office.enterprise()
    pump = (await office.grant(enterprise=pumps)).prefix.key
    valve = (await office.grant(enterprise=valves)).prefix.key
    await office.pool.execute(
        "UPDATE enterprise SET industry_code = '2710' WHERE enterprise_id = $1", valves.enterprise_id
    )
    holders = {pump: pumps.enterprise_id, valve: valves.enterprise_id}
    await book(office, EARLIER, [asked(EARLIER, "P-1", 0, prefix=pump)], holders)
    await book(office, YESTERDAY, [
        asked(YESTERDAY, "P-1", 0, prefix=pump, client=1, micros=100),
        asked(YESTERDAY, "P-1", 30, prefix=pump, client=1, micros=200),  # again within a minute
        asked(YESTERDAY, "P-2", 40, prefix=pump, client=1, interface=Interface.PAGE, outcome=Outcome.STALE_HIT),
        asked(YESTERDAY, "P-9", 50, prefix=pump, client=12, outcome=Outcome.MISSING),
        asked(YESTERDAY, "P-1", 7200, prefix=pump, client=12, tenant=tenant_of(pumps.enterprise_id)),
        asked(YESTERDAY, "V-1", 60, prefix=valve, client=2, interface=Interface.HANDLE_UDP),
        asked(YESTERDAY, "X", 70, prefix="", client=2, outcome=Outcome.MISSING),
    ], holders)  # fmt: skip
    await book(office, TODAY, [asked(TODAY, "V-1", 0, prefix=valve)], holders)
    async with open_desk(office) as desk:
        yield Scene(desk, pumps, valves, pump, valve)


async def test_raw_valid_deduplicated_flagged_and_net_stand_side_by_side_by_day(scene: Scene) -> None:
    assert await scene.rows("day") == [
        ("2026-02-27", 1, 1, 1, 0, 1), ("2026-03-01", 7, 5, 4, 1, 4), ("2026-03-02", 1, 1, 1, 0, 1),
    ]  # fmt: skip
    assert await scene.rows("month") == [("2026-02", 1, 1, 1, 0, 1), ("2026-03", 8, 6, 5, 1, 5)]
    assert await scene.rows("year") == [("2026", 9, 7, 6, 1, 6)]


async def test_a_series_by_whose_they_are_names_the_enterprise_and_the_industry(scene: Scene) -> None:
    assert await scene.rows("prefix") == [
        (scene.pump, 6, 5, 4, 1, 4), (scene.valve, 2, 2, 2, 0, 2), ("", 1, 0, None, None, None),
    ]  # fmt: skip
    enterprises = (await scene.desk(SERIES, scene.auditor, by="enterprise", **DAYS)).items
    assert [(row["key"], row["name"], row["valid"]) for row in enterprises] == [
        (str(scene.pumps.enterprise_id), scene.pumps.facts.name, 5),
        (str(scene.valves.enterprise_id), scene.valves.facts.name, 2),
        ("", "", 0),
    ]
    industries = (await scene.desk(SERIES, scene.auditor, by="industry", **DAYS)).items
    assert [(row["key"], row["name"], row["valid"]) for row in industries][:2] == [
        ("3443", "阀门和旋塞制造", 5), ("2710", "化学药品原料药制造", 2),
    ]  # fmt: skip


async def test_a_series_by_interface_outcome_hour_or_minute_tells_what_was_counted(scene: Scene) -> None:
    assert await scene.rows("interface") == [
        ("handle_json", 7, 5, None, None, None), ("handle_udp", 1, 1, None, None, None),
        ("page", 1, 1, None, None, None),
    ]  # fmt: skip
    assert [row[:3] for row in await scene.rows("outcome")] == [
        ("hit", 6, 6), ("stale_hit", 1, 1), ("missing", 2, 0),
    ]  # fmt: skip
    assert [row[:3] for row in await scene.rows("hour")] == [
        ("2026-02-27T10:00+08:00", 1, 1), ("2026-03-01T10:00+08:00", 6, 4), ("2026-03-01T12:00+08:00", 1, 1),
        ("2026-03-02T10:00+08:00", 1, 1),
    ]  # fmt: skip
    minutes = await scene.rows("minute", since=YESTERDAY, until=YESTERDAY)
    assert [row[:3] for row in minutes] == [
        ("2026-03-01T10:00+08:00", 4, 3), ("2026-03-01T10:01+08:00", 2, 1), ("2026-03-01T12:00+08:00", 1, 1),
    ]  # fmt: skip


async def test_filters_narrow_a_series(scene: Scene) -> None:
    assert await scene.rows("day", prefix=scene.valve) == [
        ("2026-03-01", 1, 1, 1, 0, 1), ("2026-03-02", 1, 1, 1, 0, 1),
    ]  # fmt: skip
    assert await scene.rows("day", enterprise_id=scene.pumps.enterprise_id, since=YESTERDAY) == [
        ("2026-03-01", 5, 4, 3, 1, 3)
    ]
    assert await scene.rows("day", interface="page") == [("2026-03-01", 1, 1, None, None, None)]
    assert await scene.rows("prefix", outcome="missing") == [
        ("", 1, 0, None, None, None), (scene.pump, 1, 0, None, None, None),
    ]  # fmt: skip
    for wrong in ({"interface": "telephone"}, {"outcome": "1"}, {"prefix": "no prefix"}, {"by": "moon"}):
        assert (await scene.desk(SERIES, scene.auditor, **wrong)).status == 400


async def test_whole_months_say_what_their_days_say(scene: Scene) -> None:
    months = {"since": "2026-02-01", "until": "2026-03-31"}
    for by in ("prefix", "enterprise", "industry"):
        assert await scene.rows(by, **months) == await scene.rows(by)
    again = [asked(YESTERDAY, f"P-{n}", n, prefix=scene.pump) for n in range(3)]
    await book(scene.desk.office, YESTERDAY, again)  # the day's digest says something else now
    assert await scene.rows("prefix", **months) == await scene.rows("prefix")
    assert (await scene.rows("prefix", scene.pump_user, **months))[0] == (scene.pump, 9, 8, 4, 0, 8)


async def test_an_enterprise_sees_its_own_rows_and_nobody_elses(scene: Scene) -> None:
    mine = [(scene.pump, 6, 5, 4, 1, 4)]
    assert await scene.rows("prefix", scene.pump_user) == mine
    assert await scene.rows("prefix", scene.pump_user, enterprise_id=scene.pumps.enterprise_id) == mine
    assert await scene.rows("prefix", scene.pump_user, prefix=scene.valve) == []
    foreign = {"enterprise_id": scene.valves.enterprise_id}
    for path in (ROOT, SERIES, f"{ROOT}/registrations", f"{SERIES}/top", f"{SERIES}/hours", f"{SERIES}/latency",
                 f"{SERIES}/flags", f"{SERIES}/distribution"):  # fmt: skip
        assert (await scene.desk(path, scene.pump_user)).status == 200, path
        refused = await scene.desk(path, scene.pump_user, **foreign)
        assert (refused.status, refused.json["code"]) == (403, "not_allowed"), path
    for path in (f"{ROOT}/days", f"{ROOT}/days/{YESTERDAY}", f"{ROOT}/enterprises"):
        assert (await scene.desk(path, scene.pump_user)).status == 403, path


async def test_an_enterprise_is_not_shown_the_clients_of_others(scene: Scene) -> None:
    mine = (await scene.desk(f"{SERIES}/top", scene.pump_user, of="client")).items
    all_of_them = (await scene.desk(f"{SERIES}/top", scene.auditor, of="client")).items
    assert [(row["key"], row["valid"]) for row in mine] == [(f"{1:016x}", 4), (f"{12:016x}", 1)]
    assert [row["key"] for row in all_of_them] == [f"{1:016x}", f"{2:016x}", f"{12:016x}"]
    identifiers = (await scene.desk(f"{SERIES}/top", scene.pump_user, of="identifier")).items
    assert not [row for row in identifiers if scene.valve in row["key"]]


async def test_what_is_asked_for_the_most_comes_first(scene: Scene) -> None:
    top = (await scene.desk(f"{SERIES}/top", scene.auditor, of="identifier", limit=2)).items
    assert [(row["key"], row["valid"]) for row in top] == [(f"{scene.pump}/P-1", 4), (f"{scene.valve}/V-1", 2)]
    for of, first in (("prefix", scene.pump), ("enterprise", str(scene.pumps.enterprise_id))):
        rows = (await scene.desk(f"{SERIES}/top", scene.auditor, of=of)).items
        assert (rows[0]["key"], rows[0]["valid"]) == (first, 5)
        assert "" not in [row["key"] for row in rows]


async def test_the_hours_of_the_day_are_those_of_china(scene: Scene) -> None:
    hours = (await scene.desk(f"{SERIES}/hours", scene.auditor, **DAYS)).items
    assert [row["hour"] for row in hours] == list(range(24))
    assert {row["hour"]: (row["raw"], row["valid"]) for row in hours if row["raw"]} == {10: (8, 6), 12: (1, 1)}


async def test_times_to_the_answer_are_told_with_the_error_of_their_buckets(scene: Scene) -> None:
    got = (await scene.desk(f"{SERIES}/latency", scene.auditor, since=YESTERDAY, until=YESTERDAY)).json
    rows = {row["interface"]: row for row in got["items"]}
    assert got["error"] == 0.0625
    assert rows["handle_json"]["answers"] == 5
    assert 100 <= rows["handle_json"]["p50"] <= 107
    assert 200 <= rows["handle_json"]["p99"] <= 213
    assert rows["page"]["p50"] == rows["page"]["p99"]


async def test_flags_are_told_by_kind_and_day_and_nothing_is_taken_away(scene: Scene) -> None:
    got = (await scene.desk(f"{SERIES}/flags", scene.auditor, **DAYS)).json
    days = {row["day"]: row for row in got["items"]}
    assert days["2026-03-01"]["flags"]["own_tenant"] == 1
    assert (days["2026-03-01"]["examined"], days["2026-03-01"]["flagged"], days["2026-03-01"]["net"]) == (5, 1, 4)
    kinds = {kind["flag"]: (kind["title_zh"], kind["flagged"]) for kind in got["kinds"]}
    assert kinds["own_tenant"] == ("自解析", 1)
    assert len(kinds) == 7


async def test_a_bulk_loop_is_seen_in_the_distribution(office: Office, database_url: str) -> None:
    await founded(office, database_url)
    prefix = (await office.grant()).prefix.key
    people = [asked(YESTERDAY, f"P-{n % 7}", n * 97, prefix=prefix, client=n * 10) for n in range(1, 20)]
    loop = [asked(YESTERDAY, f"L-{n}", 3000 + n / 10, prefix=prefix, client=5) for n in range(200)]
    await book(office, YESTERDAY, people + loop)
    async with open_desk(office) as desk:
        got = (await desk(f"{SERIES}/distribution", office.auditor, since=YESTERDAY, until=YESTERDAY)).json
    assert got["by_identifier"][0] == {"least": 1, "most": 1, "members": 200, "resolutions": 200}
    assert got["by_client"][-1] == {"least": 129, "most": 256, "members": 1, "resolutions": 200}
    assert [band["least"] for band in got["by_client"]] == [1, 2, 3, 5, 9, 17, 33, 65, 129]
    distances = {one["up_to"]: one["distances"] for one in got["distances"]}
    assert distances[0.1] + distances[1.0] == 199
    estimate = got["identifiers"]
    assert abs(estimate["estimate"] - 207) <= estimate["plus_minus"]
    assert (got["top_clients"][0]["key"], got["top_clients"][0]["valid"]) == (f"{5:016x}", 200)
    assert sum(got["hours"]) == 219


async def test_what_was_never_looked_through_is_not_called_clean(office: Office, database_url: str) -> None:
    await founded(office, database_url)
    prefix = (await office.grant()).prefix.key
    await book(office, YESTERDAY, [asked(YESTERDAY, f"P-{n}", n, prefix=prefix) for n in range(5)], digested=False)
    await book(office, TODAY, [asked(TODAY, "P-1", 0, prefix=prefix)])
    async with open_desk(office) as desk:
        (day,) = (await desk(SERIES, office.auditor, since=YESTERDAY, until=YESTERDAY)).items
        assert (day["valid"], day["examined"], day["flagged"], day["net"]) == (5, None, None, None)
        (month,) = (await desk(SERIES, office.auditor, by="month", since=YESTERDAY)).items
        assert (month["valid"], month["examined"], month["flagged"], month["net"]) == (6, 1, 0, 6)
        assert (await desk(f"{SERIES}/flags", office.auditor, since=YESTERDAY, until=YESTERDAY)).items == []


async def test_a_table_is_csv_that_spreadsheets_read_and_take_for_no_formula(scene: Scene) -> None:
    await scene.desk.office.pool.execute(
        "UPDATE enterprise SET name = '=1+1' WHERE enterprise_id = $1", scene.pumps.enterprise_id
    )
    by_format = await scene.desk(SERIES, scene.auditor, by="enterprise", format="csv", **DAYS)
    by_header = await scene.desk(SERIES, scene.auditor, {"Accept": "text/csv"}, by="enterprise", **DAYS)
    assert by_format.body == by_header.body
    assert by_format.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(by_format.body.decode("utf-8-sig"))))
    assert [(row["name"], row["valid"], row["net"], row["mark"]) for row in rows] == [
        ("'=1+1", "5", "4", ""), (scene.valves.facts.name, "2", "2", ""), ("", "0", "", ""),
    ]  # fmt: skip
    flags = await scene.desk(f"{SERIES}/flags", scene.auditor, format="csv", **DAYS)
    assert '"own_tenant"":1' in flags.body.decode()


async def test_a_laboratory_node_marks_every_answer_and_every_line(office: Office, database_url: str) -> None:
    await founded(office, database_url, laboratory=True)
    prefix = (await office.grant()).prefix.key
    await book(office, YESTERDAY, [asked(YESTERDAY, "P-1", 0, prefix=prefix)])
    await close_days(office.pool, office.clock())
    async with open_desk(office) as desk:
        for path in (ROOT, SERIES, f"{ROOT}/registrations", f"{SERIES}/top", f"{SERIES}/hours", f"{SERIES}/latency",
                     f"{SERIES}/flags", f"{SERIES}/distribution", f"{ROOT}/gaps", f"{ROOT}/rules", f"{ROOT}/days",
                     f"{ROOT}/days/{YESTERDAY}", f"{ROOT}/enterprises", "/v1/public/monitoring"):  # fmt: skip
            told = (await desk(path, office.auditor)).json
            assert (told["laboratory"], told["mark"], told["time_zone"]) == (True, "实验数据", "Asia/Shanghai"), path
            assert told["rule_version"] == 1
        table = (await desk(SERIES, office.auditor, format="csv")).body.decode().splitlines()
        assert len(table) == 2
        assert table[1].endswith(",实验数据")


async def test_registrations_are_told_by_day_and_by_whose_they_are(scene: Scene) -> None:
    pool = scene.desk.office.pool
    prefix_id = await pool.fetchval("SELECT prefix_id FROM prefix WHERE prefix = $1", scene.pump)
    await pool.execute(
        "INSERT INTO registration_tally (at, prefix_id, template_id, registered, first_registered, deleted)"
        " VALUES ($1, $3, 1, 5, 4, 0), ($2, $3, 1, 2, 2, 3)",
        at(YESTERDAY, 1), at(TODAY, 1), prefix_id,
    )  # fmt: skip
    path = f"{ROOT}/registrations"
    days = (await scene.desk(path, scene.auditor, by="day", **DAYS)).items
    assert [(row["key"], row["registered"], row["first_registered"], row["deleted"], row["net"]) for row in days] == [
        ("2026-03-01", 5, 4, 0, 5), ("2026-03-02", 2, 2, 3, -1),
    ]  # fmt: skip
    (enterprise,) = (await scene.desk(path, scene.pump_user, by="enterprise", **DAYS)).items
    assert (enterprise["name"], enterprise["registered"]) == (scene.pumps.facts.name, 7)
    assert (await scene.desk(path, scene.desk.office.user(scene.valves), by="day", **DAYS)).items == []
    summary = (await scene.desk(ROOT, scene.auditor)).json
    assert (summary["registrations_live"], summary["registrations_today"]) == (4, 2)
    assert summary["registrations_new_in_year"] == 6


async def test_the_mean_of_thirty_days_counts_a_day_without_data_as_nothing_and_names_it(scene: Scene) -> None:
    summary = (await scene.desk(ROOT, scene.auditor)).json
    mean = summary["last_30_days"]
    assert (mean["since"], mean["until"], mean["valid"], mean["mean"]) == ("2026-01-31", "2026-03-01", 6, 0.2)
    assert len(mean["missing"]) == 28
    assert not {"2026-02-27", "2026-03-01"} & set(mean["missing"])
    assert summary["resolutions_today"] == {"raw": 1, "valid": 1}
    assert summary["resolutions_yesterday"] == {"raw": 7, "valid": 5}
    assert summary["resolutions_ever"] == {"raw": 9, "valid": 7}
    assert summary["enterprises"]["approved"] == 2
    own = (await scene.desk(ROOT, scene.pump_user)).json
    assert (own["resolutions_ever"], own["enterprises"]) == ({"raw": 6, "valid": 5}, None)


async def test_closed_days_are_told_with_every_edition(scene: Scene) -> None:
    office = scene.desk.office
    assert (await scene.desk(f"{ROOT}/days", scene.auditor, until=TODAY)).json["open_days"] == [
        "2026-02-27", "2026-02-28", "2026-03-01",
    ]  # fmt: skip
    assert (await scene.desk(f"{ROOT}/days/{YESTERDAY}", scene.auditor)).json["code"] == "day_not_closed"
    await close_days(office.pool, office.clock())
    await book(office, YESTERDAY, [asked(YESTERDAY, "V-2", 90, prefix=scene.valve)])
    await close_days(office.pool, office.clock() + timedelta(minutes=1))
    got = (await scene.desk(f"{ROOT}/days", scene.auditor, **DAYS)).json
    assert got["open_days"] == []
    editions = [(row["day"], row["edition"], row["reason"], row["valid"]) for row in got["items"]]
    assert editions[-2:] == [("2026-03-01", 1, "", 5), ("2026-03-01", 2, "late_data", 6)]
    whole = (await scene.desk(f"{ROOT}/days/{YESTERDAY}", scene.auditor)).items
    assert [row["figures"]["valid"] for row in whole] == [5, 6]
    assert whole[1]["sha256"] == got["items"][-1]["sha256"]
    for wrong in ("2026-02-30", "yesterday", "1999-01-01"):
        assert (await scene.desk(f"{ROOT}/days/{wrong}", scene.auditor)).status == 400


async def test_gaps_and_rules_are_told_to_everybody_who_sees_figures(scene: Scene) -> None:
    async with transaction(scene.desk.office.pool) as connection:
        for number in range(3):
            began = at(YESTERDAY, 5) + timedelta(minutes=number)
            gap = Gap(uuid4(), uuid4(), "killed", began, began + timedelta(seconds=30))
            await note_gap(connection, gap, at(YESTERDAY, 6))
    first = (await scene.desk(f"{ROOT}/gaps", scene.pump_user, limit=2)).json
    rest = (await scene.desk(f"{ROOT}/gaps", scene.pump_user, limit=2, cursor=first["next_cursor"])).json
    assert len(first["items"]) == 2
    assert rest["next_cursor"] is None
    assert [gap["began_at"] for gap in first["items"] + rest["items"]] == [
        "2026-02-28T21:02:00Z", "2026-02-28T21:01:00Z", "2026-02-28T21:00:00Z",
    ]  # fmt: skip
    assert (await scene.desk(f"{ROOT}/gaps", scene.pump_user, since=TODAY)).items == []
    (rule,) = (await scene.desk(f"{ROOT}/rules", scene.pump_user)).items
    assert (rule["version"], rule["effective_day"]) == (1, "2026-02-27")
    assert any("去重" in line and "60" in line for line in rule["text"])


async def test_enterprises_are_counted_and_listed(scene: Scene) -> None:
    got = (await scene.desk(f"{ROOT}/enterprises", scene.auditor, limit=1)).json
    assert (got["figures"]["day"], got["figures"]["approved"], got["figures"]["active"]) == ("2026-03-02", 2, 2)
    rest = (await scene.desk(f"{ROOT}/enterprises", scene.auditor, limit=1, cursor=got["next_cursor"])).json
    assert rest["next_cursor"] is None
    assert {row["name"] for row in got["items"] + rest["items"]} == {scene.pumps.facts.name, scene.valves.facts.name}
    assert (await scene.desk(f"{ROOT}/enterprises", scene.auditor, only="connected")).items == []


async def test_days_that_make_no_sense_or_are_too_many_are_refused(scene: Scene) -> None:
    for query, code in (
        ({"since": TODAY, "until": EARLIER}, "span_unfit"),
        ({"by": "minute", "since": EARLIER, "until": TODAY}, "span_unfit"),
        ({"by": "hour", "since": "2026-01-01", "until": TODAY}, "span_unfit"),
        ({"since": "2010-01-01", "until": TODAY}, "span_unfit"),
        ({"since": "1999-12-31"}, "invalid_input"),
    ):
        refused = await scene.desk(SERIES, scene.auditor, **query)
        assert (refused.status, refused.json["code"]) == (400, code), query
    for view in ("latency", "flags", "distribution", "top"):
        assert (await scene.desk(f"{SERIES}/{view}", scene.auditor, since="2025-01-01")).json["code"] == "span_unfit"


async def test_a_look_through_too_many_digests_is_refused_before_it_begins(office: Office, database_url: str) -> None:
    await founded(office, database_url)
    enterprise = await office.enterprise()
    prefixes = [(await office.grant(enterprise=enterprise)).prefix.key for _ in range(6)]
    await office.pool.execute(
        """
        INSERT INTO resolution_digest
            (recorder_id, day, prefix, rule_version, events, content, clients, identifiers, made_at)
        SELECT '00000000-0000-0000-0000-000000000002', day::date, prefix, 1, 1,
               '{"valid": 1, "deduplicated": 1, "flagged": 0}', '', '', $3
        FROM generate_series($1::date, $2::date, INTERVAL '1 day') AS day, unnest($4::text[]) AS prefix
        """,
        TODAY - timedelta(days=91), TODAY, office.clock(), prefixes,
    )  # fmt: skip
    query = {"enterprise_id": enterprise.enterprise_id, "since": TODAY - timedelta(days=91)}
    async with open_desk(office) as desk:
        refused = await desk(f"{SERIES}/distribution", office.auditor, **query)
        assert (refused.status, refused.json["code"]) == (400, "too_many_digests")
        assert (refused.json["digests"], refused.json["most"]) == (552, 500)
        rows = (await desk(SERIES, office.auditor, by="prefix", **query)).items
        assert rows == []  # nothing was counted, whatever digests say
