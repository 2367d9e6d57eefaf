"""Standby records (接管备用数据): the last known record of every identifier of a node, for emergency takeover.

A node brings a snapshot by pages and from its position on the changes; one row says how far the records go. While
a new snapshot is under way the records of the old one stay and answer; with its last page whatever is not in it is
gone. A page is one transaction: what is new in it is copied, what stands is renewed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from node.database import Connection
from node.errors import Conflict, Forbidden, Malformed
from node.identifier import fold
from node.national.bulk import LARGEST_PAGE, StandbyPage, StandbyRecord, StandbyState
from node.national.messages import encode
from node.packing import unpacked
from node.record import InvalidRecord, check_record
from node.sql import statements_beside
from node.upper.exchange import Question
from node.upper.nodes import note_node

_SQL = statements_beside(__file__, "standby.sql")
_LONGEST_PAGE = 10 * LARGEST_PAGE
_MOST_RECORDS = 100_000
_HEAD = msgspec.json.Decoder(StandbyPage)
_RECORDS = msgspec.json.Decoder(StandbyRecord)
_NO_SNAPSHOT = UUID(int=0)
_DROPPING_SECONDS = 300.0
_ROW = ("delegated_prefix", "name_key", "name", "snapshot_id", "record")


class StandbyPageMalformed(Malformed):
    title_zh = "备用数据页不符合接口"


class StandbyForeign(Forbidden):
    """Evidence: ``name`` and ``delegated_prefix``."""

    title_zh = "备用数据不属于该节点的前缀"


class StandbyOutOfStep(Conflict):
    """The page does not fit to the state: ask for it, and go on from there."""

    title_zh = "备用数据页与当前位置不衔接"


@dataclass(frozen=True, slots=True)
class Standby:
    """A standby record: ``name`` as registered, ``record`` its bytes."""

    name: str
    record: bytes


@dataclass(frozen=True, slots=True)
class _Page:
    head: StandbyPage
    kept: list[tuple[str, str | None, bytes]]
    gone: list[str]
    last_key: str


async def tell_standby(connection: Connection, question: Question) -> bytes:
    """``GET /v1/standby``: a ``StandbyState`` as JSON."""
    return encode(await standby_state(connection, question.caller.delegated_prefix))


async def put_standby(connection: Connection, question: Question) -> bytes:
    """``PUT /v1/standby``: one page; the ``StandbyState`` after it as JSON.

    Raises ``StandbyPageMalformed``, ``StandbyForeign``, ``StandbyOutOfStep``, ``PackingDamaged``.
    """
    delegated = question.caller.delegated_prefix
    page = await asyncio.to_thread(_read_page, question.body, delegated)
    node = await note_node(connection, question.caller, page.head.node, page.head.laboratory, question.at)
    await connection.execute(_SQL["begin_standby"], delegated, node.node_id, question.at)
    state = await connection.fetchrow(_SQL["hold_standby"], delegated)
    head = page.head
    if head.kind == "changes":
        _check_changes(head, state)
        more = await _put_in_place(connection, delegated, page, _NO_SNAPSHOT)
        await connection.execute(_SQL["move_standby"], delegated, head.to, more, question.at)
    else:
        snapshot_id = _check_snapshot(head, state)
        more = await _put_in_place(connection, delegated, page, snapshot_id)
        after = page.last_key or head.after
        await connection.execute(_SQL["note_snapshot"], delegated, snapshot_id, head.to, after, more, question.at)
        if head.last:
            older = await connection.fetchval(
                _SQL["drop_what_is_older"], delegated, snapshot_id, timeout=_DROPPING_SECONDS
            )
            await connection.execute(_SQL["move_standby"], delegated, head.to, -older, question.at)
    return encode(await standby_state(connection, delegated))


async def standby_state(connection: Connection, delegated_prefix: str) -> StandbyState:
    """How far the records of a node go; the state of nothing when none ever came."""
    row = await connection.fetchrow(_SQL["standby_state"], delegated_prefix)
    return StandbyState(**dict(row)) if row is not None else StandbyState()


async def standby_record(connection: Connection, delegated_prefix: str, name: str) -> Standby | None:
    """The record of an identifier in whatever spelling, ``None`` when there is none to answer."""
    row = await connection.fetchrow(_SQL["standby_record"], delegated_prefix, fold(name))
    return Standby(row["name"], row["record"]) if row is not None else None


async def standby_records(connection: Connection, delegated_prefix: str, names: list[str]) -> dict[str, bytes]:
    """The records of these names as they were given; what is not among them has none."""
    by_key = {fold(name): name for name in names}
    rows = await connection.fetch(_SQL["standby_records"], delegated_prefix, list(by_key))
    return {by_key[row["name_key"]]: row["record"] for row in rows}


async def sample_names(connection: Connection, delegated_prefix: str, most: int) -> list[str]:
    """Some registered names, another choice every time."""
    return [row["name"] for row in await connection.fetch(_SQL["sample_names"], delegated_prefix, most)]


async def list_standby(connection: Connection) -> list[asyncpg.Record]:
    """How far each node's records go."""
    rows: list[asyncpg.Record] = await connection.fetch(_SQL["list_standby"])
    return rows


