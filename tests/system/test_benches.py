"""The benches do what they say, on few rows: everything that is sent is answered, stands and resolves."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("system")]


def printed(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-500:]
    return done.stdout


def test_single_registrations_are_counted_checked_and_resolved() -> None:
    lines = printed("loadtest.bench_register", "--total", "300", "--connections", "1", "12").splitlines()
    rows = [line.split() for line in lines if re.fullmatch(r"\s+\d+(\s+[\d.,]+){7}", line)]
    assert [row[0] for row in rows] == ["1", "12"]
    assert all(float(row[1].replace(",", "")) > 0 and float(row[4]) > 0 for row in rows)


def test_rows_of_a_workbook_are_sent_both_ways_and_beside_them_a_copy() -> None:
    told = printed("loadtest.bench_import", "--rows", "300", "--formats", "xlsx")
    assert re.findall(r"^(xlsx\s+.*?|COPY)\s+300 ", told, re.MULTILINE) == [
        "xlsx     biaoshi import", "xlsx     plain HTTP", "COPY",
    ]  # fmt: skip


def test_every_way_to_ask_by_the_native_protocol_is_measured() -> None:
    told = printed(
        "loadtest.bench_handle", "--parts", "cost", "idle", "--questions", "600", "--rounds", "1", "--idle", "20"
    )
    ways = re.findall(r"^(udp|tcp) (remembered|looked up), (1|16) under way +([\d.]+)", told, re.MULTILINE)
    assert len({way[:3] for way in ways}) == 8
    assert all(float(way[3]) > 0 for way in ways)
    assert "20 idle connections" in told


def test_calls_of_two_thousand_through_snms_are_measured_and_every_bad_row_is_told() -> None:
    told = printed("loadtest.bench_snms", "--calls", "2")
    assert re.search(r"^SNMS batchCreate +[\d,]+ identifiers/s", told, re.MULTILINE)
    assert re.search(r"^ratio SNMS to /v1 bulk: [\d.]+$", told, re.MULTILINE)
    assert "9,979 identifiers stand, 7 bad rows of every SNMS call were told one by one" in told
