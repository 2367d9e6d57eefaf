"""``biaoshi admin-key``: who administers a prefix by the Handle protocol, said by whoever runs the node.

It works on the database itself, beside the running node: a prefix without administrators, the node's own among them,
gets its first one here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, Protocol
from urllib.parse import quote

import typer
from rich.table import Table

from node.administration import PUBLIC_KEY, SECRET_KEY, Identity
from node.errors import Malformed
from node.handle_data import ADMIN_PERMISSIONS, ALL_ADMIN_PERMISSIONS
from node.key_files import read_line
from node.terminal import out, run

PrefixOption = Annotated[str, typer.Option(help="前缀 · the prefix, the node's own or one below it")]
IndexOption = Annotated[int, typer.Option(min=1, max=2**31 - 1, help="密钥的索引 · index of the key")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="配置文件 · TOML settings file")]

_BITS = re.compile(r"[01]{12}")


class PermissionsUnreadable(Malformed):
    title_zh = "权限有误"


class AdminKey(Protocol):
    """An administrator of a prefix; what ``registry.handle.admin_keys`` says of one."""

    @property
    def identity(self) -> Identity: ...
    @property
    def type(self) -> str: ...
    @property
    def permissions(self) -> int | None: ...


class AdminKeys(Protocol):
    """The use cases that the commands need."""

    async def add(self, prefix: str, index: int, kind: str, data: bytes, permissions: int) -> AdminKey: ...
    async def list(self, prefix: str) -> Sequence[AdminKey]: ...
    async def remove(self, prefix: str, index: int) -> None: ...


Opening = Callable[[Path | None], AbstractAsyncContextManager[AdminKeys]]
"""From a file of settings to the use cases on its database."""


def admin_key_app(opening: Opening) -> typer.Typer:
    """The commands on what ``opening`` opens."""
    app = typer.Typer(
        no_args_is_help=True, help="Handle 协议的管理员密钥 · keys of the Handle protocol's administrators"
    )

    def told(config_file: Path | None, work: Callable[[AdminKeys], Any]) -> Any:
        opened = opening(config_file)

        async def done() -> Any:
            async with opened as keys:
                return await work(keys)

        return run(done())

    @app.command("add")
    def add(
        prefix: PrefixOption,
        index: IndexOption = 300,
        public: Annotated[
            Path | None, typer.Option(help="公钥文件：PEM、证书或 HS_PUBKEY · a public key or certificate")
        ] = None,
        secret_file: Annotated[Path | None, typer.Option(help="对称密钥文件 · a secret key, one line")] = None,
        permissions: Annotated[
            str, typer.Option(help="all，或十二位 0/1（list_handles 在前）· all, or twelve bits, list_handles first")
        ] = "all",
        config_file: ConfigOption = None,
    ) -> None:
        """登记密钥并授权 · register a key and let it administer the prefix."""
        from node.public_key_file import public_key_data

        async def work(keys: AdminKeys) -> AdminKey:
            bits = permission_bits(permissions)
            match public, secret_file:
                case Path() as file, None:
                    return await keys.add(prefix, index, PUBLIC_KEY, public_key_data(file), bits)
                case None, Path() as file:
                    return await keys.add(prefix, index, SECRET_KEY, read_line(file), bits)
            raise typer.BadParameter("give either --public or --secret-file")

        show(told(config_file, work))

    @app.command("list")
    def listing(prefix: PrefixOption, config_file: ConfigOption = None) -> None:
        """列出管理员与密钥 · the administrators and keys of a prefix."""
        table = Table("身份 · identity", "类型 · type", "权限 · permissions", box=None)
        for key in told(config_file, lambda keys: keys.list(prefix)):
            bits = "–" if key.permissions is None else f"{key.permissions & ALL_ADMIN_PERMISSIONS:012b}"
            table.add_row(str(key.identity), key.type or "–", bits)
        out.print(table)

    @app.command("remove")
    def remove(prefix: PrefixOption, index: IndexOption = 300, config_file: ConfigOption = None) -> None:
        """删除密钥及其授权 · remove a key and what it may."""
        told(config_file, lambda keys: keys.remove(prefix, index))
        out.print("已删除 · removed")

    return app


def permission_bits(text: str) -> int:
    """``all``, or twelve of 0 and 1 as the Handle JSON interface writes them. Raises ``PermissionsUnreadable``."""
    if text == "all":
        return ALL_ADMIN_PERMISSIONS
    if not _BITS.fullmatch(text):
        names = ", ".join(reversed(ADMIN_PERMISSIONS))
        raise PermissionsUnreadable(f"{text!r} is neither 'all' nor twelve of 0 and 1, which mean {names}")
    return int(text, 2)


def basic_user(identity: Identity) -> str:
    """The identity as the user of HTTP Basic: a bare colon would end it."""
    return quote(str(identity), safe="")


def show(key: AdminKey) -> None:
    """How its holder names himself to the Handle protocol and to HTTP."""
    for words in (
        f"身份 · identity: {key.identity}",
        f"HTTP Basic 用户名 · user: {basic_user(key.identity)}",
    ):
        out.print(words, markup=False, highlight=False, soft_wrap=True)
