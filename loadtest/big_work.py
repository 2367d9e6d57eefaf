"""Work on big data, as people and the node itself do it: each piece through the door that it has in the product.

Some of it changes ``Site.chunk`` identifiers of the millions: parts of the stock that share the beginnings of their
suffixes. Suspended and deleted are only the last parts, which nobody resolves meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
import asyncpg

from loadtest.bench_node import Ground
from loadtest.big_stock import BEGAN
from loadtest.corpus import template as corpus_template
from loadtest.corpus import write_csv
from loadtest.steady import suffix_of
from node import export_directory
from node.client import Client
from node.demo.story import signed_in

_PARTS = 40
_PATIENCE = 60.0
_ROUNDS = 10
_OLD = datetime(2025, 6, 1, tzinfo=BEGAN.tzinfo)
_OLD_ROWS_SHARE = 25  # one for so many identifiers


@dataclass(slots=True)
class Site:
    """A node with ``rows`` devices below ``prefix`` by the template, and others ``beside``."""

    place: Ground
    connection: asyncpg.Connection
    client: Client
    template_id: int
    rows: int
    beside: str
    beside_rows: int
    administrator: Client | None = None
    deleted: str = ""

    @property
    def prefix(self) -> str:
        return self.place.prefix

    @property
    def chunk(self) -> int:
        """A power of ten: the identifiers whose suffixes begin alike."""
        return int("1".ljust(len(str(self.rows // _PARTS)), "0"))

    @property
    def untouched(self) -> int:
        """Identifiers from 0 on that always resolve."""
        return self.rows - 3 * self.chunk

    def begins(self, part: int) -> str:
        """How the suffixes of a part begin; parts below 0 are counted from the end."""
        number = part % (self.rows // self.chunk)
        return suffix_of(number * self.chunk)[: -(len(str(self.chunk)) - 1) or None]

    async def admin(self) -> Client:
        """As the node's administrator."""
        if self.administrator is None:
            scene = self.place.scene
            self.administrator = await signed_in(scene.client, "admin", scene.state.administrator_password)
        return self.administrator

    async def by_query(self, operation: str, part: int, **more: Any) -> str:
        """Preview and do it; says how many were changed. Exits when not all of them were."""
        filters = {"suffix_begins": self.begins(part), **more.pop("filters", {})}
        body = {"operation": operation, "prefix": self.prefix, "filters": filters, **more}
        seen = await self.client.post("/v1/batches/by-query", {**body, "dry_run": True})
        key = {"Idempotency-Key": uuid.uuid4().hex}
        body["confirmation"] = seen["confirmation"]
        async with self.client.request("POST", "/v1/batches/by-query", json=body, headers=key) as response:
            batch = await response.json()
        if batch["changed"] != self.chunk:
            raise SystemExit(f"{operation}: {batch}")
        self.deleted = batch["batch_id"]
        return f"{self.chunk:,} identifiers, previewed and done"

    async def command(self, *words: str) -> None:
        """A verb of ``biaoshi``, as a process of its own. Exits when it fails."""
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "node.cli", *words, env={**os.environ, "BIAOSHI_TOKEN": self.place.token},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await running.communicate()
        if running.returncode != 0:
            raise SystemExit(f"{words[0]}: {said[-500:].decode(errors='replace')}")


async def _statistics(site: Site) -> str:
    admin = await site.admin()
    days = {"since": "2025-01-01", "until": "2026-12-31"}
    for _ in range(_ROUNDS):
        await admin.get("/v1/statistics")
        for by in ("day", "month", "industry", "enterprise", "template"):
            await admin.get("/v1/statistics/registrations", by=by, **days)
    return f"{_ROUNDS * 6} questions"


async def _count(site: Site) -> str:
    said = await site.client.get("/v1/identifiers", prefix=site.prefix, count="true", limit=50)
    return f"{said['count']['number']:,} found, exact: {said['count']['exact']}".lower()


async def _quota(site: Site) -> str:
    admin = await site.admin()
    body = {"identifiers": 10**9}
    async with admin.request("PUT", f"/v1/prefixes/{site.prefix}/quota", json=body) as response:
        quota = await response.json()
    async with admin.request("DELETE", f"/v1/prefixes/{site.prefix}/quota", params={"version": quota["version"]}):
        return f"{quota['registered']:,} counted"


async def _update(site: Site) -> str:
    return await site.by_query("update", 1, filters={"template_id": site.template_id}, set={"maker": "示例装备公司"})


async def _next_edition(site: Site) -> str:
    draft = await site.client.post(f"/v1/templates/{site.template_id}/revise")
    await site.client.post(f"/v1/templates/{draft['template_id']}/publish")
    migrated = await site.by_query(
        "migrate", 2, filters={"template_id": site.template_id}, template="device", set={"note": "第二版"}
    )
    return f"a new edition published; {migrated}"


async def _suspend(site: Site) -> str:
    return await site.by_query("suspend", -2)


async def _delete(site: Site) -> str:
    return await site.by_query("delete", -3)


async def _undo(site: Site) -> str:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    async with site.client.request("POST", f"/v1/batches/{site.deleted}/undo", headers=key) as response:
        batch = await response.json()
    return f"{batch['changed']:,} identifiers"


async def _suspend_prefix(site: Site) -> str:
    """Until every worker says so, and until every worker resolves again."""
    admin = await site.admin()
    path = f"/v1/prefixes/{site.prefix}"
    rows = await site.connection.fetch(_WHERE_THEY_STAND, site.prefix)
    waited = []
    for verb, resolves in (("suspend", False), ("resume", True)):
        await admin.post(f"{path}/{verb}", {"reason": "检查"} if verb == "suspend" else None)
        began = time.perf_counter()
        await _until_all_say(site, resolves)
        waited.append((time.perf_counter() - began) * 1000)
    if await site.connection.fetch(_WHERE_THEY_STAND, site.prefix) != rows:
        raise SystemExit("suspending a prefix wrote identifiers")
    return f"{site.rows:,} identifiers, no row written; seen after {waited[0]:.0f} and {waited[1]:.0f} ms"


