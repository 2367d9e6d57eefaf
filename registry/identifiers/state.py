"""The state of an identifier."""

from __future__ import annotations

from enum import IntEnum


class IdentifierState(IntEnum):
    """Numbers are stored. A deleted identifier keeps its row, so that its versions go on; a suspended one (停用)
    keeps its data too, and does not resolve.
    """

    LIVE = 1
    DELETED = 2
    SUSPENDED = 3

    @property
    def word(self) -> str:
        """The state as interfaces write it: ``live``, ``deleted``, ``suspended``."""
        return self.name.lower()
