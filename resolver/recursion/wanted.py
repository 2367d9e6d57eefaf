"""What is looked for: a handle of others, and the prefix on whose servers it depends."""

from __future__ import annotations

import re
from dataclasses import dataclass

from node.identifier import PROTOCOL_LIMIT, InvalidIdentifier, fold
from resolver.names import PREFIX_SPACE

_PREFIX = re.compile(r"[0-9A-Z]+(?:\.[0-9A-Z]+)*")
_PREFIX_LIMIT = 255  # characters; other parts of the Handle System write longer ones than we do


@dataclass(frozen=True, slots=True)
class Wanted:
    """``text`` as it was asked for, ``key`` its comparison form; ``prefix`` in upper case."""

    text: str
    key: str
    prefix: str

    @property
    def of_prefix(self) -> str:
        """The handle of the prefix: who holds it says who answers."""
        return f"{PREFIX_SPACE}/{self.prefix}"

    @property
    def is_prefix(self) -> bool:
        """Whether the record of a prefix is wanted, and no name below it."""
        return self.key == self.of_prefix

    @classmethod
    def of(cls, handle: str) -> Wanted:
        """Any handle but those that each server computes for itself. Raises InvalidIdentifier."""
        if "\0" in handle or len(handle.encode("utf-8", "surrogatepass")) > PROTOCOL_LIMIT:
            raise InvalidIdentifier("A handle has at most 2,048 bytes and no NUL.", reason="length")
        before, slash, behind = handle.partition("/")
        if not slash:
            before, behind = PREFIX_SPACE, handle
        key = f"{fold(before)}/{fold(behind)}"
        prefix = fold(behind) if fold(before) == PREFIX_SPACE else fold(before)
        if len(prefix) > _PREFIX_LIMIT or not _PREFIX.fullmatch(prefix) or prefix.startswith("0."):
            raise InvalidIdentifier(f"{prefix[:64]!r} is no prefix that somebody is delegated.", reason="prefix")
        return cls(handle, key, prefix)


def lies_under(prefix: str, above: str) -> bool:
    """Whether a prefix is ``above`` or derived from it, by whole segments; the empty one is above all."""
    return not above or prefix == above or prefix.startswith(above + ".")
