"""Authorisation, groups and messages of IDHub (snms-api 10.5 and 11)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.idhub import OPEN, RETRIEVE, UPDATE, Client, Hub, item

VALVE, V1 = "88.101.2001/META_valve", "88.101.2001/V-1"
META_GRANT, PUBLIC, CLASS = (
    f"{OPEN}/{path}" for path in ("meta/grant/info", "classes-grant/item/batch-public", "classes-grant/authorization")
)
SINGLE, SINGLE_OF_SDK = "/api/v1/single-handle/authorization", f"{OPEN}/single-handle/authorization"
GROUPS, MESSAGES = f"{OPEN}/handle-user-group/list", f"{OPEN}/message/appMessage"
DONE = {"code": 1, "message": "成功"}


@pytest.fixture
async def owner(client: Client) -> Client:
    """With metadata of two items and one instance of it."""
    await client.metadata(VALVE, [item("productName", required=1), item("colour")])
    await client.instance(V1, VALVE, productName="球阀", colour="red")
    return client


@pytest.fixture
async def partner(hub: Hub, owner: Client) -> Client:
    """An application of another enterprise, whose group the first enterprise has imported."""
    client = await hub.client(hub.other, "App_wms", 1)
    other, holder, groups = hub.other, hub.holder, hub.world.identity_groups
    await groups.create(
        other.account, other.actor, "88.101.2002/Group_partner", title="伙伴", members=[client.handle]
    )
    assert holder.account.enterprise_id is not None
    await groups.import_group(holder.account, holder.actor, holder.account.enterprise_id, "88.101.2002/Group_partner")
    return client


GROUP = "88.101.2002/Group_partner"


async def seen(client: Client, handle: str = V1) -> set[str] | int:
    """The items that a reader sees, or the code it is refused with."""
    envelope = await client.doip(RETRIEVE, handle)
    if envelope["code"] != 1:
        return int(envelope["code"])
    return {one["type"] for one in envelope["data"]["elements"]}


def access(thing: str | list[str], auth_type: int, scope: int, *users: str, remove: tuple[str, ...] = ()) -> Any:
    return {
        "item": thing,
        "authType": auth_type,
        "scope": scope,
        "handleUsers": list(users),
        "removeHandleUsers": list(remove),
    }


def classes(*accesses: Any) -> dict[str, Any]:
    return {"metaHandle": VALVE, "accessList": list(accesses)}


def single(**said: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "handleUserReaders": [],
        "handleUserWriters": [],
        "delHandleUserReaders": [],
        "delHandleUserWriters": [],
    }
    return {"handle": V1, "grantType": 2, "readerScope": 2, **empty, **said}


# Groups -------------------------------------------------------------------------------------------


async def test_the_list_of_grantees_has_own_identities_own_groups_and_imported_ones(
    hub: Hub, owner: Client, partner: Client
) -> None:
    holder = hub.holder
    await hub.world.identity_groups.create(holder.account, holder.actor, "88.101.2001/Group_own", title="自有")
    assert await owner.done("GET", GROUPS) == [
        {"name": "MES", "userHandle": owner.handle, "type": 1, "belongCompany": "中山示例企业2001"},
        {"name": "自有", "userHandle": "88.101.2001/Group_own", "type": 2, "belongCompany": "中山示例企业2001"},
        {"name": "伙伴", "userHandle": GROUP, "type": 2, "belongCompany": "中山示例企业2002"},
    ]


# Metadata -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "member"), [(META_GRANT, "handleUsers"), (f"{OPEN}/meta/grant-info", "handleList")])
async def test_metadata_are_granted_under_every_published_name(
    owner: Client, partner: Client, path: str, member: str
) -> None:
    assert (await partner.doip(RETRIEVE, VALVE))["code"] == 403
    assert await owner("POST", path, {"scope": 2, "metaHandle": VALVE, member: [GROUP]}) == DONE
    assert (await partner.doip(RETRIEVE, VALVE))["code"] == 1
    removal = {"scope": 2, "metaHandle": VALVE, "handleUsers": [], "removeHandleUsers": [GROUP]}
    assert await owner("POST", path, removal) == DONE
    assert (await partner.doip(RETRIEVE, VALVE))["code"] == 403


async def test_public_metadata_are_everybody_s_until_they_are_not(owner: Client, partner: Client) -> None:
    await owner.done("POST", META_GRANT, {"scope": "1", "metaHandle": VALVE})
    assert (await partner.doip(RETRIEVE, VALVE))["code"] == 1
    await owner.done("POST", META_GRANT, {"scope": 2, "metaHandle": VALVE})
    assert (await partner.doip(RETRIEVE, VALVE))["code"] == 403


async def test_what_is_wrong_with_a_grant_of_metadata(owner: Client, partner: Client) -> None:
    async def refused(**said: Any) -> tuple[int, str]:
        return await owner.refused("POST", META_GRANT, {"metaHandle": VALVE, "scope": 2, **said})

    assert await refused(handleUsers=["88.101.2001/App_none"]) == (
        901,
        "授权的标识用户88.101.2001/App_none不是应用身份",
    )
    code, message = await refused(handleUsers=[partner.handle])
    assert (code, message.startswith(f"授权的标识用户{partner.handle}不是应用身份")) == (901, True)
    assert await refused(metaHandle="88.101.2001/META_none") == (604, "元数据不存在")
    assert (await refused(scope=3))[0] == 30000
    assert (await owner.refused("POST", META_GRANT, {"metaHandle": VALVE}))[0] == 30000
    body = {"metaHandle": VALVE, "scope": 1}
    assert await partner.refused("POST", META_GRANT, body) == (605, "暂无当前元数据的管理权限")


# Classes ------------------------------------------------------------------------------------------


async def test_items_are_made_public_and_taken_back(owner: Client, partner: Client) -> None:
    assert await seen(partner) == 403
    assert await owner("POST", PUBLIC, {"metaHandle": VALVE, "scope": 1, "items": ["productName"]}) == DONE
    assert await seen(partner) == {"productName"}
    assert await owner("POST", PUBLIC, {"metaHandle": VALVE, "scope": 2, "items": ["productName"]}) == DONE
    assert await seen(partner) == 403


async def test_what_is_wrong_with_making_items_public(owner: Client, partner: Client) -> None:
    body = {"metaHandle": VALVE, "scope": 1, "items": ["productName"]}
    assert await partner.refused("POST", PUBLIC, body) == (701, "非本企业标识")
    assert await owner.refused("POST", PUBLIC, {**body, "items": ["none"]}) == (603, "实体none不属于该元数据")
    assert (await owner.refused("POST", PUBLIC, {**body, "items": []}))[0] == 30000
    assert (await owner.refused("POST", PUBLIC, {**body, "scope": 7}))[0] == 30000
    missing = {**body, "metaHandle": "88.101.2001/META_none"}
    assert await owner.refused("POST", PUBLIC, missing) == (604, "元数据不存在")
    withdrawal = {"metaHandleList": [VALVE], "opType": "withdraw"}
    await owner.done("PUT", f"{OPEN}/meta/publish-or-withdraw", withdrawal)
    assert await owner.refused("POST", PUBLIC, body) == (600, "元数据未发布")


async def test_items_of_a_class_are_granted_for_reading_and_writing(owner: Client, partner: Client) -> None:
    assert await owner("POST", CLASS, classes(access("productName", 1, 2, GROUP))) == DONE
    assert await seen(partner) == {"productName"}
    changed = {"type": VALVE, "attributes": {"content": {"colour": "blue"}}}
    assert (await partner.doip(UPDATE, V1, changed))["code"] == 701
    assert await owner("POST", CLASS, classes(access(["colour"], 2, 2, GROUP))) == DONE
    assert await seen(partner) == {"productName", "colour"}
    assert (await partner.doip(UPDATE, V1, changed))["code"] == 1
    both = {"type": VALVE, "attributes": {"content": {"colour": "green", "productName": "x"}}}
    assert (await partner.doip(UPDATE, V1, both))["code"] == 406
    taken = classes(access("colour", 2, 2, remove=(GROUP,)), access("productName", 1, 2, remove=(GROUP,)))
    assert await owner("POST", CLASS, taken) == DONE
    assert await seen(partner) == 403
    elements = (await owner.doip(RETRIEVE, V1))["data"]["elements"]
    assert [one["data"] for one in elements] == ["球阀", "blue"]


async def test_what_is_wrong_with_a_grant_of_a_class(owner: Client, partner: Client) -> None:
    wrong = await owner("POST", CLASS, classes(access("productName", 3, 2, GROUP)))
    assert wrong == {
        "code": 30000,
        "message": "validate.bind.error",
        "data": {"errors": [{"name": "authType", "errorMsg": "授权类型不合符（1查看2编辑）"}]},
    }
    assert await owner.refused("POST", CLASS, classes(access("productName", 2, 1))) == (
        900,
        "实体productName授权类型与范围不匹配",
    )
    nobody = "88.101.2001/App_none"
    assert await owner.refused("POST", CLASS, classes(access("productName", 1, 2, nobody))) == (
        901,
        f"授权的标识用户{nobody}不是应用身份",
    )
    assert (await owner.refused("POST", CLASS, classes(access("productName", 1, 2, partner.handle))))[0] == 901
    assert (await owner.refused("POST", CLASS, classes(access("none", 1, 2, GROUP))))[0] == 603
    assert (await owner.refused("POST", CLASS, classes(access("productName", 1, 9))))[0] == 30000
    assert (await owner.refused("POST", CLASS, classes()))[0] == 30000
    assert (await owner.refused("POST", CLASS, {"metaHandle": VALVE, "accessList": [{"item": "x"}]}))[0] == 30000
    assert await partner.refused("POST", CLASS, classes(access("productName", 1, 1))) == (701, "非本企业标识")
    assert await seen(partner) == 403


async def test_a_grant_that_fails_in_the_middle_changes_nothing(owner: Client, partner: Client) -> None:
    asked = classes(access("productName", 1, 1), access("colour", 1, 2, "88.101.2001/App_none"))
    assert (await owner.refused("POST", CLASS, asked))[0] == 901
    assert await seen(partner) == 403


async def test_metadata_made_again_under_a_name_are_granted_to_nobody(owner: Client, partner: Client) -> None:
    kind = await owner.metadata("88.101.2001/META_again", [item("name"), item("colour")])
    public = {"metaHandle": kind, "scope": 1, "items": ["name"]}
    await owner.done("POST", PUBLIC, public)
    grant = {"metaHandle": kind, "accessList": [access("colour", 1, 2, GROUP)]}
    await owner.done("POST", CLASS, grant)
    await owner.done("PUT", f"{OPEN}/meta/publish-or-withdraw", {"metaHandleList": [kind], "opType": "withdraw"})
    await owner.done("DELETE", f"{OPEN}/meta/delete", query={"metaHandleList": kind})
    await owner.metadata(kind, [item("name"), item("colour")])
    await owner.instance("88.101.2001/A-1", kind, name="x", colour="red")
    assert await seen(partner, "88.101.2001/A-1") == 403


# Single identifiers -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SINGLE, SINGLE_OF_SDK])
async def test_one_identifier_is_granted_by_itself_and_goes_back_to_its_class(
    owner: Client, partner: Client, path: str
) -> None:
    assert await owner("POST", path, single(handleUserReaders=[GROUP])) == DONE
    assert await seen(partner) == {"productName", "colour"}
    assert await owner("POST", path, single(delHandleUserReaders=[GROUP])) == DONE
    assert await seen(partner) == 403
    assert await owner("POST", path, single(readerScope="1", handleUserWriters=[GROUP])) == DONE
    assert await seen(partner) == {"productName", "colour"}
    changed = {"type": VALVE, "attributes": {"content": {"colour": "blue"}}}
    assert (await partner.doip(UPDATE, V1, changed))["code"] == 1
    assert await owner("POST", path, {"handle": V1, "grantType": 1}) == DONE
    assert await seen(partner) == 403
    assert await owner.refused("POST", path, {"handle": V1, "grantType": 1}) == (902, "标识已经为同类授权")


async def test_a_class_s_grants_do_not_reach_an_identifier_by_itself(owner: Client, partner: Client) -> None:
    await owner.done("POST", CLASS, classes(access("productName", 1, 2, GROUP)))
    await owner.done("POST", SINGLE, single())
    assert await seen(partner) == 403


async def test_what_is_wrong_with_a_grant_of_one_identifier(owner: Client, partner: Client) -> None:
    wrong = await owner("POST", SINGLE, single(grantType=3))
    assert wrong == {
        "code": 30000,
        "message": "validate.bind.error",
        "data": {"errors": [{"name": "grantType", "errorMsg": "授权类型不合符（1同类授权2单个授权）"}]},
    }
    assert (await owner.refused("POST", SINGLE, single(readerScope="all")))[0] == 903
    assert (await owner.refused("POST", SINGLE, single(readerScope=None)))[0] == 30000
    assert (await owner.refused("POST", SINGLE, single(readerScope=5)))[0] == 30000
    nobody = "88.101.2001/App_none"
    assert await owner.refused("POST", SINGLE, single(handleUserReaders=[nobody])) == (
        901,
        f"授权的标识用户{nobody}不是应用身份",
    )
    assert await partner.refused("POST", SINGLE, single()) == (701, "非本企业标识")
    assert await owner.refused("POST", SINGLE, single(handle="88.101.2001/V-9")) == (104, "标识对象不存在")
    assert await owner.refused("POST", SINGLE, single(handle="nothing")) == (40508, "标识格式异常")


# Messages -----------------------------------------------------------------------------------------


async def test_those_who_are_granted_something_are_told(hub: Hub, owner: Client, partner: Client) -> None:
    grant_meta = {"scope": 2, "metaHandle": VALVE, "handleUsers": [GROUP]}
    await owner.done("POST", META_GRANT, grant_meta)
    await owner.done("POST", CLASS, classes(access("productName", 1, 2, GROUP)))
    await owner.done("POST", CLASS, classes(access("productName", 1, 2, remove=(GROUP,))))
    await owner.done("POST", SINGLE, single(handleUserReaders=[GROUP]))
    await owner.done("POST", SINGLE, single(delHandleUserReaders=[GROUP]))
    await owner.done("POST", META_GRANT, {"scope": 2, "metaHandle": VALVE, "removeHandleUsers": [GROUP]})
    page = await partner.done("GET", MESSAGES, query={"page": 0, "size": 4})
    assert {name: page[name] for name in ("pageSize", "pageNumber", "totalCount", "totalPage")} == {
        "pageSize": 4,
        "pageNumber": 1,
        "totalCount": 6,
        "totalPage": 2,
    }
    rest = await partner.done("GET", MESSAGES, query={"page": 1, "size": 4})
    told = [*page["content"], *rest["content"]]
    assert [(one["messageTitleType"], one["messageType"]) for one in reversed(told)] == [
        (1, 1),
        (3, 1),
        (6, 2),
        (2, 1),
        (5, 2),
        (4, 2),
    ]
    assert all(
        one.keys() == {"id", "messageTitleType", "messageType", "messageDetail", "createdTime"} for one in told
    )
    assert "中山示例企业2001" in told[-1]["messageDetail"]
    assert told[0]["createdTime"] == "2026-11-21 17:30:00"
    assert (await partner.refused("GET", MESSAGES, query={"page": -1}))[0] == 106


async def test_an_own_application_is_told_of_metadata_that_are_granted_to_it(hub: Hub, owner: Client) -> None:
    other = await hub.client(name="App_wms", number=1)
    await owner.done("POST", META_GRANT, {"scope": 2, "metaHandle": VALVE, "handleUsers": [other.handle]})
    await owner.done("POST", META_GRANT, {"scope": 2, "metaHandle": VALVE, "handleUsers": [other.handle]})
    await owner.done("POST", META_GRANT, {"scope": 2, "metaHandle": VALVE, "removeHandleUsers": [other.handle]})
    content = (await other.done("GET", MESSAGES, query={"page": 0, "size": 10}))["content"]
    assert [one["messageTitleType"] for one in content] == [4, 1]
    assert VALVE in content[0]["messageDetail"]
    assert (await owner.done("GET", MESSAGES, query={"page": 0, "size": 10}))["content"] == []
