"""A PostgreSQL cluster on the loopback: etcd and members that Patroni leads, of Debian's own programs and with the
settings that ship in ``docker/``.

    async with cluster(folder) as patroni:
        leader = await patroni.leader()

Everything lives in one folder and on free ports, is started as a user that PostgreSQL accepts, and ends with the
block, also after an error: each process is known by its id, and nothing is ended by its name.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from loadtest.bench_node import free_port
from loadtest.debian_programs import Program, Programs, find_programs, give, own
from node.embedded_processes import processes_of

HOST = "127.0.0.1"
DATABASE, LOGIN = "node", "node_login"
_DOCKER = Path(__file__).parents[1] / "docker"
_START_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_PATIENCE = aiohttp.ClientTimeout(total=1)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Passwords of one cluster's life."""

    superuser: str
    replication: str
    login: str


def patroni_environment(
    name: str, folder: Path, programs: Programs, ports: tuple[int, int], etcd: int, passwords: Secrets
) -> dict[str, str]:
    """What ``docker/patroni.yml`` leaves to the machine; ``ports`` are those of PostgreSQL and of Patroni itself."""
    postgres, rest = (f"{HOST}:{port}" for port in ports)
    return {
        "PATRONI_NAME": name, "PATRONI_ETCD_HOSTS": f"'{HOST}:{etcd}'",
        "PATRONI_RESTAPI_LISTEN": rest, "PATRONI_RESTAPI_CONNECT_ADDRESS": rest,
        "PATRONI_POSTGRESQL_LISTEN": postgres, "PATRONI_POSTGRESQL_CONNECT_ADDRESS": postgres,
        "PATRONI_POSTGRESQL_DATA_DIR": str(folder / "data"), "PATRONI_POSTGRESQL_BIN_DIR": str(programs.postgres),
        "PATRONI_POSTGRESQL_PGPASS": str(folder / "pgpass"),
        "PATRONI_SUPERUSER_PASSWORD": passwords.superuser, "PATRONI_REPLICATION_PASSWORD": passwords.replication,
    }  # fmt: skip


