"""What rows of a bulk change make of standing identifiers: worked out here, written by ``rewriting.py``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from node.database import Connection
from node.record import encode_values
from registry.identifiers.leaves import Change
from registry.identifiers.state import IdentifierState
from registry.identifiers.unique_claims import Claim
from registry.mappings.mapping import SUFFIX
from registry.prefix_grant import PrefixGrant
from registry.rejection import Code, Fault
from registry.templates.encoder import Encoded, Encoder, NamedFile, SideEntry, Target, timestamp_of
from registry.templates.named_files import file_faults
from registry.templates.record_pieces import count_of
from registry.templates.stored import StoredTemplate, template_by_id

EMPTY = encode_values(())
"""The record of a deleted identifier: no values."""
_VERSION_FIELD = "biaoshi_version"
_BY_TEMPLATE = frozenset({Change.UPDATE, Change.MIGRATE})
_AT_A_STRETCH = 100
"""Rows between which others get their turn: about 5 ms. A chunk of 5,000 at once held resolutions up for 0.2 s."""
_TURNS = {Change.SUSPEND: IdentifierState.SUSPENDED, Change.RESUME: IdentifierState.LIVE}


@dataclass(frozen=True, slots=True)
class Asked:
    """One row of a bulk change. ``origin`` is handed back with what became of it.

    ``values`` (for UPDATE) are by the attribute's name; ``None`` clears one, what is not named stays. With ``whole``
    they are all that the identifier has from now on, and a new version even if they say what stands.
    """

    suffix_key: str
    expected_version: int | None = None
    values: Mapping[str, Any] | None = None
    origin: Any = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Migration:
    """How the data of other templates become those of ``target``, a published one.

    An attribute keeps its name unless ``renamed`` says another, or ``None``: then it is dropped. One that the target
    does not have and nobody drops is a fault of its row. ``constants`` fill attributes of the target, whatever came.
    Numbers of one unit become those of the other. Free values stay; one at the index of an attribute of the target
    is a fault.
    """

    target: StoredTemplate
    renamed: Mapping[str, str | None] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)


class Standing(NamedTuple):
    """An identifier as it stands, locked."""

    suffix_key: str
    template_id: int
    version: int
    state: IdentifierState
    record: bytes


class Indexed(NamedTuple):
    """What is written beside a record: entries of the side index, and what it points at."""

    side: Sequence[SideEntry]
    references: Sequence[Target]


NOTHING = Indexed((), ())


class Revision(NamedTuple):
    """What an identifier becomes. ``indexed`` is ``None`` when the side index and references stay as they are;
    ``replaces`` is what they are now, where somebody has looked; ``files`` are those that the new record names.
    """

    before: Standing
    state: IdentifierState
    template_id: int
    record: bytes
    indexed: Indexed | None
    files: Sequence[NamedFile] = ()
    replaces: Indexed | None = None

    @property
    def claims(self) -> list[Claim]:
        """The unique values it asks for anew."""
        if self.indexed is None:
            return []
        return [(self.template_id, entry.index, entry.value) for entry in self.indexed.side if entry.unique]

    @property
    def effects(self) -> list[Change]:
        """What somebody sees who compares before and after, in words for single changes."""
        before, effects = self.before, []
        if self.state is IdentifierState.DELETED:
            return [] if before.state is self.state else [Change.DELETE]
        if before.state is IdentifierState.DELETED:
            effects.append(Change.REGISTER)
        elif self.record != before.record or self.template_id != before.template_id:
            effects.append(Change.UPDATE)
        if self.state is IdentifierState.SUSPENDED and before.state is not IdentifierState.SUSPENDED:
            effects.append(Change.SUSPEND)
        if self.state is IdentifierState.LIVE and before.state is IdentifierState.SUSPENDED:
            effects.append(Change.RESUME)
        return effects


@dataclass(slots=True)
class Weighed:
    """What each row would make of its identifier; whether it may have its unique values (``Revision.claims``) is
    settled in writing.
    """

    revisions: list[tuple[Asked, Revision]] = field(default_factory=list)
    unchanged: list[Asked] = field(default_factory=list)
    refused: list[tuple[Asked, Fault]] = field(default_factory=list)


async def weighed_rows(
    grant: PrefixGrant,
    change: Change,
    rows: Sequence[Asked],
    standing: Mapping[str, Standing],
    book: Book,
    at: datetime,
    migration: Migration | None,
) -> Weighed:
    """What the rows make of what stands; ``book`` reads the templates it needs."""
    weighed = Weighed()
    await book.read({found.template_id for found in standing.values()} if change in _BY_TEMPLATE else ())
    if migration is not None:
        book.add(migration.target)
    timestamp = timestamp_of(at)
    taken: set[str] = set()
    for number, asked in enumerate(rows, 1):
        if number % _AT_A_STRETCH == 0:
            await asyncio.sleep(0)
        if asked.suffix_key in taken:
            weighed.refused.append((asked, Code.DUPLICATE_ROW.fault(SUFFIX)))
            continue
        taken.add(asked.suffix_key)
        revision = _revised(change, asked, standing.get(asked.suffix_key), book, migration, timestamp)
        if revision is None:
            weighed.unchanged.append(asked)
        elif isinstance(revision, Revision):
            weighed.revisions.append((asked, revision))
        else:
            weighed.refused.extend((asked, fault) for fault in revision)
    await _set_unfit_files_aside(book, grant, weighed)
    return weighed


def updated(found: Standing, merged: Encoded, encoder: Encoder) -> Revision:
    """The identifier with another record of its template, which ``encoder`` has made."""
    indexed, replaces = Indexed(merged.side, merged.references), Indexed(*encoder.side_of(found.record))
    anew = None if indexed == replaces else indexed
    return Revision(found, found.state, found.template_id, merged.record, anew, merged.files, replaces)


def restored(found: Standing, entry: Mapping[str, Any], book: Book) -> Revision:
    """The identifier as it was before an entry of its history."""
    if entry["before_state"] in (None, IdentifierState.DELETED):
        return Revision(found, IdentifierState.DELETED, found.template_id, EMPTY, NOTHING)
    state, template_id = IdentifierState(entry["before_state"]), entry["before_template_id"]
    record = found.record if entry["before"] is None else entry["before"]
    if found.template_id != template_id or found.state is IdentifierState.DELETED:
        return Revision(found, state, template_id, record, Indexed(*book.encoder(template_id).side_of(record)))
    indexed, replaces = (Indexed(*book.encoder(template_id).side_of(one)) for one in (record, found.record))
    return Revision(found, state, template_id, record, None if indexed == replaces else indexed, (), replaces)


class Book:
    """The templates at hand, ready to use, by id."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._stored: dict[int, StoredTemplate] = {}
        self._encoders: dict[int, Encoder] = {}
        self._units: dict[int, dict[str, str]] = {}

    async def read(self, template_ids: Iterable[int]) -> None:
        """Have these at hand. Raises ``TemplateUnknown``."""
        for template_id in template_ids:
            self.add(await template_by_id(self.connection, template_id))

    def add(self, stored: StoredTemplate) -> None:
        self._stored[stored.template_id] = stored
        self._encoders[stored.template_id] = stored.template.compile()
        self._units[stored.template_id] = {
            attribute.name: attribute.unit for attribute in stored.template.attributes if attribute.unit
        }

    def stored(self, template_id: int) -> StoredTemplate:
        return self._stored[template_id]

    def are_editions(self, one: int, other: int) -> bool:
        """Whether two templates are editions of one."""
        first, second = self._stored[one], self._stored[other]
        return (first.enterprise_id, first.template.name) == (second.enterprise_id, second.template.name)

    def encoder(self, template_id: int) -> Encoder:
        return self._encoders[template_id]

    def units(self, template_id: int) -> Mapping[str, str]:
        """The units of the attributes that have one, by name."""
        return self._units[template_id]

    def name(self, template_id: int, index: int) -> str:
        """The name of an attribute."""
        attributes = self._stored[template_id].template.attributes
        return next(attribute.name for attribute in attributes if attribute.index == index)

    def taken(self, claim: Claim) -> Fault:
        """The refusal of a unique value."""
        return Code.VALUE_TAKEN.fault(self.name(claim[0], claim[1]))