_WHERE_THEY_STAND = """
SELECT i.ctid, i.xmin FROM identifier i JOIN prefix p USING (prefix_id) WHERE p.prefix = $1
ORDER BY i.suffix_key LIMIT 1000
"""


async def _until_all_say(site: Site, resolves: bool) -> None:
    """New connections fall to all workers by chance: so many in a row that agree have met every one."""
    agreed, until = 0, time.perf_counter() + _PATIENCE
    while agreed < 16:
        async with aiohttp.ClientSession() as session:
            url = f"{site.place.scene.url}/api/handles/{site.prefix}/{suffix_of(agreed)}"
            async with session.get(url) as response:
                agreed = agreed + 1 if (response.status == 200) is resolves else 0
        if time.perf_counter() > until:
            raise SystemExit(f"resolving is not {resolves} after {_PATIENCE:g} s")


async def _export(site: Site) -> str:
    folder = site.place.folder / "export"
    await site.command("export", "--prefix", site.prefix, "--server", site.place.scene.url, str(folder))
    parts = export_directory.read(folder).parts
    rows, octets = sum(part.rows or 0 for part in parts), sum(part.octets for part in parts)
    stands = await site.connection.fetchval(_STANDS, site.prefix)
    if rows != stands:
        raise SystemExit(f"{rows:,} of {stands:,} exported")
    return f"{rows:,} rows, {octets / 1e6:,.0f} MB"


_STANDS = (
    "SELECT count(*) FROM identifier JOIN prefix p USING (prefix_id) WHERE p.prefix = $1 AND identifier.state <> 2"
)


async def _import(site: Site) -> str:
    client, body = site.client, site.place.folder / "rows.csv"
    await asyncio.to_thread(write_csv, body, site.chunk)
    name = str(corpus_template()["name"])
    path = f"/v1/batches?{urlencode({'prefix': site.prefix, 'template': name})}"
    headers = {"Content-Type": "text/csv", "Idempotency-Key": uuid.uuid4().hex}
    with body.open("rb") as rows:
        async with client.request("POST", path, data=rows, headers=headers) as response:
            batch = await response.json()
    if batch["registered"] != site.chunk:
        raise SystemExit(f"import: {batch}")
    return f"{site.chunk:,} rows"


async def _backup(site: Site) -> str:
    file = site.place.folder / "node.dump"
    await site.command("backup", str(file), "--config", str(site.place.scene.config_file))
    return f"{file.stat().st_size / 1e6:,.0f} MB"


async def _vacuum(site: Site) -> str:
    await site.connection.execute("VACUUM (ANALYZE) identifier, attribute_index, identifier_history")
    return "identifiers, their side index and history"


async def _freeze(site: Site) -> str:
    await site.connection.execute("VACUUM (FREEZE) identifier, attribute_index, identifier_history")
    return "every page of the same"


async def _recount(site: Site) -> str:
    await site.command("recount", "--from", "2025-01-01", "--to", "2025-12-31", "--config",
                       str(site.place.scene.config_file))  # fmt: skip
    return "a year of registrations, from history"


async def _retention(site: Site) -> str:
    """Old minutes and delivered reports; the steward begins with them when it is started."""
    old = max(site.rows // _OLD_ROWS_SHARE, 1)
    await site.connection.execute(_OLD_MINUTES, _OLD, old)
    await site.connection.execute(_OLD_REPORTS, _OLD, old)
    for pid in site.place.processes["steward"]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    until = time.perf_counter() + _PATIENCE
    while left := await site.connection.fetchval(_OLD_LEFT, _OLD):
        if time.perf_counter() > until:
            return f"{2 * old:,} old rows, {left:,} of them still there after {_PATIENCE:g} s"
        await asyncio.sleep(0.1)
    return f"{2 * old:,} old rows"


_OLD_MINUTES = """
INSERT INTO resolution_count (boot_id, minute, prefix, interface, outcome, resolutions)
SELECT gen_random_uuid(), $1::timestamptz - n % 100000 * INTERVAL '1 minute', '', 1, 1, 1
FROM generate_series(1, $2::int) AS n
"""
_OLD_REPORTS = """
INSERT INTO outbox (message_id, stream, kind, body, created_at, delivered_at)
SELECT gen_random_uuid(), 'registration', 'registration.summary', '{}', $1, $1 FROM generate_series(1, $2::int) AS n
"""
_OLD_LEFT = """
SELECT (SELECT count(*) FROM resolution_count WHERE minute <= $1)
       + (SELECT count(*) FROM outbox WHERE delivered_at <= $1)
"""


@dataclass(frozen=True, slots=True)
class Work:
    """``do`` says what it did. ``whole_prefix``: nothing below the prefix resolves meanwhile."""

    do: Callable[[Site], Awaitable[str]]
    whole_prefix: bool = False


WORK: Mapping[str, Work] = {
    "statistics": Work(_statistics),
    "count": Work(_count),
    "quota": Work(_quota),
    "update": Work(_update),
    "template": Work(_next_edition),
    "suspension": Work(_suspend),
    "deletion": Work(_delete),
    "undo": Work(_undo),
    "prefix": Work(_suspend_prefix, whole_prefix=True),
    "import": Work(_import),
    "export": Work(_export),
    "retention": Work(_retention),
    "vacuum": Work(_vacuum),
    "freeze": Work(_freeze),
    "recount": Work(_recount),
    "backup": Work(_backup),
}
