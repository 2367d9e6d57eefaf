"""``biaoshi mock-national``: the mock national top-level node alone, with faults if asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.errors import Malformed
from node.log import configure
from node.national.signature import KeyPair
from node.own_certificate import Pair
from node.terminal import out, run

if TYPE_CHECKING:
    from mocknational.store import IssuedKey

_NODE_FORM = "ACCESS_KEY:SECRET_KEY:PREFIX"


class NodeOptionUnreadable(Malformed):
    title_zh = "节点选项有误"


def mock_national(
    database_url: Annotated[str, typer.Option(help="它自己的数据库 · its own PostgreSQL database")],
    access_key: Annotated[str, typer.Option(help="发给节点的 AccessKey · issued to the node")] = "",
    secret_key: Annotated[str, typer.Option(envvar="BIAOSHI_MOCK_SECRET_KEY", help="SecretKey")] = "",
    prefix: Annotated[str, typer.Option(help="授权给该节点的前缀 · the prefix delegated to the node")] = "88.101",
    node: Annotated[
        list[str] | None,
        typer.Option(envvar="BIAOSHI_MOCK_NODES", metavar=_NODE_FORM, help="更多节点 · other nodes too"),
    ] = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="自动通过接入申请 · approve applications at once")
    ] = False,
    host: Annotated[str, typer.Option(help="监听地址 · address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="接口端口 · port of the interface")] = 8900,
    handle_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Handle 端口，0 不开 · of its Handle service; 0: none")
    ] = 3641,
    certificate: Annotated[
        Path | None, typer.Option(help="接口改用 HTTPS · PEM: the interface by HTTPS", dir_okay=False)
    ] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="证书私钥 · PEM private key", dir_okay=False)] = None,
    canary_per_minute: Annotated[float, typer.Option(min=0, help="每节点每分钟探测解析 · canaries per node")] = 0.0,
    canary_source: Annotated[str, typer.Option(help="探测的源地址 · where canaries come from")] = "127.9.9.9",
    delay_ms: Annotated[int, typer.Option(min=0, max=600_000, help="每个应答延迟 · delay of every answer")] = 0,
    reject_share: Annotated[float, typer.Option(min=0, max=1, help="拒绝有效随机数 · share of nonces refused")] = 0.0,
    wrong_signature_share: Annotated[
        float, typer.Option(min=0, max=1, help="称签名有误 · share of signatures called wrong")
    ] = 0.0,
    clock_skew_seconds: Annotated[float, typer.Option(help="时钟偏差 · how far its clock is off")] = 0.0,
    busy_share: Annotated[float, typer.Option(min=0, max=1, help="暂缓的消息 · share of messages put off")] = 0.0,
    repeat_share: Annotated[float, typer.Option(min=0, max=1, help="重复确认 · share acknowledged twice")] = 0.0,
    drop_share: Annotated[float, typer.Option(min=0, max=1, help="断开连接 · share of connections reset")] = 0.0,
    stopped: Annotated[bool, typer.Option("--stopped", help="不应答 · as if nobody were there")] = False,
) -> None:
    """模拟国家顶级节点，可带故障 · the mock national top-level node, with faults if asked."""
    configure("warning")

    from mocknational.canaries import CanaryPlan
    from mocknational.faults import Faults
    from mocknational.mock import run_mock
    from node.garbage import collect_seldom
    from node.supervisor import ParentLink, until_told_to_stop

    faults = Faults(
        delay_ms=delay_ms,
        reject_share=reject_share,
        wrong_signature_share=wrong_signature_share,
        clock_skew_seconds=clock_skew_seconds,
        busy_share=busy_share,
        repeat_share=repeat_share,
        drop_share=drop_share,
        stopped=stopped,
    )

    async def work() -> None:
        link = ParentLink()
        async with run_mock(
            database_url,
            host,
            port,
            handle_port=handle_port or None,
            pair=_pair(certificate, certificate_key),
            keys=_keys(access_key, secret_key, prefix, node or []),
            faults=faults,
            approve=approve,
            canaries=CanaryPlan(canary_per_minute, canary_source),
        ) as mock:
            out.print(f"模拟国家顶级节点 · mock national node: {mock.url}", highlight=False)
            collect_seldom()
            await until_told_to_stop(link)

    run(work())


def _keys(access_key: str, secret_key: str, prefix: str, nodes: list[str]) -> list[IssuedKey]:
    """Raises ``NodeOptionUnreadable``, ``KeyPairInvalid``."""
    from mocknational.store import IssuedKey

    told = [(access_key, secret_key, prefix)] if access_key else []
    for text in nodes:
        parts = text.split(":")
        if len(parts) != 3 or not all(parts):
            raise NodeOptionUnreadable(f"--node takes {_NODE_FORM}")
        told.append((parts[0], parts[1], parts[2]))
    return [IssuedKey(KeyPair(access, secret), delegated) for access, secret, delegated in told]


def _pair(certificate: Path | None, key: Path | None) -> Pair | None:
    """Raises ``NodeOptionUnreadable``."""
    if (certificate is None) is not (key is None):
        raise NodeOptionUnreadable("--certificate and --certificate-key are given together or not at all")
    return Pair(certificate, key) if certificate is not None and key is not None else None
