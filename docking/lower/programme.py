"""The test of a lower side from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from docking.case import Case, Finding, Side, run_cases
from docking.desk import open_desk
from docking.doors import Authority, Doors
from docking.examiner import Examiner
from docking.lower import (
    access,
    authentication,
    files,
    monitoring,
    resolution,
    synchronisation,
    takeover,
    transport,
    verification,
)
from docking.memory import Memory
from node.errors import Unavailable
from node.national.signature import KeyPair

CASES: tuple[Case[Examiner], ...] = (
    *access.CASES,
    *synchronisation.CASES,
    *verification.CASES,
    *files.CASES,
    *monitoring.CASES,
    *takeover.CASES,
    *transport.CASES,
    *authentication.CASES,
    *resolution.CASES,
    # What was watched all the while.
    *synchronisation.AT_THE_END,
    *verification.AT_THE_END,
    *authentication.AT_THE_END,
)


class ExaminerCannotListen(Unavailable):
    title_zh = "考官无法监听该地址"


@dataclass(frozen=True, slots=True)
class LowerUnderTest:
    """A node that is pointed at the examiner.

    ``listen``: where the examiner answers it, ``authority``: by HTTPS, the PEM of whose authority is written there;
    ``keys``: what the node was given, ``None``: it applies. ``http``, ``handle``: where the node resolves;
    ``identifier``: one of its identifiers that may be blocked and whose prefix may be suspended for the test.
    """

    prefix: str
    listen: tuple[str, int]
    keys: KeyPair | None = None
    http: str = ""
    handle: tuple[str, int] | None = None
    identifier: str = ""
    authority: Path | None = None


async def examine_lower(
    tested: LowerUnderTest,
    told: Callable[[Finding], None],
    *,
    patience: float,
    clock: Callable[[], datetime],
    ready: Callable[[str], None],
    cases: Sequence[Case[Examiner]] = CASES,
) -> list[Finding]:
    """Try the cases on a lower; ``ready`` hears the address to which the node has to be pointed now.

    ``patience`` in seconds is for what the node does by itself. Raises ``ExaminerCannotListen``.
    """
    # Numbered by time: what a node remembers of an earlier run is always less.
    memory = Memory(tested.prefix, clock, since=time.time_ns() // 1_000_000)
    if tested.keys is not None:
        memory.keys[tested.keys.access_key] = tested.keys.secret_key
    examiner = Examiner(memory, patience, clock, tested.handle, tested.http, tested.identifier)
    host, port = tested.listen
    try:
        if tested.authority is not None:
            authority = Authority()
            examiner.doors = Doors(authority, host, examiner.desk.hang_up)
            tested.authority.write_bytes(authority.pem)
        tls = examiner.doors.context if examiner.doors else None
        async with open_desk(examiner.desk, host, port, tls) as address:
            ready(_url(address, secure=tls is not None))
            with examiner.disturbing(access.first_answer_lost()), examiner.disturbing(files.first_file_troubled()):
                return await run_cases(Side.LOWER, cases, examiner, told)
    except OSError as error:
        raise ExaminerCannotListen(f"{host}:{port}: {error}") from error


def _url(address: tuple[str, int], *, secure: bool) -> str:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"http{'s' if secure else ''}://{host}:{address[1]}"
