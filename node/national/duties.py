"""A duty of the steward: one more thing that a node does with the node above, turn after turn.

Delivery, heartbeats, counts and verdicts are the steward's own; whoever has another matter for the node above
(instructions, files, standby records) brings it as a duty. A turn that fails is followed by a rest and comes again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from node.national.client import NationalClient


@dataclass(frozen=True, slots=True)
class Duty:
    """``part`` is the word of ``messages.PARTS`` that the node above has to offer; until it does, the duty rests.

    ``turn`` does one turn and returns the seconds until the next, 0 for at once; it may raise any ``NodeError``. It
    can be cut off at any moment, and two stewards may be at it for an instant: a turn done twice does no harm.
    """

    name: str
    part: str
    turn: Callable[[NationalClient], Awaitable[float]]
