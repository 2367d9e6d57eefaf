"""Bringing a node back from a chain of packages: into an empty, migrated database, all of it or nothing.

Rows of the full package come first, then those of each increment replace what they changed. Foreign keys give way
meanwhile and are checked as a whole at the end, and every table has to have as many rows as the last manifest says.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.backup import DatabaseNotEmpty, RestoreIncomplete
from node.database import Connection
from node.errors import Conflict, Unavailable
from node.sql import statements_beside
from node.whole_file import put_once
from registry.escrow.chain import chain_of
from registry.escrow.content import FACTS, Member, members_of
from registry.escrow.export import SQL as EXPORT
from registry.escrow.export import Facts, connected
from registry.escrow.package import Manifest, Package, PackageAltered

SQL = statements_beside(__file__, "restore.sql")

_FOUNDED = "national_state"  # its row is written by a migration
_KNOWN_BY_OTHERS = frozenset({
    "identifier_history_history_id_seq",
    "outbox_outbox_id_seq",
    "docked_verdict_sequence_seq",
    "docked_instruction_sequence_seq",
})  # fmt: skip
"""Sequences by whose numbers others remember how far they are."""


class SchemaDiffers(Conflict):
    """Evidence: ``package`` and ``database``, names of the newest migrations."""

    title_zh = "托管包的数据库结构与程序不同"


class FileInTheWay(Conflict):
    """Evidence: ``file``."""

    title_zh = "目标位置已有其他文件"


class RestoreUnwritable(Unavailable):
    title_zh = "无法写入恢复的文件"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of a node go: keys by their names in the package, evidence below a folder for all nodes."""

    keys: Mapping[str, Path]
    evidence: Path


@dataclass(frozen=True, slots=True)
class Restored:
    node_id: UUID
    rows: Mapping[str, int]
    position: int
    evidence_files: int


@dataclass(frozen=True, slots=True)
class _Target:
    """The tables by name, empty and quiet, and the foreign keys that gave way: what is done with each."""

    tables: Mapping[str, Any]
    references: Sequence[Any]


async def restore(
    url: str,
    directories: Sequence[Path],
    signer: Ed25519PublicKey,
    key: X25519PrivateKey,
    places: Places,
    at: datetime,
) -> Restored:
    """Raises ``DatabaseNotEmpty``, ``SchemaDiffers``, ``FileInTheWay``, ``RestoreUnwritable``, ``RestoreIncomplete``,
    ``DatabaseAway``, ``LoginRefused``, and what ``verify`` raises."""
    packages = chain_of(directories, signer)
    last = packages[-1].manifest
    files = _Files(places, last.node_id)
    try:
        async with connected(url) as connection:
            async with connection.transaction():
                target = await _begin(connection, last)
                facts = None
                for package in packages:
                    facts = await _apply(connection, package, key, target.tables, files)
                if facts is None:
                    raise PackageAltered("the package holds no facts.json", directory=str(directories[-1]))
                rows = await _end(connection, last, facts, target, at)
                files.put()
            await connection.execute(SQL["sum_up_history"])
            await connection.execute(SQL["look_at_tables"])
    except OSError as error:
        raise RestoreUnwritable(f"a file of the node cannot be written: {error}") from error
    finally:
        files.forget()
    return Restored(last.node_id, rows, last.position, files.evidence)


async def _begin(connection: Connection, last: Manifest) -> _Target:
    schema = {row["name"]: row["digest"] for row in await connection.fetch(EXPORT["migrations"])}
    if schema != dict(last.schema):
        raise SchemaDiffers(
            f"the package was made with the schema of {max(last.schema)}, the database has that of "
            f"{max(schema, default='none')}: restore with the program that made the package ({last.version}), "
            "then go on to the newer one",
            package=max(last.schema), database=max(schema, default=""),
        )  # fmt: skip
    tables = {row["name"]: row for row in await connection.fetch(SQL["incoming"])}
    for name, table in tables.items():
        if name != _FOUNDED and await connection.fetchval(table["filled"]):
            raise DatabaseNotEmpty(
                f"the database already holds rows of {name}; restore into an empty one", relation=name
            )
    references = await connection.fetch(SQL["references_between_tables"])
    for reference in references:
        await connection.execute(reference["away"])
    for table in tables.values():
        await connection.execute(table["quiet"])
    await connection.execute(SQL["founded_state"])
    return _Target(tables, references)


