"""A node with something to report: two enterprises, resolutions on three days, a laboratory if wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from admin.acceptance.profiles import read_profiles
from admin.reports.making import Ground
from admin.reports.reports import Reports
from admin.reports.schedules import Schedules
from admin.uploads.profiles import read_upload_profiles
from node.database import Pool
from node.journal import Actor, Interface
from node.resolutions import Outcome
from node.sealing import Seal
from registry.enterprises import Enterprise
from tests.support.counting import close_days
from tests.support.figures import EARLIER, YESTERDAY, asked, book, founded
from tests.support.office import NODE_PREFIX, Office

SEAL = Seal(bytes(32))
COMMAND = Actor(None, Interface.COMMAND)
HOSTILE = '=HYPERLINK("http://evil.example","x")'
"""A name that a careless workbook would run."""


@dataclass
class Scene:
    """Pumps were asked for on two days, valves on the second; both days are closed."""

    office: Office
    reports: Reports
    schedules: Schedules
    ground: Ground
    pumps: Enterprise
    pump: str
    valve: str


def ground_of(**changed: Any) -> Ground:
    """Everything that ships, a node with a name."""
    known: dict[str, Any] = {
        "profiles": read_profiles(None), "default_profile": "ningbo", "masks": read_upload_profiles(None),
        "default_masks": "city", "pseudonym": SEAL.digest, "name": "示例节点", "prefix": NODE_PREFIX,
    }  # fmt: skip
    return Ground(**{**known, **changed})


async def scene_of(pool: Pool, database_url: str, *, laboratory: bool = False) -> Scene:
    """The scene at nine in the morning of 2 March 2026."""
    office = Office(pool)
    await founded(office, database_url, laboratory=laboratory)
    office.clock.turn(days=-3)
    pumps, valves = await office.enterprise(), await office.enterprise()
    pump = (await office.grant(enterprise=pumps)).prefix.key
    valve = (await office.grant(enterprise=valves)).prefix.key
    office.clock.turn(days=3)
    await book(office, EARLIER, [asked(EARLIER, f"P-{number}", number, prefix=pump) for number in range(5)])
    await book(office, YESTERDAY, [*_of_yesterday(YESTERDAY, pump, valve)])
    await close_days(pool, office.clock())
    ground = ground_of()
    reports = Reports(pool, office.clock, ground)
    return Scene(office, reports, Schedules(pool, office.clock, reports), ground, pumps, pump, valve)


def _of_yesterday(day: date, pump: str, valve: str) -> list[Any]:
    events = [asked(day, "P-1", second, prefix=pump) for second in range(12)]
    events.append(asked(day, "V-1", 30, prefix=valve, interface=Interface.HANDLE_UDP))
    return [*events, asked(day, "X", 31, prefix="", outcome=Outcome.MISSING)]
