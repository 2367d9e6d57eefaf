"""``biaoshi trace``: the way to an identifier's record, hop by hop, as ``dig +trace`` shows it for names."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from node.terminal import LOCAL_NODE, ServerOption, out, run

IdentifierArgument = Annotated[str, typer.Argument(metavar="ID", help="标识，如 88.102.7/P-1 · the identifier")]
RootOption = Annotated[
    str | None,
    typer.Option(
        "--root", metavar="HOST:PORT", help="自行从该 Handle 服务逐跳解析 · ask hop by hop from here, beginning there"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON 输出 · the answer of /v1/public/trace")]

_EVERYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))  # who types the command decides
_CAME = {
    "record": "记录 record",
    "delegation": "委派 delegation",
    "referral": "转介 referral",
    "missing": "不存在 missing",
    "refused": "拒绝 refused",
    "silent": "无应答 silent",
    "disbelieved": "不可信 disbelieved",
    "resting": "暂停询问 resting",
    "forbidden": "不允许 forbidden",
}


def trace(
    identifier: IdentifierArgument,
    server: ServerOption = LOCAL_NODE,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """逐跳显示标识的解析路径 · how an identifier is resolved, hop by hop; status 1 without a record."""
    answer = run(_from_root(identifier, root) if root else _at_node(identifier, server))
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        for line in trace_tables(answer):
            out.print(line)
    if answer["came"] != "record":
        raise typer.Exit(1)


async def _at_node(identifier: str, server: str) -> Any:
    from node.client import connect

    async with connect(server) as client:
        return await client.get("/v1/public/trace", identifier=identifier)


async def _from_root(identifier: str, root: str) -> dict[str, Any]:
    from node.outward import Outward
    from resolver.http.handle_json import value_json
    from resolver.recursion.delegation import roots_of
    from resolver.recursion.hop import Hop
    from resolver.recursion.recursion import Recursion, RecursionLimits
    from resolver.recursion.tracing import traced

    hops: list[Hop] = []
    async with Recursion(roots_of([root]), Outward(_EVERYWHERE), RecursionLimits()) as recursion:
        ended = await traced(recursion.trace(identifier, hops=hops), hops)
    return {
        "identifier": identifier,
        "came": ended.came,
        "server": ended.server,
        "detail": ended.detail,
        "hops": [asdict(hop) for hop in ended.hops],
        "values": [value_json(value) for value in ended.values],
    }


def trace_tables(answer: Mapping[str, Any]) -> Iterable[Table | Text]:
    """The hops, what they ended with, and the values, for people."""
    hops = Table("", "服务器 server", "问题 question", "结果 result", "rc", "ms", "说明 detail")
    for number, hop in enumerate(answer["hops"], 1):
        code = "" if hop["code"] is None else str(hop["code"])
        hops.add_row(
            str(number), _safe(hop["server"]), _safe(hop["question"]), _CAME.get(hop["came"], hop["came"]), code,
            f"{hop['milliseconds']:.1f}", _safe(hop["detail"]),
        )  # fmt: skip
    yield hops
    told = f"{_CAME.get(answer['came'], answer['came'])} · {answer['server']}"
    yield _safe(f"{told} · {answer['detail']}" if answer["detail"] else told)
    if answer["values"]:
        values = Table("索引 index", "类型 type", "数据 data", "TTL")
        for value in answer["values"]:
            data = value["data"]["value"]
            shown = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
            values.add_row(str(value["index"]), _safe(value["type"]), _safe(shown), str(value["ttl"]))
        yield values


def _safe(text: str) -> Text:
    """Without what would steer the terminal: it comes from whoever registered it."""
    return Text("".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text))
