"""``biaoshi escrow``: from a key pair to a node that is back, on the command line alone."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from node.child import utc_now
from node.cli import app
from node.database import Pool
from node.founding import found, node_id_of
from resolver.counting.folder import open_folder
from tests.support.ledger import Ledger, honest
from tests.support.world import World

Escrow = Callable[..., Awaitable[Result]]


@pytest.fixture
async def node(pool: Pool, database_url: str, tmp_path: Path) -> World:
    """A laboratory with an identifier and a day of evidence."""
    await found(database_url, laboratory=True, at=utc_now())
    (tmp_path / "old").mkdir()
    ledger = Ledger(database_url, pool, open_folder(tmp_path / "old" / "counting", await node_id_of(pool)))
    await ledger.steward()
    await ledger.resolve(honest(30))
    await ledger.end()
    world = World(pool)
    holder = await world.holder(2001)
    await world.template()
    said = {"name": "泵", "serial": "A-1"}
    await world.identifiers.register(holder.account, holder.actor, holder.identifier("A-1"), "pump", said)
    return world


@pytest.fixture
def escrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Escrow:
    async def run(url: str, home: str, *words: str | Path) -> Result:
        monkeypatch.setenv("BIAOSHI_DATABASE_URL", url)
        for name, file in (
            ("SECURITY_SEAL_KEY_FILE", "seal.key"), ("HANDLE_KEY_FILE", "handle-key.pem"),
            ("COUNTING_DIRECTORY", "counting"), ("ESCROW_SIGNING_KEY_FILE", "escrow-key.pem"),
        ):  # fmt: skip
            monkeypatch.setenv(f"BIAOSHI_{name}", str(tmp_path / home / file))
        return await asyncio.to_thread(CliRunner().invoke, app, ["escrow", *(str(word) for word in words)])

    return run


async def test_a_node_goes_into_a_safe_and_comes_back(
    node: World, database_url: str, other_database_url: str, escrow: Escrow, tmp_path: Path
) -> None:
    (tmp_path / "old" / "seal.key").write_text("5e" * 32 + "\n")
    key, public = tmp_path / "recipient.pem", tmp_path / "recipient.pem.pub"
    made = await escrow(database_url, "old", "keygen", key)
    assert made.exit_code == 0, made.output
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    full, more = tmp_path / "full", tmp_path / "more"
    told = await escrow(database_url, "old", "export", full, "--recipient", public)
    assert told.exit_code == 0, told.output
    assert "全量 · full" in told.output
    assert "实验数据" in told.output
    signer = tmp_path / "old" / "escrow-key.pem.pub"
    told = await escrow(database_url, "old", "export", more, "--after", full, "--recipient", public)
    assert "增量 · increment" in told.output

    for words in (("verify", full, more), ("verify", full, more, "--signer", signer, "--key", key)):
        told = await escrow(database_url, "old", *words)
        assert told.exit_code == 0, told.output
        assert ("逐行核对" in told.output) == ("--key" in words)

    told = await escrow(other_database_url, "new", "restore", full, more, "--signer", signer, "--key", key)
    assert told.exit_code == 0, told.output
    assert "1 标识 · identifiers" in told.output
    assert (tmp_path / "new" / "seal.key").read_text() == "5e" * 32 + "\n"
    assert stat.S_IMODE((tmp_path / "new" / "seal.key").stat().st_mode) == 0o600
    old, new = (
        sorted(file.name for file in (tmp_path / home / "counting").rglob("*.zst")) for home in ("old", "new")
    )
    assert new == old != []
    again = await escrow(other_database_url, "new", "restore", full, more, "--signer", signer, "--key", key)
    assert again.exit_code == 1
    assert "database_not_empty" in again.output


async def test_a_wrong_key_is_told_in_a_sentence(
    node: World, database_url: str, escrow: Escrow, tmp_path: Path
) -> None:
    key, other = tmp_path / "recipient.pem", tmp_path / "other.pem"
    for file in (key, other):
        await escrow(database_url, "old", "keygen", file)
    told = await escrow(database_url, "old", "keygen", key)
    assert (told.exit_code, "key_file_exists" in told.output) == (1, True)
    package = tmp_path / "full"
    told = await escrow(database_url, "old", "export", package, "--recipient", key)
    assert (told.exit_code, "escrow_key_unusable" in told.output) == (1, True)
    assert "private key" in told.output
    assert not package.exists()
    told = await escrow(database_url, "old", "export", package, "--recipient", f"{key}.pub")
    assert told.exit_code == 0, told.output
    signer = tmp_path / "old" / "escrow-key.pem.pub"
    told = await escrow(database_url, "old", "verify", package, "--key", other)
    assert (told.exit_code, "part_sealed" in told.output) == (1, True)
    told = await escrow(database_url, "old", "verify", package, "--signer", f"{other}.pub")
    assert (told.exit_code, "escrow_key_unusable" in told.output) == (1, True)
    os.truncate(package / "000001.part", 100)
    told = await escrow(database_url, "old", "verify", package, "--signer", signer)
    assert (told.exit_code, "package_altered" in told.output) == (1, True)


async def test_a_package_is_delivered_to_a_node_above_only_where_there_is_one(
    node: World, database_url: str, escrow: Escrow, tmp_path: Path
) -> None:
    await escrow(database_url, "old", "keygen", tmp_path / "recipient.pem")
    package = tmp_path / "full"
    await escrow(database_url, "old", "export", package, "--recipient", tmp_path / "recipient.pem.pub")
    told = await escrow(database_url, "old", "deliver", package)
    assert (told.exit_code, "not_docked" in told.output) == (1, True)
