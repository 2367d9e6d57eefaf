"""What packing records would save and cost: by PostgreSQL, by zstd, by zstd with a dictionary for each template.

Dictionaries are trained on a third of the records and never see the others, which alone are measured. What a row
takes is measured in a table like ``identifier``, keys, header and alignment included.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from backports import zstd

from loadtest.records import samples
from node import embedded

_DICTIONARY_BYTES = 16 * 1024
_LEVEL = 3
_ROUNDS = 5
_AT_ONCE = 64
_AT = datetime(2026, 11, 22, tzinfo=UTC)
_TABLE = """
CREATE TABLE sample (
    prefix_id integer NOT NULL, template_id integer NOT NULL, version integer NOT NULL, state smallint NOT NULL,
    registered_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, suffix_key text COLLATE "C" NOT NULL,
    suffix text COLLATE "C", record bytea NOT NULL, PRIMARY KEY (prefix_id, suffix_key)
) {options}
"""

Pack = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to store records of one industry. Bytes of a record and of its row; CPU µs to pack and to unpack one;
    µs a row to copy rows into the table, and to get them out again by 64 keys at a time, not unpacked.
    """

    industry: str
    name: str
    record: float
    row: float
    packing: float
    unpacking: float
    copying: float
    finding: float


async def compare(records_each: int, rows: int) -> list[Way]:
    """Every way for every industry, as it stands first; ``rows`` of them are copied into a table."""
    ways = []
    with tempfile.TemporaryDirectory(prefix="biaoshi-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with embedded.start(folder / "postgresql") as server:
            connection = await asyncpg.connect(server.url())
            try:
                for industry, records in samples(records_each).items():
                    third = len(records) // 3
                    packings = _packings(records[:third])
                    tables = [_Table(connection, packing, records[third:], rows) for packing in packings]
                    ways += [await table.weighed(industry) for table in tables]
            finally:
                await connection.close()
    return ways


@dataclass(frozen=True, slots=True)
class _Packing:
    name: str
    pack: Pack = bytes
    unpack: Pack = bytes
    options: str = ""


def _packings(trained: Sequence[bytes]) -> list[_Packing]:
    own = zstd.ZstdDict(zstd.train_dict(trained, _DICTIONARY_BYTES).dict_content)
    plain, with_own = zstd.ZstdCompressor(_LEVEL), zstd.ZstdCompressor(_LEVEL, zstd_dict=own)
    return [
        _Packing("as it is"),
        # Acts on rows of more than 2 kB only, whatever the target (PostgreSQL, TOAST_TUPLE_THRESHOLD).
        _Packing("PostgreSQL, pglz", options="WITH (toast_tuple_target = 128)"),
        _Packing("zstd", lambda record: plain.compress(record, zstd.ZstdCompressor.FLUSH_FRAME), zstd.decompress),
        _Packing(
            "zstd, dictionary",
            lambda record: with_own.compress(record, zstd.ZstdCompressor.FLUSH_FRAME),
            lambda packed: zstd.decompress(packed, own),
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Table:
    connection: asyncpg.Connection
    packing: _Packing
    held_out: Sequence[bytes]
    rows: int

    async def weighed(self, industry: str) -> Way:
        """Exits when what was packed comes back as something else."""
        packed = [self.packing.pack(record) for record in self.held_out]
        if [self.packing.unpack(one) for one in packed] != list(self.held_out):
            raise SystemExit(f"{industry}: what {self.packing.name} packed came back as something else")
        own = self.packing.pack is not bytes
        copying = statistics.median([await self._copied(packed) for _ in range(_ROUNDS)])
        return Way(
            industry,
            self.packing.name,
            statistics.mean(map(len, packed)),
            await self._row_bytes(),
            _microseconds(self.packing.pack, self.held_out) if own else 0.0,
            _microseconds(self.packing.unpack, packed) if own else 0.0,
            copying,
            statistics.median([await self._found() for _ in range(_ROUNDS)]),
        )

    async def _copied(self, packed: Sequence[bytes]) -> float:
        await self.connection.execute("DROP TABLE IF EXISTS sample")
        await self.connection.execute(_TABLE.format(options=self.packing.options))
        records = [
            (1, 1, 1, 1, _AT, _AT, _key(number), None, packed[number % len(packed)]) for number in range(self.rows)
        ]
        began = time.perf_counter()
        await self.connection.copy_records_to_table("sample", records=records)
        return (time.perf_counter() - began) / self.rows * 1e6

    async def _found(self) -> float:
        chance = random.Random(self.rows)
        asked = [[_key(chance.randrange(self.rows)) for _ in range(_AT_ONCE)] for _ in range(100)]
        began = time.perf_counter()
        for keys in asked:
            await self.connection.fetch(
                "SELECT record FROM sample WHERE prefix_id = 1 AND suffix_key = ANY ($1)", keys
            )
        return (time.perf_counter() - began) / (100 * _AT_ONCE) * 1e6

    async def _row_bytes(self) -> float:
        """What one row takes of the table, what stands beside it (TOAST) included; its key's index is not."""
        await self.connection.execute("VACUUM FULL sample")  # a growing table holds empty pages in reserve
        return float(await self.connection.fetchval("SELECT pg_table_size('sample')")) / self.rows


def _key(number: int) -> str:
    return f"PART-{number:09d}"


def _microseconds(work: Pack, inputs: Sequence[bytes]) -> float:
    """CPU for one of them, the best of a few rounds."""
    rounds = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        for one in inputs:
            work(one)
        rounds.append(time.process_time() - began)
    return min(rounds) / len(inputs) * 1e6
