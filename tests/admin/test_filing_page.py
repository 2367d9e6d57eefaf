"""The public page of filing shows what is filed, escaped, and says so when nothing is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

import admin.filing
from admin.pages import NodeFace
from node.database import Pool
from node.rate_limit import RateLimit
from node.web import WebSettings, make_app
from registry.filing import Filing
from tests.support.office import Office

FACE = NodeFace("示例二级节点", "88.101", laboratory=True)


@pytest.fixture
async def office(pool: Pool) -> Office:
    return Office(pool)


@pytest.fixture
async def browser(office: Office) -> AsyncIterator[aiohttp.ClientSession]:
    app = make_app([], authenticate=office.accounts.authenticate, settings=WebSettings(log_requests=False))
    limit = RateLimit(per_minute=60, burst=5, most_sources=10, clock=lambda: 0.0)
    admin.filing.add_routes(app.router, FACE, Filing(office.pool), limit)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield session
    await runner.cleanup()


async def test_the_page_shows_who_holds_a_prefix(office: Office, browser: aiohttp.ClientSession) -> None:
    enterprise = await office.enterprise()
    grant = await office.grant(enterprise=enterprise)
    async with browser.get("/filing", params={"q": f"{grant.prefix.key}/PUMP-1"}) as answer:
        text = await answer.text()
    assert answer.status == 200
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    for said in (grant.prefix.key, enterprise.facts.name, "启用", "实验数据", "是"):
        assert said in text
    assert "13800000000" not in text


async def test_what_somebody_asks_is_never_markup(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/filing", params={"q": '"><script>alert(1)</script>'}) as answer:
        text = await answer.text()
    assert "<script>" not in text
    assert "没有备案信息" in text


async def test_an_empty_page_asks_nothing_and_too_many_questions_wait(browser: aiohttp.ClientSession) -> None:
    statuses = []
    for asked in ("", "", *["88.101.1"] * 6):
        async with browser.get("/filing", params={"q": asked}) as answer:
            text = await answer.text()
            statuses.append(answer.status)
    assert statuses == [200] * 7 + [429]
    assert "查询过于频繁" in text
