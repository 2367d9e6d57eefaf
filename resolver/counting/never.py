"""Who never counts: health checks, the node's own people, those who try it with load."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from node.client_address import KnownNetworks, Network

_ACCOUNT, _IDENTITY = "account:", "handle:"


class NeverCounts:
    """``told`` is as the setting ``counting.never`` has it: networks, ``account:NAME``, ``handle:IDENTITY``.

    A laboratory node counts loopback. ``told`` afterwards says what holds.
    """

    def __init__(self, told: Sequence[str], *, laboratory: bool = False) -> None:
        self._accounts = frozenset(text.removeprefix(_ACCOUNT) for text in told if text.startswith(_ACCOUNT))
        self._identities = frozenset(text.removeprefix(_IDENTITY) for text in told if text.startswith(_IDENTITY))
        networks: dict[str, Network] = {
            text: ipaddress.ip_network(text) for text in told if not text.startswith((_ACCOUNT, _IDENTITY))
        }
        left_out = {text for text, network in networks.items() if laboratory and network.is_loopback}
        self._networks = KnownNetworks([network for text, network in networks.items() if text not in left_out])
        self.told = tuple(text for text in told if text not in left_out)

    def source(self, source: str) -> bool:
        """Whether what comes from this address never counts."""
        return source in self._networks

    def account(self, name: str) -> bool:
        """Whether what this account asks never counts."""
        return name in self._accounts

    def identity(self, identity: object) -> bool:
        """Whether what this identity of the Handle System asks never counts; its text is ``INDEX:HANDLE``."""
        return bool(self._identities) and str(identity) in self._identities
