from __future__ import annotations

import json
from dataclasses import replace

from node.database import Pool
from node.national.access import Site
from node.national.route import NodeRoute, report_route
from tests.support.docking import now

ROUTE = NodeRoute("88.101", 1, [Site(address="203.0.113.7", tcp_port=2641, udp_port=2641, http_port=8000)], b"key")


async def test_a_route_is_reported_once_and_again_when_it_has_changed(pool: Pool) -> None:
    moved = replace(ROUTE, serial=2, sites=[Site(address="203.0.113.8", tcp_port=2641)])
    assert [await report_route(pool, route, now()) for route in (ROUTE, ROUTE, moved, moved, ROUTE)] == [
        True, False, True, False, True,
    ]  # fmt: skip
    rows = await pool.fetch("SELECT stream, kind, body FROM outbox ORDER BY outbox_id")
    assert {(row["stream"], row["kind"]) for row in rows} == {("route", "route.node")}
    assert json.loads(rows[0]["body"]) == {
        "prefix": "88.101",
        "serial": 1,
        "sites": [{"address": "203.0.113.7", "tcp_port": 2641, "udp_port": 2641, "http_port": 8000}],
        "public_key": "a2V5",
    }
    assert [json.loads(row["body"])["serial"] for row in rows] == [1, 2, 1]