def _revised(
    change: Change,
    asked: Asked,
    found: Standing | None,
    book: Book,
    migration: Migration | None,
    timestamp: bytes,
) -> Revision | list[Fault] | None:
    """What one row makes of its identifier: the next version, everything wrong with it, or ``None`` for no change."""
    if found is not None and found.state is IdentifierState.DELETED and change is Change.DELETE:
        return None
    if found is None or found.state is IdentifierState.DELETED:
        return [Code.IDENTIFIER_UNKNOWN.fault(SUFFIX)]
    if asked.expected_version not in (None, found.version):
        return [Code.VERSION_CHANGED.fault(_VERSION_FIELD, expected=asked.expected_version, found=found.version)]
    if change is Change.UPDATE and migration is not None and migration.target.template_id != found.template_id:
        return _replaced(asked, found, book, migration.target.template_id, timestamp)
    if change is Change.UPDATE:
        return _updated(asked, found, book, timestamp)
    if change is Change.DELETE:
        return Revision(found, IdentifierState.DELETED, found.template_id, EMPTY, NOTHING)
    if change is Change.MIGRATE:
        assert migration is not None, "a migration says where to"
        return _migrated(migration, found, book, timestamp)
    state = _TURNS[change]
    return None if state is found.state else Revision(found, state, found.template_id, found.record, None)


