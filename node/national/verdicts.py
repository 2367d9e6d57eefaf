"""What the national node decided about our prefixes, applied in order, each at least once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter

from node.database import Pool, database_errors
from node.errors import NodeError, Unavailable
from node.national.client import NationalClient
from node.national.messages import MOST_VERDICTS
from node.sql import statements_beside

log = structlog.get_logger("national")

ApplyVerdict = Callable[[str, bool, str, int], Awaitable[None]]
"""Prefix, passed, reason, the number of the application (0: it names none). Applying one again changes nothing."""

VERDICTS_APPLIED = Counter(
    "biaoshi_national_verdicts_total", "Verification results from the node above, by what they say", ["passed"]
)

_SQL = statements_beside(__file__)


async def apply_new_verdicts(pool: Pool, client: NationalClient, apply_verdict: ApplyVerdict, wait: int = 0) -> bool:
    """Fetch and apply the verdicts after the last one remembered; whether there may be more to do at once.

    While there are none the node above may keep the question waiting, ``wait`` seconds at most.

    A verdict is remembered only after it was applied. One that this node cannot apply, ever (the prefix is
    unknown, or has been withdrawn meanwhile), is logged and passed over: it must not hold up the others.
    Raises ``DatabaseAway``, ``NationalSilent``, ``NationalRefusal``, and what ``apply_verdict`` raises as
    ``Unavailable``.
    """
    with database_errors():
        last = await pool.fetchval(_SQL["last_verdict"])
    verdicts = (await client.verdicts(last, wait)).verdicts
    for verdict in verdicts:
        if verdict.sequence <= last:
            log.error("verdicts_out_of_order", sequence=verdict.sequence, last=last)
            return False
        try:
            await apply_verdict(verdict.prefix, verdict.passed, verdict.reason, verdict.application)
        except Unavailable:
            raise
        except NodeError as error:
            log.warning(
                "verdict_not_applicable",
                sequence=verdict.sequence,
                prefix=verdict.prefix,
                passed=verdict.passed,
                code=error.code,
                detail=error.detail,
            )
        VERDICTS_APPLIED.labels(str(verdict.passed).lower()).inc()
        last = verdict.sequence
        with database_errors():
            await pool.execute(_SQL["remember_verdict"], last)
    return len(verdicts) >= MOST_VERDICTS
