"""Which client programs fit a server, and what their archives hold.

pg_dump refuses a server newer than itself, and the archive of a newer one may not load into an older server:
the client of the server's own major version comes first, then the nearest newer one.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from node.embedded_runtime import Runtime, version_of, wheel_directories
from node.errors import Unavailable

_DEBIAN = Path("/usr/lib/postgresql")
_NAME = rb'("(?:[^"]|"")+"|[^\s".]+)'
_COPY = re.compile(rb"COPY " + _NAME + rb"\." + _NAME + rb" .*FROM stdin;")


class ClientMissing(Unavailable):
    title_zh = "缺少 PostgreSQL 客户端程序"


@dataclass(frozen=True, slots=True)
class Client:
    """A directory that holds pg_dump and pg_restore of one version."""

    bin: Path
    major: int
    version: str


def client_for(server_major: int, runtime: Runtime | None = None) -> Client:
    """The fitting client: ``runtime``'s, the wheel's, Debian's or the one on PATH. Raises ``ClientMissing``."""
    clients = list(_clients(runtime))
    fitting = [client for client in clients if client.major >= server_major]
    if not fitting:
        found = sorted({client.version for client in clients})
        raise ClientMissing(
            f"the server is PostgreSQL {server_major} and no pg_dump and pg_restore of version {server_major} or "
            f"newer was found (found: {', '.join(found) or 'none'}); install postgresql-client-{server_major}",
            needed=server_major,
            found=found,
        )
    return min(fitting, key=lambda client: client.major)


def _clients(runtime: Runtime | None) -> Iterator[Client]:
    on_path = shutil.which("pg_dump")
    directories = [
        *([runtime.bin] if runtime is not None else []),
        *wheel_directories(),
        *sorted(_DEBIAN.glob("*/bin")),
        *([Path(on_path).parent] if on_path is not None else []),
    ]
    for directory in dict.fromkeys(directories):
        dump, restore = version_of(directory / "pg_dump"), version_of(directory / "pg_restore")
        if dump is not None and dump == restore:
            yield Client(directory, *dump)


class RowCounter:
    """Counts the rows of every COPY block in the text that ``pg_restore --data-only`` writes.

    In COPY's text format a newline ends a row and nothing else (inside a value it is written as backslash-n),
    and a line of backslash and full stop ends the block.
    """

    def __init__(self) -> None:
        self.tables: dict[str, int] = {}
        self._rest = b""
        self._table: str | None = None

    def feed(self, chunk: bytes) -> None:
        self._rest += chunk
        while self._outside() if self._table is None else self._inside(self._table):
            pass

    def _outside(self) -> bool:
        """Go to the next block's first line; whether it was reached."""
        begin = 0
        while (end := self._rest.find(b"\n", begin)) >= 0:
            match = _COPY.fullmatch(self._rest, begin, end)
            if match is not None:
                self._table = f"{_unquoted(match[1])}.{_unquoted(match[2])}"
                self.tables[self._table] = 0
                self._rest = self._rest[end:]  # with the newline: a block's rest begins at the end of a line
                return True
            begin = end + 1
        self._rest = self._rest[begin:]
        return False

    def _inside(self, table: str) -> bool:
        """Count the rows at hand; whether the block ended."""
        end = self._rest.find(b"\n\\.\n")
        last = end if end >= 0 else self._rest.rfind(b"\n")
        self.tables[table] += self._rest.count(b"\n", 1, last + 1)
        if end < 0:
            self._rest = self._rest[last:]
            return False
        self._rest = self._rest[end + len(b"\n\\.\n") :]
        self._table = None
        return True


def _unquoted(name: bytes) -> str:
    text = name.decode()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
