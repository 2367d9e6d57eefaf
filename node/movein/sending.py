"""The identifiers of a workplace become rows, one file for each prefix and way of writing, and go to this node.

Those whose times are known are restored, so that they stand as they stood; the others are registered.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from node.client import Client
from node.errors import NodeError
from node.importer import Import, import_file, save_rejections
from node.movein.target import Target, row_of
from node.movein.wanted import identifier_of
from node.movein.workplace import Workplace

Progress = Callable[[int, int], None]
_COUNTS = ("registered", "changed", "unchanged", "rejected")


@dataclass(slots=True)
class Report:
    """What became of a move; ``finished`` says whether every batch came to its end."""

    identifiers: int = 0
    problems: int = 0
    finished: bool = True
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def well(self) -> bool:
        return self.finished and not self.problems

    def to_json(self) -> dict[str, Any]:
        """For the one who moved."""
        rows = {name: self.counts[name] for name in _COUNTS}
        return {"fetched": self.identifiers, **rows, "problems": self.problems, "finished": self.finished}


@dataclass(frozen=True, slots=True)
class Part:
    """One file of rows."""

    file: Path
    prefix: str
    template: str | None
    """``None``: its rows are restored."""


async def send(
    client: Client, work: Workplace, targets: Mapping[str, Target | NodeError], progress: Progress
) -> Report:
    """Write the rows and send them; ``targets`` by the templates that identifiers name over there.

    Raises as ``node.importer.import_file``.
    """
    report = Report()
    parts = _written(work, targets)
    total = sum(part.file.stat().st_size for part in parts)
    done = 0
    for part in parts:
        operation = "restore" if part.template is None else "register"
        task = Import(part.file, part.prefix, part.template, operation)
        batch = await import_file(client, task, progress=partial(_so_far, progress, done, total))
        report.counts.update({name: batch[name] for name in _COUNTS})
        report.finished = report.finished and batch["state"] == "finished"
        if batch["rejected"]:
            rejected = part.file.with_suffix(".rejected.ndjson")
            await save_rejections(client, batch["batch_id"], rejected)
            _tell(work, part.prefix, rejected)
        done += part.file.stat().st_size
    if report.counts["rejected"]:
        work.count_rejected_run()
    return report


def _so_far(progress: Progress, done: int, total: int, sent: int, _: int) -> None:
    progress(done + sent, total)


def _written(work: Workplace, targets: Mapping[str, Target | NodeError]) -> list[Part]:
    folder = work.folder / "rows"
    for old in folder.iterdir():
        old.unlink()
    ids = {path: line["file_id"] for path, line in work.files.items()}
    # What is rejected may be mended here meanwhile, but a batch that was sent before only repeats its answer: the
    # first row of a file has one more blank than in the last run that ended with rejected rows.
    blanks = " " * work.rejected_runs
    parts: dict[tuple[str, str | None], tuple[Part, IO[str]]] = {}
    with ExitStack() as stack:
        for fetched in work.fetched():
            try:
                target = targets[fetched.template]
                if isinstance(target, NodeError):
                    raise target
                identifier = identifier_of(fetched.handle)
                row = row_of(fetched, identifier.suffix, target, ids)
            except NodeError as error:
                work.problem_of(fetched.handle, error)
                continue
            key = (identifier.prefix.key, None if fetched.registered_at else target.name)
            if key not in parts:
                part = Part(folder / f"{len(parts):03}.ndjson", *key)
                parts[key] = part, stack.enter_context(part.file.open("w", encoding="utf-8"))
                parts[key][1].write(blanks)
            parts[key][1].write(json.dumps(row, ensure_ascii=False) + "\n")
    return [part for part, _ in parts.values()]


def _tell(work: Workplace, prefix: str, rejected: Path) -> None:
    with rejected.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            message = f"{row.get('biaoshi_field') or ''} {row.get('biaoshi_message', '')}".strip()
            work.problem(f"{prefix}/{row.get('suffix')}", row["biaoshi_code"], message)
