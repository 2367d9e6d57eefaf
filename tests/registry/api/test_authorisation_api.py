"""Application identities, groups, scopes, grants and notifications over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.node import PASSWORD, Answer, Node, running_node

PREFIX = "88.101.2001"
PUMP = f"/v1/identifiers/{PREFIX}/PUMP-1"
GROUP = "88.101.2002/Group_partners"
APP = "88.101.2002/App_mes"


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    """With a registered pump, and the application of another enterprise, which signs in as ``mes``."""
    async with running_node(database_url, log={"requests": False}) as node:
        attributes = {"name": "泵", "serial": "S-1", "model": "d5"}
        body = {"prefix": PREFIX, "suffix": "PUMP-1", "template": "pump", "attributes": attributes}
        assert (await node("POST", "/v1/identifiers", by="application", json=body)).status == 201
        made = await node(
            "POST", "/v1/application-identities", by="other", json={"handle": APP, "password": PASSWORD}
        )
        assert (made.status, made.headers["Location"]) == (201, f"/v1/application-identities/{APP}")
        token = await node("POST", "/v1/tokens", by=None, json={"name": made.json["name"], "password": PASSWORD})
        node.tokens["mes"] = token.json["token"]
        yield node


async def share(node: Node) -> None:
    """The other enterprise's group with its application, imported by the owner of the pump."""
    made = await node("POST", "/v1/identity-groups", by="other", json={"handle": GROUP, "members": [APP]})
    assert (made.status, made.json["members"]) == (201, [APP])
    imported = await node("PUT", f"/v1/identity-groups/{GROUP}/import", by="enterprise_user")
    assert (imported.status, imported.json["members"]) == (200, [])


async def grant(node: Node, verb: str = "", **body: Any) -> Answer:
    sent = {"template": "pump", "access": "read", "to": [GROUP], **body}
    return await node("POST", f"/v1/data-grants{verb}", by="enterprise_user", json=sent)


async def test_a_partner_s_application_reads_and_writes_what_it_is_granted(node: Node) -> None:
    hidden = {"template": "pump", "readable": {"*": "granted"}}
    assert (await node("PUT", "/v1/class-scopes", by="enterprise_user", json=hidden)).json == hidden
    refused = await node("GET", PUMP, by="mes")
    assert (refused.status, refused.code) == (403, "not_readable")
    assert (await node("GET", PUMP, by="other")).code == "not_readable"
    await share(node)
    assert (await grant(node, attributes=["name"])).status == 204
    assert (await grant(node, attributes=["model"], access="write")).status == 204
    assert (await node("GET", PUMP, by="mes")).json["attributes"] == {"name": "泵", "model": "d5"}
    changed = await node("PUT", PUMP, by="mes", json={"version": 1, "attributes": {"model": "d6"}})
    assert changed.json["attributes"] == {"name": "泵", "model": "d6"}
    for attributes in ({"name": "别的"}, {"serial": "S-1"}):
        answer = await node("PUT", PUMP, by="mes", json={"version": 2, "attributes": attributes})
        assert (answer.status, answer.code) == (403, "not_writable")
    assert (await node("GET", PUMP)).json["attributes"] == {"name": "泵", "serial": "S-1", "model": "d6"}
    assert (await grant(node, "/revocations", attributes=["name"])).status == 204
    assert (await node("GET", PUMP, by="mes")).json["attributes"] == {"model": "d6"}
    told = await node("GET", "/v1/notifications", by="other", query={"unread": "true", "limit": 2})
    assert [one["kind"] for one in told.json["items"]] == [
        "authorisation.class.removed",
        "authorisation.class.granted",
    ]
    newest = told.json["items"][0]
    read = await node("POST", f"/v1/notifications/{newest['notification_id']}/read", by="mes")
    assert read.json["read_at"] is not None
    assert (await node("POST", "/v1/notifications/999999/read", by="mes")).code == "notification_unknown"


