"""DOIP operations of IDHub (snms-api 9): identifiers registered, changed, deleted, resolved, listed."""

from __future__ import annotations

from typing import Any

import pytest

from node.journal import Interface
from node.resolutions import Outcome
from registry.authorisations.scopes import Readable
from tests.support.idhub import (
    CREATE,
    DELETE,
    DOIP,
    OPEN,
    RETRIEVE,
    UPDATE,
    UPDATE_SOME,
    Client,
    Hub,
    item,
)

VALVE, V1 = "88.101.2001/META_valve", "88.101.2001/V-0100"


def body(kind: str = VALVE, **content: Any) -> dict[str, Any]:
    return {"type": kind, "attributes": {"content": content}}


def refusal(envelope: dict[str, Any]) -> tuple[int, str]:
    assert envelope["code"] != 1, envelope
    return envelope["code"], envelope["message"]


@pytest.fixture
async def valve(client: Client) -> Client:
    """With the published metadata of the reference's example."""
    await client.metadata(
        VALVE,
        [
            item("productName", chineseName="产品名称", required=1),
            item("madeOn", 3, chineseName="生产日期", schema={"dateFormat": "YYYY/MM/DD"}),
            item("weight", 2, schema={"accuracy": 2, "numberRange": "[0,100]"}),
            item("serial", uniqueField=1, schema={"maxLength": 40}),
        ],
    )
    return client


async def test_an_instance_is_registered_and_resolved(hub: Hub, valve: Client) -> None:
    said = body(productName="球阀 DN80", madeOn="2030/01/02", weight=12.5)
    assert await valve.doip(CREATE, V1, said) == {"code": 1, "message": "成功", "data": said}
    envelope = await valve.doip(RETRIEVE, V1)
    assert (envelope["code"], envelope["message"]) == (1, "成功")
    hands = {
        "createTime": "2026-11-21 17:30:00",
        "updateTime": "2026-11-21 17:30:00",
        "creator": valve.handle,
        "updater": valve.handle,
    }
    assert envelope["data"] == {
        "id": V1,
        "type": VALVE,
        "attributes": {"id": V1, "type": VALVE, "attributes": {"metaData": hands}},
        "elements": [
            {"index": 2000, "type": "productName", "name": "产品名称", "data": "球阀 DN80", "dataType": 1},
            {"index": 2001, "type": "madeOn", "name": "生产日期", "data": "2030/01/02", "dataType": 3},
            {"index": 2002, "type": "weight", "name": "weight名", "data": "12.5", "dataType": 2},
        ],
    }


async def test_a_retrieval_counts_as_a_resolution_and_nothing_else_does(hub: Hub, valve: Client) -> None:
    await valve.instance(V1, VALVE, productName="x")
    probe = await hub.client(name="App_probe", number=1)
    stranger = hub.stranger()
    for client, target in (
        (valve, V1), (stranger, V1), (probe, V1), (valve, VALVE), (valve, "88.101.2001/none"), (valve, "88.101.9/A"),
        (valve, "nothing"),
    ):  # fmt: skip
        await client.doip(RETRIEVE, target)
    await hub.counter.write()
    rows = await hub.world.pool.fetch(
        "SELECT prefix, interface, outcome, resolutions FROM resolution_count ORDER BY prefix, outcome"
    )
    assert {row["interface"] for row in rows} == {Interface.IDHUB}
    assert {(row["prefix"], Outcome(row["outcome"])): row["resolutions"] for row in rows} == {
        ("88.101.2001", Outcome.HIT): 1,
        ("88.101.2001", Outcome.DENIED): 1,  # the stranger
        ("88.101.2001", Outcome.MISSING): 1,
        ("", Outcome.MISSING): 1,
    }


async def test_the_slashes_of_the_query_may_come_raw_or_encoded(valve: Client) -> None:
    for number, slash in enumerate(("/", "%2F")):
        target = f"88.101.2001{slash}R-{number}"
        path = f"{DOIP}?targetId={target}&operationId=0.DOIP{slash}Op.Create"
        async with valve.session.post(
            valve.url + path, json=body(productName="x"), headers={"Authorization": f"Bearer {valve.token}"}
        ) as answer:
            assert (await answer.json())["code"] == 1


