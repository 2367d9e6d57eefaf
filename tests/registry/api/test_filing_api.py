"""Everybody may ask who holds a prefix, by any name of it, so often a minute, and learns nothing about people."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from node.rate_limit import RateLimit
from node.web import WebSettings, make_app
from registry.api.rdap import CONTENT_TYPE, rdap_routes
from registry.api.v1.filing import filing_routes
from registry.enterprises import Enterprise
from registry.filing import Filing
from registry.prefix_grant import PrefixGrant
from registry.transitions import PrefixState
from tests.support.office import Office, acting


class Ticking:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@dataclass(frozen=True)
class Got:
    status: int
    headers: Any
    content: Any


Door = Callable[..., Awaitable[Got]]


@pytest.fixture
async def door(office: Office, ticking: Ticking) -> AsyncIterator[Door]:
    filing = Filing(office.pool)
    limit = RateLimit(per_minute=60, burst=20, most_sources=10, clock=ticking)
    routes = [*filing_routes(filing, limit), *rdap_routes(filing, limit)]
    app = make_app(routes, authenticate=office.accounts.authenticate, settings=WebSettings(log_requests=False))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:

        async def ask(path: str, **query: str) -> Got:
            async with session.get(path, params=query) as answer:
                return Got(answer.status, answer.headers, await answer.json(content_type=None))

        yield ask
    await runner.cleanup()


async def granted(office: Office, state: PrefixState = PrefixState.ENABLED) -> tuple[Enterprise, PrefixGrant]:
    enterprise = await office.enterprise()
    return enterprise, await office.grant(state, enterprise)


async def test_a_prefix_is_found_by_itself_by_an_identifier_and_by_its_holders_name(
    office: Office, door: Door
) -> None:
    enterprise, grant = await granted(office)
    prefix = grant.prefix.key
    one = await door(f"/v1/filing/{prefix}")
    assert (one.content["prefix"], one.content["state"]) == (prefix, "enabled")
    assert (one.content["enterprise_name"], one.content["industry_name"]) == (
        enterprise.facts.name,
        "阀门和旋塞制造",
    )
    assert set(one.content) == {
        "prefix", "state", "hosted", "registered_at", "changed_at", "enterprise_number", "enterprise_name",
        "enterprise_name_en", "division_name", "industry_name",
    }  # fmt: skip
    for asked in (prefix, f"{prefix}/PUMP-1", enterprise.facts.name):
        assert (await door("/v1/filing", q=asked)).content["items"] == [one.content]
    for asked in ("88.101.9999", enterprise.facts.name[:-1], "%"):
        assert (await door("/v1/filing", q=asked)).content["items"] == []


@pytest.mark.parametrize("state", [PrefixState.APPLIED, PrefixState.REVIEWED, PrefixState.REJECTED])
async def test_an_application_is_nobodys_business(office: Office, door: Door, state: PrefixState) -> None:
    enterprise, grant = await granted(office, state)
    assert (await door(f"/v1/filing/{grant.prefix.key}")).content["code"] == "filing_unknown"
    assert (await door(f"/rdap/prefix/{grant.prefix.key}")).status == 404
    assert (await door("/v1/filing", q=enterprise.facts.name)).content["items"] == []


async def test_an_amended_name_is_published_when_it_is_reviewed(office: Office, door: Door) -> None:
    enterprise, grant = await granted(office)
    amended = office.facts(credit_code=enterprise.facts.credit_code, name="未审核的新名称")
    await office.enterprises.edit(
        office.admin, acting(office.admin), enterprise.enterprise_id, amended, enterprise.version
    )
    assert (await door(f"/v1/filing/{grant.prefix.key}")).content["enterprise_name"] is None
    assert (await door("/v1/filing", q="未审核的新名称")).content["items"] == []
    assert "未审核" not in json.dumps((await door(f"/rdap/prefix/{grant.prefix.key}")).content)


async def test_the_prefixes_of_a_name_come_in_pages(office: Office, door: Door) -> None:
    enterprise = await office.enterprise()
    wanted = [(await office.grant(enterprise=enterprise)).prefix.key for _ in range(3)]
    query = {"q": enterprise.facts.name, "limit": "2"}
    first = (await door("/v1/filing", **query)).content
    rest = (await door("/v1/filing", **query, cursor=first["next_cursor"])).content
    assert [one["prefix"] for one in first["items"] + rest["items"]] == wanted
    assert rest["next_cursor"] is None


async def test_rdap_says_the_same_in_its_own_words(office: Office, door: Door) -> None:
    enterprise, grant = await granted(office, PrefixState.SUSPENDED)
    prefix = grant.prefix.key
    answer = await door(f"/rdap/prefix/{prefix}")
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, CONTENT_TYPE)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    body = answer.content
    assert (body["objectClassName"], body["handle"], body["status"]) == ("prefix", prefix, ["inactive"])
    assert [event["eventAction"] for event in body["events"]] == ["registration", "last changed"]
    (registrant,) = body["entities"]
    assert registrant["roles"] == ["registrant"]
    assert ["fn", {"language": "zh"}, "text", enterprise.facts.name] in registrant["vcardArray"][1]
    entity = (await door(f"/rdap/entity/{registrant['handle']}")).content
    assert [one["handle"] for one in entity["prefixes"]] == [prefix]
    assert "rdap_level_0" in (await door("/rdap/help")).content["rdapConformance"]
    said = json.dumps([body, entity], ensure_ascii=False)
    assert not [word for word in ("13800000000", "示例联系人", "ops@example.com") if word in said]


async def test_rdap_refuses_in_the_form_of_its_standard(office: Office, door: Door) -> None:
    for path, status in (("/rdap/prefix/88.101.1", 404), ("/rdap/prefix/abc", 400), ("/rdap/entity/99", 404)):
        answer = await door(path)
        assert (answer.status, answer.content["errorCode"]) == (status, status)
        assert answer.headers["Content-Type"].partition(";")[0] == CONTENT_TYPE
        assert answer.content["title"]
        assert answer.content["description"]


async def test_who_asks_too_often_is_told_when_to_come_back(door: Door, ticking: Ticking) -> None:
    statuses = [(await door("/v1/filing", q="88.101.1")).status for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    refused = await door("/rdap/prefix/88.101.1")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    ticking.now += 1
    assert (await door("/rdap/prefix/88.101.1")).status == 404
