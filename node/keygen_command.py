"""``biaoshi keygen``: a key pair or a secret key for an administrator of the Handle protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.key_files import KeyFormat, read_line
from node.terminal import out, run


def keygen(
    file: Annotated[Path, typer.Argument(metavar="OUT", help="私钥文件；公钥写入 OUT.pub · the private key's file")],
    bits: Annotated[int, typer.Option(min=2048, max=8192, help="RSA 位数 · bits of the RSA key")] = 3072,
    format_: Annotated[
        KeyFormat, typer.Option("--format", help="pem，或 Handle.Net 的密钥文件 · PEM, or the files of Handle.Net")
    ] = KeyFormat.PEM,
    secret: Annotated[
        bool, typer.Option("--secret", help="生成对称密钥 (HS_SECKEY) · a secret key instead of a pair")
    ] = False,
    passphrase_file: Annotated[
        Path | None, typer.Option(help="用此文件中的口令加密私钥 · its line encrypts the private key")
    ] = None,
) -> None:
    """生成管理员密钥，再用 admin-key 登记 · make an administrator's key; admin-key registers it."""
    from node.new_keys import write_key_pair, write_secret

    async def work() -> list[tuple[str, Path]]:
        if secret:
            write_secret(file)
            return [("密钥 · secret key", file)]
        passphrase = None if passphrase_file is None else read_line(passphrase_file)
        return [("私钥 · private key", file), ("公钥 · public key", write_key_pair(file, bits, format_, passphrase))]

    if secret and passphrase_file is not None:
        raise typer.BadParameter("a secret key is not encrypted: it is what it is")
    for what, where in run(work()):
        out.print(f"{what}: {where}", markup=False, highlight=False, soft_wrap=True)
