"""What this node's own database knows: identifiers by key, and how a template wants its values shown."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import asyncpg
import msgspec
import structlog

from node.record import InvalidRecord, without_public_read
from node.sql import statements_beside
from resolver.answer import Absence, Entry, Key, Loaded, ResolverAway
from resolver.connection import ReaderConnection

log = structlog.get_logger("resolver")

SQL = statements_beside(__file__)

ANSWERED_ONCE = frozenset({"enabled", "suspended", "withdrawn"})
"""States of a prefix that is or was in use."""
# Prefixes follow their enterprise, so these are a second bolt. An enterprise whose amended facts are under review
# goes on answering; its unreviewed name is shown to nobody.
ENDED = frozenset({"suspended", "closed", "rejected"})
"""States of an enterprise none of whose prefixes answers."""
_FACES = 1000  # templates remembered


class Landing(StrEnum):
    """What a browser gets at ``/{prefix}/{suffix}``."""

    PAGE = "page"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class AttributeFace:
    """How a page names and shows the value with this index; ``kind`` is a word of the template's."""

    name: str
    index: int
    title_zh: str
    title_en: str = ""
    kind: str = "string"
    many: bool = False
    unit: str | None = None
    date_format: str | None = None

    @property
    def telling(self) -> bool:
        """Whether the bare text says less than the template knows."""
        return self.many or self.unit is not None or self.kind in ("reference", "file")


@dataclass(frozen=True, slots=True)
class SectionFace:
    """Attributes that stand together under a title, by name."""

    title_zh: str
    title_en: str = ""
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DisplayFace:
    """The display template (展示模板): what heads the page, its picture, its sections and what it leaves out."""

    title: str | None = None
    image: str | None = None
    sections: tuple[SectionFace, ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TemplateFace:
    """What a page needs of a template: titles, the attributes in their order, how it is laid out, where a browser
    lands."""

    title_zh: str
    title_en: str
    attributes: tuple[AttributeFace, ...]
    landing: Landing = Landing.PAGE
    display: DisplayFace | None = None


UNKNOWN_FACE = TemplateFace("", "", ())
"""For a template that cannot be read now: values then go by their types."""


async def look_up(connection: ReaderConnection, keys: Sequence[Key]) -> list[Loaded]:
    """What the database says about each key, in order. Raises ``ResolverAway``."""
    rows = await connection.fetch(SQL["look_up"], [key[0] for key in keys], [key[1] for key in keys])
    loaded: list[Loaded] = [Absence.ELSEWHERE] * len(keys)
    for row in rows:
        loaded[row["place"] - 1] = _loaded(row)
    return loaded


async def face_of(connection: ReaderConnection, template_id: int) -> TemplateFace | None:
    """How a template wants its values shown; ``None`` when there is no such template. Raises ``ResolverAway``."""
    rows = await connection.fetch(SQL["template_definition"], template_id)
    if not rows:
        return None
    try:
        return msgspec.json.decode(rows[0]["definition"], type=TemplateFace)
    except msgspec.ValidationError as error:
        log.warning("template_unreadable", template_id=template_id, cause=str(error))
        return UNKNOWN_FACE


class Faces:
    """Template faces by id, each read once: a published template never changes, and no other has identifiers."""

    def __init__(self, connections: Sequence[ReaderConnection]) -> None:
        self._connections = connections
        self._known: dict[int, TemplateFace] = {}

    async def of(self, template_id: int) -> TemplateFace:
        """The face of a template; ``UNKNOWN_FACE`` while the database is away and it was not read before."""
        known = self._known.get(template_id)
        if known is not None:
            return known
        for connection in self._connections:  # a replica may not have a new template yet
            with contextlib.suppress(ResolverAway):
                face = await face_of(connection, template_id)
                if face is None:
                    continue
                if len(self._known) >= _FACES:
                    self._known.clear()
                self._known[template_id] = face
                return face
        return UNKNOWN_FACE


def _loaded(row: asyncpg.Record) -> Loaded:
    (_, prefix, prefix_state, enterprise_state, name, name_en,
     template_id, version, registered_at, updated_at, suffix, record, hidden, blocked) = row  # fmt: skip
    if blocked:
        return Absence.BLOCKED
    if prefix_state not in ANSWERED_ONCE:
        return Absence.ELSEWHERE
    if prefix_state != "enabled" or enterprise_state in ENDED:
        return Absence.SUSPENDED
    if record is None:
        return Absence.UNKNOWN
    if hidden:
        record = _narrowed(record, hidden)
    reviewed = enterprise_state == "approved"
    # Interned: one text for the hundred thousand entries of an enterprise.
    return Entry(
        text=f"{prefix}/{suffix}",
        record=record,
        template_id=template_id,
        version=version,
        registered_at=registered_at,
        updated_at=registered_at if updated_at == registered_at else updated_at,  # one object: 48 bytes less
        enterprise=sys.intern(name) if reviewed else "",
        enterprise_en=sys.intern(name_en) if reviewed and name_en else None,
    )


def _narrowed(record: bytes, hidden: Collection[int]) -> bytes:
    """The record as everybody may read it: what the owner's scopes hide is public no more, for any front."""
    try:
        return without_public_read(record, hidden)
    except InvalidRecord:
        return record  # damaged: whoever reads it says so, and nobody reads any of it
