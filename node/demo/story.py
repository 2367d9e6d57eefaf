"""The demo's story: found, review, verify, register, resolve; told through the public interface only."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from node.china_time import day_of
from node.client import Client
from node.demo.workload import FILES, MAPPING, SampleEnterprise, enterprises, template, write_files
from node.errors import Unavailable
from node.importer import Import, import_file

RESOLUTIONS = 10_000
_PREFIX_SECONDS = 60.0
_SUMMED_SECONDS = 20.0
_PROFILE, _RESOLVED = "ningbo", "resolutions.daily_mean_30"
_STATE_FILE = "demo.json"
_AUDITOR, _ENTERPRISE_USER = "auditor", "enterprise"
_SAMPLES = 3

Say = Callable[[str], None]


class HammerReport(Protocol):
    """What the hammer found; see ``loadtest/hammer.py``."""

    resolved: int
    errors: int
    first_errors: list[str]

    def percentile(self, share: float) -> float: ...


Hammer = Callable[[Sequence[str], int], Awaitable[HammerReport]]


class VerificationMissing(Unavailable):
    title_zh = "国家顶级节点未给出核验结果"


@dataclass(slots=True)
class Table:
    """What happened, for people and for ``--json``."""

    laboratory: bool = True
    enterprises: int = 0
    prefixes: int = 0
    registered: int = 0
    rejected: int = 0
    resolved: int = 0
    errors: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    seconds: float = 0.0
    acceptance: dict[str, Any] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    samples: list[str] = field(default_factory=list)
    trace: dict[str, Any] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    """Passwords of the demo's people by the names of their accounts, for the console."""

    def write(self, target: Path) -> None:
        """As JSON, without the passwords."""
        told = {name: value for name, value in asdict(self).items() if name != "accounts"}
        target.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


class State(msgspec.Struct):
    """What the demo remembers between its runs, in a file only its user can read."""

    administrator_password: str
    reviewer_password: str
    registered: int = 0
    rejected: int = 0
    identifiers: list[str] = msgspec.field(default_factory=list)
    auditor_password: str = ""
    enterprise_password: str = ""
    done: bool = False


def new_state(administrator_password: str) -> State:
    """The state at the first start; the reviewer's password is made here."""
    return State(administrator_password, f"Review-{secrets.token_urlsafe(18)}-1")


def load_state(folder: Path) -> State | None:
    """The state of an earlier run, if there was one."""
    path = folder / _STATE_FILE
    return msgspec.json.decode(path.read_bytes(), type=State) if path.exists() else None


def save_state(folder: Path, state: State) -> None:
    """Keep it; the file appears whole or not at all."""
    partial = folder / (_STATE_FILE + ".partial")
    partial.touch(mode=0o600)
    partial.write_bytes(msgspec.json.encode(state))
    partial.replace(folder / _STATE_FILE)