class Member:
    """One Patroni with its PostgreSQL; killed, frozen and thawed as a whole machine is."""

    def __init__(self, name: str, folder: Path, programs: Programs, etcd: int, passwords: Secrets) -> None:
        self.name = name
        self.port, self.rest = free_port(), free_port()
        self._data = folder / "data"
        settings = folder / "patroni.yml"
        shutil.copyfile(_DOCKER / "patroni.yml", settings)
        give(settings, programs.user)
        environment = patroni_environment(name, folder, programs, (self.port, self.rest), etcd, passwords)
        self.patroni = Program([programs.patroni, str(settings)], folder / "patroni.log", programs.user, environment)

    async def kill(self) -> None:
        """kill -9 of Patroni and of every process of its PostgreSQL: the machine lost its power."""
        self.patroni.send(signal.SIGSTOP)  # or it would notice, and tell the others in order
        self._signal_postgres(signal.SIGKILL)
        await self.patroni.end(signal.SIGKILL)

    def freeze(self) -> None:
        """The machine falls silent: connections stand, and nothing is answered."""
        self.patroni.send(signal.SIGSTOP)
        self._signal_postgres(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was, not knowing how late it is."""
        self._signal_postgres(signal.SIGCONT)
        self.patroni.send(signal.SIGCONT)

    async def end(self) -> None:
        """In order; what is left of it is killed."""
        self.thaw()
        await self.patroni.end()
        self._signal_postgres(signal.SIGKILL)

    def _signal_postgres(self, number: signal.Signals) -> None:
        for pid in processes_of(self._data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def says(self, session: aiohttp.ClientSession, what: str) -> bool:
        """Whether Patroni answers this question of a load balancer with yes: ``primary``, ``replica``, ``sync``."""
        try:
            async with session.get(f"http://{HOST}:{self.rest}/{what}", timeout=_PATIENCE) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


@dataclass(frozen=True, slots=True)
class Addresses:
    """Of the database, for a node that writes and for one that reads from a standby."""

    writing: str
    reading: str


class Cluster:
    """The members by their roles of the moment; ``balanced``: HAProxy's ports for the primary and the standby."""

    def __init__(
        self,
        members: Sequence[Member],
        passwords: Secrets,
        session: aiohttp.ClientSession,
        balanced: tuple[int, int] | None = None,
    ) -> None:
        self.members = members
        self.passwords = passwords
        self._session = session
        self._balanced = balanced

    def addresses(self) -> Addresses:
        """Both servers in one address, or HAProxy."""
        if self._balanced is None:
            return Addresses(self.url(), self.url(query="?target_session_attrs=prefer-standby"))
        login = f"postgresql://{LOGIN}:{self.passwords.login}@{HOST}"
        return Addresses(*(f"{login}:{port}/{DATABASE}" for port in self._balanced))

    def url(self, login: str = LOGIN, database: str = DATABASE, query: str = "") -> str:
        """The address of all servers together."""
        password = self.passwords.superuser if login == "postgres" else self.passwords.login
        hosts = ",".join(f"{HOST}:{member.port}" for member in self.members)
        return f"postgresql://{login}:{password}@{hosts}/{database}{query}"

    async def leader(self, seconds: float = _START_SECONDS) -> Member:
        """The member that is the primary, as soon as one is."""
        return await self._that(lambda member: member.says(self._session, "primary"), "no primary", seconds)

    async def synchronous_standby(self, seconds: float = _START_SECONDS) -> Member:
        """The member that has everything that was ever acknowledged, as soon as one has."""
        return await self._that(lambda member: member.says(self._session, "sync"), "no synchronous standby", seconds)

    async def _that(self, is_it: Callable[[Member], Awaitable[bool]], absence: str, seconds: float) -> Member:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for member in self.members:
                        if await is_it(member):
                            return member
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            words = "\n".join(f"{member.name}: {member.patroni.last_words()}" for member in self.members)
            raise SystemExit(f"{absence} after {seconds:g} s\n{words}") from None


@contextlib.asynccontextmanager
async def cluster(folder: Path, *, haproxy: bool = False) -> AsyncIterator[Cluster]:
    """etcd and two members, one of them primary, the other its synchronous standby. Raises ``ProgramMissing``."""
    programs = find_programs(haproxy=haproxy)
    passwords = Secrets(*(secrets.token_hex(12) for _ in range(3)))
    client, peer = free_port(), free_port()
    async with contextlib.AsyncExitStack() as stack:

        async def start(program: Program) -> None:
            stack.push_async_callback(program.end)
            await program.start()

        session = await stack.enter_async_context(aiohttp.ClientSession())
        place = own(folder / "etcd", programs.user)
        await start(Program(_etcd_command(programs.etcd, client, peer), place / "log", programs.user))
        members = [
            Member(name, own(folder / name, programs.user), programs, client, passwords) for name in ("one", "two")
        ]
        for member in members:
            stack.push_async_callback(member.end)
            await member.patroni.start()
        balanced = None
        if haproxy:
            balanced = free_port(), free_port()
            await start(_balancer(programs, own(folder / "haproxy", programs.user), members, balanced))
        found = Cluster(members, passwords, session, balanced)
        await found.leader()
        await found.synchronous_standby()
        yield found


def _balancer(programs: Programs, folder: Path, members: Sequence[Member], ports: tuple[int, int]) -> Program:
    environment = {
        "BALANCER_ADDRESS": HOST, "PRIMARY_PORT": str(ports[0]), "REPLICA_PORT": str(ports[1]),
        "HTTP_ADDRESS": HOST, "HTTP_PORT": str(free_port()),
        "NODE_ONE": f"{HOST}:{free_port()}", "NODE_TWO": f"{HOST}:{free_port()}",
    }  # fmt: skip
    for number, member in zip(("ONE", "TWO"), members, strict=True):
        environment |= {
            f"DATABASE_{number}": f"{HOST}:{member.port}",
            f"PATRONI_{number}_HOST": HOST, f"PATRONI_{number}_PORT": str(member.rest),
        }  # fmt: skip
    settings = folder / "haproxy.cfg"
    shutil.copyfile(_DOCKER / "haproxy.cfg", settings)
    give(settings, programs.user)
    return Program([programs.haproxy, "-db", "-f", str(settings)], folder / "log", programs.user, environment)


def _etcd_command(program: str, client: int, peer: int) -> list[str]:
    listen, told = f"http://{HOST}:{client}", f"http://{HOST}:{peer}"
    return [
        program, "--name=exercise", "--data-dir=data", f"--listen-client-urls={listen}",
        f"--advertise-client-urls={listen}", f"--listen-peer-urls={told}", f"--initial-advertise-peer-urls={told}",
        f"--initial-cluster=exercise={told}", "--logger=zap", "--enable-v2",
    ]  # fmt: skip
