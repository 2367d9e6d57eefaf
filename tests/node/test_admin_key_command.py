"""``biaoshi admin-key``: the first administrators of a prefix, on the database itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from node.admin_key_command import PermissionsUnreadable, permission_bits
from node.administration import AddValues, Identity
from node.cli import app
from node.database import Pool, transaction
from node.handle_data import decode_admin
from node.identifier import Prefix
from node.journal import Interface
from node.public_key_file import public_key_data
from registry.handle import prefix_handles
from registry.handle.identities import keys_of
from registry.handle.permissions import is_admin
from registry.handle.store import found_record
from registry.transitions import PrefixState
from tests.support.office import NODE_PREFIX, Office
from tests.support.rights import AT, admin, plain, public_key, say

Command = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture
def office(pool: Pool) -> Office:
    return Office(pool)


@pytest.fixture
def admin_key(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("BIAOSHI_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "160")

    async def invoke(*arguments: str | Path) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["admin-key", *map(str, arguments)])

    return invoke


@pytest.fixture
def public(tmp_path: Path) -> Path:
    assert CliRunner().invoke(app, ["keygen", str(tmp_path / "admin"), "--bits", "2048"]).exit_code == 0
    return tmp_path / "admin.pub"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("a secret of mine\n", encoding="utf-8")
    return tmp_path / "secret"


async def admins(pool: Pool, prefix: Prefix) -> list[tuple[int, str, int, int]]:
    async with pool.acquire() as connection:
        values = (await found_record(connection, prefix)).values
    found = [(value.index, decode_admin(value.data)) for value in values if is_admin(value)]
    return [(index, admin.handle, admin.index, admin.permissions) for index, admin in found]


async def test_the_node_gets_its_first_administrator_who_then_acts(
    admin_key: Command, public: Path, pool: Pool
) -> None:
    result = await admin_key("add", "--prefix", "88.101", "--public", public)
    assert result.exit_code == 0, result.output
    assert "300:0.NA/88.101\n" in result.output
    assert "300%3A0.NA%2F88.101\n" in result.output
    assert await admins(pool, NODE_PREFIX) == [(100, "0.NA/88.101", 300, 0xFFF)]
    identity = Identity("0.NA/88.101", 300)
    async with transaction(pool) as connection:
        [key] = await keys_of(connection, identity, NODE_PREFIX)
        assert key.data == public_key_data(public)
        await prefix_handles.perform(
            connection, AddValues("0.NA/88.101", (plain(1),)), identity, node_prefix=NODE_PREFIX,
            interface=Interface.HANDLE_TCP, at=AT,
        )  # fmt: skip


async def test_a_prefix_of_an_enterprise_gets_a_secret_key_with_the_bits_that_are_named(
    admin_key: Command, secret: Path, office: Office, pool: Pool
) -> None:
    prefix = (await office.grant()).prefix
    async with office.leaving(None):
        result = await admin_key(
            "add", "--prefix", prefix, "--index", "301", "--secret-file", secret, "--permissions", "000001110000"
        )
    assert result.exit_code == 0, result.output
    assert "a secret of mine" not in result.output
    assert await admins(pool, prefix) == [(100, f"0.NA/{prefix.key}", 301, 0x070)]
    async with pool.acquire() as connection:
        [key] = await keys_of(connection, Identity(f"0.NA/{prefix.key}", 301), NODE_PREFIX)
    assert (key.type, key.data) == ("HS_SECKEY", b"a secret of mine")
    *_, act = (await office.traces()).acts
    assert (act["action"], act["account_id"], act["interface"]) == (
        "prefix_handle.admin_key_add", None, Interface.COMMAND,
    )  # fmt: skip
    assert "secret of mine" not in str(act)


async def test_keys_are_listed_and_removed_with_what_they_may(
    admin_key: Command, public: Path, secret: Path, pool: Pool
) -> None:
    await admin_key("add", "--prefix", "88.101", "--public", public)
    await admin_key(
        "add", "--prefix", "0.NA/88.101", "--index", "301", "--secret-file", secret, "--permissions", "0" * 12
    )
    listed = (await admin_key("list", "--prefix", "88.101")).output
    assert [line.split() for line in listed.splitlines()[1:]] == [
        ["300:0.NA/88.101", "HS_PUBKEY", "111111111111"],
        ["301:0.NA/88.101", "HS_SECKEY", "000000000000"],
    ]
    assert (await admin_key("remove", "--prefix", "88.101", "--index", "301")).exit_code == 0
    assert await pool.fetchval("SELECT count(*) FROM handle_secret") == 0
    assert await admins(pool, NODE_PREFIX) == [(100, "0.NA/88.101", 300, 0xFFF)]
    again = await admin_key("remove", "--prefix", "88.101", "--index", "301")
    assert (again.exit_code, "neither a key 301" in again.output) == (1, True)


async def test_a_key_is_not_replaced_in_passing(admin_key: Command, public: Path, secret: Path, pool: Pool) -> None:
    await admin_key("add", "--prefix", "88.101", "--public", public)
    result = await admin_key("add", "--prefix", "88.101", "--secret-file", secret)
    assert (result.exit_code, "value_exists" in result.output) == (1, True)
    await admin_key("add", "--prefix", "88.101", "--index", "100", "--secret-file", secret)
    assert [index for index, *_ in await admins(pool, NODE_PREFIX)] == [100]


async def test_a_key_that_nothing_names_is_listed_without_permissions(
    admin_key: Command, office: Office, pool: Pool
) -> None:
    prefix = (await office.grant()).prefix
    async with pool.acquire() as connection:
        await say(connection, prefix, admin(100, "0.NA/88.101", 300, 0x001), public_key(302))
    listed = (await admin_key("list", "--prefix", prefix)).output
    assert [line.split() for line in listed.splitlines()[1:]] == [
        ["300:0.NA/88.101", "–", "000000000001"],
        [f"302:0.NA/{prefix.key}", "HS_PUBKEY", "–"],
    ]


@pytest.mark.parametrize(
    ("prefix", "code"),
    [("88.101.77", "prefix_elsewhere"), ("88.102", "prefix_elsewhere"), ("10.1000", "prefix_elsewhere"),
     ("88.101/P-1", "invalid_prefix"), ("88.101.Ä", "invalid_prefix")],
)  # fmt: skip
async def test_only_prefixes_of_the_node_have_administrators(
    admin_key: Command, public: Path, prefix: str, code: str
) -> None:
    for arguments in (("add", "--public", public), ("list",), ("remove",)):
        result = await admin_key(*arguments, "--prefix", prefix)
        assert (result.exit_code, code in result.output) == (1, True), result.output


async def test_a_prefix_that_is_not_in_use_yet_can_be_prepared(
    admin_key: Command, public: Path, office: Office
) -> None:
    grant = await office.grant(PrefixState.REVIEWED)
    assert (await admin_key("add", "--prefix", grant.prefix, "--public", public)).exit_code == 0


@pytest.mark.parametrize("given", [(), ("--public", "--secret-file")])
async def test_one_key_is_given_and_no_more(
    admin_key: Command, public: Path, secret: Path, given: tuple[str, ...]
) -> None:
    files = dict(zip(("--public", "--secret-file"), (public, secret), strict=True))
    options = [part for name in given for part in (name, files[name])]
    assert (await admin_key("add", "--prefix", "88.101", *options)).exit_code == 2


async def test_a_secret_that_is_too_short_is_refused(admin_key: Command, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("seven77", encoding="utf-8")
    result = await admin_key("add", "--prefix", "88.101", "--secret-file", tmp_path / "short")
    assert (result.exit_code, "8 to 1,024" in result.output) == (1, True)


def test_permissions_are_all_or_twelve_bits_with_list_handles_first() -> None:
    assert permission_bits("all") == 0xFFF
    assert permission_bits("100000000000") == 0x800
    assert permission_bits("000000000001") == 0x001
    for text in ("", "ALL", "1", "0000000000001", "00000000000x"):
        with pytest.raises(PermissionsUnreadable, match="list_handles, read_value, add_admin"):
            permission_bits(text)