async def tell(client: Client, folder: Path, state: State, hammer: Hammer, say: Say) -> Table:
    """Everything the demo does with a running node; steps that an earlier run did are not done again."""
    began = time.perf_counter()
    administrator = await signed_in(client, "admin", state.administrator_password)
    if not state.done:
        cast = Cast(administrator, await make_reviewer(client, administrator, state), say)
        samples = enterprises()
        await cast.bring_in(samples)
        await cast.publish(template())
        await _register(administrator, folder, samples, state, say)
        state.identifiers = await _some_identifiers(administrator, samples)
        await _bring_people(administrator, samples[0], state)
        state.done = True
        save_state(folder, state)
    table = Table(registered=state.registered, rejected=state.rejected)
    table.enterprises = len(await _all(administrator, "/v1/enterprises", state="approved"))
    table.prefixes = len(await _all(administrator, "/v1/prefixes", state="enabled"))
    before = _resolved(await _acceptance(administrator))
    say(f"解析 {RESOLUTIONS:,} 次 · resolving {RESOLUTIONS:,} times")
    report = await hammer(state.identifiers, RESOLUTIONS)
    table.resolved, table.errors = report.resolved, report.errors
    table.p50_ms, table.p99_ms = report.percentile(0.50), report.percentile(0.99)
    for words in report.first_errors:
        say(f"  {words}")
    table.accounts = {
        "admin": state.administrator_password, "reviewer": state.reviewer_password,
        _AUDITOR: state.auditor_password, _ENTERPRISE_USER: state.enterprise_password,
    }  # fmt: skip
    table.samples = state.identifiers[:: max(1, len(state.identifiers) // _SAMPLES)][:_SAMPLES]
    table.seconds = round(time.perf_counter() - began, 2)
    say("等待汇总，评估验收指标 · waiting until they are summed up, for the acceptance table")
    table.acceptance = await _summed_up(administrator, before + report.resolved)
    return table


async def _acceptance(client: Client) -> dict[str, Any]:
    """The criteria judged as of tomorrow: today counts as far as it has come, for the demo has no other day."""
    tomorrow = day_of(datetime.now(UTC)) + timedelta(days=1)
    judged: dict[str, Any] = await client.get("/v1/acceptance", profile=_PROFILE, at=str(tomorrow))
    return judged


def _resolved(judged: dict[str, Any]) -> int:
    """The resolutions that its mean is made of."""
    return next(int(one["sum"]) for one in judged["criteria"] if one["figure"] == _RESOLVED)


async def _summed_up(client: Client, wanted: int) -> dict[str, Any]:
    """The same when so many resolutions are in it, or as far as they are when that takes too long."""
    deadline = time.monotonic() + _SUMMED_SECONDS
    while True:
        judged = await _acceptance(client)
        if _resolved(judged) >= wanted or time.monotonic() > deadline:
            return judged
        await asyncio.sleep(0.5)


@dataclass(frozen=True, slots=True)
class Cast:
    """Those who bring enterprises in: each step that was done before is left alone."""

    administrator: Client
    reviewer: Client
    say: Say

    async def bring_in(self, samples: Sequence[SampleEnterprise]) -> None:
        """Real-name review and a verified prefix for every enterprise."""
        self.say(f"{len(samples)} 家企业提交实名审核并申请前缀 · enterprises, review, prefixes")
        known = {one["credit_code"]: one for one in await _all(self.administrator, "/v1/enterprises")}
        granted = {one["prefix"]: one for one in await _all(self.administrator, "/v1/prefixes")}
        for sample in samples:
            enterprise = known.get(sample.form["credit_code"])
            if enterprise is None:
                enterprise = await self.administrator.post("/v1/enterprises", sample.form)
            path = f"/v1/enterprises/{enterprise['enterprise_id']}"
            if enterprise["state"] == "draft":
                enterprise = await self.administrator.post(f"{path}/submit")
            if enterprise["state"] == "submitted":
                await self.reviewer.post(f"{path}/approve")
            prefix = granted.get(sample.prefix)
            if prefix is None:
                application = {"prefix": sample.prefix, "enterprise_id": enterprise["enterprise_id"]}
                prefix = await self.administrator.post("/v1/prefixes", application)
            if prefix["state"] == "applied":
                await self.reviewer.post(f"/v1/prefixes/{sample.prefix}/approve")
        await self._until_enabled(len(samples))

    async def _until_enabled(self, wanted: int) -> None:
        self.say("等待国家顶级节点核验前缀 · waiting for the national node to verify the prefixes")
        deadline = time.monotonic() + _PREFIX_SECONDS
        while len(enabled := await _all(self.administrator, "/v1/prefixes", state="enabled")) < wanted:
            if time.monotonic() > deadline:
                raise VerificationMissing(f"{len(enabled)} of {wanted} prefixes were verified in time")
            await asyncio.sleep(0.1)

    async def publish(self, drawn: dict[str, Any]) -> None:
        """A template of the node's own."""
        found = [one for one in await _all(self.administrator, "/v1/templates") if one["name"] == drawn["name"]]
        stored = found[0] if found else await self.administrator.post("/v1/templates", drawn)
        if stored["state"] == "draft":
            await self.administrator.post(f"/v1/templates/{stored['template_id']}/publish")


async def signed_in(client: Client, name: str, password: str) -> Client:
    """A client with a fresh token of the account."""
    token = await client.post("/v1/tokens", {"name": name, "password": password, "label": "demo"})
    return client.acting_with(token["token"])


async def make_reviewer(client: Client, administrator: Client, state: State) -> Client:
    """The demo's reviewer, signed in."""
    if not any(one["name"] == "reviewer" for one in await _all(administrator, "/v1/accounts")):
        account = {"name": "reviewer", "role": "reviewer", "password": state.reviewer_password}
        await administrator.post("/v1/accounts", account)
    return await signed_in(client, "reviewer", state.reviewer_password)


async def _bring_people(administrator: Client, sample: SampleEnterprise, state: State) -> None:
    """Somebody to check the node, and somebody of its first enterprise; an interrupted start made them before."""
    known = {one["credit_code"]: one["enterprise_id"] for one in await _all(administrator, "/v1/enterprises")}
    standing = {one["name"]: one["account_id"] for one in await _all(administrator, "/v1/accounts")}
    state.auditor_password, state.enterprise_password = (
        f"{word}-{secrets.token_urlsafe(18)}-1" for word in ("Audit", "Entry")
    )
    for name, password, role in (
        (_AUDITOR, state.auditor_password, {"role": "auditor"}),
        (_ENTERPRISE_USER, state.enterprise_password, {
            "role": "enterprise_user", "enterprise_id": known[sample.form["credit_code"]],
        }),
    ):  # fmt: skip
        if name in standing:
            await administrator.post(f"/v1/accounts/{standing[name]}/password", {"password": password})
        else:
            await administrator.post("/v1/accounts", {"name": name, "password": password, **role})


async def _register(
    administrator: Client, folder: Path, samples: Sequence[SampleEnterprise], state: State, say: Say
) -> None:
    """Each file by an account of the enterprise that owns the prefix, one after another."""
    files = await asyncio.to_thread(write_files, folder / "files")
    state.registered = state.rejected = 0
    for file, sample in zip(files, samples[:FILES], strict=True):
        user = await make_enterprise_user(administrator, sample)
        task = Import(file, sample.prefix, template()["name"], mapping=MAPPING)
        batch = await import_file(user, task)
        say(
            f"  {sample.form['name']} {sample.prefix}: 注册 {batch['registered']:,}，驳回 {batch['rejected']}"
            f" · registered {batch['registered']:,}, rejected {batch['rejected']}"
        )
        state.registered += batch["registered"]
        state.rejected += batch["rejected"]


async def make_enterprise_user(administrator: Client, sample: SampleEnterprise) -> Client:
    """A new account of the enterprise that holds the sample's prefix, signed in."""
    held = await administrator.get(f"/v1/prefixes/{sample.prefix}")
    password = f"Entry-{secrets.token_urlsafe(18)}-1"
    name = f"{sample.user_name}-{secrets.token_hex(3)}"
    account = {
        "name": name, "role": "enterprise_user", "password": password, "enterprise_id": held["enterprise_id"],
    }  # fmt: skip
    await administrator.post("/v1/accounts", account)
    return await signed_in(administrator, name, password)


async def _some_identifiers(administrator: Client, samples: Sequence[SampleEnterprise]) -> list[str]:
    """A page of identifiers of each enterprise that registered some."""
    found: list[str] = []
    for sample in samples[:FILES]:
        page = await administrator.get("/v1/identifiers", prefix=sample.prefix, limit=200)
        found += [one["identifier"] for one in page["items"]]
    return found


async def _all(client: Client, path: str, **query: str | int) -> list[dict[str, Any]]:
    """Every item of a list, page by page."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str | int] = {}
    while True:
        page = await client.get(path, limit=200, **query, **cursor)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}
