"""Single registrations, written together when they come together.

Registrations under one prefix by one template that come while others of these are being written make one
transaction: prefix and template are looked at and held once, and the commit is waited for once. Each keeps its own
account, interface and time, and its own outcome: what refuses one does not touch the others. One that comes alone is
a transaction of one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

import asyncpg

from node.auth import Account, Action
from node.database import Connection, Pool, transaction
from node.errors import NodeError
from node.identifier import Identifier, Prefix
from node.journal import Interface
from registry.gathering import Gathering
from registry.identifiers.writing import Outcome, Signature, Signed, Taken, TooContended, write_fresh, write_signed
from registry.prefixes import PrefixGrant, check_writable, held_prefix
from registry.rejection import Fault
from registry.templates.encoder import Encoded, Entry, timestamp_of
from registry.templates.named_files import file_faults
from registry.templates.stored import StoredTemplate, usable_template

_MOST = 100  # registrations a transaction; more would keep the first of them waiting


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration as it was asked for."""

    account: Account
    interface: Interface
    identifier: Identifier
    attributes: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """One that is written and committed."""

    grant: PrefixGrant
    stored: StoredTemplate
    entry: Entry
    version: int
    at: datetime


Refused = list[Fault] | Taken
"""Why one was not written: it is faulty or not admitted, or something of it stands already."""

_Kind = tuple[str, str | int]  # key of the prefix, name or id of the template
_Answer = Registered | Refused | Exception
_Write = Callable[[Connection, PrefixGrant, int, list[Signed]], Awaitable[Outcome]]


class Registering:
    """One desk per process: whoever registers comes here."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._gathering: Gathering[_Kind, Registration, Registered | Refused] = Gathering(self._answers, _MOST)

    async def register(self, template: str | int, asked: Registration) -> Registered | Refused:
        """Write one. Raises ``PrefixUnknown``, ``NotAllowed``, ``PrefixNotEnabled``, ``EnterpriseNotApproved``,
        ``TemplateUnknown``, ``TemplateNotPublished``, ``TooContended``, ``DatabaseAway``.
        """
        return await self._gathering.ask((asked.identifier.prefix.key, template), asked)

    async def register_many(
        self, prefix: Prefix, template: str | int, asked: Sequence[Registration]
    ) -> list[Registered | Refused | Exception]:
        """Write those of one call, all under one prefix by one template; each has its outcome, in order."""
        return await self._answers((prefix.key, template), asked)

    async def _answers(self, kind: _Kind, asked: Sequence[Registration]) -> list[_Answer]:
        """Of several for one identifier the first is written, then the next is tried, as if they had come so."""
        answers: dict[int, _Answer] = {}
        waiting = list(enumerate(asked))
        while waiting:
            firsts = {one.identifier.key: (number, one) for number, one in reversed(waiting)}
            numbers, together = zip(*sorted(firsts.values(), key=itemgetter(0)), strict=True)
            answers.update(zip(numbers, await self._together(kind, together), strict=True))
            waiting = [(number, one) for number, one in waiting if number not in answers]
        return [answers[number] for number in range(len(asked))]

    async def _together(self, kind: _Kind, asked: Sequence[Registration]) -> Sequence[_Answer]:
        try:
            return await self._write(kind, asked)
        except Exception as error:  # noqa: BLE001 - it is raised where the registrations were asked for
            common = isinstance(error, NodeError) and not isinstance(error, TooContended)
            if common or len(asked) == 1:
                return [error] * len(asked)
        # What one of them brought about is not the others' fault.
        return [answer for one in asked for answer in await self._together(kind, [one])]

    async def _write(self, kind: _Kind, asked: Sequence[Registration]) -> Sequence[_Answer]:
        """One transaction; where something stands already, another one that looks before it writes."""
        try:
            return await self._transaction(kind, asked, write_fresh)
        except asyncpg.UniqueViolationError:
            return await self._transaction(kind, asked, partial(write_signed, expect_taken=True))

    async def _transaction(self, kind: _Kind, asked: Sequence[Registration], write: _Write) -> Sequence[_Answer]:
        """The identifiers differ."""
        prefix, template = kind
        async with transaction(self._pool) as connection:
            grant = await held_prefix(connection, Prefix.parse_derived(prefix))
            answers, allowed = _permitted(grant, asked)
            if allowed:
                answers |= await write_allowed(connection, grant, template, allowed, write)
        return [answers[one.identifier.key] for one in asked]


def _permitted(grant: PrefixGrant, asked: Sequence[Registration]) -> tuple[dict[str, _Answer], list[Registration]]:
    """The refusals, by suffix key, and those who may register."""
    refused: dict[str, _Answer] = {}
    allowed = []
    judged: Account | None = None
    verdict: NodeError | None = None
    for one in asked:
        if one.account is not judged:
            judged, verdict = one.account, _verdict(grant, one.account)
        if verdict is not None:
            refused[one.identifier.key] = verdict
        else:
            allowed.append(one)
    return refused, allowed


def _verdict(grant: PrefixGrant, account: Account) -> NodeError | None:
    try:
        check_writable(grant, account, Action.IDENTIFIER_REGISTER)
    except NodeError as error:
        return error
    return None


async def write_allowed(
    connection: Connection, grant: PrefixGrant, template: str | int, asked: Sequence[Registration], write: _Write
) -> dict[str, _Answer]:
    """Write those who may register, inside the caller's transaction, which holds the prefix; by suffix key."""
    try:
        stored = await usable_template(connection, grant, template)
    except NodeError as error:
        return {one.identifier.key: error for one in asked}
    answers: dict[str, _Answer] = {}
    rows = []
    signature: Signature | None = None
    for one, encoded in await _encoded(connection, grant, stored, asked):
        if isinstance(encoded, list):
            answers[one.identifier.key] = encoded
        else:
            signature = _signature_of(one, signature)
            rows.append((Entry(one.identifier.suffix, one.identifier.key, *encoded), signature))
    outcome = await write(connection, grant, stored.template_id, rows)
    standing = set(outcome.standing)
    taken: dict[str, _Answer] = {one.entry.suffix_key: one for one in outcome.taken}
    taken |= {one.entry.suffix_key: [one.fault] for one in outcome.refused}
    for entry, by in rows:
        key = entry.suffix_key
        if key in standing:
            answers[key] = Taken(entry, None, same_batch=False)
        else:
            answers[key] = taken.get(key) or Registered(grant, stored, entry, outcome.revived.get(key, 1), by.at)
    return answers


def _signature_of(one: Registration, last: Signature | None) -> Signature:
    """The last one again where nothing differs: those of one call are written as one."""
    said = (one.account.account_id, one.interface, one.at)
    if last is not None and (last.account_id, last.interface, last.at) == said:
        return last
    return Signature(*said, batch_id=None)


async def _encoded(
    connection: Connection, grant: PrefixGrant, stored: StoredTemplate, asked: Sequence[Registration]
) -> list[tuple[Registration, Encoded | list[Fault]]]:
    """The attributes as they are stored, or everything wrong with them; files that they name are there and fit."""
    encoder = stored.template.compile()
    found = [(one, encoder.named(one.attributes, timestamp_of(one.at))) for one in asked]
    named = {file for _, encoded in found if isinstance(encoded, Encoded) for file in encoded.files}
    if not named or not (unfit := await file_faults(connection, grant.enterprise_id, stored.template, named)):
        return found

    def checked(encoded: Encoded | list[Fault]) -> Encoded | list[Fault]:
        if isinstance(encoded, list):
            return encoded
        return [unfit[file] for file in encoded.files if file in unfit] or encoded

    return [(one, checked(encoded)) for one, encoded in found]
