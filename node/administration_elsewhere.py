"""Administration as a process sees it that only resolves: others of the node do it, and it says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NoReturn

from node.administration import Change, Done, Identity, IdentityKey, ReadValues, RegistryElsewhere
from node.journal import Interface
from node.record import Record


class AdministrationElsewhere:
    """Everything raises ``RegistryElsewhere``: a login that may read records only has no keys and no rights."""

    async def keys_of(self, identity: Identity) -> Sequence[IdentityKey]:  # noqa: ARG002 - nobody's
        elsewhere()

    async def check(self, change: Change) -> None:  # noqa: ARG002
        elsewhere()

    async def perform(self, change: Change, identity: Identity | None, interface: Interface) -> Done:  # noqa: ARG002
        elsewhere()

    async def read(self, asked: ReadValues, identity: Identity | None) -> Record:  # noqa: ARG002
        elsewhere()

    def handles(self, prefix_handle: str, identity: Identity | None, *, page: int) -> AsyncIterator[list[str]]:  # noqa: ARG002
        elsewhere()

    async def count_handles(self, prefix_handle: str, identity: Identity | None) -> int:  # noqa: ARG002
        elsewhere()

    async def homed_prefixes(self, identity: Identity | None) -> list[str]:  # noqa: ARG002
        elsewhere()

    async def is_node_administrator(self, identity: Identity | None) -> bool:  # noqa: ARG002
        elsewhere()


def elsewhere() -> NoReturn:
    """Refuse what is not resolution."""
    raise RegistryElsewhere("this server only resolves; ask the node's registry")
