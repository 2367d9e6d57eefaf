"""One start of counting: the number under which its totals are written, the totals, and its event files.

A process has one, and begins another when its clock goes back to minutes whose totals it gave up: totals of a start
only ever grow, or they could not be written twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import structlog

from resolver.counting.counters_format import Total
from resolver.counting.event_file import EventFile
from resolver.counting.event_files import EventFiles
from resolver.counting.event_format import Header
from resolver.counting.folder import CountingFolder, machine_run
from resolver.counting.totals import Slot, Totals

log = structlog.get_logger("resolver")

SETTLED_MINUTES = 10
"""A written total is kept as long: the clock may step back into its minute."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is written into the header of each file. ``client_addresses`` is "hashed" or "kept"."""

    laboratory: bool
    never: tuple[str, ...]
    client_addresses: str


@dataclass(slots=True, eq=False)
class Start:
    """``recorder_id`` is the folder's, or that of the start itself where there is no folder.

    ``latest`` is the latest minute counted, ``touched`` those in which a total may have grown since it was written.
    """

    boot_id: UUID
    recorder_id: UUID
    totals: Totals
    files: EventFiles
    latest: int = 0
    touched: set[int] = field(default_factory=set)

    def gave_up(self, minute: int) -> bool:
        """Whether the totals of a minute may be gone already."""
        return minute < self.latest - SETTLED_MINUTES

    def turn_to(self, minute: int) -> None:
        """Count in this minute."""
        self.latest = max(self.latest, minute)
        self.touched.add(minute)

    def take_unwritten(self, still: int | None) -> tuple[set[int], list[tuple[Slot, Total]]]:
        """The minutes looked at, and their totals that the database does not have; ``still`` is being counted in."""
        minutes, self.touched = self.touched, set() if still is None else {still}
        return minutes, self.totals.unwritten(minutes)

    def written(self, changes: list[tuple[Slot, Total]]) -> None:
        """The database has these."""
        for slot, total in changes:
            slot.written = total.resolutions
        self.totals.free_before(self.latest - SETTLED_MINUTES)


def begin(folder: CountingFolder | None, facts: Facts, at: int) -> Start:
    """A new start at ``at`` (microseconds since 1970); in memory alone where the folder has no room for it."""
    boot_id = uuid4()
    if folder is None:
        header = _header(boot_id, boot_id, boot_id, facts, "", 0, at)
        return Start(boot_id, boot_id, Totals(None, header), EventFiles(None, at))
    node_id, recorder_id, machine = folder.node_id, folder.recorder_id, machine_run()

    def make(number: int, at: int) -> EventFile:
        header = _header(boot_id, node_id, recorder_id, facts, machine, number, at)
        return EventFile(folder.events_file(boot_id, number), header)

    header = _header(boot_id, node_id, recorder_id, facts, machine, 0, at)
    try:
        totals = Totals(folder.counters_file(boot_id), header)
    except OSError as error:
        log.warning("counters_in_memory_alone", cause=error.strerror)
        totals = Totals(None, header)
    return Start(boot_id, recorder_id, totals, EventFiles(make, at))


def _header(
    boot_id: UUID, node_id: UUID, recorder_id: UUID, facts: Facts, machine: str, number: int, at: int
) -> Header:
    return Header(
        boot_id, node_id, recorder_id, number, facts.laboratory, machine, facts.never, facts.client_addresses, at
    )
