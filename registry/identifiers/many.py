"""Up to two thousand identifiers in one call, of several prefixes and templates, each with an outcome of its own.

This is for clients that send a list and read the answers to it; whoever has more sends a batch. Rows of one prefix
and template make one transaction. Rows about one identifier are taken one after another, as if they had come in calls
of their own: of two registrations the second finds the first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from node.auth import Account, Action
from node.database import Connection, DatabaseAway, Pool, transaction
from node.errors import Malformed, NodeError
from node.identifier import Identifier
from node.journal import Actor
from registry.identifiers.changes import Changed, Migration, change_many
from registry.identifiers.identifiers import IdentifierChanged, ValueTaken, exists, faulty, refusal_of
from registry.identifiers.leaves import Change
from registry.identifiers.registering import Registered, Registering, Registration
from registry.identifiers.revisions import Asked
from registry.identifiers.stored import unknown_identifier
from registry.prefix_grant import PrefixGrant
from registry.prefixes import writable_prefix
from registry.rejection import Code, Fault
from registry.templates.stored import usable_template

Clock = Callable[[], datetime]

MOST_ROWS = 2_000


class TooManyRows(Malformed):
    """Evidence: ``limit``, ``found``."""

    title_zh = "单次提交的标识数量超过上限"


class Wanted(NamedTuple):
    """What one identifier is to say. ``version``: the one that was read, where the sender knows it."""

    identifier: Identifier
    template: str | int
    attributes: Mapping[str, Any]
    version: int | None = None


Outcome = NodeError | None
"""What a row is refused with; ``None``: it is done."""

_Key = tuple[str, str | int | None]
_Change = Callable[[Connection, PrefixGrant, Sequence[int]], Awaitable[dict[int, Outcome]]]


class ManyIdentifiers:
    """The use cases. All raise ``TooManyRows`` and ``DatabaseAway``; what is wrong with a row is its outcome."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._registering = Registering(pool)

    async def register(self, account: Account, actor: Actor, rows: Sequence[Wanted]) -> list[Outcome]:
        """New identifiers; the outcomes stand in the order of the rows."""
        check_number(len(rows))
        at = self._clock()
        outcomes: list[Outcome] = [None] * len(rows)
        identifiers = [row.identifier for row in rows]
        for (_, template), numbers in _grouped((row.identifier, row.template) for row in rows).items():
            written: set[str] = set()
            for together in _rounds(identifiers, numbers):
                for number in together:
                    if identifiers[number].key in written:
                        outcomes[number] = exists(identifiers[number])
                asking = [number for number in together if outcomes[number] is None]
                asked = [
                    Registration(account, actor.interface, identifiers[number], rows[number].attributes, at)
                    for number in asking
                ]
                prefix = identifiers[numbers[0]].prefix
                answers = await self._registering.register_many(prefix, template or "", asked) if asked else []
                for number, answer in zip(asking, answers, strict=True):
                    if isinstance(answer, Registered):
                        written.add(identifiers[number].key)
                    elif isinstance(answer, Exception):
                        outcomes[number] = _of_one_row(answer)
                    else:
                        outcomes[number] = refusal_of(identifiers[number], answer)
        return outcomes

    async def update(self, account: Account, actor: Actor, rows: Sequence[Wanted]) -> list[Outcome]:
        """Whole new data, by the newest edition of the template that the row names."""
        check_number(len(rows))
        at = self._clock()

        async def write(connection: Connection, grant: PrefixGrant, numbers: Sequence[int]) -> dict[int, Outcome]:
            target = await usable_template(connection, grant, rows[numbers[0]].template)
            asked = [
                Asked(rows[one].identifier.key, rows[one].version, rows[one].attributes, origin=one, whole=True)
                for one in numbers
            ]
            changed = await change_many(
                connection, grant, Change.UPDATE, asked, account_id=account.account_id, interface=actor.interface,
                at=at, batch_id=None, migration=Migration(target),
            )  # fmt: skip
            return _refused(rows, changed)

        groups = _grouped((row.identifier, row.template) for row in rows)
        identifiers = [row.identifier for row in rows]
        return await self._change(account, Action.IDENTIFIER_UPDATE, identifiers, groups, write)

    async def delete(self, account: Account, actor: Actor, identifiers: Sequence[Identifier]) -> list[Outcome]:
        """Delete identifiers, in whatever version; their history stays."""
        check_number(len(identifiers))
        at = self._clock()
        rows = [Wanted(identifier, "", {}) for identifier in identifiers]

        async def write(connection: Connection, grant: PrefixGrant, numbers: Sequence[int]) -> dict[int, Outcome]:
            asked = [Asked(rows[one].identifier.key, origin=one) for one in numbers]
            changed = await change_many(
                connection, grant, Change.DELETE, asked, account_id=account.account_id, interface=actor.interface,
                at=at, batch_id=None,
            )  # fmt: skip
            return _refused(rows, changed)

        groups = _grouped((identifier, None) for identifier in identifiers)
        return await self._change(account, Action.IDENTIFIER_DELETE, identifiers, groups, write)

    async def _change(
        self,
        account: Account,
        action: Action,
        identifiers: Sequence[Identifier],
        groups: Mapping[_Key, Sequence[int]],
        write: _Change,
    ) -> list[Outcome]:
        outcomes: list[Outcome] = [None] * len(identifiers)
        for numbers in groups.values():
            for together in _rounds(identifiers, numbers):
                try:
                    async with transaction(self._pool) as connection:
                        prefix = identifiers[together[0]].prefix
                        grant = await writable_prefix(connection, account, action, prefix)
                        refused = await write(connection, grant, together)
                except NodeError as error:
                    refused = dict.fromkeys(together, _of_one_row(error))
                for number, outcome in refused.items():
                    outcomes[number] = outcome
        return outcomes