def _read_page(body: bytes, delegated_prefix: str) -> _Page:
    if len(body) > LARGEST_PAGE:
        raise StandbyPageMalformed(f"a page has at most {LARGEST_PAGE} bytes; this one has {len(body)}")
    first, _, rest = unpacked(body, _LONGEST_PAGE).partition(b"\n")
    try:
        head = _HEAD.decode(first)
        records = _RECORDS.decode_lines(rest)
    except msgspec.MsgspecError as error:
        raise StandbyPageMalformed(f"a page is a line with its facts and a line for each record: {error}") from None
    if len(records) != head.rows or head.rows > _MOST_RECORDS:
        detail = f"{head.rows} records are announced, {len(records)} came; {_MOST_RECORDS} are allowed"
        raise StandbyPageMalformed(detail)
    own = fold(delegated_prefix)
    kept: dict[str, tuple[str, str | None, bytes]] = {}
    gone: set[str] = set()
    for record in records:
        key = fold(record.name)
        prefix, slash, suffix = key.partition("/")
        if not slash or not suffix or "\0" in key:
            raise StandbyPageMalformed(f"{record.name!r} is no identifier")
        if prefix != own and not prefix.startswith(own + "."):
            detail = f"{record.name} does not lie under {delegated_prefix}"
            raise StandbyForeign(detail, name=record.name, delegated_prefix=delegated_prefix)
        if key in kept or key in gone:
            raise StandbyPageMalformed(f"{record.name} occurs twice")
        if record.record:
            _check_record(record)
            kept[key] = (key, record.name if record.name != key else None, record.record)
        else:
            gone.add(key)
    return _Page(head, list(kept.values()), list(gone), fold(records[-1].name) if records else "")


def _check_record(record: StandbyRecord) -> None:
    try:
        check_record(record.record)
    except InvalidRecord as error:
        raise StandbyPageMalformed(f"the record of {record.name} is none: {error.detail}") from None


def _check_changes(head: StandbyPage, state: asyncpg.Record) -> None:
    if state["snapshot_id"] is not None:
        raise StandbyOutOfStep("a snapshot is under way: changes are taken when it is whole")
    if state["position"] is None or state["position"] != head.since:
        raise StandbyOutOfStep(f"the records go to position {state['position']}; the page begins at {head.since}")
    if head.to < head.since:
        raise StandbyPageMalformed(f"a page goes forward, not from {head.since} to {head.to}")


def _check_snapshot(head: StandbyPage, state: asyncpg.Record) -> UUID:
    if head.snapshot_id is None:
        raise StandbyPageMalformed("a page of a snapshot names the snapshot")
    if head.snapshot_id != state["snapshot_id"]:
        if head.after:
            raise StandbyOutOfStep(f"the snapshot {head.snapshot_id} is not under way; it begins after nothing")
        return head.snapshot_id
    if (head.after, head.to) != (state["snapshot_after"], state["snapshot_position"]):
        raise StandbyOutOfStep(
            f"the snapshot goes on after {state['snapshot_after']!r} as of position {state['snapshot_position']}"
        )
    return head.snapshot_id


async def _put_in_place(connection: Connection, delegated_prefix: str, page: _Page, snapshot_id: UUID) -> int:
    """How many records there are more than before."""
    more = 0
    if page.kept:
        keys = [key for key, _, _ in page.kept]
        standing = {row["name_key"] for row in await connection.fetch(_SQL["names_standing"], delegated_prefix, keys)}
        known = [row for row in page.kept if row[0] in standing]
        new = [(delegated_prefix, key, name, snapshot_id, octets) for key, name, octets in page.kept
               if key not in standing]  # fmt: skip
        if known:
            await connection.execute(_SQL["renew_records"], delegated_prefix, snapshot_id, *zip(*known, strict=True))
        if new:
            # Half of what an INSERT with ON CONFLICT costs, and less of the log.
            await connection.copy_records_to_table("docked_standby_record", records=sorted(new), columns=_ROW)
        more += len(new)
    if page.gone:
        more -= int(await connection.fetchval(_SQL["remove_names"], delegated_prefix, page.gone))
    return more
