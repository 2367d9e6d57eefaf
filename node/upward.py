"""The steward's work for the node above, put together from the settings: who we are to it, and what is to be done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from node import __version__
from node.child import node_now, utc_now
from node.config import Settings
from node.database import Connection, Pool
from node.founding import node_id_of
from node.fronts import counting_folder
from node.identifier import Prefix
from node.national.access import ApplicationStatus
from node.national.admission import nothing_else
from node.national.docking import docking_of, sites_of
from node.national.duties import Duty
from node.national.route import NodeRoute, report_route
from node.national.steward import run_steward
from node.own_face import answers_below, outgoing_directory, site_key_file
from node.sealing import Seal
from node.site_key import public_key_data, site_key
from registry.connection.instructions import InstructionDesk
from registry.connection.logs import Logs, LogSource
from registry.connection.registration_log import RegistrationLog
from registry.connection.standby import Standby
from registry.downward.below import below_duty
from registry.own_enterprise import found_own_enterprise, own_enterprise_duty
from registry.prefixes import Prefixes
from resolver.counting.resolution_log import ResolutionLog


async def keep_reporting(settings: Settings, pool: Pool, seal: Seal, stop: asyncio.Event) -> None:
    """Until ``stop`` is set. Raises what ``run_steward`` raises, ``SiteKeyUnusable``, ``DatabaseAway``."""
    prefixes = Prefixes(pool, node_now, Prefix.parse(settings.node.prefix))

    async def apply_verdict(prefix: str, passed: bool, reason: str, application: int) -> None:
        enable = settings.registry.enable_verified
        await prefixes.apply_verdict(Prefix.parse(prefix), passed, reason, enable, application)

    await report_route(pool, await asyncio.to_thread(_route, settings), utc_now())
    await run_steward(
        pool,
        await asyncio.to_thread(docking_of, settings),
        apply_verdict,
        seal=seal,
        version=__version__,
        clock=utc_now,
        stop=stop,
        duties=[*duties(settings, pool, seal), *await _log_duties(settings, pool)],
        granted=_found_own_enterprise if settings.node.profile == "enterprise" else nothing_else,
    )


def duties(settings: Settings, pool: Pool, seal: Seal) -> Sequence[Duty]:
    """What this node does with the node above besides reporting."""
    standby = Standby(pool, utc_now, rows=settings.national.standby_rows) if settings.national.standby else None
    return [
        InstructionDesk(pool, utc_now, version=__version__, standby=standby).duty(),
        *([standby.duty()] if standby is not None else []),
        *([below_duty(pool, utc_now)] if answers_below(settings) else []),
        *([own_enterprise_duty(pool, seal, utc_now)] if settings.node.profile == "enterprise" else []),
    ]


async def _log_duties(settings: Settings, pool: Pool) -> list[Duty]:
    """The logs of registrations, and those of resolutions where this machine keeps their evidence."""
    national = settings.national
    if not national.logs:
        return []
    sources: list[LogSource] = [RegistrationLog(pool, utc_now, rows=national.log_rows, minutes=national.log_minutes)]
    folder = await counting_folder(settings, await node_id_of(pool))
    if folder is not None:
        sources.append(ResolutionLog(pool, folder))
    return [Logs(pool, utc_now, outgoing_directory(settings), source).duty() for source in sources]


async def _found_own_enterprise(connection: Connection, status: ApplicationStatus, at: datetime) -> None:
    await found_own_enterprise(connection, Prefix.parse(status.prefix), status.enterprise, at)


def _route(settings: Settings) -> NodeRoute:
    key = site_key(site_key_file(settings))
    return NodeRoute(settings.node.prefix, settings.handle.site_serial, sites_of(settings), public_key_data(key))
