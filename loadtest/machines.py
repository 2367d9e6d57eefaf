"""A stock of machines (机器) for the benches that look at many identifiers, copied straight into the tables.

Records and side index are as registration writes them; history is left out. Suffixes count up with time, which is the
hardest order: what a time finds lies together, far from where a walk along the suffixes begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from loadtest.bench_node import Ground
from node.client import Client
from registry.templates.attributes import Attribute, Kind
from registry.templates.encoder import Encoder
from registry.templates.template import Template

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=30)
RARE_EVERY = 500_000
"""Identifiers with a mark in their suffix and model."""
_CHUNK = 20_000
_VALVE_EVERY = 2_000
_OTHER_STATE_EVERY = 200  # suspended and deleted ones in turn
_MODELS = 1_000

MACHINE: dict[str, Any] = {
    "name": "machine",
    "title_zh": "机器",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True},
        {"name": "serial", "title_zh": "出厂编号", "unique": True},
        {"name": "model", "title_zh": "型号", "listed": True},
        {"name": "power", "title_zh": "功率", "kind": "number", "listed": True},
        {"name": "made_on", "title_zh": "生产日期", "kind": "date", "listed": True},
    ],
}


def values_of(number: int) -> list[str]:
    """The attributes of one machine, in the order of the template."""
    mark = "-RARE" if number % RARE_EVERY == RARE_EVERY - 1 else ""
    return [
        f"机器 {number % 97} 型",
        f"S-{number}",
        f"CP-{number * 7919 % _MODELS:04d}{mark}",
        f"{number * 104_729 % 20_000 / 100:.2f}",
        (BEGAN + number * STEP).date().isoformat(),
    ]


def suffix_of(number: int) -> str:
    """The suffix of one machine."""
    mark = "-RARE" if number % RARE_EVERY == RARE_EVERY - 1 else ""
    return f"MACHINE-{number:09d}{mark}"


@dataclass(frozen=True, slots=True)
class Mould:
    """A published template, ready to make rows with."""

    template_id: int
    attributes: tuple[Attribute, ...]
    encoder: Encoder


async def bring(place: Ground, rows: int) -> None:
    """Templates of machines and valves, and ``stock``. Raises as ``Client.post``."""
    client = place.scene.client.acting_with(place.token)
    await stock(place, rows, await _publish(client, "machine"), await _publish(client, "valve"))


async def _publish(client: Client, name: str) -> Mould:
    """A published template of that name, with the attributes of a machine."""
    made = await client.post("/v1/templates", {**MACHINE, "name": name})
    published = await client.post(f"/v1/templates/{made['template_id']}/publish")
    template = Template.from_json({**MACHINE, "name": name, "version": 1})
    return Mould(published["template_id"], template.attributes, template.compile())


async def stock(place: Ground, rows: int, machine: Mould, valve: Mould) -> None:
    """So many identifiers below the prefix of the place, all of them machines but every 2,000th, which is a valve."""
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        prefix_id = await connection.fetchval("SELECT prefix_id FROM prefix WHERE prefix = $1", place.prefix)
        for start in range(0, rows, _CHUNK):
            identifiers, side = [], []
            for number in range(start, min(start + _CHUNK, rows)):
                made, entries = _rows(prefix_id, number, valve if number % _VALVE_EVERY == 7 else machine)
                identifiers.append(made)
                side.extend(entries)
            await connection.copy_records_to_table(
                "identifier", records=identifiers,
                columns=("prefix_id", "template_id", "version", "state", "registered_at", "updated_at", "suffix_key",
                         "record"),
            )  # fmt: skip
            await connection.copy_records_to_table(
                "attribute_index", records=side,
                columns=("prefix_id", "template_id", "attribute_index", "is_unique", "value", "suffix_key", "number"),
            )  # fmt: skip
        # What autovacuum does within minutes of an import.
        await connection.execute("VACUUM ANALYZE identifier, attribute_index")
    finally:
        await connection.close()


def _rows(prefix_id: int, number: int, mould: Mould) -> tuple[tuple[object, ...], list[tuple[object, ...]]]:
    """The row of one identifier and those of its side index; a deleted one has no data left."""
    state = 1 if number % _OTHER_STATE_EVERY != 3 else 2 + number // _OTHER_STATE_EVERY % 2
    suffix, at, values = suffix_of(number), BEGAN + number * STEP, values_of(number)
    encoded = mould.encoder.row(values, int(at.timestamp()).to_bytes(4, "big"))
    if isinstance(encoded, list):
        raise SystemExit(f"row {number}: {encoded}")
    record = encoded[0] if state != 2 else b"\0\0\0\0"
    side: list[tuple[object, ...]] = [
        (prefix_id, mould.template_id, attribute.index, attribute.unique, value, suffix,
         Decimal(value) if attribute.kind is Kind.NUMBER else None)
        for attribute, value in zip(mould.attributes, values, strict=True)
        if attribute.indexed and state != 2
    ]  # fmt: skip
    return (prefix_id, mould.template_id, 1, state, at, at, suffix, record), side
