"""The enterprise profile: the same program, with the parts that an enterprise's own node has."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.config import Settings
from node.own_face import answers_below
from node.routes import Route
from registry.api.v1.own_routes import own_routes
from tests.support.node import Node, declared_routes, running_node

PROFILE: dict[str, Any] = {"profile": "enterprise", "prefix": "88.101.2001"}
IDENTIFIER = {
    "prefix": "88.101.2001", "suffix": "PUMP-1", "template": "pump", "attributes": {"name": "离心泵"},
}  # fmt: skip


def names(routes: list[Route]) -> set[str]:
    return {f"{route.method} {route.document_path}" for route in routes}


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, node=PROFILE, log={"requests": False}) as node:
        yield node


def test_an_enterprise_node_has_a_part_of_the_routes_and_invents_none() -> None:
    every, own = names(declared_routes()), names(own_routes(declared_routes()))
    assert own < every
    assert {"POST /v1/identifiers", "POST /v1/batches", "POST /v1/templates", "GET /v1/national"} <= own


def test_what_its_secondary_node_decides_is_not_decided_there() -> None:
    own = own_routes(declared_routes())
    decided = re.compile(
        r"approve|reject$|/return$|suspend|withdraw$|transfer|hosting|onboarding|numbering|quota|plans"
    )
    offered = {name for name in names(own) if decided.search(name)}
    # Templates are published and withdrawn by whoever uses them.
    assert offered == {"POST /v1/templates/{template_id}/withdraw"}
    assert not [route for route in own if route.tag in ("docking", "reviews", "orders", "filing", "rdap", "uploads")]
    assert {name for name in names(own) if "/enterprises" in name and not name.startswith("GET")} == set()


async def test_identifiers_stand_directly_below_the_prefix_of_the_node(node: Node) -> None:
    made = await node("POST", "/v1/identifiers", by="enterprise_user", json=IDENTIFIER)
    assert (made.status, made.json["identifier"]) == (201, "88.101.2001/PUMP-1")
    found = await node("GET", "/api/handles/88.101.2001/PUMP-1", by=None)
    assert found.json["handle"] == "88.101.2001/PUMP-1"
    page = (await node("GET", "/88.101.2001/PUMP-1", by=None, headers={"Accept": "text/html"})).body.decode()
    assert "企业节点" in page
    own = (await node("GET", "/api/handles/0.NA/88.101.2001", by=None)).json
    assert "HS_SITE" in {value["type"] for value in own["values"]}
    assert (await node("GET", "/api/handles/88.101.2002/X", by=None)).json["responseCode"] != 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/onboarding"), ("GET", "/v1/reviews"), ("POST", "/v1/prefixes"), ("GET", "/v1/docking/nodes"),
        ("GET", "/v1/filing"), ("GET", "/rdap/help"), ("GET", "/filing"), ("GET", "/documents"),
        ("POST", "/identity/token"), ("GET", "/v1/plans"),
    ],
)  # fmt: skip
async def test_what_it_does_not_have_is_not_found(node: Node, method: str, path: str) -> None:
    assert (await node(method, path, json={} if method == "POST" else None)).status in (404, 405)


async def test_its_front_page_and_its_document_say_what_it_is(node: Node) -> None:
    page = (await node("GET", "/", by=None)).body.decode()
    assert "企业节点" in page
    assert "/filing" not in page
    described = (await node("GET", "/v1/openapi.json", by=None)).json
    assert "/v1/identifiers" in described["paths"]
    assert "/v1/onboarding" not in described["paths"]


async def test_a_secondary_node_s_front_page_is_that_of_a_secondary_node(database_url: str) -> None:
    async with running_node(database_url, populated=False, log={"requests": False}) as node:
        page = (await node("GET", "/", by=None)).body.decode()
    assert "二级节点" in page
    assert "/filing" in page


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"node": {"profile": "enterprise", "prefix": "88.101"}}, "three segments"),
        ({"node": PROFILE, "national": {"access_key": "node-1"}}, "access_key stays empty"),
    ],
)
def test_settings_that_make_no_enterprise_node_are_faults(groups: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(**groups)


def test_nobody_docks_below_an_enterprise_node_or_where_the_settings_say_so() -> None:
    assert answers_below(Settings())
    assert not answers_below(Settings(node=PROFILE))
    assert not answers_below(Settings(downward={"enabled": False}))
