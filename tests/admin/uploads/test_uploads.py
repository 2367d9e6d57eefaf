"""Uploads of a node with something to tell, to an authority that is a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from aiohttp import web

from admin.uploads.profiles import read_upload_profiles
from admin.uploads.routes import upload_routes
from admin.uploads.sending import Authority, AuthorityRefused, AuthoritySilent
from admin.uploads.uploads import PeriodUnfit, Uploads, UploadUnknown, keep_uploading
from node.auth import Account, NotAllowed
from node.database import Pool
from node.national.signature import KeyPair, verify
from node.resolutions import Outcome
from node.sealing import Seal
from node.web import WebSettings, make_app
from registry.enterprises import Enterprise
from tests.support.docking import until
from tests.support.figures import EARLIER, TODAY, YESTERDAY, asked, book, founded
from tests.support.office import NODE_PREFIX, Office, acting

KEYS = KeyPair("city-1", "a secret of the city's")
SEAL = Seal(bytes(32))


def wall_clock() -> datetime:
    """Signatures are believed by the clock of the day, figures go by the office's."""
    return datetime.now(UTC)


@dataclass
class City:
    """An authority: verifies signatures, keeps what it received, answers ``status``."""

    status: int = 200
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        secrets = {KEYS.access_key: KEYS.secret_key}
        verify(request.headers, "POST", request.raw_path, body, secret_of=secrets.get, at=datetime.now(UTC))
        if self.status == 200:
            self.received.append((request.headers["Idempotency-Key"], json.loads(body)))
        return web.Response(text=f"receipt {len(self.received)}", status=self.status)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Authority]:
        app = web.Application()
        app.router.add_post("/uploads", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Authority(f"http://127.0.0.1:{runner.addresses[0][1]}/uploads?kind=node", KEYS, wall_clock)
        await runner.cleanup()


@dataclass
class Scene:
    """Pumps were asked for yesterday, valves too; ``uploads`` go by the day."""

    office: Office
    uploads: Uploads
    pumps: Enterprise
    pump: str

    @property
    def administrator(self) -> Account:
        return self.office.admin


@pytest.fixture
async def scene(pool: Pool, database_url: str) -> Scene:
    office = Office(pool)
    await founded(office, database_url, laboratory=True)
    office.clock.turn(days=-3)
    pumps, valves = await office.enterprise(), await office.enterprise()
    pump = (await office.grant(enterprise=pumps)).prefix.key
    valve = (await office.grant(enterprise=valves)).prefix.key
    office.clock.turn(days=3)
    await book(office, EARLIER, [asked(EARLIER, "P-1", 0, prefix=pump)])
    events = [asked(YESTERDAY, "P-1", second, prefix=pump) for second in range(12)]
    events += [
        asked(YESTERDAY, "V-1", 30, prefix=valve),
        asked(YESTERDAY, "X", 31, prefix="", outcome=Outcome.MISSING),
    ]
    await book(office, YESTERDAY, events)
    uploads = Uploads(
        pool, office.clock, read_upload_profiles(None), SEAL.digest,
        name="demo", prefix=NODE_PREFIX, profile="city", every="day", hour=2,
    )  # fmt: skip
    return Scene(office, uploads, pumps, pump)


async def test_a_dry_run_shows_masked_data_of_the_period_that_was_over_last_and_keeps_nothing(scene: Scene) -> None:
    period, content = await scene.uploads.preview(scene.office.auditor, None, None, None)
    assert (period.since, period.until) == (YESTERDAY, TODAY)
    told = json.loads(content)
    assert told["laboratory"] is True
    assert told["period"] == {"since": str(YESTERDAY), "until": str(TODAY)}
    assert told["tables"]["days"] == [{"day": str(YESTERDAY), "registered": 0, "deleted": 0, "valid": 13}]
    assert told["tables"]["figures"][0]["raw"] == 14
    own = scene.pumps.facts
    row = next(row for row in told["tables"]["enterprises"] if row["valid"] == "10-99")
    assert row["credit_code"] == SEAL.digest(own.credit_code).hex()[:16]
    assert row["enterprise"] == own.name[:2] + "*" * (len(own.name) - 2)
    text = content.decode()
    assert own.name not in text
    assert own.credit_code not in text
    assert await scene.uploads.list(scene.administrator) == []


async def test_an_industry_that_few_enterprises_share_goes_without_numbers(scene: Scene) -> None:
    _, content = await scene.uploads.preview(scene.administrator, None, None, None)
    assert json.loads(content)["tables"]["industries"] == [
        {"industry_code": "34", "industry": "通用设备制造业", "enterprises": None, "registered": None, "valid": None}
    ]
    scene.office.clock.turn(days=-1)
    await scene.office.enterprise()
    scene.office.clock.turn(days=1)
    _, content = await scene.uploads.preview(scene.administrator, None, None, None)
    industry = json.loads(content)["tables"]["industries"][0]
    assert (industry["enterprises"], industry["valid"]) == (3, 13)


async def test_a_period_goes_once_and_its_receipt_is_kept(scene: Scene) -> None:
    assert await scene.uploads.make_due() == 1
    assert await scene.uploads.make_due() == 0
    account = scene.administrator
    upload, new = await scene.uploads.make(account, acting(account), "city", YESTERDAY, TODAY)
    assert not new
    acts = await scene.office.pool.fetch(
        "SELECT subject_id, account_id FROM act_history WHERE action = 'upload.make'"
    )
    assert [tuple(act) for act in acts] == [(str(upload.upload_id), None)]
    city = City()
    async with city.open() as authority:
        assert await scene.uploads.send_next(authority)
        assert not await scene.uploads.send_next(authority)
    ((key, content),) = city.received
    assert UUID(key) == upload.upload_id
    kept = await scene.uploads.get(scene.office.auditor, upload.upload_id)
    assert json.loads(kept.content) == content
    assert (kept.status, kept.receipt, kept.attempts, kept.last_error) == (200, b"receipt 1", 1, "")
    assert kept.sent_at == scene.office.clock()


async def test_an_upload_waits_while_the_authority_is_silent_or_refuses(scene: Scene) -> None:
    await scene.uploads.make_due()
    with pytest.raises(AuthoritySilent):
        await scene.uploads.send_next(Authority("http://127.0.0.1:9/", KEYS, wall_clock))
    city = City(status=503)
    async with city.open() as authority:
        with pytest.raises(AuthorityRefused, match="503"):
            await scene.uploads.send_next(authority)
        (waiting,) = await scene.uploads.list(scene.administrator)
        assert (waiting.attempts, waiting.status, waiting.sent_at) == (2, 503, None)
        assert "503" in waiting.last_error
        city.status = 200
        assert await scene.uploads.send_next(authority)
    assert len(city.received) == 1


async def test_after_a_silence_of_days_every_period_is_made_up_for_in_order(scene: Scene) -> None:
    await scene.uploads.make_due()
    scene.office.clock.turn(days=3)
    city = City()
    stop = asyncio.Event()
    async with city.open() as authority:
        loop = asyncio.create_task(keep_uploading(scene.uploads, authority, stop))
        await until(lambda: len(city.received) == 4)
        stop.set()
        await loop
    assert [content["period"]["since"] for _, content in city.received] == [
        "2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("since", "until"),
    [(YESTERDAY, None), (TODAY, YESTERDAY), (TODAY, date(2026, 3, 9)), (date(2020, 1, 1), TODAY)],
)
async def test_a_period_that_is_none_is_refused(scene: Scene, since: date, until: date | None) -> None:
    with pytest.raises(PeriodUnfit):
        await scene.uploads.preview(scene.administrator, None, since, until)


async def test_over_http_an_auditor_looks_and_an_administrator_makes(scene: Scene) -> None:
    people = {"a": scene.administrator, "u": scene.office.auditor}

    async def authenticate(token: str) -> Account:
        return people[token]

    app = make_app(upload_routes(scene.uploads), authenticate=authenticate, settings=WebSettings(log_requests=False))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    root = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/uploads"
    auditor, administrator = {"Authorization": "Bearer u"}, {"Authorization": "Bearer a"}
    async with aiohttp.ClientSession() as session:
        async with session.post(root, json={}, headers=auditor) as refused:
            assert refused.status == 403
        async with session.post(root, json={}, headers=administrator) as made:
            assert made.status == 201
            upload_id = (await made.json())["upload_id"]
        for since in ("2026-02-26", "2026-02-27"):
            until = str(date.fromisoformat(since).replace(day=int(since[-2:]) + 1))
            async with session.post(root, json={"since": since, "until": until}, headers=administrator) as made:
                assert made.status == 201
        async with session.get(root, params={"limit": 2}, headers=auditor) as listed:
            first = await listed.json()
        async with session.get(root, params={"cursor": first["next_cursor"]}, headers=auditor) as listed:
            second = await listed.json()
        assert [len(first["items"]), len(second["items"])] == [2, 1]
        assert second["items"][0]["upload_id"] == upload_id
        async with session.get(f"{root}/{upload_id}", headers=auditor) as read:
            whole = await read.json()
        assert whole["content"]["period"]["until"] == str(TODAY)
        assert whole["receipt"] is None
        async with session.get(f"{root}/preview", params={"profile": "town"}, headers=auditor) as refused:
            assert refused.status == 404
    await runner.cleanup()


async def test_one_that_is_not_there_and_one_who_may_not(scene: Scene) -> None:
    with pytest.raises(UploadUnknown):
        await scene.uploads.get(scene.administrator, uuid4())
    with pytest.raises(NotAllowed):
        await scene.uploads.list(scene.office.user(scene.pumps))
