"""SNMS, signing in, enterprises, prefixes, files (snms-api 2 to 5, 14, 17): every endpoint and documented message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from node.identifier import Prefix
from registry.accounts.digests import day_digest, inner_digest
from registry.transitions import Verb
from tests.support.node import PASSWORD, Node, running_node
from tests.support.snms import DATA, DEMO, DONE, PNG, TEMPLATE, Snms, Told, application, identifier, valve
from tests.support.world import actor

TOKEN = "/identity/token"
APPLY, UPGRADE = "/snms/api/v3/ent/apply", "/snms/api/v3/ent/upgrade-apply"
WRONG = Told(-2, "用户名/密码错误！", None)
REFUSED = Told(-3, "没有权限", None)
PREFIX = "88.101.3001"
QUIET = {"requests": False}


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, snms={"digest_login": True}, log=QUIET) as node:
        yield node


@pytest.fixture
def admin(node: Node) -> Snms:
    return Snms(node, node.tokens["administrator"])


async def entered(admin: Snms, number: int = 1, prefix: str = PREFIX) -> Snms:
    """The user of an enterprise that has applied, a second after all others."""
    admin.node.world.clock.advance(seconds=1)
    assert await admin("POST", APPLY, application(number, prefix, await admin.papers(3))) == DONE
    token = (await admin.token_of(f"demo_ent{number}", DEMO)).data["token"]
    return Snms(admin.node, token)


async def approve(node: Node, user: Snms, prefix: str = PREFIX) -> None:
    """The reviewer approves enterprise and prefix, the national node verifies, and the administrator hosts."""
    world = node.world
    row = await world.pool.fetchrow("SELECT enterprise_id FROM prefix WHERE prefix = $1", prefix)
    reviewer = world.reviewer
    await world.enterprises.move(reviewer, actor(reviewer), row["enterprise_id"], Verb.APPROVE)
    await world.prefixes.apply_verdict(Prefix.parse(prefix), True, "", True)
    assert user.token


# Signing in ---------------------------------------------------------------------------------------


async def test_a_name_and_a_password_give_a_token(node: Node) -> None:
    nobody = Snms(node, None)
    told = await nobody.token_of("enterprise_user", PASSWORD)
    assert (told.status, told.message, list(told.data)) == (1, "success", ["token"])
    assert (await Snms(node, told.data["token"])("POST", TEMPLATE, valve())) == DONE
    again = await nobody("POST", TOKEN, {"userName": "enterprise_user", "password": PASSWORD})
    assert again.status == 1
    life = "SELECT extract(epoch FROM expires_at - created_at) / 3600 FROM token ORDER BY created_at DESC LIMIT 1"
    assert await node.world.pool.fetchval(life) == 24


async def test_what_is_wrong_with_a_sign_in_is_told_in_the_documented_words(node: Node) -> None:
    nobody = Snms(node, None)
    assert await nobody.token_of("enterprise_user", "wrong") == WRONG
    assert await nobody.token_of("nobody", PASSWORD) == WRONG
    missing = {"username": "缺少必要的请求参数: username", "password": "缺少必要的请求参数: password"}
    for path in (TOKEN, f"{TOKEN}/v1"):
        for name, message in missing.items():
            body = {"username": "a", "password": "b", name: None}
            assert await nobody("POST", path, body) == Told(-2, message, None)
        assert await nobody("POST", path, raw=b'{"username": "a"') == Told(-2, "请求体不是有效的 JSON", None)
        assert await nobody("POST", path, raw=b"") == Told(-2, "请求体不是有效的 JSON", None)
        long = {"username": "x" * 51, "password": "y"}
        assert await nobody("POST", path, long) == Told(-2, "请求参数格式有误: username", None)


async def test_the_ciphered_sign_in_takes_the_digest_of_the_day(node: Node) -> None:
    nobody = Snms(node, None)
    digest = day_digest(inner_digest(PASSWORD), node.world.clock().date())
    told = await nobody("POST", f"{TOKEN}/v1", {"username": "enterprise_user", "password": digest})
    assert told.status == 1
    assert (await Snms(node, told.data["token"])("POST", TEMPLATE, valve())) == DONE
    for wrong in (digest[:-1] + "x", PASSWORD, "0" * 64):
        assert await nobody("POST", f"{TOKEN}/v1", {"username": "enterprise_user", "password": wrong}) == WRONG


async def test_where_the_ciphered_sign_in_is_off_it_says_so(database_url: str) -> None:
    async with running_node(database_url, log=QUIET) as node:
        told = await Snms(node, None)("POST", f"{TOKEN}/v1", {"username": "reviewer", "password": "0" * 64})
        assert told == Told(-2, "本节点未启用密文登录", None)


async def test_an_access_key_signs_in_where_a_name_does(node: Node) -> None:
    keys = f"/v1/accounts/{node.account_ids['enterprise_user']}/access-keys"
    made = (await node("POST", keys, by="enterprise_user", json={"label": "MES"})).json
    told = await Snms(node, None).token_of(made["access_key"], made["secret_key"])
    assert (await Snms(node, told.data["token"])("POST", TEMPLATE, valve())) == DONE
    listed = (await node("GET", keys, by="enterprise_user")).json["items"]
    assert [(key["access_key"], key["label"]) for key in listed] == [(made["access_key"], "MES")]
    assert (await node("DELETE", f"{keys}/{made['access_key']}", by="enterprise_user")).status == 204
    assert await Snms(node, None).token_of(made["access_key"], made["secret_key"]) == WRONG


async def test_the_administrator_registers_a_user_whose_enterprise_comes_later(admin: Snms) -> None:
    user = {**application(1, PREFIX, [1, 1, 1])["sysUser"], "openId": "wx-1"}
    assert await admin("POST", "/identity/registry", user) == DONE
    told = await admin.token_of("demo_ent1", DEMO)
    own = Snms(admin.node, told.data["token"])
    empty = await own("GET", "/snms/api/v3/ent/page")
    assert (empty.status, empty.data["content"], empty.data["totalElements"]) == (1, [], 0)
    assert (await own("GET", "/snms/api/prefix/page")).data["content"] == []
    assert await own("GET", "/snms/api/v3/ent/detail") == Told(-2, "企业不存在", None)
    assert await own("POST", "/identity/registry", user) == REFUSED
    for change, message in (
        ({}, "账号名已被使用"),
        ({"userName": "second"}, "邮箱已被其他账号使用"),
        ({"userName": "second", "email": "second@example.com"}, "手机号已被其他账号使用"),
        ({"userName": None, "username": "second", "password": "123456"},
         "口令摘要有误（应为口令的 SHA-256，64 位十六进制）: password"),
        ({"userName": ""}, "缺少必要的请求参数: userName"),
        ({"email": " "}, "缺少必要的请求参数: email"),
    ):  # fmt: skip
        assert await admin("POST", "/identity/registry", {**user, **change}) == Told(-2, message, None)


# Files --------------------------------------------------------------------------------------------


async def test_an_image_is_uploaded_and_bound_once(admin: Snms) -> None:
    told = await admin.upload("执照.png", PNG)
    assert told.data["path"].endswith(".png")
    ids = [told.data["id"], *await admin.papers(2)]
    assert await admin("POST", APPLY, application(1, PREFIX, ids)) == DONE
    again = await admin("POST", APPLY, application(2, "88.101.3002", ids))
    assert again == Told(-2, "附件已被使用", None)
    lost = await admin("POST", APPLY, application(2, "88.101.3002", [10**6, 10**6, 10**6]))
    assert lost == Told(-2, "附件不存在", None)


async def test_what_is_no_image_or_too_large_is_refused(admin: Snms) -> None:
    assert await admin.upload("执照.png", PNG + bytes(1 << 20)) == Told(-2, "文件过大", None)
    assert (await admin.upload("执照.png", b"%PDF-1.7")).status == -2
    assert (await admin.upload("执照.exe", PNG)).message.startswith("附件类型不支持")
    assert await admin.upload("执照.png", PNG, part="upload") == Told(-2, "缺少必要的请求参数: file", None)
    assert (await admin("POST", "/snms/api/file/upload", {"file": "x"})).message == "表单有误"
    assert (await admin.upload("合同.pdf", b"%PDF-1.7\n" + bytes(2 << 20))).status == 1


# Enterprises --------------------------------------------------------------------------------------


async def test_user_enterprise_and_prefix_are_entered_together_or_not_at_all(admin: Snms) -> None:
    node = admin.node
    papers = await admin.papers(3)
    body = application(1, PREFIX, papers)
    taken = application(1, "88.101.2001", papers)
    count = "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM enterprise), (SELECT count(*) FROM prefix)"
    before = tuple(await node.world.pool.fetchrow(count))
    assert await admin("POST", APPLY, taken) == Told(-2, "前缀已被占用", None)
    body["sysUser"]["userName"] = "reviewer"
    assert await admin("POST", APPLY, body) == Told(-2, "账号名已被使用", None)
    assert tuple(await node.world.pool.fetchrow(count)) == before
    body["sysUser"]["userName"] = "demo_ent1"
    assert await admin("POST", "/snms/api/ent/apply", body) == DONE
    assert tuple(await node.world.pool.fetchrow(count)) == tuple(number + 1 for number in before)
    again = application(2, "88.101.3002", await admin.papers(3))
    again["entBasicInfo"]["orgCrtCode"] = body["entBasicInfo"]["orgCrtCode"]
    assert await admin("POST", APPLY, again) == Told(-2, "统一社会信用代码已被使用", None)
    assert await admin.by("enterprise_user")("POST", APPLY, again) == REFUSED


def within(body: Any, path: str) -> tuple[Any, str]:
    """What holds the member at a path, and the member's name."""
    *parents, name = path.split(".")
    for parent in parents:
        body = body[int(parent) if parent.isdigit() else parent]
    return body, name


