"""Which of many identifiers, changed at once, may have the unique values they ask for.

Whoever changes gives up what it held, so two may exchange their values; whoever is refused keeps what it held, and
what it keeps nobody else gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Claim = tuple[int, int, str]
"""A template, the index of one of its attributes, and a value that only one identifier of a prefix may have."""


def losers(wanted: Mapping[str, Sequence[Claim]], holders: Mapping[Claim, str]) -> dict[str, Claim]:
    """The identifiers that cannot have what they ask for, each with the claim it loses.

    ``wanted`` are all claims of the changing identifiers, by suffix key, first come first served; ``holders`` says
    who has these values now, changing or not.
    """
    askers: dict[Claim, list[str]] = {}
    for key, claims in wanted.items():
        for claim in claims:
            askers.setdefault(claim, []).append(key)
    lost: dict[str, Claim] = {}
    refusing = _Refusing(askers, holders, lost)
    for claim, holder in holders.items():
        if holder not in wanted:
            refusing.refuse(askers.get(claim, ()), claim)
    for claim, keys in askers.items():
        rivals = [key for key in keys if key not in lost]
        if len(rivals) > 1:
            winner = holders[claim] if holders.get(claim) in rivals else rivals[0]
            refusing.refuse([key for key in rivals if key != winner], claim)
    return lost


class _Refusing:
    """Refusal with its consequences: what the refused hold, nobody else gets."""

    def __init__(
        self, askers: Mapping[Claim, Sequence[str]], holders: Mapping[Claim, str], lost: dict[str, Claim]
    ) -> None:
        self._askers = askers
        self._lost = lost
        self._holdings: dict[str, list[Claim]] = {}
        for claim, holder in holders.items():
            self._holdings.setdefault(holder, []).append(claim)

    def refuse(self, keys: Iterable[str], claim: Claim) -> None:
        refused = [(key, claim) for key in keys]
        while refused:
            key, claim = refused.pop()
            if key in self._lost:
                continue
            self._lost[key] = claim
            for kept in self._holdings.get(key, ()):
                refused.extend((other, kept) for other in self._askers.get(kept, ()) if other != key)
