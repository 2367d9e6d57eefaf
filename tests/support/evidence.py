"""A start of a counting process at the level of its files: it answers, stops in order or just ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from node.database import Pool
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.event_file import EventFile
from resolver.counting.event_format import Header
from resolver.counting.folder import CountingFolder, machine_run
from resolver.counting.sources import Client
from resolver.counting.totals import OUTCOME_BITS, Totals

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
"""12:00 in China."""

Counted = dict[tuple[int, str, int, int], int]
"""By minute since 1970, prefix, interface and outcome."""


@dataclass(slots=True)
class Start:
    """``truth`` is what was answered."""

    folder: CountingFolder
    boot_id: UUID
    machine: str
    totals: Totals
    events: EventFile
    truth: Counter[tuple[int, str, int, int]] = field(default_factory=Counter)

    def answer(
        self,
        suffix: str,
        at: datetime,
        *,
        prefix: str = "88.101.1",
        outcome: Outcome = Outcome.HIT,
        client: int = 7,
        recorded: bool = True,
        counted: bool = True,
    ) -> None:
        """One resolution: its event, if there is room for it, and its counter, unless the process ends between."""
        booked = (prefix, suffix), Interface.HANDLE_JSON, outcome, "203.0.113.7", 120, 0, 0
        if recorded:
            assert self.events.record([(booked, Client(client, client >> 8, 0))], micros(at)) == 1
        minute = int(at.timestamp()) // 60
        if counted:
            place = self.totals.place(minute, prefix, Interface.HANDLE_JSON << OUTCOME_BITS | outcome)
            self.totals.words[place] += 1
        self.truth[minute, prefix, int(Interface.HANDLE_JSON), int(outcome)] += 1
        self.totals.alive(micros(at))

    def rotate(self, at: datetime) -> None:
        """Finish the event file and go on in the next one."""
        self.events.finish(micros(at))
        number = self.events.number + 1
        header = header_of(self.folder, self.boot_id, number, at, self.machine)
        self.events = EventFile(self.folder.events_file(self.boot_id, number), header)

    def sync(self, at: datetime) -> None:
        self.events.sync(micros(at))
        self.totals.sync()
        self.totals.synced(micros(at), self.totals.take_freed())

    def stop(self, at: datetime, *, written: bool = True) -> None:
        """Stop in order; ``written``: the database has all totals."""
        self.events.finish(micros(at))
        self.totals.finish(written=written)

    def killed(self) -> None:
        """End at once: the kernel closes the files, and what was stored in them stays."""
        self.events.close()
        self.totals.close()


def start_counting(folder: CountingFolder, at: datetime = NOON, *, machine: str | None = None) -> Start:
    """A new process start, in this run of the machine or in another."""
    boot_id, machine = uuid4(), machine or machine_run()
    totals = Totals(folder.counters_file(boot_id), header_of(folder, boot_id, 0, at, machine), slots=64)
    events = EventFile(folder.events_file(boot_id, 1), header_of(folder, boot_id, 1, at, machine))
    return Start(folder, boot_id, machine, totals, events)


def header_of(folder: CountingFolder, boot_id: UUID, number: int, at: datetime, machine: str) -> Header:
    return Header(
        boot_id=boot_id,
        node_id=folder.node_id,
        recorder_id=folder.recorder_id,
        number=number,
        laboratory=False,
        machine=machine,
        never=("127.0.0.0/8",),
        client_addresses="hashed",
        opened_at=micros(at),
    )


def micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


async def counted(pool: Pool, boot_id: UUID) -> Counted:
    """What the database has of a process start."""
    rows = await pool.fetch(
        "SELECT minute, prefix, interface, outcome, resolutions FROM resolution_count WHERE boot_id = $1", boot_id
    )
    return {
        (int(row["minute"].timestamp()) // 60, row["prefix"], row["interface"], row["outcome"]): row["resolutions"]
        for row in rows
    }