def without(path: str) -> Callable[[Any], None]:
    def change(body: Any) -> None:
        holder, name = within(body, path)
        del holder[name]

    return change


def saying(path: str, value: Any) -> Callable[[Any], None]:
    def change(body: Any) -> None:
        holder, name = within(body, path)
        holder[name] = value

    return change


async def test_what_is_missing_or_wrong_in_an_application_is_named(admin: Snms) -> None:
    papers = await admin.papers(3)
    missing = [
        "sysUser", "sysUser.userName", "sysUser.password", "sysUser.email", "sysUser.mobile", "entBasicInfo",
        *(f"entBasicInfo.{name}" for name in (
            "orgName", "orgNature", "orgAddr", "orgAddrProvince", "orgAddrCity", "orgCrtType", "orgCrtCode",
            "orgCrtImgRid", "industryCategory", "industrySpecific", "contactName", "contactCrtType", "contactCrtNo",
            "contactEmail", "contactPhone", "legalName", "legalCrtType", "legalCrtNo", "legalCrtFrontImgRid",
            "legalCrtBackImgRid", "entPrefix")),
        "entRegisterManageInfo", "entRegisterManageInfo.entInfoSyses", "entRegisterManageInfo.servSysBuildType",
        "entRegisterManageInfo.servSysOperType",
    ]  # fmt: skip
    cases = [(without(path), f"缺少必要的请求参数: {path}") for path in missing]
    systems, hosting = "entRegisterManageInfo.entInfoSyses", "entHostingAndIdentifyServeInfo"
    cases += [
        (without(f"{systems}.0.deployAddr"), f"缺少必要的请求参数: {systems}[0].deployAddr"),
        (without(f"{systems}.1.name"), f"缺少必要的请求参数: {systems}[1].name"),
        (without(f"{hosting}.entInfoSerIndustries.0.industryTrade"),
         f"缺少必要的请求参数: {hosting}.entInfoSerIndustries[0].industryTrade"),
        (saying("entBasicInfo.orgNature", "9"), "请求参数格式有误: entBasicInfo.orgNature"),
        (saying("entBasicInfo.establishDate", "2001年"), "请求参数格式有误: entBasicInfo.establishDate"),
        (saying("entBasicInfo.entPrefix", "88.999.1"), "前缀不属于本节点"),
        (saying("entBasicInfo.orgName", {}), "请求参数格式有误: entBasicInfo.orgName"),
        (saying("entBasicInfo.orgCrtCode", "EXAMPLE00000000001"), "统一社会信用代码有误: credit_code"),
    ]  # fmt: skip
    for change, message in cases:
        body = application(1, PREFIX, papers)
        change(body)
        assert await admin("POST", APPLY, body) == Told(-2, message, None)
    body = application(1, PREFIX, papers)
    del body["entRegisterManageInfo"]["entInfoSyses"][3]
    body["entBasicInfo"]["orgAddrCity"] = "440300"
    told = await admin("POST", APPLY, body)
    assert told.status == -2
    assert told.message.startswith("企业资料有误：")
    for word in ("部署信息缺少", "所选市不属于所选省"):
        assert word in told.message
    assert await admin.node.world.pool.fetchval("SELECT count(*) FROM account WHERE name LIKE 'demo%'") == 0