async def test_grants_are_listed_by_who_gave_and_by_who_received_them(node: Node) -> None:
    await share(node)
    own = {"readable": "granted"}
    scope = f"/v1/identifier-scopes/{PREFIX}/PUMP-1"
    assert (await grant(node, template=None, identifier=f"{PREFIX}/PUMP-1")).code == "identifier_follows_class"
    assert (await node("PUT", scope, by="enterprise_user", json=own)).json == own
    assert (await node("GET", scope, by="auditor")).json == own
    await grant(node, template=None, identifier=f"{PREFIX}/PUMP-1")
    await grant(node, attributes=["name", "model"])
    given = await node("GET", "/v1/data-grants", by="enterprise_user", query={"limit": 2})
    assert [(one["identifier"], one["attribute"], one["to"]) for one in given.json["items"]] == [
        (f"{PREFIX}/PUMP-1", None, GROUP), (None, "name", GROUP),
    ]  # fmt: skip
    cursor = {"limit": 2, "cursor": given.json["next_cursor"]}
    rest = await node("GET", "/v1/data-grants", by="enterprise_user", query=cursor)
    assert [one["attribute"] for one in rest.json["items"]] == ["model"]
    received = await node("GET", "/v1/data-grants", by="mes", query={"received": "true"})
    assert received.json["items"] == [*given.json["items"], *rest.json["items"]]
    of_pump = {"identifier": f"{PREFIX}/pump-1"}
    assert len((await node("GET", "/v1/data-grants", by="application", query=of_pump)).json["items"]) == 1
    assert (await node("GET", "/v1/data-grants", by="mes", query=of_pump)).code == "not_allowed"
    assert (await node("PUT", scope, by="enterprise_user", json={"readable": "class"})).status == 200
    assert (await node("GET", "/v1/data-grants", by="enterprise_user", query=of_pump)).json["items"] == []


async def test_bad_grants_are_named(node: Node) -> None:
    await share(node)
    foreign = await grant(node, to=[APP])
    assert (foreign.status, foreign.code) == (409, "grantee_foreign")
    for body, code in (
        ({"to": ["88.101.2001/App_none"]}, "grantee_unknown"),
        ({"template": None}, "class_or_identifier"),
        ({"identifier": f"{PREFIX}/PUMP-1"}, "class_or_identifier"),
        ({"template": None, "identifier": "nothing"}, "invalid_identifier"),
        ({"template": None, "identifier": f"{PREFIX}/PUMP-9"}, "identifier_unknown"),
        ({"template": "no name", "attributes": ["x"]}, "class_invalid"),
        ({"to": []}, "invalid_input"),
    ):
        assert (await grant(node, **body)).code == code, body
    nameless = {"template": "pump", "readable": {"*": "granted"}}
    assert (await node("PUT", "/v1/class-scopes", json=nameless)).code == "enterprise_not_named"
    assert (await node("PUT", "/v1/class-scopes", by="mes", json=nameless)).status == 200


async def test_identities_and_groups_are_managed_by_their_enterprise(node: Node) -> None:
    one = f"/v1/application-identities/{APP}"
    assert (await node("GET", one, by="mes")).json["state"] == "active"
    assert (await node("GET", one, by="enterprise_user")).code == "not_allowed"
    changed = await node("PUT", one, by="other", json={"title": "执行系统", "public_key": None})
    assert changed.json["title"] == "执行系统"
    bad = await node("PUT", one, by="other", json={"title": "", "public_key": "no key"})
    assert (bad.status, bad.code) == (400, "identity_key_invalid")
    listed = await node("GET", "/v1/application-identities", query={"limit": 1})
    assert ([item["handle"] for item in listed.json["items"]], listed.json["next_cursor"]) == ([APP], None)
    await share(node)
    group = f"/v1/identity-groups/{GROUP}"
    edit = {"title": "伙伴", "members": [], "version": 1}
    assert (await node("PUT", group, by="other", json=edit)).json["version"] == 2
    assert (await node("PUT", group, by="other", json=edit)).code == "version_changed"
    [importer] = (await node("GET", f"{group}/importers", by="other")).json["items"]
    assert importer["name"] == "中山示例企业2001"
    assert [item["handle"] for item in (await node("GET", "/v1/identity-groups", by="mes")).json["items"]] == [GROUP]
    assert (await node("DELETE", f"{group}/import", by="enterprise_user")).status == 204
    assert (await node("GET", group, by="enterprise_user")).code == "group_unknown"
    assert (await node("DELETE", group, by="other")).status == 204
    assert (await node("POST", f"{one}/disable", by="other")).json["state"] == "disabled"
    assert (await node("GET", "/v1/me", by="mes")).code == "account_disabled"
    assert (await node("POST", f"{one}/enable", by="other")).status == 200
    assert (await node("GET", "/v1/me", by="mes")).status == 200