async def test_what_is_wrong_with_a_registration_has_its_code(hub: Hub, valve: Client) -> None:
    good = body(productName="x")
    await valve.done("POST", DOIP, good, query={"targetId": V1, "operationId": CREATE})
    assert refusal(await valve.doip(CREATE, V1, good)) == (105, "标识对象已存在")
    assert refusal(await valve.doip(CREATE, VALVE, good)) == (105, "标识对象已存在")
    assert refusal(await valve.doip(CREATE, "88.101.2002/V-1", good)) == (701, "非本企业标识")
    assert refusal(await valve.doip(CREATE, "88.101.9/V-1", good)) == (701, "非本企业标识")
    assert refusal(await valve.doip(CREATE, "nothing", good)) == (40508, "标识格式异常")
    unknown = body("88.101.2001/META_none", productName="x")
    assert refusal(await valve.doip(CREATE, "88.101.2001/V-2", unknown)) == (604, "元数据不存在")
    assert (await valve.doip(CREATE, "88.101.2001/V-2", {"type": VALVE}))["code"] == 30000
    stranger = await hub.client(hub.other)
    assert refusal(await stranger.doip(CREATE, "88.101.2002/V-2", good))[0] == 605


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        ({}, 601, "productName"),
        ({"productName": "x", "madeOn": "soon"}, 601, "madeOn"),
        ({"productName": "x", "weight": 101}, 601, "weight"),
        ({"productName": "x", "weight": 1.234}, 601, "weight"),
        ({"productName": "x" * 4001}, 601, "productName"),
        ({"productName": "x", "colour": "red"}, 603, "colour"),
    ],
)
async def test_content_that_does_not_fit_names_the_item(
    valve: Client, content: dict[str, Any], code: int, field: str
) -> None:
    envelope = await valve.doip(CREATE, V1, body(**content))
    assert envelope["code"] == code
    assert field in envelope["message"]


async def test_a_unique_value_is_taken_once(valve: Client) -> None:
    await valve.instance(V1, VALVE, productName="x", serial="S-1")
    assert (await valve.doip(CREATE, "88.101.2001/V-2", body(productName="y", serial="S-1")))["code"] == 601


async def test_a_disabled_item_takes_no_values_and_keeps_what_it_has(valve: Client) -> None:
    await valve.instance(V1, VALVE, productName="x", weight=3)
    off = item("weight", 2, itemState=1, schema={"accuracy": 2, "numberRange": "[0,100]"})
    await valve.done("PUT", f"{OPEN}/meta/update-item", {"metaHandle": VALVE, "metaItemDTOS": [off]})
    refused = await valve.doip(CREATE, "88.101.2001/V-2", body(productName="y", weight=4))
    assert refusal(refused) == (602, "不支持的操作类型")
    assert (await valve.doip(UPDATE, V1, body(productName="z")))["code"] == 1
    shown = {one["type"]: one["data"] for one in (await valve.doip(RETRIEVE, V1))["data"]["elements"]}
    assert shown == {"productName": "z", "weight": "3"}


@pytest.mark.parametrize("operation", [UPDATE, UPDATE_SOME])
async def test_an_update_changes_what_is_named_and_drops_nothing(hub: Hub, valve: Client, operation: str) -> None:
    await valve.instance(V1, VALVE, productName="x", madeOn="2030/01/02")
    hub.world.clock.advance(minutes=1)
    said = body(productName="y", madeOn=None)
    assert await valve.doip(operation, V1, said) == {"code": 1, "message": "成功", "data": said}
    found = (await valve.doip(RETRIEVE, V1))["data"]
    assert {one["type"]: one["data"] for one in found["elements"]} == {"productName": "y", "madeOn": "2030/01/02"}
    assert found["attributes"]["attributes"]["metaData"]["updateTime"] == "2026-11-21 17:31:00"


async def test_an_update_follows_the_newest_items(valve: Client) -> None:
    await valve.instance(V1, VALVE, productName="x")
    added = {"metaHandle": VALVE, "metaItemDTOS": [item("colour")]}
    await valve.done("PUT", f"{OPEN}/meta/update-item", added)
    assert (await valve.doip(UPDATE_SOME, V1, body(colour="red")))["code"] == 1
    shown = {one["type"]: one["data"] for one in (await valve.doip(RETRIEVE, V1))["data"]["elements"]}
    assert shown == {"productName": "x", "colour": "red"}