async def test_the_record_is_told_as_it_was_sent_with_people_masked(admin: Snms) -> None:
    user = await entered(admin)
    told = (await user("GET", "/snms/api/v3/ent/detail")).data
    basic, manage, hosting = (
        told[name] for name in ("entBasicInfo", "entRegisterManageInfo", "entHostingAndIdentifyServeInfo")
    )
    sent = application(1, PREFIX, [0, 0, 0])
    masked = {"contactName": "示****", "contactPhone": "138****0000", "contactEmail": "o***@example.com"}
    assert {name: basic[name] for name in masked} == masked
    people = {name for name in basic if name.startswith(("contact", "legal"))}
    other = {"orgDesc": "阀门 制造", "regCapital": 500}
    papers = {"orgCrtImgRid": basic["orgCrtImgRid"]}
    wanted = {**sent["entBasicInfo"], **other, **papers}
    assert {name: basic[name] for name in wanted if name not in people} == {
        name: value for name, value in wanted.items() if name not in people
    }
    first = sent["entRegisterManageInfo"]["entInfoSyses"][0]
    assert {name: manage["entInfoSyses"][0][name] for name in first} == first
    assert (manage["servSysBuildType"], manage["servSysOperType"]) == (1, 2)
    wanted = sent["entHostingAndIdentifyServeInfo"]
    assert {name: hosting[name] for name in wanted} == wanted
    clear = (await admin.by("reviewer")("GET", "/snms/api/v3/ent/detail", id=await number_of(admin))).data
    assert clear["entBasicInfo"]["contactPhone"] == "13800000000"
    assert clear["entBasicInfo"]["legalCrtNo"] == "TEST-0002"


