"""A prefix that the Handle protocol may register under, its administrator, and the registry that he meets."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from node.administration import (
    AddValues,
    CreateHandle,
    DeleteHandle,
    Done,
    Identity,
    ModifyValues,
    ReadValues,
    RemoveValues,
)
from node.handle_data import ALL_ADMIN_PERMISSIONS, AdminData, encode_admin
from node.identifier import Identifier, Prefix
from node.journal import Interface
from node.record import Record, Value, decode_values, encode_values
from registry.coding.definition import read_coding_rule
from registry.handle.administration import HandleAdministration
from registry.handle.policy import HandlePolicy, Terms
from tests.support.world import NODE_PREFIX, Holder, World, actor

THING: dict[str, Any] = {
    "name": "thing",
    "version": 1,
    "title_zh": "物",
    "ttl": 600,
    "attributes": [
        {"name": "url", "title_zh": "网址", "index": 1, "type": "URL"},
        {"name": "name", "title_zh": "名称"},
        {"name": "serial", "title_zh": "编号", "unique": True},
        {"name": "weight", "title_zh": "重量", "kind": "number"},
        {"name": "tags", "title_zh": "标签", "many": True},
        {"name": "part_of", "title_zh": "所属", "kind": "reference"},
        {"name": "manual", "title_zh": "手册", "kind": "file"},
    ],
}
"""At the indexes 1 (URL), 2000 NAME, 2001 SERIAL, 2002 WEIGHT, 2003 TAGS, 2004 PART_OF and 2005 MANUAL."""


def value(index: int, kind: str, data: str | bytes, **more: Any) -> Value:
    return Value(index, kind, data.encode() if isinstance(data, str) else data, **more)


def admin_value(handle: str, index: int = 300, *, at: int = 100, permissions: int = ALL_ADMIN_PERMISSIONS) -> Value:
    """An HS_ADMIN value at the index ``at``."""
    return Value(at, "HS_ADMIN", encode_admin(AdminData(handle, index, permissions)))


@dataclass
class Registrar:
    """The administrator ``300:0.NA/<prefix>`` at the desk; ``me`` may be set to somebody else, or nobody."""

    world: World
    holder: Holder
    interface: Interface = Interface.HANDLE_TCP
    rng: Random = field(default_factory=lambda: Random(11))
    me: Identity | None = None

    def __post_init__(self) -> None:
        self.me = self.me or Identity(f"0.NA/{self.holder.prefix.text}", 300)
        self.administration = HandleAdministration(self.world.pool, self.world.clock, NODE_PREFIX, self.rng)

    def handle(self, suffix: str) -> str:
        return f"{self.holder.prefix.text}/{suffix}"

    async def create(self, suffix: str, *values: Value, overwrite: bool = False, mint: bool = False) -> Done:
        return await self._perform(CreateHandle(self.handle(suffix), values, overwrite, mint))

    async def delete(self, suffix: str) -> Done:
        return await self._perform(DeleteHandle(self.handle(suffix)))

    async def add(self, suffix: str, *values: Value, overwrite: bool = False) -> Done:
        return await self._perform(AddValues(self.handle(suffix), values, overwrite))

    async def remove(self, suffix: str, *indexes: int) -> Done:
        return await self._perform(RemoveValues(self.handle(suffix), indexes))

    async def modify(self, suffix: str, *values: Value) -> Done:
        return await self._perform(ModifyValues(self.handle(suffix), values))

    async def read(self, suffix: str, *indexes: int, types: tuple[str, ...] = ()) -> Record:
        return await self.administration.read(ReadValues(self.handle(suffix), indexes, types), self.me)

    async def stored(self, suffix: str) -> dict[int, tuple[str, bytes]]:
        """Type and data of what stands, by index."""
        return {one.index: (one.type, one.data) for one in await self.record(suffix)}

    async def record(self, suffix: str) -> Record:
        """What stands, live or suspended."""
        return decode_values((await self.standing(suffix))["record"])

    async def standing(self, suffix: str) -> Any:
        """The row of an identifier."""
        return await self.world.pool.fetchrow(
            "SELECT i.* FROM identifier i JOIN prefix p USING (prefix_id) WHERE p.prefix = $1 AND suffix_key = $2",
            self.holder.prefix.key, Identifier.of(self.holder.prefix, suffix).key,
        )  # fmt: skip

    async def policy(self, template: str = "thing", **terms: Any) -> HandlePolicy:
        """Other terms for the prefix."""
        admin = self.world.administrator
        row = await self.world.pool.fetchrow(
            "SELECT h.version FROM handle_policy h JOIN prefix p USING (prefix_id) WHERE p.prefix = $1",
            self.holder.prefix.key,
        )
        return await self.world.handle_policies.set(
            admin, actor(admin), self.holder.prefix, Terms(template, **terms), row and row["version"]
        )

    async def save_rule(self, *segments: dict[str, Any], name: str = "number") -> int:
        """A coding rule of the prefix's enterprise; its id."""
        account = self.holder.account
        assert account.enterprise_id is not None
        rule = read_coding_rule({"segments": list(segments)})
        saved = await self.world.coding_rules.create(account, self.holder.actor, account.enterprise_id, name, rule)
        return saved.number

    async def _perform(self, change: Any) -> Done:
        await self.administration.check(change)
        return await self.administration.perform(change, self.me, self.interface)


async def opened(world: World, number: int = 2001, **terms: Any) -> Registrar:
    """A registrar with a policy for the template THING, which is published if it is not."""
    holder = await world.holder(number)
    if not await world.pool.fetchval("SELECT count(*) FROM template WHERE name = 'thing'"):
        await world.template(THING)
    await administer(world, holder.prefix, admin_value(f"0.NA/{holder.prefix.text}"))
    registrar = Registrar(world, holder)
    await registrar.policy(**terms)
    return registrar


async def administer(world: World, prefix: Prefix, *values: Value) -> None:
    """What the handle of a prefix says, as ``biaoshi admin-key`` leaves it."""
    await world.pool.execute(
        "INSERT INTO prefix_handle (prefix, version, registered_at, updated_at, record) VALUES ($1, 1, $2, $2, $3) "
        "ON CONFLICT (prefix) DO UPDATE SET record = excluded.record",
        prefix.key, world.clock(), encode_values(values),
    )  # fmt: skip
