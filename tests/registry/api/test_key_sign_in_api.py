"""Signing in by key and template categories through ``/v1``: what IDHub's programs can do, all can."""

from __future__ import annotations

from tests.support.idhub import application_key, public_pem, signature
from tests.support.node import running_node


async def test_an_application_signs_in_by_its_key(database_url: str) -> None:
    async with running_node(database_url, log={"requests": False}) as node:
        holder, key = node.holder, application_key()
        handle = f"{holder.prefix.text}/App_mes"
        made = await node.world.application_identities.create(
            holder.account, holder.actor, handle, public_key=public_pem(key)
        )
        asked = await node("POST", "/v1/challenges", by=None, json={"handle": handle})
        assert asked.status == 201
        assert asked.json["seconds"] == 120
        signed = {"handle": handle, "signature": signature(key, asked.json["nonce"])}
        issued = await node("POST", "/v1/challenges/answers", by=None, json=signed)
        assert issued.status == 201
        me = await node("GET", "/v1/me", by=None, headers={"Authorization": f"Bearer {issued.json['token']}"})
        assert (me.json["account_id"], me.json["role"]) == (str(made.account_id), "application")
        again = await node("POST", "/v1/challenges/answers", by=None, json=signed)
        assert (again.status, again.code) == (401, "challenge_failed")
        nobody = await node("POST", "/v1/challenges", by=None, json={"handle": f"{holder.prefix.text}/App_x"})
        assert (nobody.status, nobody.code) == (401, "not_an_identity")


async def test_an_enterprise_sorts_its_templates_into_categories(database_url: str) -> None:
    async with running_node(database_url, log={"requests": False}) as node:
        user = "enterprise_user"
        path = "/v1/template-categories"
        added = await node("POST", path, by=user, json={"code": "valves", "name": "阀门"})
        assert added.status == 201
        number = added.json["template_category_id"]
        below = await node("POST", path, by=user, json={"code": "balls", "name": "球阀", "parent_id": number})
        assert below.json["parent_id"] == number
        listed = await node("GET", path, by=user)
        assert [one["code"] for one in listed.json["items"]] == ["valves", "balls", "UN_CLASSIFIED"]
        renamed = await node(
            "PUT", f"{path}/{number}", by=user, json={"name": "各类阀门", "parent_id": None, "sort": 3}
        )
        assert (renamed.json["name"], renamed.json["sort"]) == ("各类阀门", 3)
        refused = await node("DELETE", f"{path}/{number}", by=user)
        assert (refused.status, refused.code) == (409, "category_in_use")
        assert (await node("DELETE", f"{path}/{below.json['template_category_id']}", by=user)).status == 204
        assert (await node("DELETE", f"{path}/{number}", by=user)).status == 204
        nameless = await node("GET", path)
        assert (nameless.status, nameless.code) == (400, "enterprise_not_named")