async def number_of(admin: Snms) -> int:
    page = await admin("GET", "/snms/api/v3/ent/page", orgName="示例阀门")
    return int(page.data["content"][0]["id"])


async def test_pages_of_enterprises_count_from_one_and_show_what_one_may_see(admin: Snms) -> None:
    user = await entered(admin)
    page = (await admin("GET", "/snms/api/v3/ent/page", currentPage=1, pageSize=2)).data
    assert {name: page[name] for name in page if name != "content"} == {
        "first": True, "last": False, "totalPages": 2, "totalElements": 3, "number": 1, "size": 2, "sort": None,
        "numberOfElements": 2,
    }  # fmt: skip
    one = page["content"][0]
    assert (one["orgName"], one["orgCrtType"], one["openIds"]) == ("示例阀门1有限公司", "1", [])
    assert one["createDate"] == "2026-11-21 17:30:01"
    last = (await admin("GET", "/snms/api/v3/ent/page", currentPage=2, pageSize=2)).data
    assert (last["first"], last["last"], last["numberOfElements"]) == (False, True, 1)
    own = (await user("GET", "/snms/api/v3/ent/page", startDate="", endDate="")).data
    assert [row["orgName"] for row in own["content"]] == ["示例阀门1有限公司"]
    assert (await admin("GET", "/snms/api/v3/ent/page", startDate="2026-11-22 00:00:00")).data["totalElements"] == 0
    bad = await admin("GET", "/snms/api/v3/ent/page", startDate="morgen")
    assert bad == Told(-2, "请求参数格式有误: startDate", None)
    bad = await admin("GET", "/snms/api/v3/ent/page", currentPage="0")
    assert bad == Told(-2, "请求参数格式有误: currentPage", None)
    number = one["id"]
    assert (await admin("GET", "/snms/api/v3/ent/detail", id=number)).status == 1
    assert await user.by("other")("GET", "/snms/api/v3/ent/detail", id=number) == REFUSED
    assert await admin("GET", "/snms/api/v3/ent/detail", id=10**9) == Told(-2, "企业不存在", None)
    assert await admin("GET", "/snms/api/v3/ent/detail", id="x") == Told(-2, "请求参数格式有误: id", None)
    assert await admin("GET", "/snms/api/v3/ent/detail") == Told(-2, "缺少必要的请求参数: id", None)


