"""The next number of the plan, inside the transaction that gives it.

A counter goes up and never down, so a number is allotted at most once; numbers that are taken already or kept back
are passed over. The counter is held until the transaction ends: one that is rolled back gives its number back.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from node.database import Connection
from node.errors import Conflict
from node.identifier import Prefix
from node.sql import statements_beside
from registry.numbering.plan import DEFAULT_PLAN, NumberingPlan, Place, read_plan

SQL = statements_beside(__file__, "numbering.sql")

_AT_ONCE = (8, 1024, 4096)  # numbers looked at: the first of them is nearly always free


class NumbersExhausted(Conflict):
    """Evidence: ``beginning``, the digits in front of the serial number."""

    title_zh = "号码段已用尽"


async def plan_in_force(connection: Connection) -> NumberingPlan:
    """The node's plan, or the default: four digits from 2001 on."""
    row = await connection.fetchrow(SQL["find_plan"])
    return read_plan(json.loads(row["definition"])) if row else DEFAULT_PLAN


async def allot_number(
    connection: Connection,
    plan: NumberingPlan,
    place: Place,
    node_prefix: Prefix,
    take: Callable[[Prefix], Awaitable[bool]],
) -> Prefix:
    """The next free prefix of the plan, which ``take`` has taken; when it says no, somebody else was faster.

    Raises ``NumbersExhausted``.
    """
    counter, beginning = plan.counter(place), plan.beginning(place)
    serial = await connection.fetchval(SQL["hold_counter"], counter, plan.serial.first)
    while True:
        serial = await _next_free(connection, plan, beginning, serial, node_prefix)
        prefix = _prefix(node_prefix, plan, beginning, serial)
        serial += 1
        if await take(prefix):
            await connection.execute(SQL["advance_counter"], counter, serial)
            return prefix


async def numbers_to_come(
    connection: Connection, plan: NumberingPlan, place: Place, node_prefix: Prefix, count: int
) -> list[Prefix]:
    """What the plan would give next, if nobody takes it meanwhile; nothing is held or counted."""
    beginning = plan.beginning(place)
    seen = await connection.fetchval(SQL["see_counter"], plan.counter(place))
    serial = max(seen or 0, plan.serial.first)
    found: list[Prefix] = []
    while len(found) < count:
        try:
            serial = await _next_free(connection, plan, beginning, serial, node_prefix)
        except NumbersExhausted:
            break
        found.append(_prefix(node_prefix, plan, beginning, serial))
        serial += 1
    return found


async def _next_free(
    connection: Connection, plan: NumberingPlan, beginning: str, serial: int, node_prefix: Prefix
) -> int:
    """The first serial number from ``serial`` on whose number is free. Raises ``NumbersExhausted``."""
    end, looks = 10**plan.serial.width, 0
    while serial < end:
        size = _AT_ONCE[min(looks, len(_AT_ONCE) - 1)]
        numbers = [plan.number(beginning, one) for one in range(serial, min(serial + size, end))]
        free = await connection.fetchval(SQL["first_free_number"], numbers, node_prefix.key)
        if free is not None:
            return _serial(plan, free)
        # A range that is kept back may be long: its end is where to go on.
        over = await connection.fetchrow(SQL["reservation_of"], numbers[-1])
        passed = numbers[-1] if over is None else over["last_number"]
        serial = _serial(plan, passed) + 1 if passed.startswith(beginning) else end
        looks += 1
    raise NumbersExhausted(
        f"all numbers {beginning}{'#' * plan.serial.width} of the plan are given", beginning=beginning
    )


def _serial(plan: NumberingPlan, number: str) -> int:
    return int(number[-plan.serial.width :])


def _prefix(node_prefix: Prefix, plan: NumberingPlan, beginning: str, serial: int) -> Prefix:
    return Prefix.parse(f"{node_prefix.key}.{plan.number(beginning, serial)}")
