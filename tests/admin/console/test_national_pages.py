"""The pages of the link upward show what /v1/national answers, refused messages and instructions with it."""

from __future__ import annotations

import msgspec

from tests.support.console import Browser, Dom
from tests.support.node import Node, running_node

INERT = "</pre><script>alert(1)</script>"


def table(page: Dom, first: str) -> list[list[str]]:
    """The body of the first table with this heading."""
    return next(found[1:] for found in page.tables if found and found[0][0] == first)


async def refuse(node: Node, reason: str) -> int:
    """Every report that waits is refused by the node above, for this reason; how many."""
    done = await node.world.pool.execute(
        "UPDATE outbox SET refused = true, delivered_at = $1, last_error = $2 WHERE delivered_at IS NULL",
        node.world.clock(), reason,
    )  # fmt: skip
    return int(done.split()[1])


async def instruct(node: Node, sequence: int, kind: str, outcome: str | None, body: dict[str, str]) -> None:
    at = node.world.clock()
    await node.world.pool.execute(
        "INSERT INTO instruction (sequence, instruction_id, kind, body, issued_at, received_at, attempts, outcome,"
        " detail, answered_at) VALUES ($1, gen_random_uuid(), $2, $3::jsonb, $4, $4, $5, $6, $7, $8)",
        sequence, kind, msgspec.json.encode(body).decode(), at, 1 if outcome else 0, outcome,
        INERT if outcome else "", at if outcome else None,
    )  # fmt: skip


async def test_the_state_of_the_link_is_that_of_the_operation(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True}) as node, Browser(node, "auditor") as browser:
        found = (await node("GET", "/v1/national")).json
        assert found["backlog"]["streams"]
        page = await browser.page("/console/national")
        assert "未配置" in page.text
        assert [row[1] for row in table(page, "数据流")] == [
            str(stream["messages"]) for stream in found["backlog"]["streams"]
        ]
        assert "还没有密钥对" in page.text
        for runbook in ("link-down", "reporting-lag", "verification-refused"):
            assert f"docs/runbooks/{runbook}.md" in page.text
        pool, at = node.world.pool, node.world.clock()
        await pool.execute(
            "INSERT INTO takeover (takeover_id, drill, began_at) VALUES (gen_random_uuid(), false, $1)", at
        )
        page = await browser.page("/console/national")
        assert "应急接管中" in page.text
        assert "docs/runbooks/takeover.md" in page.text
        await refuse(node, "unknown enterprise")
        page = await browser.page("/console/national?lang=en")
        assert "Nothing waits" in page.text
        assert "Takeover: the national node answers" in page.text
        assert "实验数据 Laboratory data" in page.text


async def test_refused_reports_stand_page_by_page_with_their_reasons(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        assert "没有被拒收的上报" in (await browser.page("/console/national/refused")).text
        refused = await refuse(node, f"enterprise_unknown {INERT}")
        items = (await node("GET", "/v1/national/refused")).json["items"]
        assert len(items) == refused > 3
        answer = await browser.get("/console/national/refused")
        assert b"<script>alert" not in answer.body
        page = await browser.page("/console/national/refused")
        rows = table(page, "拒收时间")
        assert [(row[2], row[3]) for row in rows] == [(one["kind"], one["reason"]) for one in items]
        first = await browser.page("/console/national/refused?limit=2")
        assert [row[2] for row in table(first, "拒收时间")] == [one["kind"] for one in items[:2]]
        following = next(link for link in first.links if "cursor=" in link)
        assert [row[2] for row in table(await browser.page(following), "拒收时间")] == [
            one["kind"] for one in items[2:4]
        ]


async def test_instructions_are_listed_with_their_outcomes(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "reviewer") as browser:
        assert "没有收到过指令" in (await browser.page("/console/national/instructions")).text
        await instruct(node, 1, "suspend", "done", {"prefix": "88.101.2001", "reason": INERT})
        await instruct(node, 2, "unheard_of", "refused", {})
        await instruct(node, 3, "probe", None, {})
        answer = await browser.get("/console/national/instructions")
        assert b"<script>alert" not in answer.body
        rows = table(await browser.page("/console/national/instructions"), "序号")
        assert [row[:1] + row[2:3] for row in rows] == [["3", "探测"], ["2", "unheard_of"], ["1", "停用前缀"]]
        assert rows[0][3] == "待办"
        assert rows[1][3].startswith("无法执行")
        assert rows[2][3].startswith("已办结")
        items = (await node("GET", "/v1/national/instructions")).json["items"]
        assert [int(row[0]) for row in rows] == [one["sequence"] for one in items]


async def test_the_link_is_of_no_concern_to_enterprises(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        for path in ("", "/refused", "/instructions"):
            assert (await browser.get(f"/console/national{path}")).status == 403
        assert "/console/national" not in (await browser.page("/console")).links
