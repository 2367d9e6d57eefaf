"""The bad days of the mock national node, each off unless switched on."""

from __future__ import annotations

from typing import Annotated

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PUT /faults takes this shape and replaces all switches; a share is the chance of each request.

    ``delay_ms``      every answer is late by so much
    ``reject_share``  a valid nonce is refused with ``retry``: the same content has to be signed again
    ``busy_share``    one message of a delivery, and those after it in its stream, are put off with ``retry``
    ``repeat_share``  every message of a delivery is acknowledged twice
    ``drop_share``    the connection is reset: half of the times before anything was done, half of them after
    ``stopped``       every connection is reset at once, as if nobody were there
    """

    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 0
    reject_share: Share = 0.0
    busy_share: Share = 0.0
    repeat_share: Share = 0.0
    drop_share: Share = 0.0
    stopped: bool = False


NO_FAULTS = Faults()
