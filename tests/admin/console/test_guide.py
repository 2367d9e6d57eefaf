"""The guide of an enterprise: each step as it stands, one of them to do now."""

from __future__ import annotations

from node.auth import Role
from node.identifier import Prefix
from registry.credit_code import complete
from tests.support.console import Browser, Dom
from tests.support.figures_of_node import register, resolve
from tests.support.node import PASSWORD, Node, running_node


async def newcomer(node: Node) -> str:
    """A draft with a user called newcomer; its id."""
    facts = {
        "name": "宁波新入网企业", "credit_code": complete("91330212MAD00099"), "division_code": "330212",
        "industry_code": "3441",
    }  # fmt: skip
    made = (await node("POST", "/v1/enterprises", json=facts)).json
    account = {
        "name": "newcomer", "role": Role.ENTERPRISE_USER, "enterprise_id": made["enterprise_id"],
        "password": PASSWORD,
    }  # fmt: skip
    assert (await node("POST", "/v1/accounts", json=account)).status == 201
    return str(made["enterprise_id"])


def standings(page: Dom) -> list[str]:
    """How the steps stand, in their order."""
    cards = (str(found["class"]) for found in page.all("li") if str(found.get("class")).startswith("card "))
    return [card.removeprefix("card ") for card in cards]


async def test_every_step_is_as_operations_tell_and_leads_to_its_page(database_url: str) -> None:
    async with running_node(database_url) as node:
        enterprise_id = await newcomer(node)
        async with Browser(node, "newcomer") as user:
            page = await user.page("/console/guide")
            assert standings(page) == ["now", "later", "done", "later", "later", "later", "later"]
            assert "草稿，尚未提交" in page.text
            await user.done("/console/enterprise/submit")
            page = await user.page("/console/guide")
            assert standings(page)[0] == "waiting"
            await node("POST", f"/v1/enterprises/{enterprise_id}/approve", by="reviewer")
            page = await user.page("/console/guide")
            assert standings(page)[:2] == ["done", "now"]
            assert "/console/prefixes/new" in page.links

            place, _ = await user.done("/console/prefixes/new", {"hosting": "hosted", "purpose": "", "prefix": ""})
            prefix = place.rpartition("/")[2]
            page = await user.page("/console/guide")
            assert standings(page)[1] == "waiting"
            assert f"{prefix} 等待本节点审核" in page.text
            await node("POST", f"/v1/prefixes/{prefix}/approve", by="reviewer")
            await node.world.prefixes.apply_verdict(Prefix.parse(prefix), True, "", True)
            page = await user.page("/console/guide")
            assert standings(page)[:4] == ["done", "done", "done", "now"]
            assert f"/console/identifiers/new?prefix={prefix}" in page.links

            node.tokens["newcomer"] = (await node.accounts.sign_in("newcomer", PASSWORD)).text
            body = {
                "prefix": prefix, "suffix": "第 1/台", "template": node.template.template.name,
                "attributes": {"name": "泵"},
            }  # fmt: skip
            registered = await node("POST", "/v1/identifiers", by="newcomer", json=body)
            assert registered.status == 201, registered.body
            page = await user.page("/console/guide")
            assert standings(page) == ["done", "done", "done", "done", "now", "open", "open"]
            assert f"{prefix}/第 1/台" in page.text
            labels = next(link for link in page.links if link.startswith("/console/labels?"))
            assert labels.endswith("%2F%E7%AC%AC%201%2F%E5%8F%B0")

            account = (await node("GET", "/v1/me", by="newcomer")).json["account_id"]
            await node("POST", f"/v1/accounts/{account}/access-keys", by="newcomer", json={"label": "erp"})
            page = await user.page("/console/guide")
            assert standings(page)[-1] == "done"
            assert "1 个有效密钥" in page.text
            english = await user.page("/console/guide?lang=en")
            assert "keys in use: 1" in english.text


async def test_an_enterprise_that_was_resolved_is_through(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True}) as node:
        await register(node, 1)
        await resolve(node, {"P-0": 2, "P-9": 1})
        async with Browser(node, "enterprise_user") as user:
            page = await user.page("/console/guide")
            assert standings(page)[:5] == ["done"] * 5
            assert "有效解析 2 次" in page.text
        async with Browser(node, "administrator") as staff:
            assert (await staff.get("/console/guide")).status == 403
