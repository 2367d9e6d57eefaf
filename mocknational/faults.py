"""The bad days of the mock national node, each off unless switched on."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Annotated

import msgspec

from node.upper.exchange import Moods

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Skew = Annotated[float, msgspec.Meta(ge=-31_536_000, le=31_536_000)]


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PUT /faults takes this shape and replaces all switches; a share is the chance of each request.

    ``delay_ms``               every answer is late by so much
    ``reject_share``           a valid nonce is refused with ``retry``: the same content has to be signed again
    ``wrong_signature_share``  a valid signature is called wrong
    ``clock_skew_seconds``     how far the clock is off by which timestamps are judged
    ``busy_share``             one message of a delivery, and those after it in its stream, are put off with ``retry``
    ``repeat_share``           every message of a delivery is acknowledged twice
    ``drop_share``             the connection is reset: half of the times before anything was done, half of them after
    ``stopped``                every connection is reset at once, as if nobody were there; port 3641 is silent too
    """

    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 0
    reject_share: Share = 0.0
    wrong_signature_share: Share = 0.0
    clock_skew_seconds: Skew = 0.0
    busy_share: Share = 0.0
    repeat_share: Share = 0.0
    drop_share: Share = 0.0
    stopped: bool = False


NO_FAULTS = Faults()


def moods(faults: Faults, random: Random) -> Moods:
    """What becomes of one request: the dice are cast here."""
    return Moods(
        reject_nonce=random.random() < faults.reject_share,
        wrong_signature=random.random() < faults.wrong_signature_share,
        busy=random.random() if random.random() < faults.busy_share else None,
        repeat_results=random.random() < faults.repeat_share,
        clock_skew=timedelta(seconds=faults.clock_skew_seconds),
    )
