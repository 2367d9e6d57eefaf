"""Emergency takeover (应急接管): the node above answers for this one from the standby records, or exercises it.

What is done here is the same each time: the records above are brought up to date and what this node answers for a
sample is told, to be compared there. A drill (演练) is over with that; a takeover lasts until it is handed back, and
the comparison at its end shows that nothing of what changed meanwhile is missing. Registration goes on all the while.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import Gauge

from node.database import Connection
from node.errors import Conflict
from node.journal import Act, Actor, Interface, record_act
from node.national.instructions import Compared, Takeover
from node.sql import statements_beside
from registry.store import refusing

ACTIVE = Gauge(
    "biaoshi_takeover_active", "1 while the node above answers for this one", multiprocess_mode="livemostrecent"
)

_SQL = statements_beside(__file__, "takeover.sql")
_STEWARD = Actor(None, Interface.STEWARD)


class TakeoverUnderWay(Conflict):
    title_zh = "已有应急接管正在进行"


async def begin_takeover(connection: Connection, takeover: Takeover, at: datetime) -> None:
    """From now on; one that is handed back without ever having begun here begins as well. Again changes nothing.

    Raises ``TakeoverUnderWay`` while another one lasts.
    """
    other = TakeoverUnderWay("another takeover is not handed back yet")
    with refusing(takeover_active=other):
        begun = await connection.fetchval(_SQL["begin_takeover"], takeover.takeover_id, takeover.drill, at)
    if begun is not None:
        await _record(
            connection, "takeover.drill" if takeover.drill else "takeover.begin", takeover.takeover_id, {}, at
        )


async def note_comparison(connection: Connection, takeover: Takeover, compared: Compared, at: datetime) -> None:
    """How far the records above went; the end of a drill, and of a takeover that is handed back."""
    told = {
        "position": compared.position,
        "records": compared.records,
        "sample": len(compared.digests),
        "answered": sum(map(bool, compared.digests.values())),
    }
    if takeover.on and not takeover.drill:
        report = json.dumps({"began": told})
        await connection.execute(_SQL["note_takeover_began"], takeover.takeover_id, compared.position, report)
        return
    report = json.dumps({"ended": told})
    ended = await connection.fetchval(_SQL["end_takeover"], takeover.takeover_id, compared.position, at, report)
    if ended is not None:
        await _record(connection, "takeover.end", takeover.takeover_id, told, at)


async def takeover_is_active(connection: Connection) -> bool:
    """Whether the node above answers for this one; shown as a metric too."""
    active = bool(await connection.fetchval(_SQL["takeover_is_active"]))
    ACTIVE.set(active)
    return active


async def _record(connection: Connection, action: str, takeover_id: UUID, told: dict[str, Any], at: datetime) -> None:
    await record_act(connection, _STEWARD, Act(action, "takeover", str(takeover_id), after=told), at)
