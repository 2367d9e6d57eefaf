"""``/v1/reports`` of a whole node: what it answers to whom, and the three forms."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import timedelta

from python_calamine import CalamineWorkbook

from node.china_time import day_of
from node.journal import canonical
from tests.support.node import running_node
from tests.support.pdf_text import pages_of


async def test_a_report_is_made_read_and_fetched_in_three_forms(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True, "name": "示例节点"}) as node:
        made = await node("POST", "/v1/reports", by="auditor", json={"kind": "acceptance", "profile": "shandong"})
        assert made.status == 201
        report = made.json
        place = made.headers["Location"]
        assert place == f"/v1/reports/{report['report_id']}"
        again = await node("POST", "/v1/reports", json={"kind": "acceptance", "profile": "shandong"})
        assert (again.status, again.json) == (200, report)
        read = (await node("GET", place, by="reviewer")).json
        assert read["report"] == report
        assert hashlib.sha256(canonical(read["data"])).hexdigest() == report["sha256"]
        fetched = await node("GET", f"{place}/content?format=json")
        assert json.loads(fetched.body)["data"] == read["data"]
        xlsx = await node("GET", f"{place}/content?format=xlsx")
        book = CalamineWorkbook.from_filelike(io.BytesIO(xlsx.body))
        assert report["sha256"] in str(book.get_sheet_by_index(0).to_python())
        pdf = await node("GET", f"{place}/content")
        assert pdf.headers["Content-Type"] == "application/pdf"
        assert (
            f'filename="acceptance-{report["since"]}-{report["since"]}-1.pdf"' in pdf.headers["Content-Disposition"]
        )
        assert all(report["sha256"] in page and "实验数据" in page for page in pages_of(pdf.body))
        same = (await node("GET", f"{place}/recomputed")).json
        assert same == {"same": True, "sha256": report["sha256"], "differences": []}
        assert (await node("GET", f"{place}/content?format=docx")).code == "invalid_input"


async def test_reports_are_listed_in_pages_by_kind_and_owner(database_url: str) -> None:
    async with running_node(database_url) as node:
        today = day_of(node.world.clock())
        for days in (1, 2, 3):
            window = {"since": str(today - timedelta(days=days)), "until": str(today)}
            assert (await node("POST", "/v1/reports", json={"kind": "masked", **window})).status == 201
        for holder in (node.holder, node.other):
            body = {"kind": "statement", "enterprise_id": str(holder.account.enterprise_id)}
            assert (await node("POST", "/v1/reports", json=body)).status == 201
        first = (await node("GET", "/v1/reports?limit=2&kind=masked")).json
        rest = (await node("GET", f"/v1/reports?limit=2&kind=masked&cursor={first['next_cursor']}")).json
        assert [one["since"] for one in [*first["items"], *rest["items"]]] == [
            str(today - timedelta(days=days)) for days in (3, 2, 1)
        ]
        assert rest["next_cursor"] is None
        own = (await node("GET", "/v1/reports", by="enterprise_user")).json["items"]
        assert [one["enterprise_id"] for one in own] == [str(node.holder.account.enterprise_id)]
        assert own[0]["enterprise"]


async def test_kinds_and_schedules_are_told_and_set(database_url: str) -> None:
    async with running_node(database_url) as node:
        kinds = {one["kind"]: one for one in (await node("GET", "/v1/reports/kinds")).json["items"]}
        assert list(kinds) == ["acceptance", "operation", "masked", "statement"]
        assert "ningbo" in {one["id"] for one in kinds["acceptance"]["profiles"]}
        plan = {"enabled": True, "every": "month", "day": 3, "hour": 5, "version": 0}
        put = await node("PUT", "/v1/reports/schedules/operation", json=plan)
        assert put.json["next_at"] is not None
        told = (await node("GET", "/v1/reports/schedules", by="auditor")).json["items"]
        assert [one["enabled"] for one in told] == [False, True, False, False]
        assert (await node("PUT", "/v1/reports/schedules/weather", json=plan)).code == "report_kind_unknown"
        assert (await node("PUT", "/v1/reports/schedules/operation", json=plan, by="auditor")).code == "not_allowed"