def check_number(rows: int) -> None:
    """Raises ``TooManyRows``."""
    if rows > MOST_ROWS:
        raise TooManyRows(f"{rows} rows were sent, at most {MOST_ROWS} are taken", limit=MOST_ROWS, found=rows)


def _grouped(rows: Iterable[tuple[Identifier, str | int | None]]) -> dict[_Key, list[int]]:
    """The numbers of the rows, by prefix and template, groups in the order in which they first appear."""
    groups: dict[_Key, list[int]] = {}
    for number, (identifier, template) in enumerate(rows):
        groups.setdefault((identifier.prefix.key, template), []).append(number)
    return groups


def _rounds(identifiers: Sequence[Identifier], numbers: Sequence[int]) -> list[list[int]]:
    """First all firsts, then what is about the same identifiers again."""
    rounds: list[list[int]] = []
    times: dict[str, int] = {}
    for number in numbers:
        key = identifiers[number].key
        time = times[key] = times.get(key, -1) + 1
        if time == len(rounds):
            rounds.append([])
        rounds[time].append(number)
    return rounds


def _of_one_row(error: Exception) -> NodeError:
    """The error as an outcome, unless nothing more can be done for the other rows either."""
    if isinstance(error, DatabaseAway) or not isinstance(error, NodeError):
        raise error
    return error


def _refused(rows: Sequence[Wanted], changed: Changed) -> dict[int, Outcome]:
    """The refusals of one transaction by the number of their row."""
    faults: dict[int, list[Fault]] = {}
    for asked, fault in changed.refused:
        faults.setdefault(asked.origin, []).append(fault)
    refused: dict[int, Outcome] = {number: _refusal(rows[number], found) for number, found in faults.items()}
    for asked in changed.standing:  # only what is deleted already is left as it stands
        refused[asked.origin] = unknown_identifier(rows[asked.origin].identifier)
    return refused


def _refusal(row: Wanted, faults: Sequence[Fault]) -> NodeError:
    codes = {fault.code for fault in faults}
    if Code.IDENTIFIER_UNKNOWN in codes:
        return unknown_identifier(row.identifier)
    if Code.VERSION_CHANGED in codes:
        return IdentifierChanged("another version stands than was read", expected=row.version)
    if Code.VALUE_TAKEN in codes:
        return ValueTaken("another identifier holds this value", field=faults[0].field)
    return faulty(faults)
