"""Reads of one identifier's record through an interface that clients resolve by: each counts as a resolution.

``/v1/identifiers/…`` is management and counts nothing; IDHub's retrieval and SNMS's query are what their clients ask
when somebody scans a code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from node.errors import Forbidden, Internal, NodeError, NotFound, Unavailable
from node.identifier import Identifier
from node.resolutions import CountResolution, Outcome, tenant_of
from node.web import micros_of
from registry.api.compatible import Asked
from registry.prefixes import PrefixUnknown


@dataclass(frozen=True, slots=True)
class CountedReads:
    """``never`` says of the name of an account whether what it asks never counts."""

    count: CountResolution
    never: Callable[[str], bool]

    def answered(self, asked: Asked, identifier: Identifier) -> None:
        """The client gets the record."""
        self._count(asked, (identifier.prefix.key, identifier.key), Outcome.HIT)

    def refused(self, asked: Asked, identifier: Identifier, error: NodeError) -> None:
        """The client is told this instead; what makes no sense counts nothing."""
        key = identifier.prefix.key, identifier.key
        if isinstance(error, PrefixUnknown):
            self._count(asked, ("", ""), Outcome.MISSING)
        elif isinstance(error, NotFound):
            self._count(asked, key, Outcome.MISSING)
        elif isinstance(error, Forbidden):
            self._count(asked, key, Outcome.DENIED)
        elif isinstance(error, Unavailable | Internal):
            self._count(asked, key, Outcome.ERROR)

    def _count(self, asked: Asked, key: tuple[str, str], outcome: Outcome) -> None:
        caller = asked.caller
        if caller is not None and self.never(caller.name):
            return
        tenant = tenant_of(caller.enterprise_id) if caller is not None and caller.enterprise_id is not None else 0
        self.count(key, asked.interface, outcome, asked.source, micros_of(asked.request), tenant)
