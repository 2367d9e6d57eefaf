"""What a replica may not have applied yet: changes that were heard, and doubts; without clock or network."""

from __future__ import annotations

from node.notices import Notice, NoticeKind
from resolver.answer import Key

_CHANGES = 20_000  # remembered apart; beyond, everything counts as changed


class Unapplied:
    """Each change and each doubt has a number; ``applied`` takes back all up to one.

    A *change* was heard, so the replica lacks it until it is known to have it. A *doubt* means that there may be
    changes which nobody here heard of.
    """

    def __init__(self) -> None:
        self.number = 0
        """That of the latest change or doubt."""
        self._keys: dict[Key, int] = {}
        self._prefixes: dict[str, int] = {}
        self._everything = 0
        self._doubted: dict[Key, int] = {}
        self._everything_doubted = 0

    def __bool__(self) -> bool:
        return bool(self._everything_doubted or self._everything or self._prefixes or self._keys or self._doubted)

    def lacks(self, key: Key) -> bool:
        """Whether a change of this key was heard that the replica may not have."""
        return bool(self._everything) or key in self._keys or key[0] in self._prefixes

    def may_lack(self, key: Key) -> bool:
        """The same, or doubted."""
        return bool(self._everything_doubted) or key in self._doubted or self.lacks(key)

    def hear(self, notice: Notice) -> None:
        """Something changed."""
        self.number += 1
        if notice.kind is NoticeKind.IDENTIFIERS:
            for suffix_key in notice.suffix_keys:
                self._keys[notice.prefix, suffix_key] = self.number
        else:
            self._prefixes[notice.prefix] = self.number
        if len(self._keys) + len(self._prefixes) > _CHANGES:
            self.hear_unknown()

    def hear_unknown(self) -> None:
        """Something changed, and nobody here can say what."""
        self.number += 1
        self._everything = self.number
        self._keys.clear()
        self._prefixes.clear()

    def doubt(self, key: Key) -> None:
        """Somebody wants to be sure about this one."""
        self.number += 1
        self._doubted[key] = self.number
        if len(self._doubted) > _CHANGES:
            self.doubt_all()

    def doubt_all(self) -> None:
        """There may have been changes that were not heard, or the replica may be another one."""
        self.number += 1
        self._everything_doubted = self.number
        self._doubted.clear()

    def applied(self, number: int) -> None:
        """The replica has everything up to this number."""
        self._keys = {key: of for key, of in self._keys.items() if of > number}
        self._prefixes = {prefix: of for prefix, of in self._prefixes.items() if of > number}
        self._doubted = {key: of for key, of in self._doubted.items() if of > number}
        if self._everything <= number:
            self._everything = 0
        if self._everything_doubted <= number:
            self._everything_doubted = 0
