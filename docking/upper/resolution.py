"""5.3 解析与递归: what an upper's Handle service says of the nodes below it."""

from __future__ import annotations

import asyncio
import secrets
import time
from uuid import uuid4

from docking import reports
from docking.case import Case, Failed, Said, Skipped, case
from docking.handle_port import Address, asked_by_tcp
from docking.handle_service import asked_both_ways, tells_its_site
from docking.node_below import NodeBelow
from docking.upper.verification import apply_for, newest, verdict_on
from node.errors import NodeError
from node.handle_data import Site, decode_site
from node.record import Record
from resolver.handle.codes import ResponseCode

_SITES = ("HS_SITE", "HS_SITE.6")


@case(
    "5.3.1",
    ("站点信息（GET_SITE_INFO）", "site information (GET_SITE_INFO)"),
    ("一个可解码的 HS_SITE", "an HS_SITE that can be decoded"),
)
async def site_info(node: NodeBelow) -> Said:
    return await tells_its_site(_port(node), node.did)


@case(
    "5.3.2",
    ("未知前缀", "an unknown prefix"),
    ("不存在（100），TCP 与 UDP 相同", "not found (100), by TCP and UDP"),
)
async def unknown(node: NodeBelow) -> Said:
    name = f"0.NA/99.{secrets.randbelow(10**9)}"
    for answer in await asked_both_ways(_port(node), name, node.did):
        if answer.code != ResponseCode.HANDLE_NOT_FOUND:
            raise Failed(f"应答码 {answer.code}", f"response code {answer.code}")
    return Said("100", "100")


@case(
    "5.3.3",
    ("上报的路由成为 HS_SITE", "a reported route becomes HS_SITE"),
    (
        "0.NA/前缀 给出上报的地址；改变后给出新地址",
        "0.NA/<prefix> names the reported address, and a later one when it changes",
    ),
    "messages",
)
async def routed(node: NodeBelow) -> Said:
    _port(node)
    for serial in (1, 2):
        address = f"192.0.2.{secrets.randbelow(60) + 60 * serial}"
        await node.settle(node.message("route.node", reports.route(node, address, serial)))
        await _named(node, f"0.NA/{node.prefix}", address)
    return Said("两次都给出上报的地址", "both addresses were given")


@case(
    "5.3.4",
    ("其下的标识得到转介", "an identifier below it is referred"),
    ("不要求递归时 302，指向上报的地址", "302 to the reported address, when no recursion was asked for"),
    "messages",
)
async def referred(node: NodeBelow) -> Said:
    _port(node)
    address = f"192.0.2.{secrets.randbelow(60) + 180}"
    await node.settle(node.message("route.node", reports.route(node, address, 3)))
    await _named(node, f"0.NA/{node.prefix}", address)
    below = node.prefix if node.is_enterprise else f"{node.prefix}.2001"
    for answer in await asked_both_ways(_port(node), f"{below}/{secrets.token_hex(6)}", node.did):
        if answer.referral is None:
            raise Failed(f"应答码 {answer.code}", f"response code {answer.code}")
        values = answer.referral.values
        if not values:  # then it has to be had under the name of the referral
            values = (await asked_by_tcp(_port(node), answer.referral.handle)).values
        if address not in _addresses(values):
            raise Failed("转介中没有该地址", f"the referral does not lead to {address}")
    return Said(f"转介到 {address}", f"referred to {address}")


@case(
    "5.3.5",
    ("企业自行应答的前缀", "a prefix for which its enterprise answers"),
    ("prefix.route 的地址成为该前缀的 HS_SITE", "the sites of prefix.route become its HS_SITE"),
    "verdicts",
)
async def self_hosted(node: NodeBelow) -> Said:
    _port(node)
    name, after = node.fresh_prefix(), await newest(node)
    await apply_for(node, name, application=1)
    if not (await verdict_on(node, after, lambda verdict: verdict.prefix == name)).passed:
        raise Skipped("前缀未通过核验", "the prefix did not pass")
    address = f"198.51.100.{secrets.randbelow(200) + 10}"
    site = {"address": address, "tcp_port": 2641, "udp_port": 2641, "http_port": None}
    body = reports.prefix(name, uuid4(), node.credit_code, "enabled", application=1) | {
        "hosting": "delegated",
        "sites": [site],
    }
    await node.settle(node.message("prefix.route", body))
    await _named(node, f"0.NA/{name}", address)
    return Said(f"给出 {address}", f"{address} was given")


def _port(node: NodeBelow) -> Address:
    if node.handle is None:
        raise Skipped("未给出上级的 Handle 端口", "no Handle port of the upper was named")
    return node.handle


async def _named(node: NodeBelow, name: str, address: str) -> None:
    """Wait until the sites of ``name`` have this address. Raises ``Failed``."""
    ends = time.monotonic() + node.patience
    while True:
        answer = await asked_by_tcp(_port(node), name)
        found = _addresses(answer.values)
        if address in found:
            node.did(f"RESOLVE {name} → {answer.code} {address}")
            return
        if time.monotonic() > ends:
            node.did(f"RESOLVE {name} → {answer.code} {found}")
            raise Failed(
                f"{node.patience:.0f} 秒后 {name} 仍未给出 {address}（{answer.code} {found}）",
                f"{name} does not name {address} after {node.patience:.0f} s but {answer.code} {found}",
            )
        await asyncio.sleep(0.2)


def _addresses(values: Record) -> list[str]:
    try:
        sites: list[Site] = [decode_site(value.data) for value in values if value.type in _SITES]
    except NodeError as error:
        raise Failed("HS_SITE 无法解码", f"an HS_SITE cannot be decoded: {error.detail}") from None
    return [str(server.address) for site in sites for server in site.servers]


CASES: tuple[Case[NodeBelow], ...] = (site_info, unknown, routed, referred, self_hosted)
