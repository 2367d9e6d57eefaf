"""The console's pages in front of two million identifiers: how long each takes, as the browser asks for them.

A real node (``loadtest/bench_node.py``) with a stock of machines (``loadtest/machines.py``); an administrator is
signed in by the console's own door. A repetition asks for every page once, and searches each time for something else;
where there is a next page it is followed to the tenth. Exits with 1 when the median of any page takes longer than the
goal.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import re
import statistics
import time
from collections import defaultdict
from urllib.parse import urlencode, urljoin

import aiohttp

from loadtest.bench_node import ground
from loadtest.machines import RARE_EVERY, bring, suffix_of
from loadtest.rows import Row

GOAL_MS = 200
_TENTH = 10
_FURTHER = re.compile(r'href="([^"]*[?&;]cursor=[^"]*)"')


def pages(prefix: str, rows: int, repetition: int) -> dict[str, str]:
    """The address of each page by what it shows."""
    suffix = suffix_of(repetition * rows // 40)

    def search(**asked: str) -> str:
        return "/console/identifiers?" + urlencode({"prefix": prefix, **asked})

    def machines(attribute: str, how: str, operand: str) -> str:
        return search(template="machine", attribute=attribute, how=how, operand=operand)

    one = urlencode({"identifier": f"{prefix}/{suffix}"})
    return {
        "identifiers": search(),
        "identifiers, suffix begins": search(suffix_begins=suffix[:-3]),
        "identifiers, suffix contains": search(suffix_contains=f"{repetition % 10}{repetition // 10}"),
        f"identifiers, {rows // RARE_EVERY} of all": search(suffix_contains="-rare"),
        "identifiers, state": search(state=("suspended", "deleted")[repetition % 2]),
        "identifiers, serial number": machines("serial", "equal", f"S-{repetition * rows // 40}"),
        "identifiers, power from": machines("power", "from", str(repetition)),
        "identifiers, model contains": machines("model", "contains", str(repetition % 10)),
        "how many they are": "/console/identifiers/count?" + urlencode({"prefix": prefix}),
        "one identifier": f"/console/identifiers/one?{one}",
        "its resolution": f"/console/identifiers/resolve?{one}",
        "overview": "/console",
        "statistics": "/console/statistics",
        "enterprises": "/console/enterprises",
        "prefixes": "/console/prefixes",
        "batches": "/console/batches",
        "audit trail": "/console/audit",
        "quotas": "/console/quotas",
    }


Times = dict[str, list[float]]


async def measured(rows: int, repetitions: int) -> tuple[Times, Times]:
    """Milliseconds of each page, and of the tenth that follows it; printed."""
    async with ground() as place:
        await bring(place, rows)
        print(f"{rows:,} identifiers")
        async with aiohttp.ClientSession(place.scene.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            await _sign_in(session, place.scene.state.administrator_password)
            first: Times = defaultdict(list)
            tenth: Times = defaultdict(list)
            for repetition in range(repetitions):
                for name, address in pages(place.prefix, rows, repetition).items():
                    times = await _followed(session, address)
                    first[name].append(times[0])
                    tenth[name].extend(times[_TENTH - 1 :])
        print(f"{'page':<32} {'first ms':>16} {'tenth ms':>16}  (p50 / max of {repetitions})")
        for name, times in first.items():
            print(f"{name:<32} {_told(times):>16} {_told(tenth[name]):>16}")
    return first, tenth


async def bench(rows: int, repetitions: int) -> None:
    """Run once and print the table. Exits with 1 when a page was too slow."""
    slow = [
        name
        for times in await measured(rows, repetitions)
        for name, each in times.items()
        if each and statistics.median(each) > GOAL_MS
    ]
    if slow:
        raise SystemExit(f"these pages take more than {GOAL_MS} ms: {', '.join(slow)}")


async def short() -> list[Row]:
    """For ``make bench``: the slowest page and the slowest tenth page, by their medians, among a twentieth."""
    rows = []
    for which, times in zip(("page", "tenth page"), await measured(100_000, 5), strict=True):
        medians = {name: statistics.median(each) for name, each in times.items() if each}
        slowest = max(medians, key=lambda name: medians[name])
        rows.append(Row(f"console, {which}: {slowest}", medians[slowest], "ms", goal=f"≤ {GOAL_MS}"))
    return rows


async def _sign_in(session: aiohttp.ClientSession, password: str) -> None:
    form = {"name": "admin", "password": password}
    async with session.post("/console/sign-in", data=form, allow_redirects=False) as answer:
        if answer.status != 303:
            raise SystemExit(f"the console let nobody in: {answer.status}")


async def _followed(session: aiohttp.ClientSession, address: str) -> list[float]:
    """Milliseconds of a page and of those that follow it, to the tenth."""
    times: list[float] = []
    further: str | None = address
    while further is not None and len(times) < _TENTH:
        address = urljoin(address, further)
        milliseconds, further = await _timed(session, address)
        times.append(milliseconds)
    return times


async def _timed(session: aiohttp.ClientSession, address: str) -> tuple[float, str | None]:
    """Milliseconds until the page was there whole, and where it goes on."""
    began = time.perf_counter()
    async with session.get(address, allow_redirects=False) as answer:
        text = await answer.text()
    milliseconds = (time.perf_counter() - began) * 1000
    if answer.status != 200:
        raise SystemExit(f"{address}: {answer.status}")
    further = _FURTHER.search(text)
    return milliseconds, html.unescape(further[1]) if further else None


def _told(times: list[float]) -> str:
    return f"{statistics.median(times):.1f} / {max(times):.1f}" if times else "–"


def main() -> None:
    """``python -m loadtest.bench_pages [--rows N] [--repetitions N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repetitions", type=int, default=10)
    told = parser.parse_args()
    asyncio.run(bench(told.rows, told.repetitions))


if __name__ == "__main__":
    main()
