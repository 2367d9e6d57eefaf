"""Every route is guarded, described, and open exactly to whom the table of rights says."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from node.auth import MAY, Role
from node.openapi import document
from node.routes import PATH_PARAMETERS, Route, Upload
from registry.templates.template import Template
from tests.support.node import Node, declared_routes, running_node
from tests.support.world import PUMP

PUBLIC = {
    "POST /v1/tokens",
    "POST /v1/challenges/answers",
    "POST /v1/challenges",
    "GET /v1/files/{file_id}/content",
    "POST /v1/complaints",
    "POST /v1/complaints/look-up",
    "POST /v1/complaints/statements",
    "GET /v1/announcements",
    "GET /v1/announcements/{announcement_id}",
    "GET /v1/documents",
    "GET /v1/documents/{document_name}",
    "GET /v1/filing",
    "GET /v1/filing/{prefix}",
    "GET /rdap/prefix/{prefix}",
    "GET /rdap/entity/{enterprise_number}",
    "GET /rdap/help",
    "GET /v1/public/monitoring",
    "GET /v1/public/trace",
}
ROUTES = declared_routes()
SIGNS_OUT = {"DELETE /v1/accounts/{account_id}/tokens"}


def name(route: Route) -> str:
    return f"{route.method} {route.document_path}"


def test_only_signing_in_and_what_identifiers_name_are_open_to_everybody() -> None:
    assert {name(route) for route in ROUTES if route.action is None} == PUBLIC


def test_every_path_parameter_is_described() -> None:
    used = {parameter for route in ROUTES for parameter in route.parameters}
    assert used <= set(PATH_PARAMETERS)


def test_no_described_path_parameter_is_without_use() -> None:
    assert set(PATH_PARAMETERS) <= {parameter for route in ROUTES for parameter in route.parameters}


def test_no_route_stands_twice() -> None:
    assert [found for found, times in Counter(map(name, ROUTES)).items() if times > 1] == []


def test_operation_ids_are_unique() -> None:
    paths = document(ROUTES, title="biaoshi", version="1", description="all")["paths"]
    ids = Counter(operation["operationId"] for path in paths.values() for operation in path.values())
    assert [found for found, times in ids.items() if times > 1] == []
    assert all(re.fullmatch(r"[a-z0-9_]+", found) for found in ids)


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_a_route_says_what_it_does_in_both_languages(route: Route) -> None:
    assert route.summary.isascii()
    assert re.search(r"[\u4e00-\u9fff]", route.summary_zh)
    assert route.tag
    assert route.answers


def test_what_only_reads_has_no_body() -> None:
    assert [name(route) for route in ROUTES if route.method in ("GET", "DELETE") and route.body is not None] == []


def test_every_right_has_somebody_who_holds_it() -> None:
    assert [action for action, roles in MAY.items() if not roles] == []


async def status_for(node: Node, route: Route, by: str | None, template_id: int) -> tuple[int, str]:
    """Status and code of the route's own answer to somebody, about things of their enterprise, with an empty body."""
    owner = node.holder.account.enterprise_id
    things = {
        "enterprise_id": str(owner),
        # Whoever asks would be signed out by it.
        "account_id": node.account_ids["other" if name(route) in SIGNS_OUT else by or "administrator"],
        "token_id": "00000000-0000-7000-8000-000000000001",
        "access_key": "AK" + 24 * "A",
        "batch_id": "00000000-0000-7000-8000-000000000002",
        "file_id": f"sha256-{64 * '0'}",
        "attachment_id": "1",
        "review_id": "00000000-0000-7000-8000-000000000003",
        "service_request_id": "00000000-0000-7000-8000-000000000004",
        "announcement_id": "1",
        "notification_id": "1",
        "enterprise_number": "1",
        "template_id": str(template_id),
        "template_category_id": "1",
        "mapping_id": "1",
        "coding_rule_id": "1",
        "document_id": "1",
        "document_name": "management-rules",
        "fee_plan_id": "1",
        "plan_order_id": "00000000-0000-7000-8000-000000000006",
        "month": "2026-10",
        "day": "2026-10-31",
        "transfer_id": "00000000-0000-7000-8000-000000000005",
        "reserved_number_id": "1",
        "application_id": "00000000-0000-7000-8000-000000000007",
        "upload_id": "00000000-0000-7000-8000-000000000008",
        "report_id": "00000000-0000-7000-8000-000000000009",
        "report_kind": "operation",
        "docking_key": "AK-below-1",
        "audit_entry": "act-1",
        "recount_id": "00000000-0000-7000-8000-000000000009",
        "prefix": node.holder.prefix.text,
        "suffix": "PUMP-1",
    }
    path = route.document_path.format_map(things)
    if isinstance(route.body, Upload):
        answer = await node(route.method, path, by=by, data=b"", headers={"Content-Type": "text/csv"})
    else:
        answer = await node(route.method, path, by=by, json={} if route.body is not None else None)
    return answer.status, answer.code if answer.status >= 400 else ""


async def own_template(node: Node, name: str) -> int:
    holder = node.holder
    definition = Template.from_json({**PUMP, "name": name})
    made = await node.world.templates.create(holder.account, holder.actor, holder.account.enterprise_id, definition)
    return made.template_id


async def test_the_door_opens_exactly_to_whom_the_table_says(database_url: str) -> None:
    wrong = []
    async with running_node(database_url, log={"requests": False}) as node:
        for route in ROUTES:
            if route.action is None:
                continue
            own = await own_template(node, f"own-{ROUTES.index(route)}")
            if await status_for(node, route, None, own) != (401, "not_signed_in"):
                wrong.append(f"{name(route)} lets nobody in")
            for role in Role:
                status, code = await status_for(node, route, role, own)
                refused = (status, code) == (403, "not_allowed")
                if refused is (role in MAY[route.action]) or status == 401 or status >= 500:
                    wrong.append(f"{name(route)} answers {status} {code} to {role}")
    assert wrong == []


NO_TOKENS = (
    "", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Bearer bst_x", "bearer  ", "Token abc",
    "Bearer " + "x" * 9000,
    "Bearer bst_" + "0" * 32 + "_" + "A" * 43,
)  # fmt: skip


async def test_what_is_no_token_opens_no_door(database_url: str) -> None:
    async with running_node(database_url, populated=False, log={"requests": False}) as node:
        for route in ROUTES:
            if route.action is not None:
                path = re.sub(r"\{\w+\}", "1", route.document_path)
                for authorization in NO_TOKENS:
                    answer = await node(route.method, path, by=None, headers={"Authorization": authorization})
                    assert answer.status == 401, name(route)
                    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
