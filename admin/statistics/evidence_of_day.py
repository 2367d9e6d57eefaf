"""What the event files of a folder say of one day, counted again from the first event to the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from admin.statistics.digest.digest import PrefixDigest, digest_day
from admin.statistics.digest.rule import DigestRule
from node.china_time import midnight
from resolver.counting.event_format import Event, TenantSeen
from resolver.counting.folder import CountingFolder, name_of_events
from resolver.counting.reading import events_between
from resolver.counting.register import RegisteredSegment, Standing, verify_segment

Total = tuple[UUID, int, str, int, int]
"""Process start, minutes since 1970, prefix key, interface, outcome."""

_MINUTE = 60_000_000


@dataclass(slots=True)
class DayEvidence:
    """``totals`` of every process start; ``set_back`` by how many microseconds its clock went back at most;
    ``digests`` by prefix."""

    totals: Counter[Total] = field(default_factory=Counter)
    set_back: dict[UUID, int] = field(default_factory=dict)
    digests: dict[str, PrefixDigest] = field(default_factory=dict)


def evidence_of_day(
    folder: CountingFolder, day: date, until: datetime, rule: DigestRule, holders: Mapping[str, int]
) -> DayEvidence:
    """Read the event files of a day up to a moment; ``holders`` by prefix as ``digest_day`` wants them.

    Takes seconds for a million events. Raises OSError.
    """
    found = DayEvidence()
    records = _noted(events_between(folder, midnight(day), until), found)
    digests = digest_day(records, rule, holders)
    found.digests = {prefix: digest for prefix, digest in digests.items() if digest.raw}
    return found


def faults_of_files(
    folder: CountingFolder, day: date, registered: Sequence[RegisteredSegment]
) -> list[tuple[str, str]]:
    """Sealed files of a day that are not as they were registered: their names, and ``missing``, ``changed`` or
    ``unregistered``. Reads all of them. Raises OSError."""
    faults = []
    for segment in registered:
        standing = verify_segment(segment, folder)
        if standing is not Standing.OK:
            faults.append((f"{segment.boot_id}-{segment.number}", str(standing)))
    known = {(segment.boot_id, segment.number) for segment in registered}
    for _, file in folder.sealed_files(day, day):
        boot_id, number = name_of_events(file)
        # A file that is about to be registered still has its open copy beside it.
        if (boot_id, number) not in known and not folder.events_file(boot_id, number).exists():
            faults.append((f"{boot_id}-{number}", "unregistered"))
    return faults


def _noted(records: Iterator[Event | TenantSeen], found: DayEvidence) -> Iterator[Event | TenantSeen]:
    totals, newest = found.totals, dict[UUID, int]()
    for record in records:
        if isinstance(record, Event):
            boot = record.boot
            totals[boot, record.at // _MINUTE, record.prefix, record.interface, record.outcome] += 1
            back = newest.get(boot, 0) - record.at
            if back < 0:
                newest[boot] = record.at
            elif back > found.set_back.get(boot, 0):
                found.set_back[boot] = back
        yield record