def _updated(asked: Asked, found: Standing, book: Book, timestamp: bytes) -> Revision | list[Fault] | None:
    encoder = book.encoder(found.template_id)
    before = encoder.lasting(found.record) if asked.whole else found.record
    merged = encoder.merged(before, asked.values or {}, timestamp)
    if isinstance(merged, list):
        return merged
    if merged.record == found.record and not asked.whole:
        return None
    return updated(found, merged, encoder)


def _replaced(asked: Asked, found: Standing, book: Book, target: int, timestamp: bytes) -> Revision | list[Fault]:
    """The identifier with nothing but the row's values, by another template than it stands by.

    Free values stay, and where it is only another edition, the values of attributes that take none now.
    """
    encoder, before = book.encoder(target), found.record
    if book.are_editions(found.template_id, target):
        kept = encoder.lasting(before)
    else:
        kept = book.encoder(found.template_id).only_free(before)
        if occupied := encoder.occupied(kept):
            return occupied
    merged = encoder.merged(kept, asked.values or {}, timestamp)
    if isinstance(merged, list):
        return merged
    indexed = Indexed(merged.side, merged.references)
    return Revision(found, found.state, target, merged.record, indexed, merged.files)


def _migrated(migration: Migration, found: Standing, book: Book, timestamp: bytes) -> Revision | list[Fault] | None:
    target = migration.target.template_id
    if found.template_id == target:
        return None
    template = book.stored(found.template_id).template
    units, units_of_target = book.units(found.template_id), book.units(target)
    values: dict[str, Any] = {}
    faults = []
    attributes = template.attributes_of(found.record)
    free = EMPTY
    if len(attributes) < count_of(found.record):
        free = book.encoder(found.template_id).only_free(found.record)
        if occupied := book.encoder(target).occupied(free):
            return occupied
    for name, value in attributes.items():
        new = migration.renamed.get(name, name)
        if new is None:
            continue
        if new in values:
            faults.append(Code.DUPLICATE_KEY.fault(new))
        values[new] = _with_unit(value, units[name]) if name in units and new in units_of_target else value
    merged = book.encoder(target).merged(
        free, {**values, **migration.constants}, timestamp, carried=values.keys() - migration.constants.keys()
    )
    if isinstance(merged, list):
        return [*faults, *merged]
    indexed = Indexed(merged.side, merged.references)
    return faults or Revision(found, found.state, target, merged.record, indexed, merged.files)


def _with_unit(value: str | list[str], unit: str) -> str | list[str]:
    """Stored numbers as they are written with their unit."""
    return [f"{one} {unit}" for one in value] if isinstance(value, list) else f"{value} {unit}"


async def _set_unfit_files_aside(book: Book, grant: PrefixGrant, weighed: Weighed) -> None:
    """Rows that name files which the enterprise does not have, or that their attributes do not take, are refused."""
    named: dict[int, set[NamedFile]] = {}
    for _, revision in weighed.revisions:
        if revision.files:
            named.setdefault(revision.template_id, set()).update(revision.files)
    unfit = {
        (template_id, file): fault
        for template_id, files in named.items()
        for file, fault in (
            await file_faults(book.connection, grant.enterprise_id, book.stored(template_id).template, files)
        ).items()
    }
    if not unfit:
        return
    kept = []
    for asked, revision in weighed.revisions:
        faults = [
            unfit[revision.template_id, file] for file in revision.files if (revision.template_id, file) in unfit
        ]
        weighed.refused.extend((asked, fault) for fault in faults)
        if not faults:
            kept.append((asked, revision))
    weighed.revisions = kept