async def test_updates_of_what_is_not_there_not_ones_own_or_of_other_metadata(hub: Hub, valve: Client) -> None:
    await valve.instance(V1, VALVE, productName="x")
    good = body(productName="y")
    assert refusal(await valve.doip(UPDATE, "88.101.2001/V-9", good)) == (104, "标识对象不存在")
    other = await valve.metadata("88.101.2001/META_other", [item("productName")])
    assert refusal(await valve.doip(UPDATE, V1, body(other, productName="y"))) == (603, f"实体{V1}不属于该元数据")
    stranger = await hub.client(hub.other)
    assert refusal(await stranger.doip(UPDATE, V1, good)) == (701, "非本企业标识")


async def test_an_instance_is_deleted_once(hub: Hub, valve: Client) -> None:
    await valve.instance(V1, VALVE, productName="x")
    stranger = await hub.client(hub.other)
    assert refusal(await stranger.doip(DELETE, V1, {})) == (701, "非本企业标识")
    assert await valve.doip(DELETE, V1, {}) == {"code": 1, "message": "成功"}
    assert refusal(await valve.doip(DELETE, V1)) == (104, "标识对象不存在")
    assert refusal(await valve.doip(RETRIEVE, V1)) == (104, "标识对象不存在")
    await valve.instance(V1, VALVE, productName="again")


async def test_instances_are_read_by_those_only_whom_they_are_granted_to(hub: Hub, valve: Client) -> None:
    await valve.instance(V1, VALVE, productName="x", weight=1)
    stranger, nobody = await hub.client(hub.other), hub.stranger()
    for reader in (stranger, nobody):
        assert refusal(await reader.doip(RETRIEVE, V1)) == (403, "没有权限查看数据")
    public = {"metaHandle": VALVE, "scope": 1, "items": ["productName"]}
    await valve.done("POST", f"{OPEN}/classes-grant/item/batch-public", public)
    for reader in (stranger, nobody):
        assert [one["type"] for one in (await reader.doip(RETRIEVE, V1))["data"]["elements"]] == ["productName"]
    nobody.token = "eyJ0.x.y"
    assert refusal(await nobody.doip(RETRIEVE, V1)) == (101, "无效的token")


async def test_instances_made_by_other_doors_are_resolved_too(hub: Hub, client: Client) -> None:
    holder, world = hub.holder, hub.world
    template = await world.template()
    made, _ = await world.identifiers.register(
        holder.account, holder.actor, holder.identifier("P-1"), template.template_id, {"name": "泵", "passed": True}
    )
    found = (await client.doip(RETRIEVE, made.text))["data"]
    assert found["type"] == "88.101.2001/pump"
    assert [(one["type"], one["data"]) for one in found["elements"]] == [("name", "泵"), ("passed", "true")]


async def test_references_lead_to_one_or_to_many(valve: Client) -> None:
    reference = {"itemReferenceDTO": {"referenceMetaHandle": VALVE}}
    items = [
        item("one", 5, schema={"referenceType": 1}, **reference),
        item("many", 5, schema={"referenceType": 2}, **reference),
    ]
    kind = await valve.metadata("88.101.2001/META_set", items)
    await valve.instance("88.101.2001/S-1", kind, one=[V1], many=[V1, "88.101.2001/V-2"])
    elements = (await valve.doip(RETRIEVE, "88.101.2001/S-1"))["data"]["elements"]
    assert [(one["data"], one["dataType"]) for one in elements] == [(V1, 5), ([V1, "88.101.2001/V-2"], 5)]
    assert (await valve.doip(CREATE, "88.101.2001/S-2", body(kind, one="no handle")))["code"] == 601


async def test_times_and_numbers_in_characters_are_texts(valve: Client) -> None:
    items = [item("at", 3, schema={"dateFormat": "yyyy-MM-dd HH:mm:ss"}), item("number", 1)]
    kind = await valve.metadata("88.101.2001/META_time", items)
    await valve.instance("88.101.2001/T-1", kind, at="2030-01-02 10:00:00", number=7)
    elements = (await valve.doip(RETRIEVE, "88.101.2001/T-1"))["data"]["elements"]
    assert [(one["data"], one["dataType"]) for one in elements] == [("2030-01-02 10:00:00", 3), ("7", 1)]
    assert (await valve.doip(CREATE, "88.101.2001/T-2", body(kind, at="2030-01-02")))["code"] == 601


