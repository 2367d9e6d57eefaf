"""The embedded server's data directory: whose it is, whether it can be used, and what a crash left in it.

    <data>/biaoshi.lock        held by the process that runs the server, with its pid inside
    <data>/cluster/            PostgreSQL's own files
    <data>/run/                the socket
    <data>/log/postgresql.log  what the server says
    <data>/runtime/<version>/  a copy of the binaries, only where the database's user cannot reach the originals

``prepare`` refuses in one sentence what cannot work, before PostgreSQL would refuse it in its own words.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

from node.embedded_processes import PROGRAM, recorded_pid, status_of, stop_orphan, works_in
from node.embedded_runtime import (
    EmbeddedError,
    Owner,
    Runtime,
    database_owner,
    executable_by,
    initdb_owner,
    process_of,
)

log = structlog.get_logger(__name__)

USER = "biaoshi"
PORT = 5432  # only the socket's name: nothing listens on the network
ROOM_TO_CREATE = 512 << 20
ROOM_TO_START = 64 << 20  # four segments of write-ahead log
_SOCKET_LIMIT = 107  # bytes of sun_path, without its closing zero
_PARTIAL = "cluster.partial-"
# A fresh file system mounted as the data directory brings its own lost+found.
_OURS = frozenset({"biaoshi.lock", "run", "log", "runtime", "lost+found"})


class AnotherInstance(EmbeddedError):
    title_zh = "数据目录正被另一个实例使用"


class SocketPathUnusable(EmbeddedError):
    title_zh = "数据目录的路径无法用于套接字"


class DirectoryClosed(EmbeddedError):
    title_zh = "数据库用户无法进入数据目录"


class DirectoryNotOurs(EmbeddedError):
    title_zh = "目录不是本节点的数据目录"


class DirectoryOfAnotherUser(EmbeddedError):
    title_zh = "数据目录属于另一个用户"


class DiskLow(EmbeddedError):
    title_zh = "磁盘空间不足"


class AnotherMajor(EmbeddedError):
    title_zh = "数据目录属于另一个 PostgreSQL 大版本"


class ClusterNotCreated(EmbeddedError):
    title_zh = "无法创建数据库"


@dataclass(frozen=True, slots=True)
class DataDirectory:
    root: Path

    @property
    def cluster(self) -> Path:
        return self.root / "cluster"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log" / "postgresql.log"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A data directory that is locked by us, holds a cluster and waits for its server."""

    directory: DataDirectory
    runtime: Runtime
    owner: Owner | None
    lock: int

    def release(self) -> None:
        os.close(self.lock)


def prepare(root: Path, runtime: Runtime, *, durable: bool = True) -> Prepared:
    """Check ``root``, lock it, clear a crash's leftovers and create the cluster if there is none.

    Without ``durable`` a new cluster is not forced to disk. Raises the subclasses of ``EmbeddedError``.
    """
    directory = DataDirectory(Path(os.path.abspath(root)))  # noqa: PTH100 - a symlink may be the shorter path
    _check_socket_path(directory)
    owner = _owner_of(directory)
    _open_root(directory, owner)
    lock = _take_lock(directory)
    try:
        _check_version(directory, runtime)
        _clear_leftovers(directory)
        _check_room(directory)
        if owner and directory.cluster.exists() and directory.cluster.stat().st_uid == 0:
            _give(directory.cluster, owner)  # brought back by root from an archive
        usable = executable_by(runtime, owner, directory.root / "runtime")
        if not directory.cluster.exists():
            _create_cluster(directory, usable, owner, durable=durable)
        _make_private(directory.run, owner)
        _make_private(directory.log.parent, _owner_of_root(directory))
    except BaseException:
        os.close(lock)
        raise
    return Prepared(directory, usable, owner, lock)


def open_private(path: Path, flags: int) -> int:
    """Open or create a file that only its folder's owner can read, also when root works for that owner."""
    opened = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.fchown(opened, folder.st_uid, folder.st_gid)
    return opened


