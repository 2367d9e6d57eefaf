"""``biaoshi mock-national``: the mock national top-level node alone, with faults if asked."""

from __future__ import annotations

from typing import Annotated

import typer

from node.log import configure
from node.terminal import out, run


def mock_national(
    database_url: Annotated[str, typer.Option(help="它自己的数据库 · its own PostgreSQL database")],
    access_key: Annotated[str, typer.Option(help="发给节点的 AccessKey · issued to the node")],
    secret_key: Annotated[str, typer.Option(envvar="BIAOSHI_MOCK_SECRET_KEY", help="SecretKey")],
    prefix: Annotated[str, typer.Option(help="授权给该节点的前缀 · the prefix delegated to the node")] = "88.101",
    host: Annotated[str, typer.Option(help="监听地址 · address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="端口 · port")] = 8900,
    delay_ms: Annotated[int, typer.Option(min=0, max=600_000, help="每个应答延迟 · delay of every answer")] = 0,
    reject_share: Annotated[float, typer.Option(min=0, max=1, help="拒绝有效随机数 · share of nonces refused")] = 0.0,
    busy_share: Annotated[float, typer.Option(min=0, max=1, help="暂缓的消息 · share of messages put off")] = 0.0,
    repeat_share: Annotated[float, typer.Option(min=0, max=1, help="重复确认 · share acknowledged twice")] = 0.0,
    drop_share: Annotated[float, typer.Option(min=0, max=1, help="断开连接 · share of connections reset")] = 0.0,
) -> None:
    """模拟国家顶级节点，可带故障 · the mock national top-level node, with faults if asked."""
    configure("warning")

    from node.national.mock import run_mock
    from node.national.mock_faults import Faults
    from node.national.mock_store import IssuedKey
    from node.national.signature import KeyPair
    from node.supervisor import ParentLink, until_told_to_stop

    faults = Faults(
        delay_ms=delay_ms,
        reject_share=reject_share,
        busy_share=busy_share,
        repeat_share=repeat_share,
        drop_share=drop_share,
    )

    async def work() -> None:
        link = ParentLink()
        keys = [IssuedKey(KeyPair(access_key, secret_key), prefix)]
        async with run_mock(database_url, host, port, keys=keys, faults=faults) as mock:
            out.print(f"模拟国家顶级节点 · mock national node: {mock.url}", highlight=False)
            await until_told_to_stop(link)

    run(work())
