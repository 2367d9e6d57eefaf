"""Bulk changes and their undoing in any order, against a dictionary that is always right."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest

from node.database import Pool
from registry.identifiers.changes import Asked, Change, Migration
from registry.templates.stored import StoredTemplate
from tests.support.bench import Bench
from tests.support.world import PUMP, World

KEYS = [f"K-{number}" for number in range(8)]
SERIALS = [f"S-{number}" for number in range(6)]
STEPS = 40
PLAIN = ("name", "serial", "model")
OTHER: dict[str, Any] = {
    **PUMP,
    "name": "other",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True},
        {"name": "serial", "title_zh": "出厂编号", "unique": True},
        {"name": "type", "title_zh": "型号", "listed": True},
    ],
}


@dataclass(frozen=True)
class Thing:
    """An identifier as it should stand; a deleted one keeps its template and no values."""

    state: str
    version: int
    template: int
    values: dict[str, str] = field(default_factory=dict)

    @property
    def gone(self) -> bool:
        return self.state == "deleted"

    def stands_like(self, other: Thing) -> bool:
        """Whether it looks the same, whatever its version."""
        if self.gone or other.gone:
            return self.gone and other.gone
        return (self.state, self.template, self.values) == (other.state, other.template, other.values)


class Model:
    """What should stand, and what each batch found and left, by suffix key."""

    def __init__(self, bench: Bench, here: StoredTemplate, there: StoredTemplate, chance: random.Random) -> None:
        self.bench = bench
        self.here = here
        self.there = there
        self.chance = chance
        self.things: dict[str, Thing] = {}
        self.batches: dict[UUID, dict[str, tuple[Thing | None, Thing]]] = {}

    def some_keys(self) -> list[str]:
        return self.chance.sample([*KEYS, "NOBODY"], self.chance.randint(1, 6))

    def some_values(self) -> dict[str, str | None]:
        asked: dict[str, str | None] = {}
        if self.chance.random() < 0.7:
            asked["serial"] = self.chance.choice([*SERIALS, None])
        if self.chance.random() < 0.5:
            asked["name"] = self.chance.choice(["泵", "阀"])
        if not asked or self.chance.random() < 0.1:
            asked["weight"] = "heavy"
        return asked

    # Steps ------------------------------------------------------------------------------------------

    async def register(self) -> None:
        free = {*SERIALS} - {thing.values.get("serial") for thing in self.things.values()}
        rows: dict[str, dict[str, str]] = {}
        for key in self.some_keys():
            standing = self.things.get(key)
            if key != "NOBODY" and (standing is None or standing.gone):
                rows[key] = {"name": "泵", "model": self.chance.choice(["CP-7", "CP-8"])}
                if free and self.chance.random() < 0.5:
                    rows[key]["serial"] = min(free)
                    free.remove(min(free))
        outcome = await self.bench.register(self.here, {key: dict(values) for key, values in rows.items()})
        assert outcome.registered == len(rows)
        self._keep(
            {
                key: Thing("live", self._version(key) + 1, self.here.template_id, values)
                for key, values in rows.items()
            }
        )  # fmt: skip

    async def update(self) -> None:
        wanted = {key: self.some_values() for key in self.some_keys()}
        expected = {key: self._version(key) + self.chance.choice([0, 0, 0, 1]) for key in wanted}
        rows = [Asked(key, self.chance.choice([None, expected[key]]), wanted[key]) for key in wanted]
        outcome = await self.bench.change(Change.UPDATE, rows)
        refused = _codes(outcome.refused)
        after: dict[str, Thing] = {}
        unchanged = 0
        for row in rows:
            key, values = row.suffix_key, row.values or {}
            thing = self.things.get(key)
            if thing is None or thing.gone:
                assert refused.pop(key) == {"identifier_unknown"}
            elif row.expected_version not in (None, thing.version):
                assert refused.pop(key) == {"version_changed"}
            elif "weight" in values:
                assert refused.pop(key) == {"unknown_attribute"}
            else:
                new = {name: value for name, value in {**thing.values, **values}.items() if value is not None}
                if new == thing.values:
                    unchanged += 1
                else:
                    after[key] = replace(thing, version=thing.version + 1, values=new)
        self._without_taken(refused, after, {key: thing.values.get("serial", "") for key, thing in after.items()})
        assert (outcome.changed, outcome.unchanged) == (len(after), unchanged)
        self._keep(after)

    async def turn(self) -> None:
        change = self.chance.choice([Change.DELETE, Change.SUSPEND, Change.RESUME])
        state = {Change.DELETE: "deleted", Change.SUSPEND: "suspended", Change.RESUME: "live"}[change]
        keys = self.some_keys()
        outcome = await self.bench.change(change, keys)
        known = {key: self.things[key] for key in keys if key in self.things}
        able = {key: thing for key, thing in known.items() if not thing.gone or change is Change.DELETE}
        assert _codes(outcome.refused) == {key: {"identifier_unknown"} for key in keys if key not in able}
        after = {
            key: Thing(state, thing.version + 1, thing.template, {} if state == "deleted" else thing.values)
            for key, thing in able.items()
            if thing.state != state
        }
        assert (outcome.changed, outcome.unchanged) == (len(after), len(able) - len(after))
        self._keep(after)

    async def migrate(self) -> None:
        target, renamed = self.chance.choice([(self.here, {"type": "model"}), (self.there, {"model": "type"})])
        keys = self.some_keys()
        outcome = await self.bench.change(Change.MIGRATE, keys, Migration(target, renamed))
        refused = _codes(outcome.refused)
        after = {}
        for key in keys:
            thing = self.things.get(key)
            if thing is None or thing.gone:
                assert refused.pop(key) == {"identifier_unknown"}
            elif thing.template != target.template_id:
                values = {renamed.get(name, name): value for name, value in thing.values.items()}
                after[key] = Thing(thing.state, thing.version + 1, target.template_id, values)
        self._without_taken(refused, after, {key: thing.values.get("serial", "") for key, thing in after.items()})
        assert outcome.changed == len(after)
        self._keep(after)

    async def undo(self, batch_id: UUID, *, surely: bool = False) -> None:
        outcome = await self.bench.undo(batch_id, window=self.chance.choice([1, 3, 5000]))
        refused = _codes(outcome.refused)
        after = {}
        for key, (before, left) in self.batches[batch_id].items():
            thing = self.things[key]
            if not thing.stands_like(left):
                assert refused.pop(key) == {"changed_since"}
            elif refused.get(key) == {"changed_since"} and thing.version != left.version:
                refused.pop(key)  # the same values, written anew: their timestamps tell
            elif before is None or before.gone:
                after[key] = Thing("deleted", thing.version + 1, thing.template)
            else:
                after[key] = replace(before, version=thing.version + 1)
        self._without_taken(refused, after, {key: thing.values.get("serial", "") for key, thing in after.items()})
        assert outcome.changed == len(after)
        assert not surely or (len(after) == len(self.batches[batch_id]) and not outcome.refused)
        self._keep(after)

    # Keeping the books ------------------------------------------------------------------------------

    def _version(self, key: str) -> int:
        return self.things[key].version if key in self.things else 0

    def _without_taken(self, refused: dict[str, set[str]], after: dict[str, Thing], wanted: dict[str, str]) -> None:
        """Whoever lost a value lost it to somebody: one that has it, or one that asked for it in the same chunk."""
        assert set(refused) <= set(after)
        for key, codes in refused.items():
            assert codes == {"value_taken"}
            template = after[key].template
            others = {other: thing for other, thing in self.things.items() if other != key and not thing.gone}
            assert any(
                thing.template == template and thing.values.get("serial") == wanted[key] for thing in others.values()
            ) or any(value == wanted[key] for other, value in wanted.items() if other != key)
        for key in refused:
            del after[key]

    def _keep(self, after: dict[str, Thing]) -> None:
        self.batches[self.bench.last] = {key: (self.things.get(key), thing) for key, thing in after.items()}
        self.things.update(after)

    async def compare(self) -> None:
        """The database says what the dictionary says, and its books balance."""
        standing = await self.bench.standing()
        assert {key: Thing(*said) for key, said in standing.items()} == self.things
        indexes = {self.here.template_id: {}, self.there.template_id: {}}
        for stored in (self.here, self.there):
            indexes[stored.template_id] = {
                attribute.name: attribute
                for attribute in stored.template.attributes
                if attribute.listed or attribute.unique
            }
        assert await self.bench.side() == {
            (key, thing.template, indexes[thing.template][name].index, indexes[thing.template][name].unique, value)
            for key, thing in self.things.items()
            for name, value in thing.values.items()
            if name in indexes[thing.template]
        }
        histories, leaves, _ = await self.bench.world.traces()
        assert histories == sum(thing.version for thing in self.things.values())
        assert leaves - self.leaves == histories
        reported = await self.bench.reported()
        assert reported["registered"] - reported["deleted"] == sum(not thing.gone for thing in self.things.values())

    leaves = 0


def _codes(refused: list[tuple[Any, Any]]) -> dict[str, set[str]]:
    codes: dict[str, set[str]] = {}
    for asked, fault in refused:
        key = asked.suffix_key if isinstance(asked, Asked) else asked
        codes.setdefault(key, set()).add(str(fault.code))
    return codes


@pytest.mark.parametrize("seed", range(4))
async def test_any_changes_and_undoings_do_what_the_dictionary_says(pool: Pool, seed: int) -> None:
    world = World(pool)
    here, there = await world.template(), await world.template(OTHER)
    model = Model(Bench(world, await world.holder()), here, there, random.Random(seed))
    model.leaves = (await world.traces())[1]
    for _ in range(STEPS):
        step = model.chance.choices(["register", "update", "turn", "migrate", "undo"], [2, 4, 3, 1, 2])[0]
        if step == "undo":
            if model.batches:
                await model.undo(model.chance.choice(list(model.batches)))
        else:
            await getattr(model, step)()
        await model.compare()
    # Undone from the last to the first, whatever they were, nothing is left.
    for batch_id in reversed(list(model.batches)):
        await model.undo(batch_id, surely=True)
    await model.compare()
    assert all(thing.gone for thing in model.things.values())
