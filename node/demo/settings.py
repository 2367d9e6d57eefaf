"""The settings file of a node of the demo: everything on loopback, everything in the demo's folder."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class DemoNode:
    """One node: its name, what it answers for, where; ``https_port`` 0 is none. Its keys are in ``folder``."""

    folder: Path
    name: str
    prefix: str
    profile: str
    workers: int
    http_port: int
    handle_port: int
    https_port: int = 0

    def write(self, database_url: str, *parts: str) -> Path:
        """The file that describes it; ``parts`` are further tables as text."""
        self.folder.mkdir(parents=True, exist_ok=True)
        https = f"port = {self.https_port}" if self.https_port else "enabled = false"
        node = f'name = "{self.name}"\nprefix = "{self.prefix}"\nprofile = "{self.profile}"\nworkers = {self.workers}'
        tables = (
            f"[node]\n{node}\nlaboratory = true\n",
            f'[http]\nhost = "{HOST}"\nport = {self.http_port}\n',
            f"[https]\n{https}\n",
            f'[handle]\nport = {self.handle_port}\nkey_file = "{self.folder / "handle-key.pem"}"\n',
            f'[database]\nurl = "{database_url}"\n',
            f'[security]\nseal_key_file = "{self.folder / "seal.key"}"\n',
            f'[counting]\ndirectory = "{self.folder / "counting"}"\n',
            f'[escrow]\nsigning_key_file = "{self.folder / "escrow-key.pem"}"\n',
            '[log]\nlevel = "warning"\n',
        )
        file = self.folder / "node.toml"
        write_private(file, "\n".join((*tables, *parts)))
        return file


def above(url: str, access_key: str = "", secret_key: str = "") -> str:
    """The table of the node above; without keys access is applied for."""
    keys = f'access_key = "{access_key}"\nsecret_key = "{secret_key}"\n' if access_key else ""
    return f'[national]\nurl = "{url}"\n{keys}poll_seconds = 0.2\nheartbeat_seconds = 5\n'


def recursion(root: str) -> str:
    """The table that lets a node ask others, all of them on loopback."""
    return f'[recursion]\nenabled = true\nroots = ["{root}"]\nnetworks = ["127.0.0.0/8"]\n'


def kept_secret(file: Path) -> str:
    """A secret that is made once."""
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32))
    return file.read_text(encoding="utf-8")


def write_private(file: Path, text: str) -> None:
    """For its owner's eyes only."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
