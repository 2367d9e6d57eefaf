"""Debian's programs of a cluster: where they are, and how they are run in the background as a user of their own.

Each process has a session of its own, is known by its id, and ends with whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

_PACKAGES = {"etcd": "etcd-server", "patroni": "patroni", "haproxy": "haproxy"}
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
_POSTGRES = Path("/usr/lib/postgresql")
_STOP_SECONDS = 15.0
_NOTHING: Mapping[str, str] = MappingProxyType({})


class ProgramMissing(SystemExit):
    """One sentence with the Debian packages that are not installed."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where Debian has them; ``user`` runs them, for PostgreSQL refuses root."""

    etcd: str
    patroni: str
    haproxy: str
    postgres: Path
    user: str | None


def find_programs(*, haproxy: bool = False) -> Programs:
    """Raises ``ProgramMissing``."""
    wanted = dict(_PACKAGES) if haproxy else {name: _PACKAGES[name] for name in ("etcd", "patroni")}
    found = {name: shutil.which(name, path=_PATH) for name in wanted}
    postgres = sorted(_POSTGRES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    missing = [_PACKAGES[name] for name, path in found.items() if path is None]
    if not postgres:
        missing.append("postgresql-15")
    if missing:
        raise ProgramMissing(f"the cluster exercise needs Debian's programs: apt install {' '.join(missing)}")
    user = "postgres" if os.geteuid() == 0 else None
    return Programs(str(found["etcd"]), str(found["patroni"]), str(found.get("haproxy")), postgres[-1].parent, user)


class Program:
    """A process in a session of its own, with its words in a file."""

    def __init__(
        self, command: Sequence[str], log: Path, user: str | None, environment: Mapping[str, str] = _NOTHING
    ) -> None:
        self._command = command
        self._environment = environment
        self._log = log
        self._user = user
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and again after it ended."""
        options: dict[str, Any] = {}
        if self._user is not None:
            options = {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []}
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._log.parent,
                env={"PATH": _PATH, "HOME": str(self._log.parent), "LC_ALL": "C.UTF-8", **self._environment},
                start_new_session=True, **options,
            )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            os.killpg(self._process.pid, number)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Tell it to end, and kill it if it does not."""
        if self._process is None:
            return
        self.send(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        self.send(signal.SIGKILL)
        await self._process.wait()

    def last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-15:])


def own(folder: Path, user: str | None) -> Path:
    """A new folder that is this user's alone."""
    folder.mkdir(mode=0o700)
    give(folder, user)
    return folder


def give(path: Path, user: str | None) -> None:
    """Make it this user's; ``None``: it is already."""
    if user is not None:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
