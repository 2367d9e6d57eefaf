"""The public page of monitoring: the figures of the operation, names masked, in both languages, so often a minute."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
from aiohttp import web

import admin.status
from admin.pages import NodeFace
from admin.statistics.monitoring import Monitoring
from node.auth import Account
from node.database import Pool
from node.founding import found
from node.rate_limit import RateLimit
from node.web import WebSettings, make_app
from tests.support.console import Browser, Dom, dom_of
from tests.support.figures_of_node import days_of_events, register, resolve
from tests.support.node import running_node


def table(page: Dom, heading: str, number: int = 0) -> list[list[str]]:
    """The body of one of the tables whose first heading this is."""
    return [found for found in page.tables if found and found[0][0] == heading][number][1:]


async def test_everybody_sees_the_figures_of_the_operation(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True}) as node, Browser(node) as visitor:
        await register(node, 3)
        await days_of_events(node)
        await resolve(node, {"P-0": 4})
        told = (await node("GET", "/v1/public/monitoring", by=None)).json
        page = await visitor.page("/status")
        text = re.sub(r"\s+", "", page.text)
        assert f"今日有效解析{told['resolutions_today']['valid']}" in text
        assert told["resolutions_today"]["valid"] == 4
        assert f"累计有效解析{told['resolutions_ever']['valid']}" in text
        assert f"标识注册量{told['registrations_live']}" in text
        assert f"日均解析量（前30个整日）{told['last_30_days']['mean']:,.2f}" in text
        assert table(page, "日期") == [[day["day"], str(day["resolutions"])] for day in told["series"]]
        assert len(told["series"]) == 30
        shares = [table(page, "项", number) for number in range(3)]
        assert [row[1] for row in shares[0]] == [str(one["resolutions"]) for one in told["by_interface"]]
        assert shares[1] == [[one["name"], str(one["resolutions"])] for one in told["top_industries"]]
        assert shares[2] == [["中山***", str(told["top_enterprises"][0]["resolutions"])]]
        assert "中山示例企业" not in page.text
        assert node.holder.prefix.text not in page.text
        assert "实验数据" in page.text


async def test_the_page_speaks_both_languages_and_runs_nothing_inline(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node) as visitor:
        answer = await visitor.get("/status?lang=en")
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        page = dom_of(answer)
        assert page.all("html")[0]["lang"] == "en"
        assert "This node answers" in page.text
        assert "Nobody asked within 30 days" in page.text
        assert "实验数据" not in page.text
        assert [found for found in page.all("script") if not found.get("src")] == []
        assert [
            found for _, found in page.elements if "style" in found or any(name.startswith("on") for name in found)
        ] == []
        assert page.all("meta", name="viewport")


@contextlib.asynccontextmanager
async def page_of(pool: Pool, burst: int) -> AsyncIterator[str]:
    """The page alone at its address; the time of its limit stands still."""
    limit = RateLimit(per_minute=60, burst=burst, most_sources=10, clock=lambda: 0.0)
    app = make_app([], authenticate=nobody, settings=WebSettings(log_requests=False))
    monitoring = Monitoring(pool, lambda: datetime.now(UTC), time.monotonic)
    admin.status.add_routes(app.router, NodeFace("宁波二级节点", "88.101", laboratory=False), monitoring, limit)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/status"
    await runner.cleanup()


async def nobody(_: str) -> Account:
    raise AssertionError("the page asks for no token")


async def looked(session: aiohttp.ClientSession, address: str) -> tuple[int, str]:
    async with session.get(address) as response:
        return response.status, await response.text()


async def test_looking_counts_towards_the_limit_of_the_source(pool: Pool, database_url: str) -> None:
    await found(database_url, laboratory=False, at=datetime.now(UTC))
    async with page_of(pool, burst=2) as address, aiohttp.ClientSession() as session:
        seen = [await looked(session, address) for _ in range(3)]
        assert [status for status, _ in seen] == [200, 200, 429]
        assert "查询过于频繁" in seen[2][1]
        assert "今日有效解析" not in seen[2][1]


async def test_without_the_database_the_page_says_so(pool: Pool, database_url: str) -> None:
    await found(database_url, laboratory=False, at=datetime.now(UTC))
    async with page_of(pool, burst=9) as address, aiohttp.ClientSession() as session:
        pool.terminate()
        status, text = await looked(session, address)
        assert status == 503
        assert "数据库暂时不可用：已知标识照常应答" in text