async def test_an_existing_user_gets_an_enterprise_and_changes_it_later(admin: Snms) -> None:
    papers = await admin.papers(3)
    body = application(1, PREFIX, papers)
    assert await admin("POST", "/identity/registry", {**body.pop("sysUser"), "openId": "wx-1"}) == DONE
    user = Snms(admin.node, (await admin.token_of("demo_ent1", DEMO)).data["token"])
    body["username"] = "demo_ent1"
    assert await user("POST", UPGRADE, body) == REFUSED
    assert await admin("POST", UPGRADE, body) == DONE
    assert (await user("GET", "/snms/api/v3/ent/detail")).data["entBasicInfo"]["entPrefix"] == PREFIX
    (listed,) = (await user("GET", "/snms/api/v3/ent/page")).data["content"]
    assert listed["openIds"] == ["wx-1"]
    await approve(admin.node, user)
    masked = (await user("GET", "/snms/api/v3/ent/detail")).data["entBasicInfo"]
    body["entBasicInfo"] |= {**{name: masked[name] for name in ("contactPhone", "legalName")}, "orgAddr": "新址2号"}
    assert await user("POST", UPGRADE, body) == DONE
    clear = (await admin.by("reviewer")("GET", "/snms/api/v3/ent/detail", id=await number_of(admin))).data
    assert (clear["entBasicInfo"]["orgAddr"], clear["entBasicInfo"]["contactPhone"]) == ("新址2号", "13800000000")
    assert (await user("GET", "/snms/api/prefix/query", prefix=PREFIX)).data["status"] == 1
    assert await user("POST", UPGRADE, {**body, "username": "other"}) == REFUSED
    assert await user("POST", UPGRADE, {**body, "username": "nobody"}) == REFUSED
    assert await admin("POST", UPGRADE, {**body, "username": "nobody"}) == Told(-2, "账号不存在", None)
    assert await admin("POST", UPGRADE, {**body, "username": "reviewer"}) == Told(-2, "该账号不是企业用户", None)
    del body["username"]
    assert await admin("POST", UPGRADE, body) == Told(-2, "缺少必要的请求参数: username", None)


# Prefixes and hosting -----------------------------------------------------------------------------


