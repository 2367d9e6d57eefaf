"""The leaf that commits to an entry: found among the events of the node, and compared with what history says.

Leaves wait for their place in the transparency log in the order in which they were written, which is that of time but
for a few; so a leaf is looked for around its time, by the name that it gives the thing it is about.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from admin.audit.entries import action_of
from admin.audit.walking import first_position
from node.database import Connection
from node.journal import canonical
from node.sql import statements_beside
from registry.identifiers.leaves import Change, PackBroken, unpacked

SQL = statements_beside(__file__, "audit.sql")
_AROUND = (2_000, 40_000, 400_000)
_LEAF = b"\x00"  # what RFC 6962 section 2.1 puts before a leaf

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Leaf:
    """``sha256`` is the leaf's hash as RFC 6962 makes it; ``agrees`` is whether it says what history says: who, what
    and when, and of an act also the hash of what it left behind."""

    event_id: int
    sha256: str
    agrees: bool


async def leaf_of_act(connection: Connection, row: Row) -> Leaf | None:
    """That of a row of ``find_act``; ``None`` where none was found."""
    after = canonical(json.loads(row["after"])) if row["after"] is not None else canonical(None)
    said = {
        "v": 1,
        "op": row["action"],
        "kind": row["subject_kind"],
        "id": row["subject_id"],
        "hash": hashlib.sha256(row["nonce"] + after).hexdigest(),
        "by": str(row["account_id"]) if row["account_id"] else "node",
        "ts": row["at"].isoformat(),
    }
    return await _found(connection, said, row["at"])


async def leaf_of_change(connection: Connection, row: Row) -> Leaf | None:
    """That of a row of ``find_change``, by its tag (``registry/identifiers/leaves.py``)."""
    keyed = hmac.digest(row["log_secret"], row["suffix_key"].encode(), "sha256")
    said = {
        "v": 1,
        "op": action_of(Change(row["action"])),
        "id": keyed[:16].hex(),
        "prefix": row["prefix"],
        "version": row["version"],
        "by": str(row["account_id"]),
        "ts": row["at"].isoformat(),
    }
    return await _found(connection, said, row["at"], keyed[:16])


async def _found(
    connection: Connection, said: Mapping[str, Any], at: datetime, tag: bytes | None = None
) -> Leaf | None:
    """The leaf that says most of this about the thing; the one of the same act has its name, action and time. That of
    an identifier may be in a pack, by its ``tag``."""
    named, timed = (canonical({name: said[name]})[1:-1] for name in ("id", "ts"))
    newest: int = await connection.fetchval(SQL["newest_event"])

    async def time_from(position: int, _: int) -> datetime | None:
        leaf = await connection.fetchval(SQL["leaf_from"], position)
        return None if leaf is None else datetime.fromisoformat(json.loads(leaf)["ts"])

    middle = await first_position(time_from, at, newest + 1)
    for around in _AROUND:
        rows = await connection.fetch(SQL["leaves_about"], middle - around, middle + around, named, timed, tag)
        for event_id, written in _leaves_of(rows, named):
            leaf = json.loads(written)
            if all(leaf.get(name) == said.get(name) for name in ("op", "ts", "kind", "version")):
                agrees = all(leaf.get(name) == value for name, value in said.items())
                return Leaf(event_id, hashlib.sha256(_LEAF + written).hexdigest(), agrees)
        if middle - around <= 0 and middle + around > newest:
            return None
    return None


def _leaves_of(rows: Iterable[Row], named: bytes) -> Iterator[tuple[int, bytes]]:
    """The leaves that name the thing, with their events; those of a pack that is not what its leaf says are none."""
    for row in rows:
        if row["packed"] is None:
            yield row["event_id"], row["leaf"]
            continue
        with contextlib.suppress(PackBroken):
            yield from ((row["event_id"], leaf) for leaf in unpacked(row["leaf"], row["packed"]) if named in leaf)
