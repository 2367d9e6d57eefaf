"""The settings in force, to look at."""

from __future__ import annotations

from urllib.parse import quote

from tests.support.console import Browser
from tests.support.node import running_node

SECRET = "s3cr3t-hunter2"


async def test_settings_are_shown_by_group_with_their_origin_and_no_secret(database_url: str) -> None:
    s3 = {"url": "https://store.example", "secret_key": SECRET}
    async with running_node(database_url, s3=s3, node={"laboratory": True}) as node:
        async with Browser(node, "auditor") as browser:
            page = await browser.page("/console/settings")
            rows = {row[0].split()[0]: row for table in page.tables for row in table[1:]}
            assert rows["http.port"][1:4] == ["8000", "默认值", "8000"]
            assert rows["http.port"][0] == "http.port BIAOSHI_HTTP_PORT"
            assert rows["s3.url"][1:3] == ["https://store.example", "配置文件"]
            assert rows["s3.secret_key"][1] == "**** 密钥不显示"
            assert rows["national.secret_key"][1] == "未设置 密钥不显示"
            assert SECRET not in page.text
            assert "实验数据" in page.text
            assert rows["aiohttp"][2].startswith("Apache-2.0")

            found = await browser.page("/console/settings?q=secret_key")
            assert [row[0].split()[0] for table in found.tables[:-1] for row in table[1:]] == [
                "s3.secret_key", "national.secret_key", "authority.secret_key",
            ]  # fmt: skip
            changed = await browser.page("/console/settings?changed=yes&q=s3")
            assert [row[0].split()[0] for row in changed.tables[0][1:]] == ["s3.url", "s3.secret_key"]
            assert "没有符合的设置" in (await browser.page("/console/settings?q=nothing-like-it")).text
            await browser.done("/console/language", {"lang": "en"})
            page = await browser.page(f"/console/settings?q={quote('对象存储')}")
            assert page.tables[0][0] == ["Setting", "In force", "From", "Default", "Meaning"]
            assert page.tables[0][1][0] == "s3.url BIAOSHI_S3_URL"
        for name in ("reviewer", "enterprise_user"):
            async with Browser(node, name) as other:
                assert (await other.get("/console/settings")).status == 403
