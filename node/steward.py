"""The steward: what a node does by itself, one process of it at work however many there are."""

from __future__ import annotations

import asyncio
import os

from admin.reports.schedules import Schedules, keep_making
from admin.statistics.day_recount import Kept
from admin.statistics.keeping import FigureKeeper, keep_figures
from admin.statistics.recounting import Recounter, keep_recounting
from admin.statistics.rules import definition_of
from admin.uploads.uploads import keep_uploading
from node.child import database_url, node_now, until_there, utc_now
from node.config import Settings
from node.database import open_pool
from node.founding import node_id_of
from node.fronts import counting_folder
from node.garbage import collect_seldom
from node.own_face import answers_below, seal_key_file
from node.parts import authority_of, uploads_of
from node.printing import reports_of
from node.sealing import seal_of
from node.supervisor import ParentLink, until_told_to_stop
from node.upward import keep_reporting
from registry.accounts.purging import purge_hourly
from registry.commerce.drawing_up import draw_up_hourly
from registry.commerce.statements import Statements
from registry.downward.passing_down import pass_down_for_ever
from registry.profiles.validity import remind_daily
from resolver.counting.bots import WORDS
from resolver.counting.keeping import keep_evidence
from resolver.counting.never import NeverCounts

_NICENESS = 10
"""Whoever registers and resolves comes first: amid a bulk registration what goes upward wants as much CPU as it."""


async def steward(settings: Settings, link: ParentLink) -> None:
    """Report upward, remind of what ends, draw up statements, keep evidence and figures, until told to stop."""
    os.nice(_NICENESS)
    url = database_url(settings)
    pool = await until_there(
        lambda: open_pool(url, "biaoshi_writer", size=10, seconds=settings.database.seconds, name="biaoshi steward"),
        link,
    )
    seal = await asyncio.to_thread(seal_of, seal_key_file(settings))
    stop = asyncio.Event()
    doing = [
        asyncio.create_task(keep_reporting(settings, pool, seal, stop)),
        asyncio.create_task(purge_hourly(pool, utc_now, stop)),
    ]
    secondary = settings.node.profile == "secondary"
    if secondary:
        # An enterprise's own node has nobody to remind, nobody to bill, and no city to report to.
        doing.append(asyncio.create_task(remind_daily(pool, node_now, settings.registry.reminder_days, stop)))
        doing.append(asyncio.create_task(draw_up_hourly(Statements(pool, node_now), stop)))
        schedules = Schedules(pool, node_now, reports_of(settings, pool, seal, node_now))
        doing.append(asyncio.create_task(keep_making(schedules, stop)))
    if answers_below(settings):
        at_once = settings.downward.approve == "known"
        doing.append(asyncio.create_task(pass_down_for_ever(pool, seal, utc_now, stop, at_once=at_once)))
    authority = authority_of(settings)
    if authority is not None and secondary:
        uploads = uploads_of(settings, pool, seal, node_now)
        doing.append(asyncio.create_task(keep_uploading(uploads, authority, stop)))
    counting, folder = settings.counting, await counting_folder(settings, await node_id_of(pool))
    never = NeverCounts(counting.never, laboratory=settings.node.laboratory)
    rule = definition_of(never.told, settings.flags, "\n".join(WORDS).encode())
    keeper = FigureKeeper(pool, folder, rule, counting.minute_days, node_now)
    doing.append(asyncio.create_task(keep_figures(keeper, stop)))
    recounter = Recounter(pool, folder, Kept(counting.minute_days, counting.evidence_days), node_now)
    doing.append(asyncio.create_task(keep_recounting(recounter, stop)))
    if folder is not None:
        evidence = keep_evidence(pool, folder, evidence_days=counting.evidence_days, clock=node_now, stop=stop)
        doing.append(asyncio.create_task(evidence))
    told = asyncio.create_task(until_told_to_stop(link))
    collect_seldom()
    await asyncio.wait({*doing, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    stop.set()
    try:
        await asyncio.gather(*doing)
    finally:
        pool.terminate()
