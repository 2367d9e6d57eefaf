"""Codes of divisions and industries as a form asks for them."""

from __future__ import annotations

from tests.support.node import running_node


async def test_codes_are_found_for_whoever_fills_in_a_record(database_url: str) -> None:
    async with running_node(database_url) as node:
        found = await node("GET", "/v1/divisions", by="enterprise_user", query={"q": "鄞州"})
        assert found.json == {"items": [{"code": "330212", "name": "浙江省 宁波市 鄞州区"}]}
        found = await node("GET", "/v1/industries", by="administrator", query={"q": "344", "limit": 2})
        assert [item["code"] for item in found.json["items"]] == ["344", "3441"]
        refused = await node("GET", "/v1/industries", by="administrator", query={"q": "x" * 65})
        assert refused.code == "invalid_input"
