"""What an enterprise keeps under a name of its own choice: column mappings and coding rules.

One set of use cases serves both; a ``Noun`` says what differs: words, rights, errors, statements and how a
definition is read. What no enterprise owns is the node's own: its administrators keep it, everybody may look at it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from node.auth import Account, Action, may_ever, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, NodeError, NotFound
from node.journal import Act, Actor, PastAct, acts_of, record_act
from registry.enterprises import unknown_enterprise
from registry.store import check_version, reading, refusing

Clock = Callable[[], datetime]


class Definition(Protocol):
    def to_json(self) -> Any: ...


D = TypeVar("D", bound=Definition)


@dataclass(frozen=True, slots=True)
class Stored(Generic[D]):
    """One named definition; ``number`` is its id and ``version`` counts its changes.

    ``enterprise_id`` is ``None`` for the node's own.
    """

    number: int
    enterprise_id: UUID | None
    name: str
    definition: D
    version: int
    created_at: datetime
    updated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "enterprise_id": str(self.enterprise_id) if self.enterprise_id else None,
            "name": self.name,
            "definition": self.definition.to_json(),
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class Noun(Generic[D]):
    """What is kept. ``word`` names it in history; the SQL texts take and give what ``NamedDefinitions`` says.

    ``name_constraint`` and ``enterprise_constraint`` are its table's, ``in_use`` those of tables that point at it.
    """

    word: str
    read_action: Action
    edit_action: Action
    read: Callable[[Any], D]
    unknown: type[NotFound]
    name_taken: type[Conflict]
    name_constraint: str
    enterprise_constraint: str
    in_use: Mapping[str, type[Conflict]]
    add: str
    find: str
    find_by_name: str
    lock: str
    list: str
    change: str
    remove: str


class NamedDefinitions(Generic[D]):
    """The use cases. Besides what they name, all raise ``NotAllowed``, the noun's ``unknown``, ``DatabaseAway``."""

    def __init__(self, noun: Noun[D], pool: Pool, clock: Clock) -> None:
        self._noun = noun
        self._pool = pool
        self._clock = clock

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return self._clock()

    async def create(
        self, account: Account, actor: Actor, enterprise_id: UUID | None, name: str, definition: D
    ) -> Stored[D]:
        """``None`` makes one of the node's own. Raises the noun's ``name_taken``, ``EnterpriseUnknown``."""
        require(account, self._noun.edit_action, enterprise_id)
        async with transaction(self._pool) as connection:
            return await add_definition(self._noun, connection, actor, enterprise_id, name, definition, self._clock())

    async def replace(
        self, account: Account, actor: Actor, number: int, name: str, definition: D, version: int
    ) -> Stored[D]:
        """Another name and definition for the expected version. Raises ``VersionChanged``, ``name_taken``."""
        noun, at = self._noun, self._clock()
        async with transaction(self._pool) as connection:
            before = self._found(await connection.fetchrow(noun.lock, number), number)
            require(account, noun.edit_action, before.enterprise_id)
            check_version(version, before.version)
            if (name, definition) == (before.name, before.definition):
                return before
            after = replace(before, name=name, definition=definition, version=before.version + 1, updated_at=at)
            with refusing(**{noun.name_constraint: _taken(noun, name)}):
                await connection.execute(noun.change, number, name, _text(definition), after.version, at)
            await _trace(noun, connection, actor, "edit", before, after, at)
        return after

    async def delete(self, account: Account, actor: Actor, number: int, version: int) -> None:
        """Remove the expected version; its history stays. Raises ``VersionChanged`` and those ``in_use``."""
        noun, at = self._noun, self._clock()
        async with transaction(self._pool) as connection:
            before = self._found(await connection.fetchrow(noun.lock, number), number)
            require(account, noun.edit_action, before.enterprise_id)
            check_version(version, before.version)
            detail = f"the {noun.word} {before.name} is in use: let go of it there first"
            with refusing(**{name: error(detail, name=before.name) for name, error in noun.in_use.items()}):
                await connection.execute(noun.remove, number)
            await _trace(noun, connection, actor, "delete", before, None, at)

    async def get(self, account: Account, number: int) -> Stored[D]:
        """One of them."""
        async with reading(self._pool) as connection:
            found = self._found(await connection.fetchrow(self._noun.find, number), number)
        _require_look(account, self._noun.read_action, found.enterprise_id)
        return found

    async def history(
        self, account: Account, number: int, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """The acts on it, newest first."""
        async with reading(self._pool) as connection:
            found = self._found(await connection.fetchrow(self._noun.find, number), number)
            _require_look(account, Action.HISTORY_READ, found.enterprise_id)
            return await acts_of(connection, self._noun.word, str(number), before_act=before_act, limit=limit)

    async def list(
        self, account: Account, *, enterprise_id: UUID | None = None, after: int = 0, limit: int = 50
    ) -> list[Stored[D]]:
        """In the order of creation, after a number; an enterprise's account sees its own and the node's."""
        owner = enterprise_id or account.enterprise_id
        require(account, self._noun.read_action, owner)
        async with reading(self._pool) as connection:
            return [self._of_row(row) for row in await connection.fetch(self._noun.list, after, owner, limit)]

    def _found(self, row: Mapping[str, Any] | None, number: int) -> Stored[D]:
        if row is None:
            raise _unknown(self._noun, number)
        return self._of_row(row)

    def _of_row(self, row: Mapping[str, Any]) -> Stored[D]:
        return stored_of(self._noun, row)


async def add_definition(
    noun: Noun[D],
    connection: Connection,
    actor: Actor,
    enterprise_id: UUID | None,
    name: str,
    definition: D,
    at: datetime,
) -> Stored[D]:
    """A new one inside the caller's transaction, for whoever may.

    Raises the noun's ``name_taken``, ``EnterpriseUnknown``.
    """
    refusals: dict[str, NodeError] = {noun.name_constraint: _taken(noun, name)}
    if enterprise_id is not None:
        refusals[noun.enterprise_constraint] = unknown_enterprise(enterprise_id)
    with refusing(**refusals):
        number = await connection.fetchval(noun.add, enterprise_id, name, _text(definition), at)
    made = Stored(number, enterprise_id, name, definition, version=1, created_at=at, updated_at=at)
    await _trace(noun, connection, actor, "create", None, made, at)
    return made


async def definition_by_name(noun: Noun[D], connection: Connection, enterprise_id: UUID, name: str) -> Stored[D]:
    """What an enterprise means by a name. Raises the noun's ``unknown``."""
    row = await connection.fetchrow(noun.find_by_name, enterprise_id, name)
    if row is None:
        raise noun.unknown(f"the enterprise has no {noun.word} {name}", name=name)
    return stored_of(noun, row)


async def definition_by_number(noun: Noun[D], connection: Connection, number: int) -> Stored[D]:
    """One that something else points at. Raises the noun's ``unknown``."""
    row = await connection.fetchrow(noun.find, number)
    if row is None:
        raise _unknown(noun, number)
    return stored_of(noun, row)


def stored_of(noun: Noun[D], row: Mapping[str, Any]) -> Stored[D]:
    """A row of the noun's table."""
    return Stored(
        number=row["number"],
        enterprise_id=row["enterprise_id"],
        name=row["name"],
        definition=noun.read(json.loads(row["definition"])),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def _trace(
    noun: Noun[D],
    connection: Connection,
    actor: Actor,
    verb: str,
    before: Stored[D] | None,
    after: Stored[D] | None,
    at: datetime,
) -> None:
    subject = after or before
    assert subject is not None
    act = Act(
        action=f"{noun.word}.{verb}",
        subject_kind=noun.word,
        subject_id=str(subject.number),
        before=before.to_json() if before else None,
        after=after.to_json() if after else None,
    )
    await record_act(connection, actor, act, at)


def _taken(noun: Noun[D], name: str) -> Conflict:
    return noun.name_taken(f"there is a {noun.word} {name} already", name=name)


def _require_look(account: Account, action: Action, owner: UUID | None) -> None:
    """Whether the account may look at it: at the node's own, everybody who may look at any."""
    if owner is not None or not may_ever(account, action):
        require(account, action, owner)


def _unknown(noun: Noun[D], number: int) -> NotFound:
    return noun.unknown(f"there is no {noun.word} {number}", number=number)


def _text(definition: Definition) -> str:
    return json.dumps(definition.to_json(), ensure_ascii=False)
