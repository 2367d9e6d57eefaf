"""Who may do what, as one table: twelve bits, every operation, every role.

The table is written from the reference (RFC 3651 section 3.2.1 and what Handle.Net does), not from the code. For each
operation and bit: ``!`` the bit is needed and suffices, ``n`` it is needed beside others, ``+`` it suffices and
others would too, ``.`` it has nothing to do with it. ``by``: R, the administrators of the record and those of its
prefix may; P, only those of the prefix; A, those of the prefix above; N, only those of the node. Whoever is above
may, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from node.administration import (
    AddValues,
    CreateHandle,
    DeleteHandle,
    HomePrefix,
    Identity,
    InvalidAdministrator,
    ModifyValues,
    NotPermitted,
    ProofNeeded,
    RemoveValues,
    UnhomePrefix,
)
from node.database import Connection, Pool
from node.identifier import Prefix
from node.record import Record, Value
from registry.handle.authorisation import Place, authorise
from registry.handle.names import prefix_handle
from registry.handle.permissions import TO_LIST, TO_LIST_HOMED, Ways, ways, ways_of_prefix_handle, ways_to_read
from tests.support.office import NODE_PREFIX, Office
from tests.support.rights import ALL, AT, admin, group, plain, say

#  bit 0 first            AH DH AD DD MV RV AV MA RA AA RD LS
TABLE = """
create              by P   !  .  .  .  .  .  .  .  .  .  .  .
delete              by R   .  !  .  .  .  .  .  .  .  .  .  .
add plain           by R   .  .  .  .  .  .  !  .  .  .  .  .
add admin           by R   .  .  .  .  .  .  .  .  .  !  .  .
add both            by R   .  .  .  .  .  .  n  .  .  n  .  .
add over plain      by R   .  .  .  .  !  .  .  .  .  .  .  .
remove plain        by R   .  .  .  .  .  !  .  .  .  .  .  .
remove admin        by R   .  .  .  .  .  .  .  .  !  .  .  .
remove both         by R   .  .  .  .  .  n  .  .  n  .  .  .
modify plain        by R   .  .  .  .  !  .  .  .  .  .  .  .
modify admin        by R   .  .  .  .  .  .  .  !  .  .  .  .
admin to plain      by R   .  .  .  .  n  .  .  .  n  .  .  .
plain to admin      by R   .  .  .  .  n  .  .  .  .  n  .  .
overwrite plain     by R   .  .  .  .  +  .  .  .  .  +  .  .
overwrite adding    by R   .  .  .  .  .  .  +  .  .  +  .  .
read private        by R   .  .  .  .  .  .  .  .  .  .  !  .
list                by P   .  .  .  .  .  .  .  .  .  .  .  !
prefix add plain    by P   .  .  .  .  .  .  !  .  .  .  .  .
prefix add key      by P   .  .  .  .  .  .  !  .  .  .  .  .
prefix add secret   by P   .  .  .  .  .  .  !  .  .  .  .  .
prefix remove group by P   .  .  .  .  .  !  .  .  .  .  .  .
prefix add admin    by A   .  .  .  .  .  .  .  .  .  !  .  .
prefix remove admin by A   .  .  .  .  .  .  .  .  !  .  .  .
prefix modify admin by A   .  .  .  .  .  .  .  !  .  .  .  .
prefix add site     by N   .  .  .  .  .  .  !  .  .  .  .  .
prefix remove site  by N   .  .  .  .  .  !  .  .  .  .  .  .
prefix site to url  by N   .  .  .  .  !  .  .  .  .  .  .  .
create prefix       by A   .  .  !  .  .  .  .  .  .  .  .  .
delete prefix       by A   .  .  .  !  .  .  .  .  .  .  .  .
home                by N   .  .  !  .  .  .  .  .  .  .  .  .
unhome              by N   .  .  .  !  .  .  .  .  .  .  .  .
list homed          by N   .  .  .  .  .  .  .  .  .  .  .  !
"""
BITS = range(12)
WHO = ("0.NA/88.101.9999", 300)
ME = Identity(*WHO)
HERE = "88.101.2001.7/Pump-1"
OWN = "0.NA/88.101.2001.7"
SOMEBODY = ("0.NA/88.101.1234", 300)
STANDING = (plain(1), plain(2), plain(5, permissions=0x0C), admin(100, *SOMEBODY))
OF_PREFIX = (plain(1), group(20), Value(9, "HS_SITE", b""), admin(100, *SOMEBODY))
SECRET = Value(301, "HS_SECKEY", b"eight octets")

WAYS: dict[str, Ways] = {
    "create": ways(CreateHandle(HERE, STANDING), None),
    "delete": ways(DeleteHandle(HERE), STANDING),
    "add plain": ways(AddValues(HERE, (plain(3),)), STANDING),
    "add admin": ways(AddValues(HERE, (admin(101, *WHO),)), STANDING),
    "add both": ways(AddValues(HERE, (plain(3), admin(101, *WHO))), STANDING),
    "add over plain": ways(AddValues(HERE, (plain(1, "new"),), overwrite=True), STANDING),
    "remove plain": ways(RemoveValues(HERE, (1,)), STANDING),
    "remove admin": ways(RemoveValues(HERE, (100,)), STANDING),
    "remove both": ways(RemoveValues(HERE, (1, 100)), STANDING),
    "modify plain": ways(ModifyValues(HERE, (plain(1, "new"),)), STANDING),
    "modify admin": ways(ModifyValues(HERE, (admin(100, *WHO),)), STANDING),
    "admin to plain": ways(ModifyValues(HERE, (plain(100),)), STANDING),
    "plain to admin": ways(ModifyValues(HERE, (admin(1, *WHO),)), STANDING),
    "overwrite plain": ways(CreateHandle(HERE, (plain(1, "new"), *STANDING[1:]), overwrite=True), STANDING),
    "overwrite adding": ways(CreateHandle(HERE, (*STANDING, plain(3)), overwrite=True), STANDING),
    "read private": ways_to_read(STANDING),
    "list": TO_LIST,
    "prefix add plain": ways_of_prefix_handle(AddValues(OWN, (plain(3),)), OF_PREFIX),
    "prefix add key": ways_of_prefix_handle(AddValues(OWN, (Value(300, "HS_PUBKEY", b""),)), OF_PREFIX),
    "prefix add secret": ways_of_prefix_handle(AddValues(OWN, (SECRET,)), OF_PREFIX),
    "prefix remove group": ways_of_prefix_handle(RemoveValues(OWN, (20,)), OF_PREFIX),
    "prefix add admin": ways_of_prefix_handle(AddValues(OWN, (admin(101, *WHO),)), OF_PREFIX),
    "prefix remove admin": ways_of_prefix_handle(RemoveValues(OWN, (100,)), OF_PREFIX),
    "prefix modify admin": ways_of_prefix_handle(ModifyValues(OWN, (admin(100, *WHO),)), OF_PREFIX),
    "prefix add site": ways_of_prefix_handle(AddValues(OWN, (Value(3, "HS_SITE", b""),)), OF_PREFIX),
    "prefix remove site": ways_of_prefix_handle(RemoveValues(OWN, (9,)), OF_PREFIX),
    "prefix site to url": ways_of_prefix_handle(ModifyValues(OWN, (plain(9),)), OF_PREFIX),
    "create prefix": ways_of_prefix_handle(CreateHandle(OWN, (plain(1), admin(100, *WHO))), None),
    "delete prefix": ways_of_prefix_handle(DeleteHandle(OWN), OF_PREFIX),
    "home": ways_of_prefix_handle(HomePrefix(OWN), None),
    "unhome": ways_of_prefix_handle(UnhomePrefix(OWN), None),
    "list homed": TO_LIST_HOMED,
}


@dataclass(frozen=True)
class Row:
    name: str
    by: str
    marks: str

    def alone(self, bit: int) -> bool:
        """Whether this bit without any other suffices."""
        return self.marks[bit] in "!+"

    @property
    def of_prefix(self) -> bool:
        """Whether the handle of a prefix is changed, which has no other record above it."""
        return self.name.startswith("prefix ") or self.name in ("create prefix", "delete prefix", "home", "unhome")

    def without(self, bit: int) -> bool:
        """Whether all bits but this one suffice."""
        return self.marks[bit] not in "!n"


def rows() -> Iterator[Row]:
    for line in TABLE.strip().splitlines():
        name, _, rest = line.partition(" by ")
        by, *marks = rest.split()
        yield Row(name.strip(), by, "".join(marks))


ROWS = list(rows())
# Who speaks where: the levels of the chain, the nearest first, and which operations each decides.
LEVELS = {"record": "R", "prefix": "RP", "above": "RPA", "node": "RPAN"}


def test_every_operation_has_a_row_of_twelve_marks() -> None:
    assert [row.name for row in ROWS] == list(WAYS)
    assert all(len(row.marks) == 12 for row in ROWS)


@dataclass
class Stage:
    """The prefix 88.101.2001.7, its record, the prefix above and the node's."""

    connection: Connection
    prefix: Prefix
    above: Prefix

    async def outcome(self, row: Row, level: str, permissions: int, identity: Identity | None = ME,
                      named: tuple[str, int] = WHO) -> str:  # fmt: skip
        """What happens when somebody has these bits on just that level."""
        mine = admin(200, *named, permissions)
        record: Record = STANDING
        if level == "record":
            record = (*STANDING, mine)
        for at, prefix in (("prefix", self.prefix), ("above", self.above), ("node", NODE_PREFIX)):
            await say(self.connection, prefix, *([mine] if at == level else []))
        place = Place(self.prefix, NODE_PREFIX, () if row.of_prefix else record)
        if row.name == "list homed":
            place = Place(NODE_PREFIX, NODE_PREFIX)
        try:
            await authorise(self.connection, identity, WAYS[row.name], place)
        except ProofNeeded:
            return "402"
        except InvalidAdministrator:
            return "400"
        except NotPermitted:
            return "401"
        return "ok"


