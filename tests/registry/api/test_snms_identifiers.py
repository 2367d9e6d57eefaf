"""SNMS, templates and identifiers (snms-api 6, 7, 14, 17): every endpoint, every documented message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import pytest

from node.journal import Interface
from node.resolutions import Outcome, tenant_of
from registry.transitions import Verb
from tests.support.node import Node, running_node
from tests.support.snms import DATA, DONE, TEMPLATE, Snms, Told, identifier, valve
from tests.support.world import actor


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


@pytest.fixture
async def snms(node: Node) -> Snms:
    """The enterprise's user, with the reference's template."""
    snms = Snms(node, node.tokens["enterprise_user"])
    assert await snms("POST", TEMPLATE, valve()) == DONE
    return snms


def entry(index: int, kind: str, text: str, auth: str = "") -> dict[str, Any]:
    return {"auth": auth, "index": index, "type": kind, "data": {"format": "string", "value": text}}


def values(name: str) -> list[dict[str, Any]]:
    return [entry(1001, "TEMPLATE", "valve-1", "1"), entry(2000, "productName", name)]


# Templates ----------------------------------------------------------------------------------------


async def test_a_template_is_read_as_it_was_made_in_both_versions_and_by_the_old_address(snms: Snms) -> None:
    wanted = {**valve(), "name": "阀门", "handle": "88.101.2001/valve-1"}
    for path in (TEMPLATE, "/snms/api/v3/template", "/snms/api/template/v1"):
        read = await snms("GET", path, prefix="88.101.2001", version="valve-1")
        assert isinstance(read.data.pop("id"), int)
        assert read == Told(1, "success", wanted)


async def test_a_v3_caller_names_no_indexes_and_gets_them_from_2000_in_order(snms: Snms) -> None:
    told = valve(version="阀门-2")
    for item in told["items"]:
        del item["idIndex"], item["state"]
    told["items"][0]["metadata"] = [told["items"][0]["metadata"]]  # an array of one, as the table has it (C-23)
    assert await snms("POST", "/snms/api/v3/template", told) == DONE
    read = await snms("GET", "/snms/api/v3/template", prefix="88.101.2001", version="阀门-2")
    assert [(item["idIndex"], item["idType"], item["state"]) for item in read.data["items"]] == [
        (2000, "productName", 1), (2001, "madeOn", 1),
    ]  # fmt: skip


async def test_a_change_appends_and_disables_and_never_takes_away(snms: Snms) -> None:
    assert await snms("POST", DATA, identifier("V-1", value=[
        entry(2000, "productName", "闸阀"), entry(2001, "madeOn", "2030-01-02")])) == DONE  # fmt: skip
    made_on = {**valve()["items"][1], "state": "0"}
    colour = {"name": "颜色", "idType": "colour", "metadata": {"type": "string", "minLength": 0, "maxLength": 9}}
    change = {"prefix": "88.101.2001", "version": "valve-1", "items": [made_on, colour]}
    assert await snms("PUT", TEMPLATE, change) == DONE
    read = await snms("GET", TEMPLATE, prefix="88.101.2001", version="valve-1")
    assert [(item["idIndex"], item["idType"], item["state"]) for item in read.data["items"]] == [
        (2000, "productName", 1), (2001, "madeOn", 0), (2002, "colour", 1),
    ]  # fmt: skip
    assert (read.data["industrySubclass"], read.data["description"]) == ("3443", "阀门")
    refused = await snms("POST", DATA, identifier("V-2", value=[
        entry(2000, "productName", "闸阀"), entry(2001, "madeOn", "2030-01-02")]))  # fmt: skip
    assert refused.status == -2
    assert "生产日期" in refused.message
    stored = await snms("GET", f"{DATA}/detail", handle="88.101.2001/V-1")
    assert stored.data["value"][2] == entry(2001, "madeOn", "2030-01-02")
    assert await snms("PUT", DATA, identifier("V-1", "球阀")) == DONE
    stored = await snms("GET", f"{DATA}/detail", handle="88.101.2001/V-1")
    assert stored.data["value"] == [*values("球阀"), entry(2001, "madeOn", "2030-01-02")]


FAULTY_TEMPLATES: list[tuple[dict[str, Any], str]] = [
    ({"version": ""}, "缺少必要的请求参数: version"),
    ({"items": []}, "缺少必要的请求参数: items"),
    ({"type": 3}, "请求参数格式有误: type"),
    ({"industryTrade": None}, "缺少必要的请求参数: industryTrade"),
    ({"prefix": "77.1"}, "前缀有误"),
]
FAULTY_ITEMS: list[tuple[dict[str, Any], str]] = [
    ({"idIndex": 1001}, "请求参数格式有误: idIndex"),
    ({"idIndex": 1999}, "请求参数格式有误: idIndex"),
    ({"idType": "madeOn"}, "数据项的名称、英文名或索引重复: items.idType"),
    ({"name": "生产日期"}, "数据项的名称、英文名或索引重复: items.name"),
    ({"idIndex": "2001"}, "数据项的名称、英文名或索引重复: items.idIndex"),
    ({"metadata": {"type": "String", "minLength": 1, "maxLength": 9}}, "请求参数格式有误: metadata.type"),
    ({"metadata": {"type": "string", "maxLength": 9}}, "缺少必要的请求参数: items[0].metadata.minLength"),
]


async def test_what_is_missing_or_wrong_in_a_template_is_named(snms: Snms) -> None:
    for change, message in FAULTY_TEMPLATES:
        sent = valve(**{"version": "valve-2", **change})
        assert await snms("POST", TEMPLATE, sent) == Told(-2, message, None)
    for change, message in FAULTY_ITEMS:
        sent = valve(version="valve-2")
        sent["items"][0] |= change
        assert await snms("POST", TEMPLATE, sent) == Told(-2, message, None)


async def test_a_template_is_made_once_and_deleted_once(snms: Snms) -> None:
    assert await snms("POST", TEMPLATE, valve()) == Told(-2, "数据模板已存在", None)
    key: dict[str, Any] = {"prefix": "88.101.2001", "version": "valve-1"}
    missing = Told(-2, "数据模板不存在", None)
    assert await snms("DELETE", "/snms/api/v3/template", key) == DONE
    assert await snms("DELETE", TEMPLATE, key) == missing
    assert await snms("GET", TEMPLATE, **key) == missing
    assert await snms("PUT", TEMPLATE, valve()) == missing
    assert (await snms("POST", DATA, identifier("V-1"))).message == "数据模板不存在"
    assert await snms("POST", TEMPLATE, valve()) == DONE


async def test_a_template_that_was_used_registers_nothing_after_its_deletion_but_still_tells(snms: Snms) -> None:
    await snms("POST", DATA, identifier("V-1"))
    assert await snms("DELETE", TEMPLATE, {"prefix": "88.101.2001", "version": "valve-1"}) == DONE
    assert (await snms("POST", DATA, identifier("V-2"))).status == -2
    stored = await snms("GET", f"{DATA}/detail", handle="88.101.2001/V-1")
    assert stored.data["value"] == values("闸阀 DN50")


async def test_templates_of_others_are_not_ones_business(snms: Snms) -> None:
    other = snms.by("other")
    for told in (
        await other("GET", TEMPLATE, prefix="88.101.2001", version="valve-1"),
        await other("POST", TEMPLATE, valve(version="x")),
        await other("DELETE", TEMPLATE, {"prefix": "88.101.2001", "version": "valve-1"}),
    ):
        assert told == Told(-3, "没有权限", None)


async def test_templates_made_elsewhere_serve_under_their_names_and_other_kinds_are_not_touched(snms: Snms) -> None:
    told = await snms("POST", DATA, {
        "handle": "88.101.2001/P-1", "templateVersion": "pump",
        "value": [entry(2000, "NAME", "离心泵"), entry(2003, "WEIGHT_KG", "7.5")],
    })  # fmt: skip
    assert told == DONE
    stored = await snms("GET", f"{DATA}/detail", handle="88.101.2001/P-1")
    assert stored.data["templateVersion"] == "pump"
    assert stored.data["value"][2] == entry(2003, "WEIGHT_KG", "7.5")
    refused = await snms("GET", TEMPLATE, prefix="88.101.2001", version="pump")
    assert refused.status == -2


# One identifier -----------------------------------------------------------------------------------


async def test_an_identifier_is_registered_queried_changed_and_deleted(snms: Snms) -> None:
    assert await snms("POST", DATA, identifier("V-0001")) == DONE
    for path in (f"{DATA}/detail", "/api/identityv2/query/data"):
        assert await snms("GET", path, handle="88.101.2001/V-0001") == Told(1, "success", {
            "code": "200", "prefix": "88.101.2001", "handle": "88.101.2001/V-0001", "templateVersion": "valve-1",
            "value": values("闸阀 DN50"),
        })  # fmt: skip
    assert await snms("PUT", DATA, identifier("V-0001", "闸阀 DN65")) == DONE
    assert (await snms("GET", f"{DATA}/detail", handle="88.101.2001/v-0001")).data["value"] == values("闸阀 DN65")
    assert await snms("DELETE", DATA, {"handle": "88.101.2001/V-0001"}) == DONE
    for told in (
        await snms("GET", f"{DATA}/detail", handle="88.101.2001/V-0001"),
        await snms("PUT", DATA, identifier("V-0001")),
        await snms("DELETE", DATA, {"handle": "88.101.2001/V-0001"}),
        await snms("DELETE", DATA, handle="88.101.2001/V-0001"),
    ):
        assert told == Told(-2, "没有找到标识", None)
    answer = await snms.node("GET", "/88.101.2001/V-0001", by=None)
    assert answer.status == 404


async def test_a_query_of_one_identifier_counts_as_a_resolution_by_the_enterprise_that_asks(
    node: Node, snms: Snms
) -> None:
    await snms("POST", DATA, identifier("V-0001"))
    for by, handle in (
        (snms, "88.101.2001/V-0001"), (snms, "88.101.2001/none"), (snms, "88.101.9/A"), (snms, "nothing"),
        (snms.by("other"), "88.101.2001/V-0001"), (snms.by("administrator"), "88.101.2001/V-0001"),
    ):  # fmt: skip
        await by("GET", f"{DATA}/detail", handle=handle)
    await snms.node("GET", "/v1/identifiers/88.101.2001/V-0001")
    await node.counter.write()
    rows = await node.world.pool.fetch("SELECT prefix, interface, outcome, resolutions FROM resolution_count")
    assert {(row["prefix"], row["interface"], row["outcome"]): row["resolutions"] for row in rows} == {
        ("88.101.2001", Interface.SNMS, Outcome.HIT): 2,
        ("88.101.2001", Interface.SNMS, Outcome.MISSING): 1,
        ("88.101.2001", Interface.SNMS, Outcome.DENIED): 1,
        ("", Interface.SNMS, Outcome.MISSING): 1,
    }


async def test_whose_account_acts_from_an_address_is_noted_whichever_interface_it_uses(
    node: Node, snms: Snms
) -> None:
    await node("GET", "/v1/prefixes", by="other")
    await node("GET", "/v1/prefixes", by="administrator")
    await node("GET", "/v1/prefixes", by=None)
    node.counter.settle()
    tenants = [tenant_of(cast("UUID", holder.account.enterprise_id)) for holder in (node.holder, node.other)]
    assert snms.node is node  # who has made a template by SNMS
    assert set(node.counter._tenants_seen) == {("127.0.0.1", tenant) for tenant in tenants}


async def test_a_repeated_create_says_that_it_exists_and_changes_nothing(snms: Snms) -> None:
    await snms("POST", DATA, identifier("V-1"))
    before = await snms.node.world.traces()
    for again in (identifier("V-1"), identifier("v-1", "另一阀")):
        assert await snms("POST", DATA, again) == Told(-2, "标识已存在", None)
    assert (await snms("POST", f"{DATA}/batchCreate", [identifier("V-1")])).rows == [
        ("88.101.2001/V-1", -2, "标识已存在")
    ]
    assert await snms.node.world.traces() == before


FAULTY_IDENTIFIERS: list[tuple[Any, str]] = [
    (identifier("V-1", handle=None), "缺少必要的请求参数: handle"),
    (identifier("V-1", templateVersion=""), "缺少必要的请求参数: templateVersion"),
    (identifier("V-1", value=[]), "缺少必要的请求参数: value"),
    (identifier("V-1", value=[entry(1000, "TEMPLATE_ID", "x")]), "非法操作，索引1000在模板中不存在"),
    (identifier("V-1", value=[entry(1001, "TEMPLATE", "x")]), "非法操作，索引1001在模板中不存在"),
    (identifier("V-1", value=[entry(2002, "productName", "x")]), "非法操作，索引2002在模板中不存在"),
    (identifier("V-1", value=[entry(2000, "madeOn", "x")]), "非法操作，索引2000的类型与模板不一致"),
    (identifier("V-1", value=[{"type": "productName"}]), "缺少必要的请求参数: value[0].index"),
    (identifier("V-1", value=[{"index": 2000, "type": "productName"}]), "缺少必要的请求参数: value[0].data"),
    (
        identifier("V-1", value=[entry(2000, "productName", "x" * 101)]),
        "标识数据有误：产品名称: 最多 100 个字符，实际 101 个",
    ),
    (identifier("V-1", value=[entry(2001, "madeOn", "2030-01-02")]), "标识数据有误：产品名称: 必填"),
    (identifier("V-1", value=[{"index": "many"}]), "请求参数格式有误: value[0].index"),
    (identifier("V-1", templateVersion="valve-9"), "数据模板不存在"),
    (identifier("V-1", prefix="88.101.9999"), "前缀不存在"),
    (identifier("x" * 255), "请求参数格式有误: handle"),
    ({}, "缺少必要的请求参数: handle"),
    ([], "请求参数格式有误: (body)"),
]


async def test_what_is_wrong_with_an_identifier_is_told_in_the_documented_words(snms: Snms) -> None:
    for body, message in FAULTY_IDENTIFIERS:
        assert await snms("POST", DATA, body) == Told(-2, message, None)
        if not message.startswith("标识数据有误"):  # what is to be changed has to be there first
            assert await snms("PUT", DATA, body) == Told(-2, message, None)
    assert await snms.node.world.pool.fetchval("SELECT count(*) FROM identifier") == 0


async def test_spellings_of_the_guide_are_taken_too(snms: Snms) -> None:
    value = {"index": "2000", "type": "productName", "data": {"format": "string", "vlaue": "闸阀"}}
    assert await snms("POST", DATA, identifier("V-1", value=[value])) == DONE
    assert (await snms("GET", f"{DATA}/detail", handle="88.101.2001/V-1")).data["value"] == values("闸阀")
    assert await snms("DELETE", DATA, handle="88.101.2001/V-1") == DONE


async def test_a_query_without_handle_says_which_parameter_is_missing(snms: Snms) -> None:
    assert await snms("GET", f"{DATA}/detail") == Told(-2, "缺少必要的请求参数: handle", None)


async def test_who_is_not_signed_in_or_not_the_owner_is_told_so(snms: Snms) -> None:
    await snms("POST", DATA, identifier("V-1"))
    nobody = Told(-1, "没有登录，需要验证", None)
    for token in (None, "eyJhbGciOi", snms.token[:-1] + "x" if snms.token else ""):
        assert await Snms(snms.node, token)("POST", DATA, identifier("V-2")) == nobody
    other = snms.by("other")
    refused = Told(-3, "没有权限", None)
    assert await other("POST", DATA, identifier("V-2")) == refused
    assert await other("DELETE", DATA, {"handle": "88.101.2001/V-1"}) == refused
    assert (await other("POST", f"{DATA}/batchCreate", [identifier("V-2")])).rows == [
        ("88.101.2001/V-2", -3, "没有权限")
    ]
    assert await snms.by("administrator")("POST", DATA, identifier("V-2")) == DONE


async def test_under_a_suspended_prefix_nothing_is_registered(snms: Snms) -> None:
    world = snms.node.world
    await world.prefixes.move(
        world.administrator, actor(world.administrator), snms.node.holder.prefix, Verb.SUSPEND, "检查"
    )
    assert await snms("POST", DATA, identifier("V-1")) == Told(-2, "前缀未启用", None)


# Batches ------------------------------------------------------------------------------------------


async def test_every_row_of_a_batch_has_its_own_answer(snms: Snms) -> None:
    rows = [
        identifier("V-1"),
        identifier("V-1"),
        identifier("V-2", value=[entry(1001, "TEMPLATE", "valve-1")]),
        identifier("V-3", prefix="88.101.2002"),
        {"templateVersion": "valve-1"},
        identifier("V-4", value="none"),
        identifier("V-5"),
    ]
    handles = [f"88.101.200{digit}/V-{number}" for digit, number in ((1, 1), (1, 1), (1, 2), (2, 3))]
    created = await snms("POST", f"{DATA}/batchCreate", rows)
    assert created.rows == [
        (handles[0], 1, "success"), (handles[1], -2, "标识已存在"),
        (handles[2], -2, "非法操作，索引1001在模板中不存在"), (handles[3], -3, "没有权限"),
        ("", -2, "缺少必要的请求参数: handle"), ("", -2, "请求参数格式有误: value"),
        ("88.101.2001/V-5", 1, "success"),
    ]  # fmt: skip
    updated = await snms("PUT", f"{DATA}/batchUpdate", [identifier("V-1", "球阀"), identifier("V-9")])
    assert updated.rows == [("88.101.2001/V-1", 1, "success"), ("88.101.2001/V-9", -2, "标识不存在")]
    assert (await snms("GET", f"{DATA}/detail", handle="88.101.2001/V-1")).data["value"] == values("球阀")


async def test_a_batch_deletion_takes_a_bare_array_or_an_object(snms: Snms) -> None:
    await snms("POST", f"{DATA}/batchCreate", [identifier("V-1"), identifier("V-2")])
    deleted = await snms("DELETE", f"{DATA}/batchDelete", ["88.101.2001/V-1", "88.101.2001/V-9", "V-8"])
    assert [row[1:] for row in deleted.rows[:2]] == [(1, "success"), (-2, "标识不存在")]
    assert deleted.rows[2][1] == -2
    again = await snms("DELETE", f"{DATA}/batchDelete", {"handles": ["88.101.2001/V-2", "88.101.2001/V-1"]})
    assert again.rows == [("88.101.2001/V-2", 1, "success"), ("88.101.2001/V-1", -2, "标识不存在")]


async def test_two_thousand_rows_are_taken_and_one_more_is_refused(snms: Snms) -> None:
    rows = [identifier(f"V-{number:05d}") for number in range(2001)]
    for method, path, body in (
        ("POST", "batchCreate", rows),
        ("PUT", "batchUpdate", rows),
        ("DELETE", "batchDelete", [row["handle"] for row in rows]),
    ):
        told = await snms(method, f"{DATA}/{path}", body)
        assert told == Told(-2, "单次提交的标识数量超过上限2000", None)
    bad = {100: identifier("V-00001"), 200: identifier("X", value=[entry(2009, "x", "y")])}
    created = await snms("POST", f"{DATA}/batchCreate", [bad.get(n, row) for n, row in enumerate(rows[:2000])])
    assert {number: row[1:] for number, row in enumerate(created.rows) if row[1] != 1} == {
        100: (-2, "标识已存在"), 200: (-2, "非法操作，索引2009在模板中不存在"),
    }  # fmt: skip
    assert await snms.node.world.pool.fetchval("SELECT count(*) FROM identifier") == 1998
    interfaces = await snms.node.world.pool.fetchval("SELECT array_agg(DISTINCT interface) FROM identifier_history")
    assert interfaces == [9]
