"""Suffixes made by stored coding rules: serial numbers given out, suffixes that stand already passed over.

A batch maps its rows with a mapping whose ``coding_rule`` names a rule, and makes their suffixes in two steps inside
the transaction that writes them::

    rule = await coding_rule_by_name(connection, grant.enterprise_id, mapping.coding_rule)
    mapped = [map_row(row.fields) for row in rows]
    mapped = await with_suffixes(connection, rule, grant.prefix_id, attribute_names, mapped, at, rng)

after ``check_rule`` has told once and for all whether the rule can be given its values.
``with_suffixes`` takes the serial numbers of all rows by one statement (``take_serials``) and calls the pure
``CodingRule`` for each row; rows that are faulty already get no number. Numbers that a rolled back transaction took
are given out again. A number is also lost where a row turns out faulty later, and where its suffix is taken: numbers
grow, and need not be without gaps. Who wants suffixes without gaps draws them first: ``draws.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any

from node.database import Connection
from node.errors import Conflict
from node.identifier import fold
from node.sql import statements_beside
from registry.coding.rule import Maker
from registry.coding.rules import StoredCodingRule, suffix_not_made
from registry.mappings.mapping import SUFFIX, InvalidMapping, Mapped
from registry.mappings.mapping import Mapping as MappingOfColumns
from registry.mappings.transforms import Unfit
from registry.rejection import Code, Fault, shown

_SQL = statements_beside(__file__, "coding_rules.sql")

_ROUNDS = 12
"""How often new numbers are taken for suffixes that stand already, twice as many each time: 4,095 for one suffix."""

_MOST_CANDIDATES = 20_000
"""Of one round, for all rows together, unless there are more rows."""

_SLICE = 500
"""Suffixes made between two looks at the event loop."""

_STAND_IN = "-"


class SuffixesTaken(Conflict):
    """Thousands of suffixes in a row stand already: let the rule begin at a higher number."""

    title_zh = "编码规则生成的后缀均已注册"


def check_rule(rule: StoredCodingRule, mapping: MappingOfColumns, attributes: Sequence[str]) -> None:
    """Raises ``InvalidMapping`` when the rule needs values that neither the mapping nor the template gives it."""
    given = {*attributes, *mapping.rule_values}
    faults = []
    for name in rule.definition.names:
        if name not in given:
            zh = f"编码规则 {rule.name} 需要“{shown(name)}”，模板与映射都没有"
            en = f"the coding rule {rule.name} needs {shown(name)}, which neither template nor mapping gives"
            faults.append(Fault(SUFFIX, "rule_value_unknown", f"{zh} / {en}"))
    if faults:
        raise InvalidMapping(faults)


async def take_serials(
    connection: Connection, coding_rule_id: int, prefix_id: int, period: str, count: int, start: int = 1
) -> int:
    """The first of ``count`` numbers in a row, never below ``start``, that nobody else gets unless this rolls back.

    One statement; the counter is locked until the transaction ends.
    """
    first: int = await connection.fetchval(_SQL["take_serials"], coding_rule_id, prefix_id, period, count, start)
    return first


async def with_suffixes(
    connection: Connection,
    rule: StoredCodingRule,
    prefix_id: int,
    attributes: Sequence[str],
    rows: Sequence[Mapped],
    at: datetime,
    rng: Random,
) -> list[Mapped]:
    """Mapped rows with the suffixes of the rule; ``attributes`` are the names of the rows' values, in their order.

    The rule finds its values among the further values of the mapping, then among the attributes. A row that it
    makes no suffix of gets a fault of its own, and so does one whose suffix is taken whatever number it gets.
    """
    places = {name: place for place, name in enumerate(attributes)}
    wanted = {
        position: _values_of(rule, row, places)
        for position, row in enumerate(rows)
        if not row[2]
    }  # fmt: skip
    suffixes = await _suffixes(connection, rule, prefix_id, wanted, at, rng)
    made: list[Mapped] = []
    for position, (_, values, faults) in enumerate(rows):
        suffix = suffixes.get(position)
        if isinstance(suffix, str):
            made.append((suffix, values, faults))
        elif isinstance(suffix, Fault):
            made.append((_STAND_IN, values, [suffix]))
        else:
            # Some text, so that nobody blames a faulty row for having no suffix.
            made.append((_STAND_IN, values, faults))
    return made


async def next_suffix(
    connection: Connection,
    rule: StoredCodingRule,
    prefix_id: int,
    values: Mapping[str, Any],
    at: datetime,
    rng: Random,
) -> str:
    """One suffix for one identifier, from its attributes by name, in the transaction that registers it.

    Raises ``SuffixNotMade``, ``SuffixesTaken``.
    """
    found = (await _suffixes(connection, rule, prefix_id, {0: values}, at, rng))[0]
    if isinstance(found, str):
        return found
    if found.code == Code.IDENTIFIER_EXISTS:
        raise SuffixesTaken(
            f"the suffixes that {rule.name} makes of these values stand already", coding_rule=rule.name
        )
    raise suffix_not_made(rule, found)


async def _suffixes(
    connection: Connection,
    rule: StoredCodingRule,
    prefix_id: int,
    wanted: Mapping[int, Mapping[str, Any]],
    at: datetime,
    rng: Random,
) -> dict[int, str | Fault]:
    """For each position the suffix, different from all others and from what stands, or the fault of the row."""
    make, serial = rule.definition.compile(at, rng), rule.definition.serial
    found: dict[int, str | Fault] = {}
    used: set[str] = set()
    waiting = list(wanted)
    for attempt in range(_ROUNDS):
        if not waiting:
            break
        spare = min(2**attempt, max(1, _MOST_CANDIDATES // len(waiting))) if serial else 1
        first = 0
        if serial:
            first = await take_serials(
                connection, rule.number, prefix_id, serial.period.of(at), len(waiting) * spare, serial.start
            )
        candidates: dict[int, list[str]] = {}
        for place, position in enumerate(waiting):
            if place % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            try:
                numbers = range(first + place * spare, first + (place + 1) * spare)
                candidates[position] = _candidates(make, wanted[position], numbers)
            except Unfit as unfit:
                found[position] = unfit.fault(SUFFIX)
        stand = await standing(connection, prefix_id, (text for texts in candidates.values() for text in texts))
        taken = []
        for position, texts in candidates.items():
            free = next((text for text in texts if fold(text) not in stand and fold(text) not in used), None)
            if free is None:
                taken.append(position)
            else:
                found[position] = free
                used.add(fold(free))
        if not rule.definition.may_differ:
            # The writer says what is wrong with a suffix that can only be this one.
            found.update({position: candidates[position][0] for position in taken})
            return found
        waiting = taken
    found.update({position: Code.IDENTIFIER_EXISTS.fault(SUFFIX) for position in waiting})
    return found


def _candidates(make: Maker, values: Mapping[str, Any], numbers: Sequence[int]) -> list[str]:
    """A suffix for each number, up to the first that none can be made for. Raises ``Unfit`` if that is the first."""
    made: list[str] = []
    for number in numbers:
        try:
            made.append(make(values, number))
        except Unfit:
            if not made:
                raise
            break
    return made


async def standing(connection: Connection, prefix_id: int, suffixes: Iterable[str]) -> set[str]:
    """The keys of those that are registered under the prefix, in whatever state."""
    keys = {fold(text) for text in suffixes}
    if not keys:
        return set()
    return {row["suffix_key"] for row in await connection.fetch(_SQL["taken_suffixes"], prefix_id, list(keys))}


def _values_of(rule: StoredCodingRule, row: Mapped, places: Mapping[str, int]) -> dict[str, Any]:
    further, values, _ = row
    found = dict(further) if isinstance(further, Mapping) else {}
    for name in rule.definition.names:
        if name not in found and name in places:
            found[name] = values[places[name]]
    return found
