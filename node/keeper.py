"""The keeper of a machine that only resolves: adopts, seals and digests what its processes counted.

On other machines the steward does it, besides all else that it does.
"""

from __future__ import annotations

import asyncio

from admin.statistics.keeping import Digester, keep_digests
from node.child import node_now
from node.config import Settings
from node.fronts import counting_folder
from node.resolving import counting_pool, known
from node.supervisor import ParentLink, until_told_to_stop
from resolver.counting.keeping import keep_evidence


async def keeper(settings: Settings, link: ParentLink) -> None:
    """Keep this machine's folder until told to stop; while the primary is away, everything waits in it."""
    node = await known(settings, link)
    pool = await counting_pool(settings)
    folder = await counting_folder(settings, node.node_id)
    stop = asyncio.Event()
    doing = []
    if folder is not None:
        days = settings.counting.evidence_days
        doing.append(asyncio.create_task(keep_evidence(pool, folder, evidence_days=days, clock=node_now, stop=stop)))
        doing.append(asyncio.create_task(keep_digests(Digester(pool, folder), node_now, stop)))
    told = asyncio.create_task(until_told_to_stop(link))
    await asyncio.wait({*doing, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    stop.set()
    try:
        await asyncio.gather(*doing)
    finally:
        pool.terminate()
