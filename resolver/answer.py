"""What is asked of the resolver, and what it answers: found, or missing for a known reason.

Whatever else may happen is an error with a name: a prefix that is not ours (``NotResponsible``), or a database
that does not answer while nothing is remembered (``ResolverAway``). "Not found" is therefore always the truth.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from node.errors import Internal, NotFound, Unavailable
from node.identifier import Identifier, fold
from node.record import PUBLIC_READ, InvalidRecord, Record, decode_values, encode_values, select

Key = tuple[str, str]
"""The comparison keys of a prefix and of a suffix: what the database and the cache go by."""

NOT_OURS: Key = ("", "")
"""What a resolution counts under whose prefix is not ours."""

_NEVER_ANSWERED = "HS_SECKEY"  # a secret stays one, whatever its permissions say

_OWN_BYTES = 152  # of an entry, its number of the template, the head of its record, and what malloc rounds up
_TIME_BYTES = 48


class NotResponsible(NotFound):
    """Evidence: ``prefix``."""

    title_zh = "前缀不由本节点管理"


class ResolverAway(Unavailable):
    """Evidence: ``retry_after`` in seconds."""

    title_zh = "解析暂时不可用"

    def __init__(self) -> None:
        super().__init__("the database does not answer and nothing is remembered; ask again soon", retry_after=1)


class RecordDamaged(Internal):
    """Evidence: ``identifier``, ``offset`` of the damage in the stored record."""

    title_zh = "存储的标识数据已损坏"


class Absence(StrEnum):
    """Why there is no entry for a key."""

    UNKNOWN = "unknown"  # nobody registered it, or it was deleted
    SUSPENDED = "prefix_suspended"  # its prefix, or the prefix's enterprise, is suspended or gone
    ELSEWHERE = "prefix_elsewhere"  # its prefix is not ours, or not enabled yet
    BLOCKED = "identifier_blocked"  # 封堵: the node above forbids to resolve it, whoever registered it


# A cache holds a million of these. Without `gc=False` each full collection would visit them all, which took half a
# second; they hold nothing that could lead back to them, so counting references is enough (docs/adr/0025).
class Entry(msgspec.Struct, frozen=True, gc=False):
    """A registered identifier as the resolver keeps it: everything an answer needs, the record still as bytes.

    ``text`` is the identifier as it was registered. ``enterprise`` is empty while the enterprise's amended facts are
    under review.
    """

    text: str
    record: bytes
    template_id: int
    version: int
    registered_at: datetime
    updated_at: datetime
    enterprise: str
    enterprise_en: str | None

    @property
    def prefix(self) -> str:
        return self.text.partition("/")[0]

    @property
    def suffix(self) -> str:
        return self.text.partition("/")[2]

    @property
    def etag(self) -> str:
        """What tells its contents from any others under its name; made when asked for, by most fronts never."""
        return f"{self.version}-{hashlib.blake2b(self.record, digest_size=8).hexdigest()}"

    @property
    def weight(self) -> int:
        """Bytes of memory it occupies; what entries share, such as the enterprise's name, is not counted."""
        times = _TIME_BYTES if self.updated_at is self.registered_at else 2 * _TIME_BYTES
        return _OWN_BYTES + times + text_bytes(self.text) + len(self.record)

    def values(self) -> Record:
        """All values that somebody may read, so no secret key. Raises ``RecordDamaged``."""
        try:
            values = decode_values(self.record)
        except InvalidRecord as error:
            detail = f"the stored record of {self.text} is damaged: {error.detail}"
            raise RecordDamaged(detail, identifier=self.text, **error.evidence) from error
        return tuple(value for value in values if fold(value.type) != _NEVER_ANSWERED)

    def public_values(self) -> Record:
        """The values that anybody may read. Raises ``RecordDamaged``."""
        return tuple(value for value in self.values() if value.permissions & PUBLIC_READ)

    def bytes_of(self, values: Record) -> bytes:
        """The bytes of some of its values; all of the record's are its own, copied and never assembled."""
        stored = self.record
        return stored if int.from_bytes(stored[:4], "big") == len(values) else encode_values(values)


Loaded = Entry | Absence


@dataclass(frozen=True, slots=True)
class Query:
    """An identifier, and which of its values: those of a listed type or index, all when none is listed."""

    identifier: Identifier
    types: tuple[str, ...] = ()
    indexes: tuple[int, ...] = ()

    @property
    def key(self) -> Key:
        return self.identifier.prefix.key, self.identifier.key


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another node's ``server`` answered, ``age`` seconds ago; the answer holds ``seconds`` more, below 0: it is
    stale, given because the other node is silent."""

    server: str
    age: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Found:
    """``values`` are public and asked for, perhaps none; ``age`` only when the answer is stale: seconds since the
    entry was last known to be right. ``elsewhere``: it is another node's."""

    entry: Entry
    values: Record
    age: float | None = None
    elsewhere: Elsewhere | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """``reason`` is UNKNOWN, SUSPENDED or BLOCKED; another's prefix raises ``NotResponsible``."""

    reason: Absence


Answer = Found | Missing


@dataclass(frozen=True, slots=True)
class Referral:
    """Somebody else answers for the name: the service at ``values``, which the record of ``handle`` names.

    ``code`` is the response code: 302 for what lies under the prefix of ``handle``, 303 for prefixes derived from it.
    """

    code: int
    handle: str
    values: Record

    @property
    def prefix(self) -> str:
        """The key of the prefix that is delegated."""
        return self.handle.partition("/")[2]


def text_bytes(text: str) -> int:
    """Bytes of memory that a text occupies at most; unlike ``sys.getsizeof`` always the same for the same text."""
    return 56 + len(text) * (1 if text.isascii() else 5)  # 5: two as it stands, three as UTF-8 kept beside


def answer(query: Query, loaded: Loaded, age: float | None = None) -> Answer:
    """The answer to a query from what was loaded. Raises ``NotResponsible``, ``RecordDamaged``."""
    if isinstance(loaded, Entry):
        return Found(loaded, select(loaded.public_values(), query.indexes, query.types), age)
    if loaded is Absence.ELSEWHERE:
        prefix = query.identifier.prefix.text
        raise NotResponsible(f"the prefix {prefix} is not served by this node", prefix=prefix)
    return Missing(loaded)
