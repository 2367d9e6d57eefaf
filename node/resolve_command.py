"""``biaoshi resolve`` and ``biaoshi whois``: questions to any server of the Handle protocol, answers for people."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.table import Table
from rich.text import Text

from node.errors import Malformed
from node.handle_data import (
    ADMIN_PERMISSIONS,
    ALL_ADMIN_PERMISSIONS,
    Site,
    decode_admin,
    decode_public_key,
    decode_site,
    decode_vlist,
)
from node.identifier import fold
from node.record import TTL_ABSOLUTE, InvalidRecord, Record, Value
from node.terminal import out, run

if TYPE_CHECKING:
    from loadtest.handle_client import HandleClient

HandleArgument = Annotated[str, typer.Argument(metavar="HANDLE", help="标识，如 88.101.2001/P-1 · the identifier")]
HandleServerOption = Annotated[
    str, typer.Option("--server", metavar="HOST[:PORT]", help="Handle 服务器 · server of the Handle protocol")
]
LOCAL_SERVER = "127.0.0.1:2641"

_PORT = 2641
_SERVER = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
_SHOWN = 400  # characters of a value's data
_LETTERS = ((8, "r"), (4, "w"), (2, "r"), (1, "w"))  # administrators' bits, then everybody's


class ServerUnreadable(Malformed):
    title_zh = "服务器地址有误"


class Server(NamedTuple):
    host: str
    port: int


def server_of(text: str) -> Server:
    """``host``, ``host:port``, an IPv6 address or ``[IPv6]:port``. Raises ``ServerUnreadable``."""
    with contextlib.suppress(ValueError):
        return Server(str(ipaddress.IPv6Address(text)), _PORT)
    match = _SERVER.fullmatch(text)
    port = int(match["port"] or _PORT) if match else 0
    if not match or not 0 < port < 65_536:
        raise ServerUnreadable(f"{text} is neither HOST nor HOST:PORT")
    return Server(match["six"] or match["host"], port)


def resolve(
    handle: HandleArgument,
    server: HandleServerOption = LOCAL_SERVER,
    udp: Annotated[bool, typer.Option("--udp", help="使用 UDP · by datagrams instead of TCP")] = False,
    types: Annotated[list[str] | None, typer.Option("--type", help="只要该类型的值 · values of a type only")] = None,
    indexes: Annotated[list[int] | None, typer.Option("--index", help="只要该索引的值 · the value there")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON 输出 · the answer as JSON")] = False,
) -> None:
    """用 Handle 协议解析标识 · resolve an identifier by the Handle protocol."""
    from loadtest.handle_client import HandleRefused
    from resolver.http.handle_json import error_json, record_json

    async def work() -> Record:
        async with _client(server, udp=udp) as client:
            return await client.resolve(handle, tuple(indexes or ()), tuple(types or ()))

    async def as_text() -> tuple[str, int]:
        try:
            return record_json(handle, await work(), pretty=True).decode(), 0
        except HandleRefused as refusal:
            return error_json(handle, refusal.response_code, refusal.detail, pretty=True).decode(), 1

    if not as_json:
        out.print(record_table(run(work())))
        return
    text, status = run(as_text())
    typer.echo(text)
    raise typer.Exit(status)


def whois(handle: HandleArgument, server: HandleServerOption = LOCAL_SERVER) -> None:
    """谁管理该标识 · who administers an identifier and its prefix, and which servers say so."""

    async def work() -> Table:
        async with _client(server, udp=False) as client:
            return await _whois(client, handle)

    out.print(run(work()))


@contextlib.asynccontextmanager
async def _client(server: str, *, udp: bool) -> AsyncIterator[HandleClient]:
    from loadtest.handle_client import by_tcp, by_udp

    host, port = server_of(server)
    async with by_udp(host, port) if udp else by_tcp(host, port) as client:
        yield client


async def _whois(client: HandleClient, handle: str) -> Table:
    """Raises HandleRefused when not even the site can be had."""
    from loadtest.handle_client import HandleRefused

    table = Table("", "", show_header=False, box=None, padding=(0, 2, 0, 0))
    prefix, slash, _ = handle.partition("/")
    of_prefix = handle if not slash or fold(prefix) == "0.NA" else f"0.NA/{prefix}"
    site = await client.site()
    for asked in dict.fromkeys((handle, of_prefix)):
        try:
            values = await client.resolve(asked, types=("HS_ADMIN",))
        except HandleRefused as refusal:
            table.add_row(_safe(asked), Text(refusal.detail))
            continue
        for value in values:
            table.add_row(_safe(asked), Text(f"{value.index}  {data_text(value)}"))
    for line in _site_lines(site):
        table.add_row("站点 · site", Text(line))
    return table


def record_table(values: Iterable[Value]) -> Table:
    """A record for people, its own types in words."""
    table = Table("索引 index", "类型 type", "数据 data", "TTL", "权限 perm.")
    for value in values:
        ttl = f"@{value.ttl}" if value.ttl_type == TTL_ABSOLUTE else str(value.ttl)
        letters = "".join(letter if value.permissions & bit else "-" for bit, letter in _LETTERS)
        table.add_row(str(value.index), _safe(value.type), Text(data_text(value)), ttl, letters)
    return table


def data_text(value: Value) -> str:
    """A value's data in one line: what it means where we know, else its text, else hexadecimal."""
    try:
        text = _meaning(value)
    except InvalidRecord as fault:
        text = f"{value.data.hex()} ({fault.detail})"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(value.data):,} B)"


def _meaning(value: Value) -> str:
    kind = fold(value.type)
    if kind == "HS_ADMIN":
        admin = decode_admin(value.data)
        return f"{admin.index}:{_printable(admin.handle)}  {_permissions(admin.permissions)}"
    if kind == "HS_VLIST":
        return " ".join(f"{member.index}:{_printable(member.handle)}" for member in decode_vlist(value.data))
    if kind in ("HS_SITE", "HS_SITE.6", "HS_SITE.PREFIX", "HS_NA_DELEGATE"):
        return "; ".join(_site_lines(decode_site(value.data)))
    if kind == "HS_PUBKEY":
        return type(decode_public_key(value.data)).__name__
    try:
        return _printable(value.data.decode())
    except UnicodeDecodeError:
        return value.data.hex()


def _permissions(mask: int) -> str:
    if mask & ALL_ADMIN_PERMISSIONS == ALL_ADMIN_PERMISSIONS:
        return "all permissions"
    return " ".join(name for bit, name in enumerate(ADMIN_PERMISSIONS) if mask >> bit & 1) or "no permission"


def _site_lines(site: Site) -> list[str]:
    major, minor = site.protocol
    lines = [f"protocol {major}.{minor}, serial {site.serial}, {'primary' if site.primary else 'mirror'}"]
    lines += [f"{_printable(name)}: {_printable(text)}" for name, text in site.attributes]
    for server in site.servers:
        ports = ", ".join(f"{each.protocol.name} {each.port}" for each in server.interfaces)
        lines.append(f"server {server.id}: {_address(server.address)} {ports}")
    return lines


def _address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def _safe(text: str) -> Text:
    return Text(_printable(text))


def _printable(text: str) -> str:
    """Without what would steer the terminal: it comes from whoever registered it."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
