"""Metadata of IDHub (snms-api 10): made, changed, published, withdrawn, copied, granted, deleted, listed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from argon2.profiles import CHEAPEST

from node.auth import Role
from registry.accounts.accounts import Accounts
from registry.accounts.passwords import Passwords
from tests.support.idhub import CREATE, HEAD, OPEN, PRODUCT, RETRIEVE, Client, Hub, item
from tests.support.world import actor

CREATE_META, INFO, PAGE = f"{OPEN}/meta/create", f"{OPEN}/meta/info", f"{OPEN}/meta/page"
CHANGE_HEAD, CHANGE_ITEMS = f"{OPEN}/meta/update-basic-info", f"{OPEN}/meta/update-item"
TURN, REMOVE, COPY, CATEGORIES = (
    f"{OPEN}/meta/{word}" for word in ("publish-or-withdraw", "delete", "baseon-create", "classify-query")
)
VALVE = "88.101.2001/META_valve"


async def made(client: Client, handle: str | None = VALVE, **changed: Any) -> str:
    body = {**HEAD, "metaItemCreateDTOS": PRODUCT, **({"metaHandle": handle} if handle else {}), **changed}
    return str((await client.done("POST", CREATE_META, body))["metaHandle"])


async def turn(client: Client, operation: str, *handles: str) -> list[dict[str, str]]:
    return list(await client.done("PUT", TURN, {"metaHandleList": list(handles), "opType": operation}))


# Create -------------------------------------------------------------------------------------------


async def test_new_metadata_are_told_as_they_were_said(client: Client) -> None:
    envelope = await client("POST", CREATE_META, {**HEAD, "metaHandle": VALVE, "metaItemCreateDTOS": PRODUCT})
    assert envelope == {"code": 1, "message": "成功", "data": {"metaHandle": VALVE, "metaId": VALVE}}
    info = await client.done("GET", INFO, query={"metaHandle": VALVE})
    items = info.pop("itemVOS")
    assert info == {
        "classifyCode": "UN_CLASSIFIED",
        "classifyName": "未分类",
        "metaHandle": VALVE,
        "metaName": "阀门",
        "metaCode": "valve",
        "industry": "制造业/通用设备制造业/泵、阀门、压缩机及类似机械制造/阀门和旋塞制造",
        "industryCategory": "C",
        "industrySpecific": "34",
        "industryTrade": "344",
        "industrySubclass": "3443",
        "metaState": 0,
        "metaContributor": "88.101.2001",
        "standard": "",
        "metaDesc": "",
        "createdBy": "88.101.2001/App_mes",
        "createdTime": "2026-11-21 17:30:00",
        "updatedTime": "2026-11-21 17:30:00",
    }
    assert items[0] == {
        "itemIndex": 2000,
        "itemCode": "c_productName",
        "englishName": "productName",
        "chineseName": "产品名称",
        "itemState": 0,
        "definition": "",
        "inputNecessary": 1,
        "listItemNecessary": 1,
        "required": 1,
        "uniqueField": 0,
        "comment": "",
        "itemSchemaVO": {"dataType": 1, "minLength": 0, "maxLength": 200},
        "itemReferenceVO": {},
    }
    assert items[1]["itemIndex"] == 2001
    assert items[1]["itemSchemaVO"] == {"dataType": 3, "dateFormat": "YYYY-MM-DD"}


async def test_metadata_without_a_handle_get_one(client: Client) -> None:
    assert re.fullmatch(r"88\.101\.2001/META_[0-9a-f]{15}", await made(client, None))


async def test_metadata_of_every_data_type_are_told_as_they_were_said(client: Client) -> None:
    pump = await made(client, "88.101.2001/META_pump")
    items = [
        item("code", 1, uniqueField=1, schema={"maxLength": 50, "charRange": "A-Z"}, comment="注", definition="定义"),
        item("weight", "2", schema={"accuracy": 2, "numberRange": "[1,10]"}),
        item("madeOn", 3, schema={"dateFormat": "yyyy/MM/dd"}),
        item(
            "manual", 4, schema={"fileRange": 2, "fileType": "2,4", "selfDefFileSuffix": "step", "maxFileCount": 90}
        ),
        item("pump", 5, schema={"referenceType": 1}, itemReferenceDTO={"referenceMetaHandle": pump}),
        item("parts", 5, schema={"referenceType": 2}, itemReferenceDTO={"referenceMetaHandle": pump}),
        item("noise", 6),
        item("film", 7),
        item("photo", 8, schema={"maxFileCount": 3}),
        item("URL", 1),
        item("suffix", 1),
        item("测试", 1),
        item("off", 1, itemState=1),
        item("later", 1, itemState=2),
    ]
    await made(client, VALVE, metaItemCreateDTOS=items)
    told = (await client.done("GET", INFO, query={"metaHandle": VALVE}))["itemVOS"]
    assert [one["englishName"] for one in told] == [one["englishName"] for one in items]
    assert [one["itemIndex"] for one in told] == list(range(2000, 2014))
    schemas = {one["englishName"]: one["itemSchemaVO"] for one in told}
    assert schemas["code"] == {"dataType": 1, "minLength": 0, "maxLength": 50, "charRange": "A-Z"}
    assert schemas["weight"] == {
        "dataType": 2,
        "minLength": 0,
        "maxLength": 38,
        "accuracy": 2,
        "numberRange": "[1,10]",
    }
    assert schemas["madeOn"] == {"dataType": 3, "dateFormat": "YYYY/MM/DD"}
    assert schemas["manual"] == {
        "dataType": 4,
        "maxFileCount": 50,
        "fileRange": 2,
        "fileType": "2,4",
        "selfDefFileSuffix": "step",
    }
    assert (schemas["pump"], schemas["parts"]) == (
        {"dataType": 5, "referenceType": 1},
        {"dataType": 5, "referenceType": 2},
    )
    assert [schemas[name]["dataType"] for name in ("noise", "film", "photo")] == [6, 7, 8]
    assert schemas["photo"]["maxFileCount"] == 3
    assert told[4]["itemReferenceVO"]["referenceMetaHandle"] == pump
    assert [one["itemState"] for one in told[-2:]] == [1, 2]
    assert told[0]["uniqueField"] == 1
    assert (told[0]["comment"], told[0]["definition"]) == ("注", "定义")


@pytest.mark.parametrize(
    "field",
    [
        "classifyCode",
        "metaName",
        "metaCode",
        "industryCategory",
        "industrySpecific",
        "industryTrade",
        "industrySubclass",
        "metaItemCreateDTOS",
    ],
)
async def test_metadata_without_a_needed_member_are_a_bind_error_that_names_it(client: Client, field: str) -> None:
    body = {**HEAD, "metaItemCreateDTOS": PRODUCT}
    envelope = await client("POST", CREATE_META, {name: said for name, said in body.items() if name != field})
    assert (envelope["code"], envelope["message"]) == (30000, "validate.bind.error")
    assert [fault["name"] for fault in envelope["data"]["errors"]] == [field]
    assert envelope["data"]["errors"][0]["errorMsg"]


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"metaName": "名" * 101}, "metaName"),
        ({"metaCode": "c" * 101}, "metaCode"),
        ({"standard": "s" * 201}, "standard"),
        ({"metaDesc": "d" * 1001}, "metaDesc"),
        ({"metaName": ""}, "metaName"),
        ({"metaItemCreateDTOS": []}, "metaItemCreateDTOS"),
        ({"metaItemCreateDTOS": [item("x" * 51)]}, "metaItemCreateDTOS[0].itemCode"),
        ({"metaItemCreateDTOS": [item("x", 9)]}, "metaItemCreateDTOS[0].itemSchemaCreateDTO.dataType"),
        ({"metaItemCreateDTOS": [item("x", 2, schema={"numberRange": "1-10"})]}, "numberRange"),
        ({"metaItemCreateDTOS": [item("x", 5)]}, "referenceMetaHandle"),
        ({"metaItemCreateDTOS": [item("x", itemIndex=1999)]}, "itemIndex"),
    ],
)
async def test_members_out_of_bounds_are_bind_errors(client: Client, changed: dict[str, Any], name: str) -> None:
    envelope = await client("POST", CREATE_META, {**HEAD, "metaItemCreateDTOS": PRODUCT, **changed})
    assert (envelope["code"], envelope["message"]) == (30000, "validate.bind.error")
    assert [fault["name"] for fault in envelope["data"]["errors"]] == [name]


async def test_what_new_metadata_lead_to_has_to_be_there_and_their_own(hub: Hub, client: Client) -> None:
    async def refused(**changed: Any) -> tuple[int, str]:
        return await client.refused("POST", CREATE_META, {**HEAD, "metaItemCreateDTOS": PRODUCT, **changed})

    assert await refused(classifyCode="NONE") == (811, "元数据分类不存在")
    assert await refused(metaHandle="88.101.2002/META_x") == (701, "非本企业标识")
    assert await refused(metaHandle="88.101.9999/META_x") == (701, "非本企业标识")
    assert await refused(metaHandle="no handle") == (40508, "标识格式异常")
    assert (await refused(metaItemCreateDTOS=[item("a"), item("a")]))[0] == 807
    reference = item("r", 5, itemReferenceDTO={"referenceMetaHandle": "88.101.2001/META_none"})
    assert (await refused(metaItemCreateDTOS=[reference]))[0] == 810
    await made(client)
    assert await refused(metaHandle="88.101.2001/meta_VALVE") == (105, "标识对象已存在")


# Info, update -------------------------------------------------------------------------------------


async def test_info_of_nothing_and_of_others_metadata(hub: Hub, client: Client) -> None:
    assert await client.refused("GET", INFO, query={"metaHandle": VALVE}) == (604, "元数据不存在")
    assert await client.refused("GET", INFO) == (106, "请求入参错误，{}")
    await made(client)
    stranger = await hub.client(hub.other)
    assert await stranger.refused("GET", INFO, query={"metaHandle": VALVE}) == (605, "暂无当前元数据的管理权限")


async def test_the_head_is_changed(client: Client) -> None:
    await made(client)
    body = {
        **HEAD,
        "metaHanlde": VALVE,
        "metaName": "球阀",
        "metaCode": "ball",
        "standard": "GB/T 1",
        "metaDesc": "述",
    }
    assert await client("PUT", CHANGE_HEAD, body) == {"code": 1, "message": "成功"}
    info = await client.done("GET", INFO, query={"metaHandle": VALVE})
    assert (info["metaName"], info["metaCode"], info["standard"], info["metaDesc"]) == (
        "球阀",
        "ball",
        "GB/T 1",
        "述",
    )


async def test_items_are_appended_changed_and_switched_off(client: Client) -> None:
    await client.metadata(VALVE)
    added = {
        "itemCode": "c2",
        "englishName": "note",
        "chineseName": "备注",
        "itemState": 0,
        "required": 0,
        "uniqueField": 0,
        "inputNecessary": 1,
        "itemSchemaCreateDTO": {"dataType": 1},
    }
    assert await client("PUT", CHANGE_ITEMS, {"metaHandle": VALVE, "metaItemDTOS": [added]}) == {
        "code": 1,
        "message": "成功",
    }
    off = item(
        "madeOn", 3, chineseName="出厂日期", itemIndex="2001", itemState=1, schema={"dateFormat": "YYYY-MM-DD"}
    )
    await client.done("PUT", CHANGE_ITEMS, {"metaHanlde": VALVE, "metaItemDTOS": [off, item("far", itemIndex=2010)]})
    await client.done("PUT", CHANGE_ITEMS, {"metaHandle": VALVE, "metaItemDTOS": [item("next")]})
    info = await client.done("GET", INFO, query={"metaHandle": VALVE})
    assert info["metaState"] == 1
    assert [
        (one["itemIndex"], one["englishName"], one["chineseName"], one["itemState"]) for one in info["itemVOS"]
    ] == [
        (2000, "productName", "产品名称", 0),
        (2001, "madeOn", "出厂日期", 1),
        (2002, "note", "备注", 0),
        (2010, "far", "far名", 0),
        (2011, "next", "next名", 0),
    ]


async def test_what_a_change_does_not_say_stays(client: Client) -> None:
    first = item("code", uniqueField=1, required=1, comment="注", definition="定义", schema={"maxLength": 20})
    await made(client, metaItemCreateDTOS=[first])
    schema = {"dataType": 1, "maxLength": 30}
    short = {"itemCode": "c", "englishName": "code", "chineseName": "编号", "itemSchemaCreateDTO": schema}
    await client.done("PUT", CHANGE_ITEMS, {"metaHandle": VALVE, "metaItemDTOS": [short]})
    told = (await client.done("GET", INFO, query={"metaHandle": VALVE}))["itemVOS"][0]
    assert (told["chineseName"], told["itemSchemaVO"]["maxLength"]) == ("编号", 30)
    assert (told["uniqueField"], told["required"], told["listItemNecessary"]) == (1, 1, 1)
    assert (told["comment"], told["definition"]) == ("注", "定义")


async def test_changes_of_metadata_that_are_not_there_or_not_ones_own(hub: Hub, client: Client) -> None:
    absent = (60005, "接口参数错误:入参metaHandle异常：要修改的元数据不存在!")
    assert await client.refused("PUT", CHANGE_HEAD, {**HEAD, "metaHandle": VALVE}) == absent
    assert await client.refused("PUT", CHANGE_ITEMS, {"metaHandle": VALVE, "metaItemDTOS": PRODUCT}) == absent
    await made(client)
    assert (await client.refused("PUT", CHANGE_HEAD, HEAD))[0] == 30000
    stranger = await hub.client(hub.other)
    not_own = (605, "暂无当前元数据的管理权限")
    assert await stranger.refused("PUT", CHANGE_HEAD, {**HEAD, "metaHandle": VALVE}) == not_own
    assert await stranger.refused("PUT", CHANGE_ITEMS, {"metaHandle": VALVE, "metaItemDTOS": PRODUCT}) == not_own
    other_kind = {"metaHandle": VALVE, "metaItemDTOS": [item("madeOn", 1)]}
    assert (await client.refused("PUT", CHANGE_ITEMS, other_kind))[0] == 200


# Publish, withdraw, delete, copy ------------------------------------------------------------------


async def test_each_of_several_is_published_by_itself(hub: Hub, client: Client) -> None:
    await made(client)
    await made(await hub.client(hub.other), "88.101.2002/META_x")
    none = "88.101.2001/META_none"
    assert await turn(client, "publish", VALVE, none, "88.101.2002/META_x") == [
        {"metaHandle": VALVE, "state": "success", "reason": ""},
        {"metaHandle": none, "state": "failed", "reason": f"元数据标识{none}不存在"},
        {"metaHandle": "88.101.2002/META_x", "state": "failed", "reason": "暂无当前元数据的管理权限"},
    ]
    assert (await turn(client, "publish", VALVE))[0]["state"] == "success"


async def test_the_list_and_the_operation_are_needed(client: Client) -> None:
    empty = await client("PUT", TURN, {"metaHandleList": [], "opType": "publish"})
    assert empty == {
        "code": 30000,
        "message": "validate.bind.error",
        "data": {"errors": [{"name": "metaHandleList", "errorMsg": "入参元数据标识列表metaHandleList不能为空"}]},
    }
    wrong = await client("PUT", TURN, {"metaHandleList": [VALVE], "opType": "burn"})
    assert (wrong["code"], wrong["data"]["errors"][0]["name"]) == (30000, "opType")


async def test_withdrawn_metadata_take_no_instances_and_come_again(client: Client) -> None:
    await client.metadata(VALVE)
    await client.instance("88.101.2001/V-1", VALVE, productName="球阀")
    assert await turn(client, "withdraw", VALVE) == [{"metaHandle": VALVE, "state": "success", "reason": ""}]
    assert await turn(client, "withdraw", VALVE) == [
        {"metaHandle": VALVE, "state": "failed", "reason": "元数据未发布"}
    ]
    body = {"type": VALVE, "attributes": {"content": {"productName": "球阀"}}}
    refused = await client.doip(CREATE, "88.101.2001/V-2", body)
    assert (refused["code"], refused["message"]) == (600, "元数据未发布")
    assert (await client.doip(RETRIEVE, VALVE))["code"] == 600
    assert (await client.doip(RETRIEVE, "88.101.2001/V-1"))["code"] == 1
    assert (await turn(client, "publish", VALVE))[0]["state"] == "success"
    assert (await client.doip(CREATE, "88.101.2001/V-2", body))["code"] == 1


async def test_metadata_are_deleted_once_they_are_withdrawn(hub: Hub, client: Client) -> None:
    await made(client)
    await client.metadata("88.101.2001/META_used")
    await client.instance("88.101.2001/V-1", "88.101.2001/META_used", productName="球阀")
    stranger = await hub.client(hub.other)

    async def removed(by: Client, *handles: str) -> dict[str, Any]:
        return await by("DELETE", REMOVE, query=[("metaHandleList", handle) for handle in handles])

    assert await removed(stranger, VALVE) == {
        "code": 606,
        "message": f"元数据删除失败:[{VALVE}]元数据不是自己创建，不能删除",
    }
    assert (await removed(client, VALVE, "88.101.2001/META_used"))["code"] == 606
    assert (await removed(client, "88.101.2001/META_none"))["code"] == 606
    assert (await removed(client))["code"] == 106
    assert (await client.done("GET", INFO, query={"metaHandle": VALVE}))["metaHandle"] == VALVE
    await turn(client, "withdraw", "88.101.2001/META_used")
    assert await removed(client, VALVE, "88.101.2001/META_used") == {"code": 1, "message": "成功"}
    for handle in (VALVE, "88.101.2001/META_used"):
        assert await client.refused("GET", INFO, query={"metaHandle": handle}) == (604, "元数据不存在")
    assert (await client.doip(RETRIEVE, "88.101.2001/V-1"))["code"] == 1
    await made(client, "88.101.2001/META_used")


async def test_a_copy_keeps_its_items_and_stays_in_the_enterprise(hub: Hub, client: Client) -> None:
    await client.metadata(VALVE)
    stranger = await hub.client(hub.other)
    asked = {"baseonHandle": VALVE, "baseInfo": {"metaCode": "valve-copy", "classifyCode": "UN_CLASSIFIED"}}
    assert await stranger.refused("POST", COPY, asked) == (60001, "没有权限查看数据")
    missing = {**asked, "baseonHandle": "88.101.2001/META_none"}
    assert await stranger.refused("POST", COPY, missing) == (604, "元数据不存在")
    await client.done("POST", f"{OPEN}/meta/grant/info", {"metaHandle": VALVE, "scope": 1})
    copy = (await stranger.done("POST", COPY, asked))["metaHandle"]
    assert copy.startswith("88.101.2002/META_")
    info = await stranger.done("GET", INFO, query={"metaHandle": copy})
    assert (info["metaName"], info["metaCode"], info["metaContributor"]) == ("阀门", "valve-copy", "88.101.2002")
    assert [one["englishName"] for one in info["itemVOS"]] == ["productName", "madeOn"]
    changed = {"metaHandle": copy, "metaItemDTOS": [item("more")]}
    assert (await stranger.refused("PUT", CHANGE_ITEMS, changed))[0] == 200
    assert (await turn(stranger, "publish", copy))[0]["state"] == "success"
    await stranger.instance("88.101.2002/V-1", copy, productName="球阀")
    page = await stranger.done("GET", PAGE, query={"classifyCode": "UN_CLASSIFIED"})
    assert [(one["metaHandle"], one["isQuote"]) for one in page["content"]] == [(copy, 1)]
    public = {"metaHandle": copy, "scope": 1}
    assert (await stranger.refused("POST", f"{OPEN}/meta/grant/info", public))[0] == 200


async def test_the_body_of_a_copy_is_checked(client: Client) -> None:
    await client.metadata(VALVE)
    long_code = {"baseonHandle": VALVE, "baseInfo": {"metaCode": "c" * 51, "classifyCode": "UN_CLASSIFIED"}}
    assert (await client.refused("POST", COPY, long_code))[0] == 30000
    nowhere = {"baseonHandle": VALVE, "baseInfo": {"metaCode": "c", "classifyCode": "NONE"}}
    assert (await client.refused("POST", COPY, nowhere))[0] == 811
    draft = await made(client, "88.101.2001/META_draft")
    unpublished = {"baseonHandle": draft, "baseInfo": {"metaCode": "c", "classifyCode": "UN_CLASSIFIED"}}
    assert await client.refused("POST", COPY, unpublished) == (600, "元数据未发布")


# Resolved, listed ---------------------------------------------------------------------------------


async def test_published_metadata_are_resolved(hub: Hub, client: Client) -> None:
    await made(client)
    assert (await client.doip(RETRIEVE, VALVE))["code"] == 600
    await turn(client, "publish", VALVE)
    found = (await client.doip(RETRIEVE, VALVE))["data"]
    assert (found["id"], found["type"]) == (VALVE, "0.TYPE/DO.DOIPMETA")
    content = found["attributes"]["content"]
    basic = content["basicInfo"]
    assert (basic["metaName"], basic["metaCode"], basic["metaState"], basic["isQuote"]) == ("阀门", "valve", 1, 0)
    assert basic["metaContributor"] == "88.101.2001"
    assert basic["publishedTime"] == "2026-11-21 17:30:00"
    assert content["itemInfos"][0] == {
        "itemBasicInfo": {
            "itemIndex": 2000,
            "itemCode": "c_productName",
            "enName": "productName",
            "cnName": "产品名称",
            "state": 0,
        },
        "itemSchemaInfo": {"dataTypeString": "字符型", "dataType": 1, "minLength": 0, "maxLength": 200},
    }
    assert content["itemInfos"][1]["itemSchemaInfo"]["dataTypeString"] == "日期型"
    assert (content["required"], content["uniqueness"]) == (["productName"], [])
    assert (content["inputItem"], content["listItem"]) == (["productName", "madeOn"], ["productName", "madeOn"])
    assert found["attributes"]["metaData"]["creator"] == "88.101.2001/App_mes"
    stranger = await hub.client(hub.other)
    refused = await stranger.doip(RETRIEVE, VALVE)
    assert (refused["code"], refused["message"]) == (403, "没有权限查看数据")


async def test_the_tree_of_categories_begins_with_the_unclassified(hub: Hub, client: Client) -> None:
    first = await client.done("GET", CATEGORIES)
    root = {
        "parentId": 0,
        "sort": 0,
        "classifyName": "未分类",
        "classifyCode": "UN_CLASSIFIED",
        "ancestors": "0",
        "level": 1,
    }
    assert [{name: one[name] for name in root} for one in first] == [root]
    assert (await client.done("GET", CATEGORIES))[0]["id"] == first[0]["id"]


async def test_metadata_are_listed_by_category_state_handle_and_time(hub: Hub, client: Client) -> None:
    for number in range(12):
        await made(client, f"88.101.2001/META_{number:02d}")
        hub.world.clock.advance(minutes=1)
    await turn(client, "publish", "88.101.2001/META_03")

    async def page(**query: Any) -> Any:
        return await client.done("GET", PAGE, query={"classifyCode": "UN_CLASSIFIED", **query})

    first = await page()
    assert {name: first[name] for name in ("pageSize", "pageNumber", "totalCount", "totalPage")} == {
        "pageSize": 10,
        "pageNumber": 1,
        "totalCount": 12,
        "totalPage": 2,
    }
    assert first["content"][0].keys() >= {
        "metaHandle",
        "metaName",
        "metaCode",
        "metaState",
        "isQuote",
        "createdTime",
        "classifyName",
        "id",
    }
    second = await page(page=1)
    assert second["pageNumber"] == 2
    handles = [one["metaHandle"] for one in first["content"] + second["content"]]
    assert handles == [f"88.101.2001/META_{number:02d}" for number in reversed(range(12))]
    beyond = await page(page=7, size=5)
    assert (beyond["totalCount"], beyond["content"]) == (12, [])
    assert [one["metaHandle"] for one in (await page(metaState=1))["content"]] == ["88.101.2001/META_03"]
    assert (await page(metaState=0))["totalCount"] == 11
    assert [one["metaHandle"][-2:] for one in (await page(metaHandle="meta_07"))["content"]] == ["07"]
    between = await page(startTime="2026-11-21 17:31:00", endTime="2026-11-21 17:32:30")
    assert [one["metaHandle"][-2:] for one in between["content"]] == ["02", "01"]
    assert (await page(startTime="2026-11-21", endTime="2026-11-21"))["totalCount"] == 12


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"classifyCode": "UN_CLASSIFIED", "page": "x"},
        {"classifyCode": "UN_CLASSIFIED", "size": "0"},
        {"classifyCode": "UN_CLASSIFIED", "metaState": "2"},
        {"classifyCode": "UN_CLASSIFIED", "startTime": "yesterday"},
    ],
)
async def test_a_list_with_wrong_parameters_says_so(client: Client, query: dict[str, str]) -> None:
    assert await client.refused("GET", PAGE, query=query) == (106, "请求入参错误，{}")


async def test_the_node_s_staff_has_no_business_here(hub: Hub) -> None:
    world = hub.world
    accounts = Accounts(world.pool, world.clock, Passwords(CHEAPEST), seal=world.seal)
    admin = world.administrator
    await accounts.create(admin, actor(admin), "staff", Role.AUDITOR, None, "Tr7-lampe-Kran")
    stranger = hub.stranger()
    stranger.token = (await accounts.sign_in("staff", "Tr7-lampe-Kran")).text
    assert await stranger.refused("GET", CATEGORIES) == (103, "客户端认证成功，但未被授权")
