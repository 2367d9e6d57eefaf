"""A running node with something to tell: identifiers that were asked for, summed as the steward would."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from admin.statistics.rollup import sum_all
from admin.statistics.rules import definition_of, record_rule
from node.china_time import day_of
from node.config import FlagSettings
from node.journal import Interface
from tests.support.counting import MINUTE_DAYS
from tests.support.figures import asked, book
from tests.support.node import Node


async def register(node: Node, number: int, by: str = "enterprise_user") -> None:
    """So many identifiers of the first enterprise."""
    for suffix in range(number):
        body = {
            "prefix": node.holder.prefix.text, "suffix": f"P-{suffix}", "template": "pump",
            "attributes": {"name": f"离心泵 {suffix}"},
        }  # fmt: skip
        answer = await node("POST", "/v1/identifiers", by=by, json=body)
        assert answer.status == 201, answer.body
    await summed(node)


async def resolve(node: Node, suffixes: Mapping[str, int]) -> None:
    """Each so often, under the first enterprise's prefix."""
    for suffix, times in suffixes.items():
        for _ in range(times):
            answer = await node("GET", f"/api/handles/{node.holder.prefix.text}/{suffix}", by=None)
            assert answer.status in (200, 404), answer.body
    await node.counter.write()
    await summed(node)


async def summed(node: Node) -> None:
    """What the steward does with counts."""
    await sum_all(node.world.pool, node.world.clock(), minute_days=MINUTE_DAYS)


async def days_of_events(node: Node, days: int = 3) -> None:
    """Resolutions of the last whole days with their event files looked through, by a rule that stands."""
    now = node.world.clock()
    await record_rule(node.world.pool, definition_of((), FlagSettings(), b""), now - timedelta(days=40))
    office = cast("Any", SimpleNamespace(pool=node.world.pool, clock=node.world.clock))
    doors = (Interface.HANDLE_JSON, Interface.PAGE, Interface.HANDLE_UDP)
    for back in range(1, days + 1):
        day = day_of(now) - timedelta(days=back)
        events = [
            asked(day, f"P-{n % 7}", n * 5.0, prefix=node.holder.prefix.text, client=1 + n % 4,
                  interface=doors[n % 3], micros=100 * (1 + n % 9))
            for n in range(20 * back)
        ]  # fmt: skip
        await book(office, day, events)
