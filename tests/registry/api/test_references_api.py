"""``/v1/references`` over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from node.auth import Account
from node.web import WebSettings, make_app
from registry.api.v1.paging import write_cursor
from registry.api.v1.references import reference_routes
from registry.prefix_grant import PrefixGrant
from registry.references import References
from tests.support.office import NODE_PREFIX, Office


class Asker:
    """Asks as the prefix's enterprise unless told otherwise."""

    def __init__(self, session: aiohttp.ClientSession, grant: PrefixGrant) -> None:
        self.session = session
        self.grant = grant

    async def __call__(self, path: str, by: str = "user", **query: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {by}"}
        async with self.session.get("/v1/references" + path, params=query, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest.fixture
async def ask(office: Office) -> AsyncIterator[Asker]:
    enterprise = await office.enterprise()
    grant = await office.grant(enterprise=enterprise)
    people = {"user": office.user(enterprise), "other": office.user(), "auditor": office.auditor}
    for number in range(6):
        key = f"后缀{number}" * 40
        await office.pool.execute(
            "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key, record)"
            " VALUES ($1, 1, 1, $2, $2, $3, '\\x00000000')",
            grant.prefix_id, office.clock(), key,
        )  # fmt: skip
        await office.pool.execute(
            "INSERT INTO identifier_reference (prefix_id, attribute_index, suffix_key, target_prefix,"
            " target_suffix_key) VALUES ($1, 2000, $2, $3, $4), ($1, 2001, $2, '88.7', 'X')",
            grant.prefix_id, key, grant.prefix.key, "目标" * 100,
        )  # fmt: skip
    await office.pool.execute(
        "INSERT INTO template (name, template_version, state, definition, created_at, updated_at)"
        " VALUES ('part', 1, 'published', $1, $2, $2)",
        '{"name": "part", "version": 1, "title_zh": "零件", "ttl": 3600, "landing": "page", "attributes": ['
        '{"name": "whole", "title_zh": "整机", "kind": "reference", "index": 2000, "type": "WHOLE"}]}',
        office.clock(),
    )

    async def authenticate(token: str) -> Account:
        return people[token]

    app = make_app(
        reference_routes(References(office.pool, NODE_PREFIX)),
        authenticate=authenticate,
        settings=WebSettings(log_requests=False),
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield Asker(session, grant)
    await runner.cleanup()


async def every_page(ask: Asker, path: str, **query: Any) -> list[dict[str, Any]]:
    pages = []
    while True:
        status, page = await ask(path, **query)
        assert status == 200, page
        pages.append(page)
        if page["next_cursor"] is None:
            return pages
        query["cursor"] = page["next_cursor"]


async def test_dangling_references_are_told_with_what_could_not_be_checked(ask: Asker) -> None:
    prefix = ask.grant.prefix.key
    pages = await every_page(ask, "/dangling", prefix=prefix, limit=2)
    items = [item for page in pages for item in page["items"]]
    assert len(items) == 6
    assert items[0] == {
        "suffix": "后缀0" * 40, "attribute": "whole", "target": f"{prefix}/{'目标' * 100}", "target_state": "unknown",
    }  # fmt: skip
    assert sum(page["looked_at"] for page in pages) == 12
    assert sum(page["foreign"] for page in pages) == 6


async def test_referrers_of_an_identifier_anywhere(ask: Asker) -> None:
    pages = await every_page(ask, "/referrers/88.7/x", limit=2)
    items = [item for page in pages for item in page["items"]]
    assert [item["suffix"] for item in items] == [f"后缀{number}" * 40 for number in range(6)]
    assert items[0]["identifier"] == f"{ask.grant.prefix.key}/{'后缀0' * 40}"
    assert (items[0]["attribute"], items[0]["state"]) == ("", "live")
    assert (await ask("/referrers/88.7/x", "other"))[1] == {"items": [], "next_cursor": None}
    assert len((await ask("/referrers/88.7/x", "auditor"))[1]["items"]) == 6
    assert (await ask("/referrers/88.7/a/b/c"))[1]["items"] == []


async def test_what_cannot_be_asked_is_refused_by_name(ask: Asker) -> None:
    prefix = ask.grant.prefix.key
    for path, query, code in (
        ("/dangling", {}, "invalid_input"),
        ("/dangling", {"prefix": "x"}, "invalid_prefix"),
        ("/dangling", {"prefix": "88.101.9999"}, "prefix_unknown"),
        ("/referrers/x/y", {}, "invalid_prefix"),
        ("/referrers/88.7/%20", {}, "invalid_suffix"),
    ):
        assert (await ask(path, **query))[1]["code"] == code, path
    assert (await ask("/dangling", "other", prefix=prefix))[1]["code"] == "not_allowed"
    for key in ("x", "[]", "[1,2]", '["a",1,"b"]', '["a",-1,"b","c"]', '["a",2147483648,"b","c"]', '[1,"\\u0000",1]',
                '["a\\u0000",1,"b","c"]', '{"a":1}', "[" * 300):  # fmt: skip
        cursor = write_cursor(key)
        assert (await ask("/dangling", prefix=prefix, cursor=cursor))[1]["code"] == "cursor_broken", key
        assert (await ask("/referrers/88.7/x", cursor=cursor))[1]["code"] == "cursor_broken", key
    assert (await ask("/dangling", prefix=prefix, cursor="x" * 5000))[1]["code"] == "invalid_input"