def of_another_user(root: Path, evidence: Path) -> DirectoryOfAnotherUser:
    """The refusal for a directory of which ``evidence`` belongs to somebody else."""
    uid = evidence.stat().st_uid
    return DirectoryOfAnotherUser(
        f"the data directory {root} belongs to uid {uid}; start as that user or as root",
        directory=str(root),
        uid=uid,
    )


def _check_socket_path(directory: DataDirectory) -> None:
    socket = directory.run / f".s.PGSQL.{PORT}"
    length = len(os.fsencode(socket))
    if length > _SOCKET_LIMIT:
        raise SocketPathUnusable(
            f"the socket path {socket} has {length} bytes and the system allows {_SOCKET_LIMIT}; "
            f"choose a data directory that is {length - _SOCKET_LIMIT} bytes shorter",
            path=str(socket),
            bytes=length,
            limit=_SOCKET_LIMIT,
        )
    if "," in str(socket) or "\n" in str(socket):
        raise SocketPathUnusable(
            f"the path {directory.root} holds a comma or a line break, which no database address can carry; "
            "choose another data directory",
            path=str(socket),
        )


def _owner_of(directory: DataDirectory) -> Owner | None:
    """Who runs the server: whoever owns the cluster; without one an unlisted user for root, else ourselves."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = directory.cluster.stat()
        if found.st_uid != 0:
            return Owner(found.st_uid, found.st_gid)
    return database_owner()


def _owner_of_root(directory: DataDirectory) -> Owner | None:
    """Who reads the log and the lock when root works in an ordinary user's data directory."""
    found = directory.root.stat()
    return Owner(found.st_uid, found.st_gid) if os.geteuid() == 0 else None


def _open_root(directory: DataDirectory, owner: Owner | None) -> None:
    """Make ``root`` ours, and be sure that the server's user can walk through it."""
    root = directory.root
    _check_way(root, owner)
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir()
            folder.chmod(0o711 if owner else 0o700)
        names = [path.name for path in root.iterdir()]
    except PermissionError:
        if not missing:
            raise of_another_user(root, root) from None
        raise DirectoryClosed(
            f"uid {os.geteuid()} may not create {root}; choose another data directory",
            parent=str(missing[-1].parent),
            directory=str(root),
        ) from None
    except (NotADirectoryError, FileExistsError) as error:
        raise DirectoryNotOurs(
            f"{error.filename} is not a directory; choose another data directory", directory=str(root)
        ) from None
    _check_ours(directory, names)
    if owner and root.stat().st_uid == 0:
        root.chmod(stat.S_IMODE(root.stat().st_mode) | 0o111)
    _check_way(directory.cluster, owner)


def _check_way(path: Path, owner: Owner | None) -> None:
    closed = _closed_parent(path, owner)
    if closed is not None:
        who = f"the database's user (uid {owner.uid})" if owner else f"uid {os.geteuid()}"
        raise DirectoryClosed(
            f"{who} cannot enter {closed}, which leads to {path}; open it (chmod o+x) or choose a data "
            "directory elsewhere",
            parent=str(closed),
            directory=str(path),
        )


def _check_ours(directory: DataDirectory, names: list[str]) -> None:
    if "cluster" in names and not os.access(directory.cluster, os.X_OK):
        raise of_another_user(directory.root, directory.cluster)
    if (directory.cluster / "PG_VERSION").is_file():
        return
    foreign = sorted(name for name in names if name not in _OURS and not name.startswith(_PARTIAL))
    if foreign:
        raise DirectoryNotOurs(
            f"{directory.root} is not empty and holds no database of this node ({foreign[0]} is there); "
            "choose an empty directory",
            directory=str(directory.root),
        )


