"""What waits for somebody, and what the processes measured: numbers that their own lists confirm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from admin.condition.measurements import measured_of
from node.china_time import day_of
from tests.support.figures_of_node import register, resolve
from tests.support.node import PASSWORD, running_node

NOTHING: dict[str, Any] = {
    "reviews_open": 0, "oldest_review_at": None, "batches_running": 0, "batches_paused": 0, "requests_open": 0,
    "requests_overdue": 0, "enterprises_ending": 0, "enterprises_ended": 0, "gaps": 0, "messages_refused": 0,
    "instructions_open": 0, "uploads_waiting": 0,
}  # fmt: skip


async def test_tasks_are_as_many_as_their_lists_have(database_url: str) -> None:
    async with running_node(database_url) as node:
        assert (await node("GET", "/v1/node/tasks")).json == NOTHING
        other = str(node.other.account.enterprise_id)
        facts = {
            "credit_code": "91330200MAD000991H", "name": "宁波示例水泵有限公司", "division_code": "330200",
            "industry_code": "3441",
        }  # fmt: skip
        made = (await node("POST", "/v1/enterprises", json=facts)).json["enterprise_id"]
        assert (await node("POST", f"/v1/enterprises/{made}/submit")).status == 200
        request = {"kind": "service", "subject": "前缀无法解析", "said": "请协助查看"}
        filed = await node("POST", "/v1/service-requests", by="enterprise_user", json=request)
        assert filed.status == 201, filed.body
        pool, today = node.world.pool, day_of(node.world.clock())
        await pool.execute("UPDATE enterprise SET valid_until = $1 WHERE enterprise_id = $2", today, made)
        ended = today - timedelta(days=1)
        await pool.execute("UPDATE enterprise SET valid_until = $1 WHERE enterprise_id = $2", ended, other)
        found = (await node("GET", "/v1/node/tasks", by="auditor")).json
        reviews = (await node("GET", "/v1/reviews")).json["items"]
        assert len(reviews) == 1
        assert found == {
            **NOTHING, "reviews_open": 1, "oldest_review_at": reviews[0]["opened_at"],
            "requests_open": 1, "enterprises_ending": 1, "enterprises_ended": 1,
        }  # fmt: skip
        node.world.clock.advance(days=60)
        node.tokens["reviewer"] = (await node.accounts.sign_in("reviewer", PASSWORD)).text
        later = (await node("GET", "/v1/node/tasks", by="reviewer")).json
        assert (later["requests_overdue"], later["enterprises_ending"], later["enterprises_ended"]) == (1, 0, 2)


async def test_enterprises_have_no_look_at_the_node(database_url: str) -> None:
    async with running_node(database_url) as node:
        for path in ("/v1/node/tasks", "/v1/node/measurements"):
            for role in ("enterprise_user", "application"):
                assert (await node("GET", path, by=role)).code == "not_allowed"


async def test_what_the_cache_answers_is_measured(database_url: str) -> None:
    async with running_node(database_url) as node:
        await register(node, 2)
        before = (await node("GET", "/v1/node/measurements")).json
        await resolve(node, {"P-0": 4, "P-1": 1})
        after = (await node("GET", "/v1/node/measurements")).json
        assert after["cache_hits"] - before["cache_hits"] == 3
        assert after["lookups"] - before["lookups"] == 2
        assert after["hit_share"] == after["cache_hits"] / (after["cache_hits"] + after["lookups"])
        assert after["http_requests"] > before["http_requests"]
        assert after["workers_listening"] >= 1


def test_failures_are_the_answers_from_500_on() -> None:
    registry = CollectorRegistry()
    requests = Counter(
        "biaoshi_http_requests_total", "HTTP", ["family", "method", "status"], registry=registry
    )  # as node/metrics.py has it
    Gauge("biaoshi_national_link", "link", registry=registry).set(float("nan"))
    for status, times in {"200": 5, "404": 3, "500": 2, "503": 1}.items():
        requests.labels("v1", "GET", status).inc(times)
    found = measured_of([sample for metric in registry.collect() for sample in metric.samples])
    assert (found.http_requests, found.http_failures, found.hit_share) == (11, 3, None)
