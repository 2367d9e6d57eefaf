"""The record of a prefix in its tables: values in one, secret keys in another, and the traces of every change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from node.database import Connection
from node.identifier import Prefix
from node.journal import Act, Actor, record_act
from node.notices import CHANNEL, Notice, NoticeKind
from node.record import Record, decode_values, encode_values
from registry.handle.prefix_record import is_secret, secret_value, to_json
from registry.handle.standing import SQL
from registry.store import SQL as STORE


@dataclass(frozen=True, slots=True)
class PrefixRecord:
    """What is stored about a prefix by index, its secret keys among the values; version 0: nothing yet."""

    prefix: Prefix
    version: int
    values: Record


async def found_record(connection: Connection, prefix: Prefix) -> PrefixRecord:
    """The record as it stands."""
    row = await connection.fetchrow(SQL["find_prefix_handle"], prefix.key)
    version, stored = (row["version"], row["record"]) if row else (0, None)
    return await _with_secrets(connection, prefix, version, stored)


async def held_record(connection: Connection, prefix: Prefix, at: datetime) -> PrefixRecord:
    """The record for a change; nobody else changes it until the transaction ends."""
    await connection.execute(SQL["begin_prefix_handle"], prefix.key, at)
    row = await connection.fetchrow(SQL["lock_prefix_handle"], prefix.key)
    return await _with_secrets(connection, prefix, row["version"], row["record"])


async def write_record(
    connection: Connection, before: PrefixRecord, after: Record, verb: str, actor: Actor, at: datetime
) -> None:
    """The next version of a held record, with its history, its leaf and the notice; nothing if it stays as it is."""
    if after == before.values:
        return
    key, version = before.prefix.key, before.version + 1
    public = encode_values(value for value in after if not is_secret(value))
    await connection.execute(SQL["change_prefix_handle"], key, version, public, at)
    old, new = _secrets(before.values), _secrets(after)
    gone = [index for index, secret in old.items() if new.get(index) != secret]
    come = [index for index, secret in new.items() if old.get(index) != secret]
    if gone:
        await connection.execute(SQL["forget_secrets"], key, gone)
    if come:
        await connection.execute(SQL["add_secrets"], key, come, [new[index] for index in come], at)
    act = Act(
        action=f"prefix_handle.{verb}",
        subject_kind="prefix_handle",
        subject_id=key,
        before={"version": before.version, "values": to_json(before.values)} if before.version else None,
        after={"version": version, "values": to_json(after)},
    )
    await record_act(connection, actor, act, at)
    await connection.execute(STORE["announce"], CHANNEL, Notice(NoticeKind.PREFIX, key).encode())


async def _with_secrets(connection: Connection, prefix: Prefix, version: int, stored: bytes | None) -> PrefixRecord:
    rows = await connection.fetch(SQL["secrets_of_prefix_handle"], prefix.key)
    secrets = (secret_value(row["value_index"], row["secret"], row["created_at"]) for row in rows)
    values = (*(decode_values(stored) if stored else ()), *secrets)
    return PrefixRecord(prefix, version, tuple(sorted(values, key=lambda value: value.index)))


def _secrets(values: Record) -> dict[int, bytes]:
    return {value.index: value.data for value in values if is_secret(value)}
