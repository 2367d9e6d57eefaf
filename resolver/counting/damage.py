"""Event files that do not say what they should: what became uncounted by it, and where such a file goes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import structlog

from resolver.counting.event_format import EventFileDamaged
from resolver.counting.folder import CountingFolder, name_of_events, sync_folder
from resolver.counting.reading import EventFile, moment, read_open
from resolver.counting.survey import Survey
from resolver.counting.writing import Gap

log = structlog.get_logger("counting")

_ASIDE = ".damaged"  # behind the name of a file that says nothing: it is kept for people to look at


def read_ours(folder: CountingFolder, file: Path, machine: str) -> EventFile:
    """An open event file of this folder; one that was brought here from another folder is none.

    Raises ``EventFileDamaged``, FileNotFoundError.
    """
    evidence = read_open(file, machine)
    if (evidence.header.node_id, evidence.header.recorder_id) != (folder.node_id, folder.recorder_id):
        raise EventFileDamaged("an event file is of another folder", position=0)
    return evidence


def gap_of_file(folder: CountingFolder, file: Path, error: EventFileDamaged, now: datetime) -> Gap:
    """Of a file that says nothing: since it was opened, or last changed if not even that is known. Raises OSError."""
    boot_id, _ = name_of_events(file)
    began = moment(error.evidence.get("opened_at", file.stat().st_mtime_ns // 1000))
    return Gap(folder.recorder_id, boot_id, "damaged", began, max(began, now))


def gap_of_end(folder: CountingFolder, evidence: EventFile, found: Survey) -> Gap | None:
    """Of a file whose end is damaged, or was lost with the machine: to its writer's last sign of life."""
    header, progress = evidence.header, evidence.progress
    if found.damaged:
        began = moment(header.opened_at if found.last_at is None else found.last_at)
        return Gap(folder.recorder_id, header.boot_id, "damaged", began, max(began, moment(progress.alive)))
    if evidence.machine_lost:
        began = moment(progress.synced_at)
        return Gap(folder.recorder_id, header.boot_id, "machine", began, max(began, moment(progress.alive)))
    return None


def put_aside(file: Path) -> None:
    """Out of the way, and kept. Raises OSError."""
    file.rename(file.with_name(file.name + _ASIDE))
    sync_folder(file.parent)
    log.error("event_file_put_aside", file=file.name)
