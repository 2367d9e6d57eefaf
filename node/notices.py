"""What the writer tells every resolver through PostgreSQL's NOTIFY, in the transaction of the change.

Three kinds suffice: identifiers changed, a prefix gained identifiers (answers of "not found" are void), a
prefix itself changed (all its answers are void).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

CHANNEL = "biaoshi_change"
MOST_OCTETS = 7999
"""PostgreSQL's bound on a payload; the longest suffix key takes an eighth of it."""

_BETWEEN = "\n"  # no suffix holds a control character


class NoticeKind(Enum):
    # Not the letter of the days when a notice named one identifier: a resolver of those days would take a list for
    # one key, and what it does not know at all makes it forget everything.
    IDENTIFIERS = "k"
    ADDITIONS = "a"
    PREFIX = "p"


@dataclass(frozen=True, slots=True)
class Notice:
    """``prefix`` and ``suffix_keys`` are comparison keys; there are suffix keys with IDENTIFIERS only."""

    kind: NoticeKind
    prefix: str
    suffix_keys: tuple[str, ...] = ()

    def encode(self) -> str:
        return f"{self.kind.value}{self.prefix}/{_BETWEEN.join(self.suffix_keys)}"

    @staticmethod
    def decode(payload: str) -> Notice:
        """The notice of a payload; ``ValueError`` when it is none of ours."""
        prefix, slash, suffix_keys = payload[1:].partition("/")
        if not slash:
            raise ValueError(payload)
        return Notice(NoticeKind(payload[:1]), prefix, tuple(suffix_keys.split(_BETWEEN)) if suffix_keys else ())


def notices_of(prefix: str, suffix_keys: Iterable[str]) -> Iterator[Notice]:
    """As few notices as these changed identifiers of one prefix fit into."""
    head = len(Notice(NoticeKind.IDENTIFIERS, prefix).encode().encode())
    packed: list[str] = []
    octets = head
    for suffix_key in suffix_keys:
        more = len(suffix_key.encode()) + 1
        if packed and octets + more > MOST_OCTETS:
            yield Notice(NoticeKind.IDENTIFIERS, prefix, tuple(packed))
            packed, octets = [], head
        packed.append(suffix_key)
        octets += more
    if packed:
        yield Notice(NoticeKind.IDENTIFIERS, prefix, tuple(packed))