async def _apply(
    connection: Connection, package: Package, key: X25519PrivateKey, tables: Mapping[str, Any], files: _Files
) -> Facts | None:
    """Bring the rows forward by one package; its facts."""
    facts = None
    members = _Members(members_of(package, key))
    while (member := members.current) is not None:
        section, _, rest = member.name.partition("/")
        if section in ("tables", "standing"):
            name = rest.partition("/")[0]
            table = tables.get(name)
            if table is None:
                raise PackageAltered(f"the package holds rows of {name}, which is no table", part=member.name)
            rows = members.of_folder(f"{section}/{name}/")
            if package.manifest.kind == "full":
                await connection.copy_to_table(name, schema_name="public", source=rows)
            elif section == "tables":
                await _bring_forward(connection, table, rows)
            else:
                await _remove_gone(connection, table, rows)
            continue
        if member.name == FACTS:
            facts = msgspec.json.decode(b"".join(member.pieces), type=Facts)
        elif section == "keys":
            files.keep_key(rest, b"".join(member.pieces))
        elif section == "evidence":
            files.keep_evidence(rest, b"".join(member.pieces))
        else:
            raise PackageAltered(f"the package holds {member.name}, which is nothing known", part=member.name)
        members.go_on()
    for name, sent in package.manifest.tables.items():
        if sent.standing == 0:  # no key, no member in the archive
            await connection.execute(tables[name]["clear"])
    return facts


async def _bring_forward(connection: Connection, table: Any, rows: AsyncIterator[bytes]) -> None:
    await connection.execute(table["receive"])
    await connection.copy_to_table("escrow_incoming", schema_name="public", source=rows)
    await connection.execute(table["push_out"])
    for owned in await connection.fetch(SQL["push_out_owned"], table["name"]):
        await connection.execute(owned["statement"])
    await connection.execute(table["take_in"])
    await connection.execute(SQL["incoming_gone"])


async def _remove_gone(connection: Connection, table: Any, keys: AsyncIterator[bytes]) -> None:
    await connection.execute(table["receive_keys"])
    await connection.copy_to_table("escrow_incoming", schema_name="public", source=keys)
    await connection.execute(table["remove_gone"])
    await connection.execute(SQL["incoming_gone"])


async def _end(connection: Connection, last: Manifest, facts: Facts, target: _Target, at: datetime) -> dict[str, int]:
    """Everything as a migrated database has it, and as many rows as there were."""
    found = {name: await connection.fetchval(table["counting"]) for name, table in target.tables.items()}
    expected = {name: table.rows for name, table in last.tables.items()}
    if found != expected:
        differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
        raise RestoreIncomplete(
            f"the restored rows differ from the manifest in {', '.join(differing)}", expected=expected, found=found
        )
    for reference in target.references:
        await connection.execute(reference["back"])
    for table in target.tables.values():
        await connection.execute(table["loud"])
    for name, (value, called) in facts.sequences.items():
        await connection.execute(SQL["go_on_from"], name, value, called, name in _KNOWN_BY_OTHERS)
    await connection.execute(SQL["note_lost_evidence"], facts.recorder_id or last.node_id, last.made_at, at)
    return found


class _Members:
    """The members of an archive, one looked at before it is taken."""

    def __init__(self, members: Iterator[Member]) -> None:
        self._members = members
        self.current = next(members, None)

    def go_on(self) -> None:
        self.current = next(self._members, None)

    async def of_folder(self, folder: str) -> AsyncIterator[bytes]:
        """What all the members of a folder hold, which stand in a row."""
        while self.current is not None and self.current.name.startswith(folder):
            for piece in self.current.pieces:
                yield piece
            self.go_on()


class _Files:
    """The files of the node on their way: in their places only when the rows are in theirs."""

    def __init__(self, places: Places, node_id: UUID) -> None:
        self._places = places
        self._target = places.evidence / str(node_id)
        self._partial = places.evidence / f".{node_id}.partial"
        self._keys: dict[Path, bytes] = {}
        self.evidence = 0
        shutil.rmtree(self._partial, ignore_errors=True)

    def keep_key(self, name: str, content: bytes) -> None:
        """Raises ``FileInTheWay``, ``PackageAltered``."""
        file = self._places.keys.get(name)
        if file is None:
            raise PackageAltered(f"the package holds the key {name}, which is none of a node", part=name)
        if file.exists() and file.read_bytes() != content:
            raise FileInTheWay(f"{file} is another key than that of the package: put it away", file=str(file))
        self._keys[file] = content

    def keep_evidence(self, name: str, content: bytes) -> None:
        """Raises ``FileInTheWay``, ``PackageAltered``, OSError."""
        if self._target.exists():
            raise FileInTheWay(f"{self._target} is there already: put it away", file=str(self._target))
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise PackageAltered(f"the package holds the path {name}", part=name)
        file = self._partial / path
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o600)
        self.evidence += 1

    def put(self) -> None:
        """Raises OSError."""
        for file, content in self._keys.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            put_once(file, content, 0o600)
        if self._partial.exists():
            self._partial.rename(self._target)

    def forget(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)
