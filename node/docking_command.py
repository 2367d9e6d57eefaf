"""``biaoshi docking-test``: whether an upper or a lower side of the interface keeps to it, told by a report."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node import __version__
from node.errors import Malformed
from node.log import configure
from node.resolve_command import server_of
from node.terminal import err, out, run

if TYPE_CHECKING:
    from docking.case import Finding

_UPPER, _LOWER = "上级 · the upper side", "下级 · the lower side"
_SECRET, _LOWER_SECRET = "BIAOSHI_DOCKING_SECRET_KEY", "BIAOSHI_DOCKING_LOWER_SECRET_KEY"


class DockingTestIncomplete(Malformed):
    title_zh = "对接测试的参数不全"


def docking_test(
    upper: Annotated[
        str | None, typer.Option(metavar="URL", help="被测上级 · the upper under test", rich_help_panel=_UPPER)
    ] = None,
    access_key: Annotated[
        str, typer.Option(help="上级为测试发放的 AccessKey · issued for the test", rich_help_panel=_UPPER)
    ] = "",
    secret_key: Annotated[str, typer.Option(envvar=_SECRET, help="SecretKey", rich_help_panel=_UPPER)] = "",
    prefix: Annotated[
        str, typer.Option(help="只用于测试的前缀 · a prefix that exists for the test", rich_help_panel=_UPPER)
    ] = "",
    credit_code: Annotated[
        str,
        typer.Option(help="前缀持有者的信用代码，若上级已登记 · credit code of its holder", rich_help_panel=_UPPER),
    ] = "",
    upper_handle: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="其 Handle 端口 · its Handle port", rich_help_panel=_UPPER)
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option(exists=True, help="上级证书的签发者 (PEM) · who signs its certificate", rich_help_panel=_UPPER),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(exists=True, help="客户端证书 (PEM) · client certificate", rich_help_panel=_UPPER),
    ] = None,
    certificate_key: Annotated[
        Path | None, typer.Option(exists=True, help="其私钥 (PEM) · its private key", rich_help_panel=_UPPER)
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="考官的地址，被测节点指向它 · where the node under test is pointed",
            rich_help_panel=_LOWER,
        ),
    ] = None,
    listen_authority: Annotated[
        Path | None,
        typer.Option(
            help="以 HTTPS 监听，签发者写入此文件 · listen by HTTPS; its authority is written there",
            rich_help_panel=_LOWER,
        ),
    ] = None,
    lower: Annotated[
        str, typer.Option(metavar="URL", help="被测节点的 HTTP · the node's HTTP", rich_help_panel=_LOWER)
    ] = "",
    lower_prefix: Annotated[
        str, typer.Option(help="被测节点的前缀 · the node's prefix", rich_help_panel=_LOWER)
    ] = "",
    lower_access_key: Annotated[
        str,
        typer.Option(
            help="节点已有的 AccessKey；无则等其申请 · what it holds; none: it applies", rich_help_panel=_LOWER
        ),
    ] = "",
    lower_secret_key: Annotated[
        str, typer.Option(envvar=_LOWER_SECRET, help="SecretKey", rich_help_panel=_LOWER)
    ] = "",
    handle: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="节点的 Handle · the node's", rich_help_panel=_LOWER)
    ] = None,
    identifier: Annotated[
        str,
        typer.Option(
            help="可为测试封堵、其前缀可停用的标识 · may be blocked, its prefix suspended", rich_help_panel=_LOWER
        ),
    ] = "",
    patience: Annotated[float, typer.Option(min=1, help="等待对方的秒数 · seconds to wait for it")] = 90,
    json_file: Annotated[Path | None, typer.Option("--json", help="报告写入 · report as JSON")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="报告写入 · report as a page")] = None,
) -> None:
    """对接测试：上级、下级或两者 · test an upper, a lower, or both; status 1 if a case failed."""
    configure("error")

    from docking.case import Outcome, Side
    from docking.lower.programme import LowerUnderTest, examine_lower
    from docking.node_below import CREDIT_CODE
    from docking.page import as_html
    from docking.report import OUTCOMES, Report, as_json, summary, table
    from docking.upper.programme import Trust, UpperUnderTest, examine_upper
    from node.national.signature import KeyPair

    def clock() -> datetime:
        return datetime.now(UTC)

    def told(finding: Finding) -> None:
        colour = {Outcome.PASSED: "green", Outcome.FAILED: "bold red"}.get(finding.outcome, "yellow")
        outcome = OUTCOMES[finding.outcome]
        err.print(f"{finding.number:7} [{colour}]{outcome.zh} {outcome.en}[/]  {finding.title.zh}", highlight=False)

    def ready(url: str) -> None:
        err.print(f"请将被测节点的 national.url 指向 · point the node's national.url to: {url}", highlight=False)

    async def work() -> Report:
        started, findings, tested = clock(), [], {}
        if upper is not None:
            if not prefix:
                raise DockingTestIncomplete("--upper needs --access-key, its secret, and --prefix")
            trust = Trust(authority, certificate, certificate_key)
            address = server_of(upper_handle) if upper_handle else None
            keys = KeyPair(access_key, secret_key)
            side = UpperUnderTest(upper, keys, prefix, address, trust, credit_code or CREDIT_CODE)
            tested[Side.UPPER] = f"{upper} ({prefix})"
            findings += await examine_upper(side, told, patience=patience, clock=clock)
        if listen is not None:
            if not lower_prefix:
                raise DockingTestIncomplete("--listen needs --lower-prefix")
            held = KeyPair(lower_access_key, lower_secret_key) if lower_access_key else None
            node = LowerUnderTest(
                lower_prefix, server_of(listen), held, lower, server_of(handle) if handle else None, identifier,
                listen_authority,
            )  # fmt: skip
            tested[Side.LOWER] = f"{lower or listen} ({lower_prefix})"
            findings += await examine_lower(node, told, patience=patience, clock=clock, ready=ready)
        if not tested:
            raise DockingTestIncomplete("name --upper, or --listen for a lower side, or both")
        return Report(__version__, started, clock(), tested, findings)

    report = run(work())
    out.print(table(report))
    out.print(summary(report), highlight=False)
    if json_file is not None:
        json_file.write_bytes(as_json(report))
    if html_file is not None:
        html_file.write_text(as_html(report), encoding="utf-8")
    raise typer.Exit(1 if report.failed else 0)