async def test_numbers_lose_nothing_on_their_way(valve: Client) -> None:
    kind = await valve.metadata("88.101.2001/META_exact", [item("n", 2), item("m", 2)])
    content = '{"n":0.12345678901234567890,"m":123456789012345678901234567890}'
    raw = f'{{"type":"{kind}","attributes":{{"content":{content}}}}}'
    envelope = await valve(
        "POST",
        DOIP,
        raw=raw.encode(),
        query={"targetId": "88.101.2001/N-1", "operationId": CREATE},
        headers={"Content-Type": "application/json"},
    )
    assert envelope["code"] == 1
    elements = (await valve.doip(RETRIEVE, "88.101.2001/N-1"))["data"]["elements"]
    assert [one["data"] for one in elements] == ["0.12345678901234567890", "123456789012345678901234567890"]


async def test_the_service_object_says_where_it_is_and_what_it_does(client: Client) -> None:
    service = "88.101.2001/DOIPServiceInfo"

    async def asked(operation: str, target: str = service) -> dict[str, Any]:
        return await client("GET", DOIP, query={"targetId": target, "operationId": operation})

    hello = (await asked("0.DOIP/Op.Hello"))["data"]
    assert (hello["id"], hello["type"]) == (service, "0.TYPE/DO.DOIPServiceInfo")
    assert hello["attributes"] == {
        "ipAddress": "127.0.0.1",
        "port": int(client.url.rpartition(":")[2]),
        "protocol": "HTTP",
        "protocolVersion": "2.0",
    }
    assert CREATE in (await asked("0.DOIP/Op.ListOperations"))["data"]
    assert RETRIEVE in (await asked("0.DOIP/Op.ListOperations", V1))["data"]
    for target in ("88.101.9999/DOIPServiceInfo", V1):
        assert refusal(await asked("0.DOIP/Op.Hello", target)) == (104, "标识对象不存在")
    assert refusal(await asked("0.DOIP/Op.Search")) == (405, "不支持的操作类型")
    assert refusal(await asked(CREATE)) == (405, "不支持的操作类型")
    assert refusal(await asked("0.DOIP/Op.Dance")) == (404, "操作类型不存在")
    assert (await client("GET", DOIP, query={"targetId": V1}))["code"] == 106
    assert (await client("GET", DOIP, query={"operationId": RETRIEVE}))["code"] == 106


async def test_writing_needs_a_token(hub: Hub) -> None:
    assert refusal(await hub.stranger().doip(CREATE, V1, body(productName="x"))) == (101, "无效的token")


async def test_the_instances_of_metadata_are_listed(hub: Hub, valve: Client) -> None:
    for number in range(12):
        await valve.instance(f"88.101.2001/V-{number:02d}", VALVE, productName="x")
        hub.world.clock.advance(minutes=1)
    await valve.doip(DELETE, "88.101.2001/V-03")

    async def page(**query: Any) -> Any:
        return await valve.done("GET", f"{OPEN}/handle/page", query={"metaHandle": VALVE, **query})

    first = await page()
    assert {name: first[name] for name in ("pageSize", "pageNumber", "totalCount", "totalPage")} == {
        "pageSize": 10,
        "pageNumber": 1,
        "totalCount": 11,
        "totalPage": 2,
    }
    assert first["content"][0] == {
        "handleName": "88.101.2001/V-00",
        "createTime": "2026-11-21 17:30:00",
        "createdTime": "2026-11-21 17:30:00",
        "updateTime": "2026-11-21 17:30:00",
        "createdBy": valve.handle,
    }
    assert [one["handleName"][-2:] for one in (await page(page=1))["content"]] == ["11"]
    assert [one["handleName"][-2:] for one in (await page(handleName="v-07"))["content"]] == ["07"]
    assert [one["handleName"][-2:] for one in (await page(handleName="88.101.2001/V-07"))["content"]] == ["07"]
    between = await page(startTime="2026-11-21 17:31:00", endTime="2026-11-21 17:32:30")
    assert [one["handleName"][-2:] for one in between["content"]] == ["01", "02"]
    assert await valve.refused("GET", f"{OPEN}/handle/page") == (106, "请求入参错误，{}")
    assert (await valve.refused("GET", f"{OPEN}/handle/page", query={"metaHandle": "88.101.2001/META_x"}))[0] == 604


async def test_new_metadata_hide_what_they_describe(hub: Hub, valve: Client) -> None:
    holder = hub.holder
    assert holder.account.enterprise_id is not None
    scopes = await hub.world.scopes.of_classes(holder.account, holder.account.enterprise_id)
    assert [(scope.template, dict(scope.readable)) for scope in scopes] == [("META_valve", {"*": Readable.GRANTED})]