async def test_a_prefix_goes_from_application_to_hosting_as_snms_counts_it(admin: Snms) -> None:
    user = await entered(admin)
    node, world = admin.node, admin.node.world

    async def states() -> tuple[int, int, int]:
        queried = (await user("GET", "/snms/api/prefix/query", prefix=PREFIX)).data
        (listed,) = (await user("GET", "/snms/api/prefix/page", entPrefix=PREFIX)).data["content"]
        return queried["status"], listed["state"], listed["proxyState"]

    assert await states() == (4, 0, 1)
    reviewer = world.reviewer
    row = await world.pool.fetchrow("SELECT enterprise_id FROM prefix WHERE prefix = $1", PREFIX)
    await world.enterprises.move(reviewer, actor(reviewer), row["enterprise_id"], Verb.APPROVE)
    assert await states() == (5, 0, 1)
    hosted = {"proxyServerId": 1, "entPrefixConfig": {"entPrefix": PREFIX}}
    assert (await user("POST", "/snms/api/ent/config", hosted)).message == "前缀未启用"
    await world.prefixes.apply_verdict(Prefix.parse(PREFIX), True, "", True)
    assert await states() == (1, 1, 1)
    assert await user("POST", TEMPLATE, valve(prefix=PREFIX)) == DONE
    assert (await user("POST", DATA, identifier("V-1", prefix=PREFIX))).status == -2
    assert await user("POST", "/snms/api/ent/config", hosted) == DONE
    assert await states() == (1, 1, 2)
    await world.hosting.decide(reviewer, actor(reviewer), Prefix.parse(PREFIX), Verb.REJECT, "资料不全")
    assert await states() == (1, 1, 3)
    assert await admin("POST", "/snms/api/ent/config", hosted) == DONE
    assert await states() == (1, 1, 4)
    assert await user("POST", DATA, identifier("V-1", prefix=PREFIX)) == DONE
    await world.prefixes.move(
        world.administrator, actor(world.administrator), Prefix.parse(PREFIX), Verb.SUSPEND, "检查"
    )
    assert await states() == (0, 0, 4)
    assert node.url


async def test_a_self_hosted_prefix_says_where_it_is_answered(admin: Snms) -> None:
    user = await entered(admin)
    await approve(admin.node, user)
    told = {"entPrefix": PREFIX, "hdlType": "HS_SITE", "ipType": "6", "ip": "2001:db8::10", "tcpPort": "2641",
            "udpPort": "", "httpPort": "8081"}  # fmt: skip
    assert await user("POST", "/snms/api/ent/config", {"entPrefixConfig": told}) == DONE
    fourth = {**told, "ipType": 4, "ip": "192.0.2.10", "tcpPort": "", "udpPort": "2641"}
    assert await user("POST", "/snms/api/ent/config", {"entPrefixConfig": fourth}) == DONE
    route = (await admin.node("GET", f"/v1/prefixes/{PREFIX}/route")).json
    assert [site["address"] for site in route["sites"]] == ["192.0.2.10", "2001:db8::10"]
    for change, message in (
        ({"hdlType": "HS_SERV"}, "请求参数格式有误: entPrefixConfig.hdlType"),
        ({"ipType": "4"}, "请求参数格式有误: entPrefixConfig.ipType"),
        ({"ip": ""}, "缺少必要的请求参数: entPrefixConfig.ip"),
        ({"ip": "nowhere"}, "解析路由有误: address"),
        ({"tcpPort": "", "httpPort": None}, "缺少必要的请求参数: entPrefixConfig.tcpPort"),
        ({"tcpPort": "x"}, "请求参数格式有误: entPrefixConfig.tcpPort"),
        ({"entPrefix": ""}, "缺少必要的请求参数: entPrefixConfig.entPrefix"),
    ):
        wrong = {"entPrefixConfig": {**told, **change}}
        assert await user("POST", "/snms/api/ent/config", wrong) == Told(-2, message, None)
    both = {"proxyServerId": 1, "entPrefixConfig": told}
    assert await user("POST", "/snms/api/ent/config", both) == Told(-2, "请求参数格式有误: proxyServerId", None)
    assert await user.by("other")("POST", "/snms/api/ent/config", {"entPrefixConfig": told}) == REFUSED


