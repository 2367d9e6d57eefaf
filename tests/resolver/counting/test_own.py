"""Who asks below a prefix of their own, by the identity they proved."""

from __future__ import annotations

import pytest

from node.administration import Identity
from node.resolutions import OWN
from resolver.counting.own import marks_of_identity


@pytest.mark.parametrize("handle", ["0.NA/88.101.7A", "0.na/88.101.7a", "88.101.7A/APP_1", "88.101.7a/x/y"])
def test_the_prefix_and_whoever_stands_below_it_ask_for_their_own(handle: str) -> None:
    assert marks_of_identity(Identity(handle, 300), "88.101.7A") == OWN


@pytest.mark.parametrize("handle", ["0.NA/88.101.7", "0.NA/88.101", "88.101.7/A", "88.101.7AB/X", "88.101.7A"])
def test_anybody_else_does_not(handle: str) -> None:
    assert marks_of_identity(Identity(handle, 300), "88.101.7A") == 0


def test_nobody_owns_what_is_not_ours_or_asks_without_an_identity() -> None:
    assert marks_of_identity(None, "88.101.7A") == marks_of_identity(Identity("0.NA/", 300), "") == 0
