"""What the writer tells every resolver through PostgreSQL's NOTIFY, in the transaction of the change.

Three kinds suffice: one identifier changed, a prefix gained identifiers (answers of "not found" are void), a
prefix itself changed (all its answers are void).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

CHANNEL = "biaoshi_change"


class NoticeKind(Enum):
    IDENTIFIER = "i"
    ADDITIONS = "a"
    PREFIX = "p"


@dataclass(frozen=True, slots=True)
class Notice:
    """``prefix`` and ``suffix_key`` are comparison keys; ``suffix_key`` is empty unless IDENTIFIER."""

    kind: NoticeKind
    prefix: str
    suffix_key: str = ""

    def encode(self) -> str:
        return f"{self.kind.value}{self.prefix}/{self.suffix_key}"

    @staticmethod
    def decode(payload: str) -> Notice:
        """The notice of a payload; ``ValueError`` when it is none of ours."""
        prefix, slash, suffix_key = payload[1:].partition("/")
        if not slash:
            raise ValueError(payload)
        return Notice(NoticeKind(payload[:1]), prefix, suffix_key)