@pytest.fixture
async def stage(office: Office, pool: Pool) -> AsyncIterator[Stage]:
    grant = await office.grant()
    below = f"{grant.prefix.key}.7"
    await pool.execute(
        "INSERT INTO prefix (prefix, enterprise_id, state, log_secret, created_at, updated_at)"
        " VALUES ($1, $2, 'enabled', $3, $4, $4)",
        below, grant.enterprise_id, bytes(32), AT,
    )  # fmt: skip
    async with pool.acquire() as connection:
        yield Stage(connection, Prefix.parse_derived(below), grant.prefix)


def speaks(row: Row, level: str) -> bool:
    """Whether somebody on that level is asked at all when this is to be done."""
    if row.name == "list homed":
        return level == "node"
    return level != "record" or not row.of_prefix


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
async def test_each_bit_opens_what_the_table_says_and_nothing_else(stage: Stage, row: Row) -> None:
    wrong = []
    for level, decides in LEVELS.items():
        for bit in BITS:
            for permissions, enough in ((1 << bit, row.alone(bit)), (ALL & ~(1 << bit), row.without(bit))):
                allowed = "ok" if enough and row.by in decides else "401"
                expected = allowed if speaks(row, level) else "400"
                found = await stage.outcome(row, level, permissions)
                if found != expected:
                    wrong.append(f"{level} {permissions:012b}: {found}, not {expected}")
    assert wrong == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