async def test_a_prefix_is_told_by_name_and_by_page(admin: Snms) -> None:
    user = admin.by("enterprise_user")
    queried = (await user("GET", "/snms/api/prefix/query", prefix="88.101.2001")).data
    assert queried == {
        "prefix": "88.101.2001", "createDate": "2026-11-21 17:30:00", "ghrName": "工业互联网标识解析国家顶级节点",
        "status": 1, "entNameCn": "中山示例企业2001", "entWebSite": None, "entSite": None, "entIndustry": "3441",
        "entAddrCn": None, "entDesc": None,
    }  # fmt: skip
    page = (await user("GET", "/snms/api/prefix/page")).data
    (one,) = page["content"]
    assert (one["entPrefix"], one["entprefix"], one["entName"]) == ("88.101.2001", "88.101.2001", "中山示例企业2001")
    assert (await admin("GET", "/snms/api/prefix/page", entName="企业2002")).data["totalElements"] == 1
    assert await user("GET", "/snms/api/prefix/query") == Told(-2, "缺少必要的请求参数: prefix", None)
    assert await user("GET", "/snms/api/prefix/query", prefix="88.101.2002") == REFUSED
    assert await admin("GET", "/snms/api/prefix/query", prefix="88.101.9") == Told(-2, "前缀不存在", None)


# The whole interface ------------------------------------------------------------------------------


async def test_whatever_is_asked_of_it_answers_in_the_envelope(node: Node) -> None:
    snms = Snms(node, node.tokens["administrator"])
    for method, path, message in (
        ("GET", "/snms/api/v9/nothing", "接口不存在"),
        ("POST", "/identityv2/none", "接口不存在"),
        ("GET", "/snms/api", "接口不存在"),
        ("GET", TOKEN, "不支持的方法"),
        ("PATCH", DATA, "不支持的方法"),
    ):
        assert await snms(method, path) == Told(-2, message, None)
    for raw in (b"\xff\xfe", b"[" * 100_000, b"null", b'"text"', b"{}" * 2, b'{"handle": "\\ud800"}'):
        told = await snms("POST", DATA, raw=raw)
        assert told.status == -2, raw[:20]
    assert (await snms("POST", DATA, raw=b" " * (2 << 20))).message.startswith("请求体过大")
    metrics = (await node("GET", "/metrics", by=None)).body.decode()
    assert 'family="snms"' in metrics


async def test_what_no_text_has_is_refused_wherever_it_is_asked_for(admin: Snms) -> None:
    for path, name in (("v3/ent/page", "orgName"), ("prefix/page", "entName"), ("prefix/query", "prefix")):
        told = await admin("GET", f"/snms/api/{path}", **{name: "a\0b"})
        assert told == Told(-2, f"请求参数格式有误: {name}", None)


async def test_the_interface_can_be_shut(database_url: str) -> None:
    async with running_node(database_url, snms={"enabled": False}, log=QUIET) as node:
        assert (await node("POST", TOKEN, by=None, json={"username": "a", "password": "b"})).status in (404, 405)
        assert (await node("GET", f"{DATA}/detail?handle=88.101.2001/V-1")).status == 404


async def test_while_the_database_is_away_the_system_is_busy(node: Node) -> None:
    node.world.pool.terminate()
    busy = Told(-4, "系统繁忙", None)
    snms = Snms(node, node.tokens["administrator"])
    assert await snms("GET", "/snms/api/prefix/page") == busy
    assert await snms.token_of("reviewer", PASSWORD) == busy
