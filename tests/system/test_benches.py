"""The benches do what they say, on few rows: everything that is sent is answered, stands and resolves."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable

import pytest

from loadtest import (
    bench_bulk,
    bench_counting,
    bench_handle,
    bench_headroom,
    bench_http,
    bench_invalidation,
    bench_link,
    bench_node,
    bench_pages,
    bench_register,
    bench_replica,
    bench_search,
    bench_snms,
)
from loadtest.rows import Row, as_markdown
from loadtest.stock import Stock
from loadtest.stocking import Stocked, load

pytestmark = pytest.mark.system

COMPILER = shutil.which("cc")


async def _shown(bench: Awaitable[list[Row]]) -> None:
    print(as_markdown(await bench))


async def _on_one_node() -> dict[str, str]:
    printed = {}
    async with bench_node.ground() as place:
        stock = Stocked(place, Stock([place.prefix], 300), {place.prefix: place.token})
        await load(place.scene.server.url(), stock.stock)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(bench_pages, "bring", lambda *_: asyncio.sleep(0))  # the search has brought them
            for name, module, ran in (
                ("snms", bench_snms, lambda: bench_snms.bench(2)),
                ("bulk", bench_bulk, lambda: bench_bulk.bench(300, 1)),
                ("register", bench_register, lambda: bench_register.bench(300, [1, 12])),
                ("handle", bench_handle, lambda: bench_handle.bench(["ways", "cost", "idle"], 600, 1, 20)),
                *([("http", bench_http, lambda: bench_http.bench(1_000, 1, 300))] if COMPILER else []),
                ("headroom", bench_headroom, lambda: bench_headroom.bench(300, 200, 1.3, 1, 1)),
                ("link", bench_link, lambda: bench_link.bench(1, 200, 400, 2_000)),
                ("invalidation", bench_invalidation, lambda: _shown(bench_invalidation.bench(2))),
                ("replica", bench_replica, lambda: _shown(bench_replica.bench(1, 1, 20))),
                ("search", bench_search, lambda: bench_search.measured(2_000, 1)),
                ("pages", bench_pages, lambda: bench_pages.measured(2_000, 1)),
            ):
                opened, given = ("stocked", stock) if name == "headroom" else ("ground", place)
                patched.setattr(module, opened, lambda *_, given=given: contextlib.nullcontext(given))
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    await ran()
                printed[name] = out.getvalue()
    return printed


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    """What the benches print, one after the other on one node: setting it up takes longer than they do."""
    return asyncio.run(_on_one_node())


def test_single_registrations_are_counted_checked_and_resolved(printed: dict[str, str]) -> None:
    rows = [line.split() for line in printed["register"].splitlines() if re.fullmatch(r"\s+\d+(\s+[\d.,]+){7}", line)]
    assert [row[0] for row in rows] == ["1", "12"]
    assert all(float(row[1].replace(",", "")) > 0 and float(row[4]) > 0 for row in rows)


def test_sequential_and_random_suffixes_are_imported_in_turns_beside_a_copy(printed: dict[str, str]) -> None:
    rows = re.findall(r"^\| (sequential|random) \| ([\d,]+) \| ([\d,]+) \|", printed["bulk"], re.MULTILINE)
    assert [row[0] for row in rows] == ["sequential", "random"]
    assert all(float(figure.replace(",", "")) > 0 for row in rows for figure in row[1:])


def test_rows_of_a_workbook_are_sent_both_ways_and_beside_them_a_copy() -> None:
    command = [sys.executable, "-m", "loadtest.bench_import", "--rows", "300", "--formats", "xlsx"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-500:]
    assert re.findall(r"^(xlsx\s+.*?|COPY)\s+300 ", done.stdout, re.MULTILINE) == [
        "xlsx     biaoshi import", "xlsx     plain HTTP", "COPY",
    ]  # fmt: skip


def test_every_way_to_ask_by_the_native_protocol_is_measured(printed: dict[str, str]) -> None:
    told = printed["handle"]
    ways = re.findall(r"^(udp|tcp) (remembered|looked up), (1|16|64) under way +([\d.]+)", told, re.MULTILINE)
    assert len({way[:3] for way in ways}) == 9
    assert all(float(way[3]) > 0 for way in ways)
    assert "20 idle connections" in told
    ratio = r" \([\d.]+\)" if COMPILER else ""
    assert re.findall(rf"^\| (datagram|reader|many)[^|]*\|(?: [\d.]+{ratio} \|){{3}}$", told, re.MULTILINE) == [
        "datagram", "reader", "reader", "many",
    ]  # fmt: skip


def test_a_healthy_and_an_absent_national_node_are_compared_and_the_backlog_drains(printed: dict[str, str]) -> None:
    told = printed["link"]
    rows = re.findall(r"^ *(healthy|reset|frozen) +([\d,]+) +([\d.]+) +([\d,]+) +([\d.]+)$", told, re.MULTILINE)
    assert [row[0] for row in rows] == ["healthy", "reset", "frozen"]
    assert rows[0][2] == rows[0][4] == "1.00"
    drained = re.search(
        r"^2,000 waiting reports delivered at ([\d,]+) a second; steward at most \d+ MB$", told, re.MULTILINE
    )
    assert drained is not None
    assert float(drained[1].replace(",", "")) > 0


def test_calls_of_two_thousand_through_snms_are_measured_and_every_bad_row_is_told(printed: dict[str, str]) -> None:
    told = printed["snms"]
    assert re.search(r"^SNMS batchCreate +[\d,]+ identifiers/s", told, re.MULTILINE)
    assert re.search(r"^ratio SNMS to /v1 bulk: [\d.]+$", told, re.MULTILINE)
    assert "9,979 identifiers stand, 7 bad rows of every SNMS call were told one by one" in told


def test_a_constant_rate_is_asked_and_every_answer_judged(printed: dict[str, str]) -> None:
    told = re.search(r"^\| 200 \| [\d.]+ \| [\d.]+ \| [\d.]+ \| (\d+) \|", printed["headroom"], re.MULTILINE)
    assert told is not None, printed["headroom"]
    assert told[1] == "0", printed["headroom"]


async def test_what_counting_costs_is_measured_with_event_files_and_without(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await bench_counting.bench(["cost"], 2000, 0, 3)
    told = capsys.readouterr().out
    rows = re.findall(r"^(totals alone|totals and event file) +(-?[\d.]+) +(-?[\d.]+)$", told, re.MULTILINE)
    assert [row[0] for row in rows] == ["totals alone", "totals and event file"]
    assert all(float(cost) > 0 for row in rows for cost in row[1:])


def test_every_change_shows_at_every_worker(printed: dict[str, str]) -> None:
    told = re.findall(
        r"^\| (.+) at every worker, (idle|others asking), p99 +\| ([\d.]+) ", printed["invalidation"], re.M
    )
    assert len({row[:2] for row in told}) == len(told) == 14


def test_a_standby_is_measured_beside_the_primary(printed: dict[str, str]) -> None:
    told = printed["replica"]
    assert len(re.findall(r"at the resolver that reads the standby, p99 .*reads the primary", told)) == 7
    assert (
        len(re.findall(r"^\| an answer (?:remembered|looked up), read from the standby +\| [\d.]+ ", told, re.M)) == 2
    )


def test_every_kind_of_search_and_every_page_is_measured(printed: dict[str, str]) -> None:
    searches = re.findall(r"^.+  +[\d.]+ / [\d.]+ .* [\d,]+(?:, .*)?$", printed["search"], re.M)
    assert len(searches) == len(bench_search.kinds(2_000))
    shown = re.findall(r"^.+  +[\d.]+ / [\d.]+ +(?:[\d.]+ / [\d.]+|–)$", printed["pages"], re.M)
    assert len(shown) == len(bench_pages.pages("88.1.1", 2_000, 0))


@pytest.mark.skipif(COMPILER is None, reason="the client of this bench is a program in C")
def test_every_way_to_ask_by_http_is_measured_and_checked(printed: dict[str, str]) -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed["http"].splitlines()[2:]]
    asked = {row[0]: float(row[1].replace(",", "")) for row in rows}
    assert {"HTTP front, 5,000 remembered", "HTTP front, looked up", "HTTP front, unknown"} <= set(asked)
    assert all(figure > 0 for figure in asked.values())
