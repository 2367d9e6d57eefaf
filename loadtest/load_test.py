"""The load test of the acceptance criteria: a day of each, or thirty days, on a node that it starts and fills itself.

    make loadtest ARGS='--identifiers 200000'          # a compressed day of each criterion, in minutes
    make loadtest-full                                 # thirty days, judged by the node's own profiles

Locust sends what ``days/plan.py`` draws by the node's laboratory clock, every answer is checked, and when the last
day is closed every number of the clients is compared with the node's. Ends with 0 when every goal is met, else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from loadtest.days.comparing import Pair, pairs_of, pairs_of_acceptance
from loadtest.days.ground import Ground, ground
from loadtest.days.ledger import read_ledgers
from loadtest.days.order import VARIABLE, Day, Order
from loadtest.days.report import Goal, Result
from node.china_time import day_of

CRITERIA = {"ningbo": 50_000, "zhongshan": 30_000}
"""Valid resolutions a day that the profile of that name asks for."""
IDENTIFIERS, ENTERPRISES = 2_000_000, 24
FIRST_DAY = date(2026, 1, 1)
_LOCUSTFILE = Path(__file__).parent / "days" / "locustfile.py"
_READY_SECONDS = 4.0
_CLOSED_SECONDS = 120.0


async def load_test(told: argparse.Namespace) -> Result:
    """Everything; the report stands in the folder when it returns."""
    folder = Path(told.report)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("[0-9]*.json"):
        old.unlink()
    rate = 86_400 / told.day_seconds
    began, result = time.monotonic(), Result()
    with tempfile.TemporaryDirectory(prefix="biaoshi-loadtest-") as name:
        Path(name).chmod(0o755)
        node = ground(Path(name) / "node", told.identifiers, told.enterprises, FIRST_DAY, rate, _say, once=told.once)
        async with node as place:
            order = _order(place, told, folder.resolve())
            _say(f"{len(order.days)} 天，每天 {told.day_seconds:g} 秒 · days of {told.day_seconds:g} s each")
            spent = await _run_locust(order, Path(name) / "order.json", folder)
            result.days = list(read_ledgers(folder))
            result.wanted = [day.per_day for day in order.days]
            await _compare(place, order, told.criteria, result)
            result.goals = _goals(order, result, told, await _recounted(place, order))
    result.facts = _facts(order, told, time.monotonic() - began, spent)
    result.write(folder)
    return result


def _order(place: Ground, told: argparse.Namespace, folder: Path) -> Order:
    """The days: the first begins at the next midnight of the laboratory that leaves time to get ready."""
    brought, scene = place.brought, place.scene
    soon = place.clock.now() + timedelta(seconds=_READY_SECONDS * place.clock.rate)
    first = day_of(soon) + timedelta(days=1)
    per_day = [told.per_day or CRITERIA[name] for name in told.criteria for _ in range(told.days)]
    host, _, port = scene.url.removeprefix("http://").rpartition(":")
    days = [Day(str(first + timedelta(days=number)), wanted) for number, wanted in enumerate(per_day)]
    return Order(
        (host, int(port)), scene.handle_address, place.clock.told, brought.prefixes, brought.per_enterprise, days,
        str(folder), told.phones, told.spoil,
    )  # fmt: skip


async def _run_locust(order: Order, file: Path, folder: Path) -> float:
    """Until the last day is over: CPU seconds of locust. Raises SystemExit when it did not run to its end."""
    before = _ended_children()
    order.write(file)
    users = order.phones + 40 + 16 + len(order.prefixes)
    locust = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), "--headless", "-u", str(users), "-r", str(users),
        "--only-summary", "--csv", str(folder / "locust"), "--html", str(folder / "locust.html"),
        "--loglevel", "WARNING",
        env={**os.environ, VARIABLE: str(file)}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        status = await locust.wait()
    finally:
        if locust.returncode is None:
            locust.terminate()
            await locust.wait()
    if status != 0 or len(read_ledgers(folder)) != len(order.days):
        raise SystemExit(f"locust ended with {status} before the last day was over")
    return _ended_children() - before


def _ended_children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


async def _compare(place: Ground, order: Order, criteria: Sequence[str], result: Result) -> None:
    """Wait until every day is closed, then compare; a day that got a further edition meanwhile is read again."""
    deadline = time.monotonic() + _CLOSED_SECONDS
    while True:
        pairs: list[Pair] = []
        for ledger in result.days:
            pairs += pairs_of(ledger, await _figures(place, ledger["day"]) or _NOTHING)
        if all(pair.equal for pair in pairs) or time.monotonic() > deadline:
            break
        await asyncio.sleep(2)
    at = str(date.fromisoformat(order.days[-1].day) + timedelta(days=1))
    stock = order.per_enterprise * len(order.prefixes)
    for profile in CRITERIA if len(order.days) >= 30 else criteria:
        judged = json.loads(await _command(place, "acceptance", "--profile", profile, "--at", at, "--json"))
        result.acceptance.append(judged)
        pairs += pairs_of_acceptance(result.days, judged, len(order.prefixes), stock)
    result.pairs = pairs


_NOTHING: Mapping[str, Any] = {
    "raw": None, "valid": None, "by_interface": {}, "valid_by_prefix": {}, "deduplicated": None, "clients": None,
    "identifiers": None, "evidence": {"events": None}, "gaps": (),
    "registrations": dict.fromkeys(("registered", "first_registered", "updated", "deleted", "suspended", "resumed")),
}  # fmt: skip
"""Of a day that is not closed."""


async def _figures(place: Ground, day: str) -> Mapping[str, Any] | None:
    """The newest edition of a closed day."""
    client = place.scene.client.acting_with(place.brought.administrator)
    editions = (await client.get("/v1/statistics/days", since=day, until=day))["items"]
    if not editions:
        return None
    whole = (await client.get(f"/v1/statistics/days/{day}"))["items"]
    newest = max(whole, key=lambda one: int(one["edition"]))
    return dict(newest["figures"])


async def _command(place: Ground, verb: str, *options: str) -> str:
    """What a command beside the node prints. Raises SystemExit unless it ends with 0 or 1."""
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "node.cli", verb, "--config", str(place.scene.config_file), *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, complained = await command.communicate()
    if command.returncode not in (0, 1):
        raise SystemExit(f"biaoshi {verb}: {complained.decode()[-500:]}")
    return said.decode()


async def _recounted(place: Ground, order: Order) -> int:
    """How many differences ``biaoshi recount`` finds in the days."""
    first, last = order.days[0].day, order.days[-1].day
    return len(json.loads(await _command(place, "recount", "--from", first, "--to", last, "--json"))["differences"])


def _goals(order: Order, result: Result, told: argparse.Namespace, differences: int) -> list[Goal]:
    days = result.days

    def summed(name: str) -> int:
        return sum(int(day[name]) for day in days)

    unequal = sum(1 for pair in result.pairs if not pair.equal)
    late = max(day["resolutions_ms"]["p99"] for day in days)
    short = [day["day"] for day, wanted in zip(days, result.wanted, strict=True) if day["valid"] < wanted]
    goals = [
        _none("错误应答", "wrong answers", summed("wrong")),
        _none("未发出的请求", "requests not sent in their day", summed("unsent")),
        _none("跨日的请求", "requests under way at midnight", summed("torn")),
        Goal("与节点逐项相等", "numbers equal to the node's", f"{len(result.pairs):,}",
             f"{len(result.pairs) - unequal:,}", unequal == 0),
        _none("重计差异", "differences found by recount", differences),
        Goal("每日有效解析", "valid resolutions of each day", _span(result.wanted),
             _span([day["valid"] for day in days]), not short),
        Goal("99 分位应答时间", "99th percentile of every day", f"≤ {told.p99_ms:g} ms", f"{late:g} ms",
             late <= told.p99_ms),
    ]  # fmt: skip
    for judged in result.acceptance:
        for one in judged["criteria"]:
            if _asked(one["figure"], judged["profile"]["id"], order):
                wanted = f"{'≥' if one['operator'] == 'ge' else '>'} {one['threshold']:,}"
                goals.append(Goal(one["title_zh"], one["title_en"], wanted, f"{one['value']:,}", one["met"]))
    return goals


def _asked(figure: str, profile: str, order: Order) -> bool:
    """Which criteria a run can meet: the stock with all of it, the means with thirty days."""
    stock = order.per_enterprise * len(order.prefixes)
    if figure == "registrations.live":
        return stock >= IDENTIFIERS
    if figure == "enterprises.connected":
        return len(order.prefixes) >= 20
    mean = figure in ("resolutions.daily_mean_30", "resolutions.daily_mean_year")
    return mean and len(order.days) >= 30 and order.days[0].per_day >= CRITERIA[profile]


def _none(zh: str, en: str, got: int) -> Goal:
    return Goal(zh, en, "0", f"{got:,}", got == 0)


def _span(values: Sequence[int]) -> str:
    least, most = min(values), max(values)
    return f"{least:,}" if least == most else f"{least:,} … {most:,}"


def _facts(order: Order, told: argparse.Namespace, seconds: float, locust: float) -> dict[str, str]:
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return {
        "时间 date": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %z}",
        "标识 identifiers": f"{order.per_enterprise * len(order.prefixes):,}",
        "企业 enterprises": str(len(order.prefixes)),
        "实验日期 laboratory days": f"{order.days[0].day} … {order.days[-1].day}",
        "实验时钟 laboratory clock": f"{86_400 / told.day_seconds:,.0f} ×（{told.day_seconds:g} s = 1 天 day）",
        "全程 the whole": f"{seconds:,.0f} s",
        "locust CPU": f"{locust:,.0f} s",
        "机器负载 load of the machine": f"{load}（{os.cpu_count()} 核 cores）",
    }


def _say(words: str) -> None:
    print(words, flush=True)


def parser() -> argparse.ArgumentParser:
    """The options, with what ``make loadtest`` means by none."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--criteria", nargs="+", choices=sorted(CRITERIA), default=["ningbo", "zhongshan"])
    asked.add_argument("--days", type=int, default=1, help="of each criterion")
    asked.add_argument("--day-seconds", type=float, default=120, help="how long a day lasts")
    asked.add_argument("--identifiers", type=int, default=IDENTIFIERS)
    asked.add_argument("--enterprises", type=int, default=ENTERPRISES)
    asked.add_argument("--per-day", type=int, help="valid resolutions a day, instead of the criterion's")
    asked.add_argument("--p99-ms", type=float, default=50)
    asked.add_argument("--phones", type=int, default=80, help="phones at once, at most")
    asked.add_argument(
        "--once", action="store_true", help="the stock comes in by the fast clock, too: one start less"
    )
    asked.add_argument("--report", default="build/loadtest", help="folder of report.html, CSV and JSON")
    asked.add_argument("--spoil", action="store_true", help="expect a wrong value once: the test has to fail")
    return asked


def main() -> None:
    """``python -m loadtest.load_test``."""
    told = parser().parse_args()
    result = asyncio.run(load_test(told))
    for goal in result.goals:
        _say(f"{'✓' if goal.met else '✗'} {goal.zh} {goal.en}: {goal.got} ({goal.wanted})")
    for day in result.days:
        for words in day["first_wrong"][:3]:
            _say(f"  {day['day']} {words}")
    _say(f"{Path(told.report) / 'report.html'}")
    sys.exit(0 if result.met else 1)


if __name__ == "__main__":
    main()
