"""Categories (分类) of an enterprise's templates: a tree, each node known by a code.

``UN_CLASSIFIED`` (未分类) is always there. Which category a template is in is said by the interface that knows
categories (snms-api 10.8), beside its alias.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed, NotFound
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.enterprises import approved_enterprise
from registry.store import refusing

SQL = statements_beside(__file__, "categories.sql")
Clock = Callable[[], datetime]

UNCLASSIFIED = "UN_CLASSIFIED"
UNCLASSIFIED_NAME = "未分类"
MOST_LEVELS = 10


class CategoryUnknown(NotFound):
    title_zh = "模板分类不存在"


class CategoryCodeTaken(Conflict):
    title_zh = "模板分类编码已被使用"


class CategoryInUse(Conflict):
    title_zh = "模板分类正在使用"


class CategoryPlaceInvalid(Malformed):
    title_zh = "模板分类的上级有误"


@dataclass(frozen=True, slots=True)
class Category:
    """``parent_id`` is ``None`` at the root; siblings stand in the order of ``sort``."""

    template_category_id: int
    enterprise_id: UUID
    parent_id: int | None
    code: str
    name: str
    sort: int

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "enterprise_id": str(self.enterprise_id),
            "parent_id": self.parent_id,
            "code": self.code,
            "name": self.name,
            "sort": self.sort,
        }


class Categories:
    """The use cases. All raise ``NotAllowed`` and ``DatabaseAway`` besides what they name."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def list(self, account: Account, enterprise_id: UUID) -> list[Category]:
        """All of an enterprise, in their order."""
        require(account, Action.TEMPLATE_READ, enterprise_id)
        async with transaction(self._pool) as connection:
            return await categories_of(connection, enterprise_id)

    async def add(
        self,
        account: Account,
        actor: Actor,
        enterprise_id: UUID,
        code: str,
        name: str,
        parent_id: int | None,
        sort: int,
    ) -> Category:
        """Raises ``CategoryCodeTaken``, ``CategoryPlaceInvalid``, ``EnterpriseUnknown``, ``…NotApproved``."""
        require(account, Action.TEMPLATE_EDIT, enterprise_id)
        async with transaction(self._pool) as connection:
            await connection.execute(SQL["lock_categories"], enterprise_id)
            await _check_place(connection, enterprise_id, None, parent_id)
            taken = CategoryCodeTaken(f"the category {code} is there already", template_category=code)
            with refusing(template_category_code_unique=taken):
                number = await connection.fetchval(SQL["add_category"], enterprise_id, parent_id, code, name, sort)
            added = Category(number, enterprise_id, parent_id, code, name, sort)
            await self._trace(connection, actor, "add", None, added)
            return added

    async def change(
        self, account: Account, actor: Actor, template_category_id: int, name: str, parent_id: int | None, sort: int
    ) -> Category:
        """Raises ``CategoryUnknown``, ``CategoryPlaceInvalid``."""
        async with transaction(self._pool) as connection:
            before = await _locked(connection, account, template_category_id)
            await _check_place(connection, before.enterprise_id, before, parent_id)
            after = replace(before, name=name, parent_id=parent_id, sort=sort)
            if after == before:
                return before
            await connection.execute(SQL["change_category"], template_category_id, parent_id, name, sort)
            await self._trace(connection, actor, "change", before, after)
            return after

    async def remove(self, account: Account, actor: Actor, template_category_id: int) -> None:
        """Raises ``CategoryUnknown``, ``CategoryInUse``."""
        async with transaction(self._pool) as connection:
            before = await _locked(connection, account, template_category_id)
            in_use = await connection.fetchval(
                SQL["category_in_use"], template_category_id, before.enterprise_id, before.code
            )
            if in_use or before.code == UNCLASSIFIED:
                raise CategoryInUse(
                    f"there is something in the category {before.code}", template_category=before.code
                )
            await connection.execute(SQL["remove_category"], template_category_id)
            await self._trace(connection, actor, "remove", before, None)

    async def _trace(
        self, connection: Connection, actor: Actor, verb: str, before: Category | None, after: Category | None
    ) -> None:
        subject = after or before
        assert subject is not None
        act = Act(
            f"template_category.{verb}",
            "template_category",
            str(subject.template_category_id),
            before=before.to_json() if before else None,
            after=after.to_json() if after else None,
        )
        await record_act(connection, actor, act, self._clock())


async def categories_of(connection: Connection, enterprise_id: UUID) -> list[Category]:
    """All of an enterprise, the default one made where it is missing, inside the caller's transaction."""
    await _ensure_default(connection, enterprise_id)
    return [_of_row(row) for row in await connection.fetch(SQL["list_categories"], enterprise_id)]


async def category_by_code(connection: Connection, enterprise_id: UUID, code: str) -> Category | None:
    """The category with that code, inside the caller's transaction; ``None``: the enterprise has no such."""
    if code == UNCLASSIFIED:
        await _ensure_default(connection, enterprise_id)
    row = await connection.fetchrow(SQL["find_category"], enterprise_id, code)
    return None if row is None else _of_row(row)


async def _ensure_default(connection: Connection, enterprise_id: UUID) -> None:
    await connection.execute(SQL["ensure_default_category"], enterprise_id, UNCLASSIFIED, UNCLASSIFIED_NAME)


async def _locked(connection: Connection, account: Account, template_category_id: int) -> Category:
    """The category and its enterprise's tree, held until the transaction ends."""
    unknown = CategoryUnknown(
        f"there is no category {template_category_id}", template_category_id=template_category_id
    )
    row = await connection.fetchrow(SQL["lock_category"], template_category_id)
    if row is None:
        raise unknown
    found = _of_row(row)
    require(account, Action.TEMPLATE_EDIT, found.enterprise_id)
    await connection.execute(SQL["lock_categories"], found.enterprise_id)
    return found


async def _check_place(
    connection: Connection, enterprise_id: UUID, moved: Category | None, parent_id: int | None
) -> None:
    """The parent is there, not below what is moved, and not too deep."""
    await approved_enterprise(connection, enterprise_id)
    rows = await connection.fetch(SQL["list_categories"], enterprise_id)
    known = {row["template_category_id"]: row["parent_id"] for row in rows}
    levels, above = 1, parent_id
    while above is not None:
        if above not in known or (moved is not None and above == moved.template_category_id) or levels >= MOST_LEVELS:
            raise CategoryPlaceInvalid(
                f"the parent is not there, lies below, or has {MOST_LEVELS} levels above", field="parent_id"
            )
        levels, above = levels + 1, known[above]


def _of_row(row: Mapping[str, Any]) -> Category:
    return Category(**row)
