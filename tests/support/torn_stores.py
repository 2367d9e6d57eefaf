"""A process that counts until it is killed: ``python -m tests.support.torn_stores FOLDER NODE_ID``.

It forks a counting child for each line on its standard input, which holds a seed and after how many milliseconds the
child is to be killed, and says when that is done and how far the child was: what it had told that it would book, and
what it knew to be booked.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting import event_file
from resolver.counting.counter import ResolutionCounter
from resolver.counting.folder import CountingFolder, open_folder
from resolver.counting.never import NeverCounts
from tests.support.booking import Marks

FILE_BYTES = 16 << 10  # so that files are full often


async def count_for_ever(folder: CountingFolder, marks: Marks, seed: int) -> None:
    """Book P-0, P-1, … of five prefixes, some at once; what is on the way to the disk may be killed too."""
    no_database: Any = None  # nothing is written there
    chance, number = random.Random(seed), 0
    counter = ResolutionCounter(no_database, folder, never=NeverCounts(()), seconds=3600)
    while True:
        until = number + chance.randint(1, 64)
        marks.told = until
        for each in range(number, until):
            key = f"88.101.{each % 5}", f"P-{each}"
            counter.count(key, Interface.HANDLE_TCP, Outcome.HIT, f"203.0.113.{each % 200}", 5)
        await asyncio.sleep(0)
        marks.booked = number = until
        if chance.random() < 0.02:
            await counter._sync()


def main() -> None:
    event_file.FILE_BYTES = FILE_BYTES  # type: ignore[attr-defined]  # event_format's, as event_file sees it
    folder, marks_file = open_folder(Path(sys.argv[1]), UUID(sys.argv[2])), Path(sys.argv[1]) / "marks"
    for line in sys.stdin:
        seed, milliseconds = json.loads(line)
        marks_file.unlink(missing_ok=True)
        marks = Marks(marks_file)
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(count_for_ever(folder, marks, seed))
            finally:
                os._exit(1)
        while not marks.booked:
            time.sleep(0.001)
        time.sleep(milliseconds / 1000)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(json.dumps([os.waitstatus_to_exitcode(status), marks.told, marks.booked]), flush=True)


if __name__ == "__main__":
    main()
