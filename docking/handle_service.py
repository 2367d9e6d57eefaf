"""What is asked of the Handle service of either side."""

from __future__ import annotations

from collections.abc import Callable

from docking.case import Failed, Said
from docking.handle_port import Address, Answer, asked_by_tcp, asked_by_udp
from node.errors import NodeError
from node.handle_data import decode_site
from resolver.handle.codes import OpCode, ResponseCode

Did = Callable[[str], None]
"""Told what was done, for the report."""


async def tells_its_site(port: Address, did: Did) -> Said:
    """How many servers its HS_SITE names. Raises ``Failed``."""
    answer = await asked_by_tcp(port, "/", op=OpCode.GET_SITE_INFO)
    did(f"GET_SITE_INFO → {answer.code}")
    if answer.code != ResponseCode.SUCCESS:
        raise Failed(f"应答码 {answer.code}", f"response code {answer.code}")
    try:
        site = decode_site(answer.body)
    except NodeError as error:
        raise Failed("HS_SITE 无法解码", f"the HS_SITE cannot be decoded: {error.detail}") from None
    return Said(f"{len(site.servers)} 台服务器", f"{len(site.servers)} servers")


async def asked_both_ways(port: Address, name: str, did: Did) -> tuple[Answer, Answer]:
    """What it answers about a name by TCP and by UDP."""
    by_tcp, by_udp = await asked_by_tcp(port, name), await asked_by_udp(port, name)
    did(f"RESOLVE {name} → TCP {by_tcp.code}, UDP {by_udp.code}")
    return by_tcp, by_udp