def _closed_parent(path: Path, owner: Owner | None) -> Path | None:
    """The first parent that cannot be walked through; those behind a symlink count as well."""
    for parent in (*reversed(path.resolve().parents), *reversed(path.parents)):
        if not parent.exists():
            continue
        if not (_lets_in(parent.stat(), owner) if owner else os.access(parent, os.X_OK)):
            return parent
    return None


def _lets_in(folder: os.stat_result, owner: Owner) -> bool:
    if folder.st_uid == owner.uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == owner.gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)


def _take_lock(directory: DataDirectory) -> int:
    path = directory.root / "biaoshi.lock"
    try:
        lock = open_private(path, os.O_RDWR)
    except PermissionError:
        raise of_another_user(directory.root, path if path.exists() else directory.root) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
        os.close(lock)
        raise AnotherInstance(
            f"another instance (pid {holder}) uses the data directory {directory.root}; stop it first",
            directory=str(directory.root),
            pid=int(holder) if holder.isdigit() else None,
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _check_version(directory: DataDirectory, runtime: Runtime) -> None:
    if not directory.cluster.exists():
        return
    found = (directory.cluster / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    if found != str(runtime.major):
        raise AnotherMajor(
            f"the data in {directory.root} is of PostgreSQL {found} and this program runs {runtime.major}; "
            f"save it with `biaoshi backup` of the program that used {found}, move the directory away and "
            "bring it back with `biaoshi restore`",
            directory=str(directory.root),
            found=found,
            runtime=runtime.major,
        )


def _check_room(directory: DataDirectory) -> None:
    if directory.cluster.exists():
        purpose, needed = "starting", ROOM_TO_START
    else:
        purpose, needed = "creating", ROOM_TO_CREATE
    free = shutil.disk_usage(directory.root).free
    if free < needed:
        raise DiskLow(
            f"{directory.root} has {free >> 20} MB free and {purpose} the database needs {needed >> 20} MB; "
            "make room",
            free=free,
            needed=needed,
        )


def _clear_leftovers(directory: DataDirectory) -> None:
    """We hold the lock: whatever still lives or lies here is what a killed process left."""
    for partial in directory.root.glob(f"{_PARTIAL}*"):
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(directory.run, ignore_errors=True)
    pid = recorded_pid(directory.cluster)
    if pid is None:
        return
    if works_in(pid, directory.cluster):
        log.warning("orphan_database_stopping", pid=pid, directory=str(directory.root))
        stop_orphan(pid, directory.cluster)
        return
    status = status_of(pid)
    if Path(f"/proc/{pid}").exists() and (status is None or status.name != PROGRAM):
        # A zombie, or a stranger who was given the number: the server would take either for a running one.
        (directory.cluster / "postmaster.pid").unlink()


def _create_cluster(directory: DataDirectory, runtime: Runtime, owner: Owner | None, *, durable: bool) -> None:
    maker = initdb_owner()
    # Made aside and renamed when whole: a cluster that exists is complete.
    partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=directory.root))
    _give(partial, maker)
    command: list[str | Path] = [runtime.bin / "initdb", "-D", partial, "-U", USER, "-A", "trust"]
    command += ["-E", "UTF8", "--locale=C", "--data-checksums", "--no-instructions"]
    if not durable:
        command.append("--no-sync")
    made = subprocess.run(command, capture_output=True, check=False, **process_of(maker))
    if made.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        said = made.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        reason = next((line for line in said if "error:" in line or "FATAL:" in line), said[-1])
        raise ClusterNotCreated(
            f"initdb could not create the database in {directory.root}: {reason}",
            directory=str(directory.root),
        )
    _give(partial, owner)
    partial.rename(directory.cluster)


def _make_private(folder: Path, owner: Owner | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    _give(folder, owner)


def _give(folder: Path, owner: Owner | None) -> None:
    if owner is None:
        return
    for parent, _, files in os.walk(folder):
        for path in (parent, *(f"{parent}/{name}" for name in files)):
            os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
