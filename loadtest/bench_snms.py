"""Batches of 2,000 identifiers through the SNMS interface, seven of them bad, beside ``/v1`` bulk of the same rows.

A real node (``loadtest/bench_node.py``). Each call is one ``batchCreate`` on a connection kept alive, its body ready
before the clock starts; the clock stops when the answer is read. Every row's answer is checked, and what was answered
as registered is counted in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import statistics
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import asyncpg

from loadtest.bench_node import Cost, Ground, costs_of, ground
from loadtest.rows import Row

ROWS = 2_000
_VERSION = "bench-valve"
_BAD = 7


async def bench(calls: int) -> tuple[float, float]:
    """Print the table; identifiers a second by SNMS and by ``/v1``. Exits when an answer was not as it must be."""
    async with (
        ground() as place,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {place.token}"}) as session,
    ):
        await _make_template(place, session)
        await _call(place, session, "WARM")
        async with costs_of(place.processes) as costs:
            seconds = [await _call(place, session, f"C{number:03d}") for number in range(calls)]
        _print("SNMS batchCreate", statistics.median(seconds), ROWS, costs, ROWS * calls)
        print(f"{'':<18} fastest {ROWS / min(seconds):,.0f}, slowest {ROWS / max(seconds):,.0f} identifiers/s")
        async with costs_of(place.processes) as costs:
            bulk = [await _bulk(place, session, f"B{number:03d}") for number in range(calls)]
        _print("/v1 bulk", statistics.median(bulk), ROWS, costs, ROWS * calls)
        print(f"ratio SNMS to /v1 bulk: {statistics.median(bulk) / statistics.median(seconds):.2f}")
        await _check(place, (ROWS - _BAD) * (calls + 1) + ROWS * calls)
    return ROWS / statistics.median(seconds), ROWS / statistics.median(bulk)


async def short() -> list[Row]:
    """For ``make bench``."""
    snms, bulk = await bench(10)
    return [Row(f"SNMS batchCreate of {ROWS:,}", snms, "identifiers/s", "/v1 bulk of the same", bulk)]


def _print(what: str, seconds: float, rows: int, costs: Mapping[str, Cost], total: int) -> None:
    cpu = {who: cost.cpu_in_all / total * 1e6 for who, cost in costs.items()}
    print(
        f"{what:<18} {rows / seconds:>8,.0f} identifiers/s, {seconds * 1000:>6.1f} ms a call of {rows:,};"
        f" CPU µs each: worker {cpu['worker']:.1f}, postgresql {cpu['postgresql']:.1f}",
        flush=True,
    )


async def _make_template(place: Ground, session: aiohttp.ClientSession) -> None:
    items = [
        {"name": name, "idType": kind, "idIndex": 2000 + number, "required": number == 0, "state": 1,
         "metadata": {"type": "string", "minLength": 0, "maxLength": 100}}
        for number, (kind, name) in enumerate(
            (("productName", "产品名称"), ("model", "型号"), ("weight", "重量"), ("madeOn", "生产日期"))
        )
    ]  # fmt: skip
    industry = {"industryCategory": "C", "industrySpecific": "34", "industryTrade": "344", "industrySubclass": "3443"}
    body = {"prefix": place.prefix, "version": _VERSION, **industry, "type": 2, "items": items}
    async with session.post(f"{place.scene.url}/snms/api/v5/template", json=body) as answer:
        told = await answer.json()
    if told["status"] != 1:
        raise SystemExit(f"no template: {told}")


async def _call(place: Ground, session: aiohttp.ClientSession, marker: str) -> float:
    rows = [_row(place.prefix, marker, number) for number in range(ROWS)]
    wanted = _spoil(marker, rows)
    body = json.dumps(rows, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"}
    url = f"{place.scene.url}/identityv2/data/batchCreate"
    began = time.perf_counter()
    async with session.post(url, data=io.BytesIO(body), headers=headers) as answer:
        said = await answer.read()
    seconds = time.perf_counter() - began
    told = json.loads(said)
    found = {number: row["msg"] for number, row in enumerate(told["data"]) if row["code"] != 1}
    if found.keys() != wanted.keys() or any(word not in found[number] for number, word in wanted.items()):
        raise SystemExit(f"{marker}: expected {wanted}, found {found}")
    return seconds


def _row(prefix: str, marker: str, number: int) -> dict[str, Any]:
    texts = (
        f"闸阀 DN{number % 97}",
        f"Z41H-{number % 1000:04d}",
        str(number % 500 + 1),
        f"2026-11-{number % 28 + 1:02d}",
    )
    kinds = ("productName", "model", "weight", "madeOn")
    return {
        "handle": f"{prefix}/{marker}-{number:06d}",
        "templateVersion": _VERSION,
        "value": [
            {"auth": "", "index": 2000 + place, "type": kind, "data": {"format": "string", "value": text}}
            for place, (kind, text) in enumerate(zip(kinds, texts, strict=True))
        ],
    }


def _spoil(marker: str, rows: list[dict[str, Any]]) -> dict[int, str]:
    """Seven bad rows, each bad in its own way, and a word of what must be said of it."""
    rows[100] = dict(rows[99])
    rows[300]["value"][0]["index"] = 1000
    rows[500]["value"][1]["type"] = "weight"
    rows[700]["value"][2]["data"]["value"] = "9" * 101
    del rows[900]["value"][0]
    rows[1100]["handle"] = f"88.1.1/{marker}"
    rows[1300]["templateVersion"] = "nothing"
    return {
        100: "标识已存在", 300: "索引1000在模板中不存在", 500: "索引2001", 700: "最多 100 个字符", 900: "必填",
        1100: "前缀不存在", 1300: "数据模板不存在",
    }  # fmt: skip


async def _bulk(place: Ground, session: aiohttp.ClientSession, marker: str) -> float:
    lines = []
    for number in range(ROWS):
        texts = [value["data"]["value"] for value in _row(place.prefix, marker, number)["value"]]
        names = ("product_name", "model", "weight", "made_on")
        lines.append(json.dumps({"suffix": f"{marker}-{number:06d}", **dict(zip(names, texts, strict=True))}))
    body = "\n".join(lines).encode()
    url = f"{place.scene.url}/v1/batches?prefix={place.prefix}&template={_VERSION}"
    began = time.perf_counter()
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": marker}
    async with session.post(url, data=io.BytesIO(body), headers=headers) as answer:
        told = await answer.json()
    seconds = time.perf_counter() - began
    if told.get("registered") != ROWS:
        raise SystemExit(f"{ROWS} rows were sent to /v1: {str(told)[:500]}")
    return seconds


async def _check(place: Ground, wanted: int) -> None:
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        stand = await connection.fetchval(
            "SELECT count(*) FROM identifier JOIN identifier_history USING (prefix_id, suffix_key, version)"
        )
    finally:
        await connection.close()
    if stand != wanted:
        raise SystemExit(f"{wanted} were answered as registered, {stand} stand")
    print(f"{stand:,} identifiers stand, {_BAD} bad rows of every SNMS call were told one by one")


def main() -> None:
    """``python -m loadtest.bench_snms [--calls N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20)
    asyncio.run(bench(parser.parse_args().calls))


if __name__ == "__main__":
    main()
