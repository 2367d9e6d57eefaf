"""5.3 解析与递归: how the node under test answers at its Handle port."""

from __future__ import annotations

import secrets

import aiohttp

from docking.case import Case, Failed, Said, Skipped, case
from docking.examiner import Examiner
from docking.handle_port import PLAIN, Answer, asked_by_tcp
from docking.handle_service import asked_both_ways, tells_its_site
from docking.lower.resolving import port_of, resolves
from node.record import encode_values
from resolver.handle.codes import Flag, ResponseCode

_SENDS_ELSEWHERE = (
    ResponseCode.NOT_RESPONSIBLE,
    ResponseCode.SERVICE_REFERRAL,
    ResponseCode.PREFIX_REFERRAL,
)
_TOO_MANY = 255


@case(
    "5.3.1",
    ("站点信息（GET_SITE_INFO）", "site information (GET_SITE_INFO)"),
    ("一个可解码的 HS_SITE", "an HS_SITE that can be decoded"),
)
async def site_info(examiner: Examiner) -> Said:
    return await tells_its_site(port_of(examiner), examiner.did)


@case(
    "5.3.2",
    ("已注册的标识，TCP 与 UDP", "a registered identifier, by TCP and UDP"),
    ("应答码与值相同", "the same code and values by both"),
)
async def both_ways(examiner: Examiner) -> Said:
    name = await resolves(examiner)
    by_tcp, by_udp = await _both(examiner, name)
    if by_udp.code != by_tcp.code or encode_values(by_udp.values) != encode_values(by_tcp.values):
        raise Failed(f"TCP {by_tcp.code}，UDP {by_udp.code}", f"TCP {by_tcp.code}, UDP {by_udp.code}: they differ")
    return Said(f"{name}：{len(by_tcp.values)} 个值", f"{name}: {len(by_tcp.values)} values")


@case(
    "5.3.3",
    ("大小写不同的同一标识", "the same identifier in other case"),
    ("同样的值", "the same values"),
)
async def folded(examiner: Examiner) -> Said:
    name = await resolves(examiner)
    swapped = "".join(letter.swapcase() if letter.isascii() else letter for letter in name)
    one, other = [await asked_by_tcp(port_of(examiner), spelt) for spelt in (name, swapped)]
    if one.code != other.code or encode_values(one.values) != encode_values(other.values):
        raise Failed(f"{swapped} 应答码 {other.code}", f"{swapped} was answered {other.code}")
    return Said("相同", "the same")


@case(
    "5.3.4",
    ("前缀下未注册的标识", "an identifier that is not registered"),
    ("不存在（100），TCP 与 UDP 相同", "not found (100), by TCP and UDP"),
)
async def missing(examiner: Examiner) -> Said:
    prefix = (await resolves(examiner)).partition("/")[0]
    for answer in await _both(examiner, f"{prefix}/docking-test-{secrets.token_hex(8)}"):
        if answer.code != ResponseCode.HANDLE_NOT_FOUND:
            raise Failed(f"应答码 {answer.code}", f"response code {answer.code}")
    return Said("100", "100")


@case(
    "5.3.5",
    ("外部前缀，未要求递归", "a foreign prefix, no recursion asked for"),
    ("不负责（301）或转介（302、303），不答“不存在”", "not responsible (301) or a referral, never not found"),
)
async def foreign(examiner: Examiner) -> Said:
    codes = []
    for answer in await _both(examiner, f"99.{secrets.randbelow(10**6)}.1/docking-test"):
        codes.append(answer.code)
        if answer.code not in _SENDS_ELSEWHERE:
            raise Failed(f"应答码 {answer.code}", f"response code {answer.code}")
    return Said(f"{codes[0]}", f"{codes[0]}")


@case(
    "5.3.6",
    ("递归次数已用尽的问题", "a question that was passed on too often"),
    ("不再向他人询问：6、301 或转介", "nobody is asked any more: 6, 301 or a referral"),
)
async def too_many_hops(examiner: Examiner) -> Said:
    flags = PLAIN | int(Flag.RECURSIVE)
    name = f"99.{secrets.randbelow(10**6)}.1/docking-test"
    answer = await asked_by_tcp(port_of(examiner), name, flags=flags, recursion=_TOO_MANY)
    examiner.did(f"RESOLVE {name}, recursion count {_TOO_MANY} → {answer.code}")
    if answer.code not in (*_SENDS_ELSEWHERE, ResponseCode.RECURSION_TOO_HIGH):
        raise Failed(f"应答码 {answer.code}", f"response code {answer.code}")
    return Said(f"{answer.code}", f"{answer.code}")


@case(
    "5.3.7",
    ("HTTP 解析与 Handle 解析一致", "resolution by HTTP agrees with that by Handle"),
    ("/api/handles/ 的值与 Handle 应答相同", "the values of /api/handles/ are those of the Handle answer"),
)
async def by_http(examiner: Examiner) -> Said:
    if not examiner.http:
        raise Skipped("未给出节点的 HTTP 地址", "no HTTP address of the node was named")
    name = await resolves(examiner)
    by_handle = await asked_by_tcp(port_of(examiner), name)
    url = f"{examiner.http.rstrip('/')}/api/handles/{name}"
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(10)) as session,
            session.get(url) as response,
        ):
            answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise Failed(f"{url} 没有应答", f"no answer of {url}: {type(error).__name__}") from None
    examiner.did(f"GET {url} → {response.status}")
    found = {(int(value["index"]), str(value["type"])) for value in answer.get("values", [])}
    expected = {(value.index, value.type) for value in by_handle.values}
    if answer.get("responseCode") != by_handle.code or found != expected:
        raise Failed(
            f"responseCode {answer.get('responseCode')}，值 {sorted(found)}",
            f"responseCode {answer.get('responseCode')} with {sorted(found)} instead of {sorted(expected)}",
        )
    return Said(f"{len(found)} 个值相同", f"the same {len(found)} values")


async def _both(examiner: Examiner, name: str) -> tuple[Answer, Answer]:
    return await asked_both_ways(port_of(examiner), name, examiner.did)


CASES: tuple[Case[Examiner], ...] = (
    site_info, both_ways, folded, missing, foreign, too_many_hops, by_http,
)  # fmt: skip