async def test_nobody_is_asked_for_a_proof_and_a_stranger_is_no_administrator(stage: Stage, row: Row) -> None:
    assert await stage.outcome(row, "node", ALL, identity=None) == "402"
    assert await stage.outcome(row, "node", ALL, identity=Identity("0.NA/88.101.8888", 300)) == "400"
    assert await stage.outcome(row, "node", ALL, identity=Identity(ME.handle, 301)) == "400"
    assert await stage.outcome(row, "node", ALL, identity=Identity(ME.handle, 0)) == "400"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
async def test_a_member_of_a_group_has_the_bits_of_the_group(stage: Stage, row: Row, office: Office) -> None:
    clubs = await office.grant()
    club = prefix_handle(clubs.prefix)
    await say(stage.connection, clubs.prefix, group(1, (club, 2)), group(2, (club, 1), SOMEBODY, WHO))
    assert await stage.outcome(row, "node", ALL, named=(club, 1)) == "ok"
    assert await stage.outcome(row, "node", 0, named=(club, 1)) == "401"
    assert await stage.outcome(row, "node", ALL, named=(club, 3)) == "400"


@pytest.mark.parametrize("row", [row for row in ROWS if row.by != "N"], ids=lambda row: row.name.replace(" ", "-"))
async def test_administrators_of_a_derived_prefix_are_nobody_above_it(stage: Stage, row: Row) -> None:
    for prefix in (stage.above, NODE_PREFIX):
        await say(stage.connection, prefix)
    await say(stage.connection, stage.prefix, admin(200, *WHO))
    with pytest.raises(InvalidAdministrator):
        await authorise(stage.connection, ME, WAYS[row.name], Place(stage.above, NODE_PREFIX, STANDING))


async def test_to_overwrite_one_may_also_delete_here_and_create_there(stage: Stage) -> None:
    """DELETE_HANDLE of the record and ADD_HANDLE of the prefix, which are two administrators' values."""
    way = WAYS["overwrite plain"]
    await say(stage.connection, stage.prefix, admin(200, *WHO, 0x001))
    allowed = Place(stage.prefix, NODE_PREFIX, (*STANDING, admin(200, *WHO, 0x002)))
    await authorise(stage.connection, ME, way, allowed)
    await say(stage.connection, stage.prefix, admin(200, *WHO, ALL & ~0x001 & ~0x010 & ~0x200))
    with pytest.raises(NotPermitted):
        await authorise(stage.connection, ME, way, allowed)


async def test_bits_of_two_values_are_not_added_up(stage: Stage) -> None:
    both = (*STANDING, admin(200, *WHO, 0x040), admin(201, *WHO, 0x200))
    with pytest.raises(NotPermitted) as caught:
        await authorise(stage.connection, ME, WAYS["add both"], Place(stage.prefix, NODE_PREFIX, both))
    assert caught.value.evidence["needed"] == ["add_value", "add_admin"]
