"""Identifiers (snms-api 7): query, register, change, delete, one at a time or up to two thousand in a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from node.auth import Account, Action
from node.database import Pool
from node.errors import NodeError
from node.identifier import Identifier, Prefix
from registry.api.compatible import Asked, Endpoint, FieldMissing, FieldUnreadable, read_json, shorter
from registry.api.counted_reads import CountedReads
from registry.api.snms.envelope import row_outcome
from registry.api.snms.template_store import name_of, version_of
from registry.api.snms.values import SentValue, ValueForm
from registry.batches.rows import slices
from registry.identifiers.identifiers import Identifiers
from registry.identifiers.many import ManyIdentifiers, Outcome, Wanted, check_number
from registry.prefixes import readable_prefix
from registry.store import reading
from registry.templates.editions import usable_template

_HANDLE, _VERSION = 255, 128
_BATCH_BYTES = 32 << 20
_DATA = "/identityv2/data"


class SentRow(msgspec.Struct, gc=False):
    """One identifier of a call; everything may be missing, which is told where it is needed."""

    handle: str | None = None
    templateVersion: str | None = None  # noqa: N815 - SNMS's spelling
    value: list[SentValue] | None = None


class SentHandles(msgspec.Struct):
    """The other form of the body of a batch deletion (C-11)."""

    handles: list[str]


class Form(NamedTuple):
    """A prefix, the name of a template that serves it, and how to read values by it."""

    prefix: Prefix
    name: str
    values: ValueForm


_Rows = list[SentRow | NodeError]
_Write = Callable[[Sequence[Wanted]], Awaitable[list[Outcome]]]


def identifier_endpoints(
    pool: Pool, identifiers: Identifiers, many: ManyIdentifiers, reads: CountedReads
) -> list[Endpoint]:
    """Everything below ``/identityv2/data``, and the older address of the query."""
    return [*_single_endpoints(pool, identifiers, many, reads), *_batch_endpoints(pool, many)]


def _single_endpoints(
    pool: Pool, identifiers: Identifiers, many: ManyIdentifiers, reads: CountedReads
) -> list[Endpoint]:
    async def detail(asked: Asked) -> dict[str, Any]:
        identifier = read_handle(asked.needed("handle", _HANDLE))
        try:
            told = await tell(asked, identifier)
        except NodeError as error:
            reads.refused(asked, identifier, error)
            raise
        reads.answered(asked, identifier)
        return told

    async def tell(asked: Asked, identifier: Identifier) -> dict[str, Any]:
        found, stored = await identifiers.get(asked.account, identifier)
        async with reading(pool) as connection:
            grant = await readable_prefix(connection, asked.account, Action.IDENTIFIER_READ, identifier.prefix)
            version = await version_of(connection, grant, stored)
        return {
            "code": "200",
            "prefix": found.prefix.text,
            "handle": found.text,
            "templateVersion": version,
            "value": ValueForm(stored, version).values(found.record),
        }

    async def register(asked: Asked) -> bool:
        row = asked.body(SentRow)
        forms = _Forms(pool, asked.account, Action.IDENTIFIER_REGISTER)
        wanted, form = await _wanted(forms, row)
        try:
            await identifiers.register(
                asked.account, asked.actor, wanted.identifier, wanted.template, wanted.attributes
            )
        except NodeError as error:
            raise form.named(error) from None
        return True

    async def update(asked: Asked) -> bool:
        row = asked.body(SentRow)
        wanted, form = await _wanted(_Forms(pool, asked.account, Action.IDENTIFIER_UPDATE), row)
        _raise(form, await many.update(asked.account, asked.actor, [wanted]))
        return True

    async def delete(asked: Asked) -> bool:
        handle = asked.query.get("handle") or (asked.body(SentRow).handle if asked.content.strip() else None)
        if not handle:
            raise FieldMissing("the field handle is missing", field="handle")
        (outcome,) = await many.delete(asked.account, asked.actor, [read_handle(handle)])
        if outcome is not None:
            raise outcome
        return True

    return [
        Endpoint("GET", f"{_DATA}/detail", detail),
        Endpoint("GET", "/api/identityv2/query/data", detail),
        Endpoint("POST", _DATA, register),
        Endpoint("PUT", _DATA, update),
        Endpoint("DELETE", _DATA, delete),
    ]


def _batch_endpoints(pool: Pool, many: ManyIdentifiers) -> list[Endpoint]:
    async def register_many(asked: Asked) -> list[dict[str, Any]]:
        rows = read_rows(asked.content)
        forms = _Forms(pool, asked.account, Action.IDENTIFIER_REGISTER)
        return await _each(rows, forms, lambda wanted: many.register(asked.account, asked.actor, wanted))

    async def update_many(asked: Asked) -> list[dict[str, Any]]:
        rows = read_rows(asked.content)
        forms = _Forms(pool, asked.account, Action.IDENTIFIER_UPDATE)
        return await _each(rows, forms, lambda wanted: many.update(asked.account, asked.actor, wanted))

    async def delete_many(asked: Asked) -> list[dict[str, Any]]:
        handles = _read_handles(asked.content)
        check_number(len(handles))
        outcomes: list[Outcome] = [None] * len(handles)
        sound: dict[int, Identifier] = {}
        for number, handle in enumerate(handles):
            try:
                sound[number] = read_handle(handle)
            except NodeError as error:
                outcomes[number] = error
        deleted = await many.delete(asked.account, asked.actor, list(sound.values()))
        for number, outcome in zip(sound, deleted, strict=True):
            outcomes[number] = outcome
        return [row_outcome(handle, outcome) for handle, outcome in zip(handles, outcomes, strict=True)]

    return [
        Endpoint("POST", f"{_DATA}/batchCreate", register_many, body_bytes=_BATCH_BYTES),
        Endpoint("PUT", f"{_DATA}/batchUpdate", update_many, body_bytes=_BATCH_BYTES),
        Endpoint("DELETE", f"{_DATA}/batchDelete", delete_many, body_bytes=_BATCH_BYTES),
    ]


def read_handle(text: str) -> Identifier:
    """``prefix/suffix``. Raises ``FieldUnreadable``, ``InvalidIdentifier``, ``InvalidPrefix``, ``InvalidSuffix``."""
    prefix, _, suffix = shorter(text, "handle", _HANDLE).partition("/")
    return Identifier.of(Prefix.parse_derived(prefix), suffix)


def read_rows(content: bytes) -> _Rows:
    """The rows of a batch, or what is wrong with one. Raises ``NoJsonBody``, ``TooManyRows``."""
    try:
        rows: _Rows = list(read_json(content, list[SentRow]))
    except (FieldMissing, FieldUnreadable):
        rows = [_read_row(raw) for raw in read_json(content, list[msgspec.Raw])]
    check_number(len(rows))
    return rows


class _Forms:
    """The prefixes and templates that the rows of one call name, each looked up once."""

    def __init__(self, pool: Pool, account: Account, action: Action) -> None:
        self._pool = pool
        self._account = account
        self._action = action
        self._known: dict[tuple[str, str], Form | NodeError] = {}

    async def of(self, prefix: str, version: str) -> Form:
        """Raises ``InvalidPrefix``, ``FieldUnreadable`` and what ``readable_prefix``, ``usable_template`` raise."""
        found = self._known.get((prefix, version))
        if found is None:
            try:
                found = await self._find(Prefix.parse_derived(prefix), shorter(version, "templateVersion", _VERSION))
            except NodeError as error:
                found = error
            self._known[prefix, version] = found
        if isinstance(found, NodeError):
            raise found
        return found

    async def _find(self, prefix: Prefix, version: str) -> Form:
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, self._account, self._action, prefix)
            name, _ = await name_of(connection, grant, version)
            return Form(prefix, name, ValueForm(await usable_template(connection, grant, name), version))


async def _wanted(forms: _Forms, row: SentRow) -> tuple[Wanted, ValueForm]:
    handle, version, values = row.handle, row.templateVersion, row.value
    if not handle or not version or not values:
        name = "value" if handle and version else "templateVersion" if handle else "handle"
        raise FieldMissing(f"the field {name} is missing", field=name)
    prefix, _, suffix = shorter(handle, "handle", _HANDLE).partition("/")
    form = await forms.of(prefix, version)
    identifier = Identifier.of(form.prefix, suffix)
    return Wanted(identifier, form.name, form.values.attributes(values)), form.values


async def _each(rows: _Rows, forms: _Forms, write: _Write) -> list[dict[str, Any]]:
    """Every row by itself; what can be written is written together."""
    outcomes: list[Outcome] = [None] * len(rows)
    sound: dict[int, tuple[Wanted, ValueForm]] = {}
    async for some in slices(list(enumerate(rows))):
        for number, row in some:
            try:
                if isinstance(row, NodeError):
                    raise row
                sound[number] = await _wanted(forms, row)
            except NodeError as error:
                outcomes[number] = error
    written = await write([wanted for wanted, _ in sound.values()])
    for (number, (_, form)), outcome in zip(sound.items(), written, strict=True):
        outcomes[number] = None if outcome is None else form.named(outcome)
    handles = ["" if isinstance(row, NodeError) else row.handle or "" for row in rows]
    return [row_outcome(handle, outcome) for handle, outcome in zip(handles, outcomes, strict=True)]


def _raise(form: ValueForm, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome is not None:
            raise form.named(outcome)


def _read_row(raw: msgspec.Raw) -> SentRow | NodeError:
    try:
        return read_json(raw, SentRow)
    except NodeError as error:
        return error


def _read_handles(content: bytes) -> list[str]:
    if content.lstrip()[:1] == b"{":
        return read_json(content, SentHandles).handles
    return read_json(content, list[str])
