"""``biaoshi escrow``: packages from which a node comes back, made, checked, brought back and delivered (托管)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from node.config import Settings
from node.resolutions import LABORATORY_MARK
from node.terminal import out, run

if TYPE_CHECKING:
    from registry.escrow.package import Manifest
    from resolver.counting.folder import CountingFolder

ConfigOption = Annotated[Path | None, typer.Option("--config", help="配置文件 · TOML settings file")]
PackagesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="DIR...", help="全量包及其后各增量包 · a full package, its increments"),
]
SettingsOf = Callable[[Path | None], Settings]
_SECONDS = 60.0  # for a statement of a delivery


def escrow_app(settings_of: SettingsOf) -> typer.Typer:
    """The verbs on the node that the settings describe."""
    app = typer.Typer(no_args_is_help=True, help="数据托管 · escrow: packages from which a node comes back")
    app.command()(keygen)
    for verb in (_export_verb, _verify_verb, _restore_verb, _deliver_verb):
        app.command()(verb(settings_of))
    return app


def keygen(
    file: Annotated[Path, typer.Argument(metavar="OUT", help="私钥文件；公钥为 OUT.pub · file of the private key")],
) -> None:
    """生成接收方密钥对 · make the key pair of a recipient, who keeps the private key away from the node."""
    from registry.escrow.keys import make_recipient

    async def work() -> Path:
        return make_recipient(file)

    public = run(work())
    _say(f"私钥 · private key: {file}")
    _say(f"公钥 · public key: {public}")


def _export_verb(settings_of: SettingsOf) -> Callable[..., None]:
    def export(
        directory: Annotated[Path, typer.Argument(metavar="DIR", help="写入此目录 · the package's directory, new")],
        recipient: Annotated[
            Path, typer.Option(metavar="KEYFILE", help="接收方公钥 (X25519, PEM) · for whom it is encrypted")
        ],
        after: Annotated[
            Path | None,
            typer.Option(metavar="DIR", help="接续此托管包 · only what changed since this one"),
        ] = None,
        config_file: ConfigOption = None,
    ) -> None:
        """生成全量或增量托管包 · make a full package, or an increment."""
        settings = settings_of(config_file)
        from node import __version__
        from node.child import utc_now
        from node.migrate import migrate
        from node.own_face import escrow_key_file, seal_key_file, site_key_file
        from node.serve import database_of_running_node
        from registry.escrow.export import Beside, Order
        from registry.escrow.export import export as make
        from registry.escrow.keys import recipient_key, signing_key

        async def work() -> Manifest:
            order = Order(
                signing_key(escrow_key_file(settings)),
                recipient_key(recipient),
                settings.node.prefix,
                __version__,
                after,
            )
            keys = {"seal.key": seal_key_file(settings), "handle-key.pem": site_key_file(settings)}
            there = {name: file for name, file in keys.items() if file.exists()}
            beside = Beside(there, functools.partial(_evidence, settings))
            async with database_of_running_node(settings) as url:
                await migrate(url)
                return (await make(url, directory, order, beside, utc_now())).manifest

        manifest = run(work())
        _tell(directory, manifest)
        _say(f"签名公钥 · signed by the key in {escrow_key_file(settings)}.pub: {_fingerprint(manifest)}")

    return export


def _verify_verb(settings_of: SettingsOf) -> Callable[..., None]:
    def verify(
        directories: PackagesArgument,
        signer: Annotated[
            Path | None,
            typer.Option(metavar="KEYFILE", help="签名方公钥，默认本节点 · whose signature, or ours"),
        ] = None,
        key: Annotated[
            Path | None, typer.Option(metavar="KEYFILE", help="接收方私钥，可核对内容 · opens the parts, counts rows")
        ] = None,
        config_file: ConfigOption = None,
    ) -> None:
        """校验托管包链：签名、摘要、内容 · check a chain of packages: signatures, digests, contents."""
        settings = settings_of(config_file)
        from node.own_face import escrow_key_file
        from registry.escrow.keys import known_signer, opening_key
        from registry.escrow.verify import Verified
        from registry.escrow.verify import verify as check

        async def work() -> Verified:
            known = known_signer(signer or escrow_key_file(settings))
            return check(directories, known, None if key is None else opening_key(key))

        found = run(work())
        for directory, manifest in zip(directories, found.packages, strict=True):
            _tell(directory, manifest)
        _say(
            "内容已逐行核对 · opened, every row counted"
            if found.opened
            else "签名与摘要相符，未打开 · as signed, not opened"
        )

    return verify


def _restore_verb(settings_of: SettingsOf) -> Callable[..., None]:
    def restore(
        directories: PackagesArgument,
        signer: Annotated[Path, typer.Option(metavar="KEYFILE", help="签名方公钥 · public key of the node that was")],
        key: Annotated[Path, typer.Option(metavar="KEYFILE", help="接收方私钥 · private key of the recipient")],
        config_file: ConfigOption = None,
    ) -> None:
        """把节点恢复到空数据库 · bring the node back into an empty database."""
        settings = settings_of(config_file)
        from node.child import utc_now
        from node.migrate import migrate
        from node.own_face import counting_directory, seal_key_file, site_key_file
        from node.serve import database
        from registry.escrow.keys import known_signer, opening_key
        from registry.escrow.restore import Places, Restored
        from registry.escrow.restore import restore as bring_back

        async def work() -> Restored:
            keys = {"seal.key": seal_key_file(settings), "handle-key.pem": site_key_file(settings)}
            places = Places(keys, counting_directory(settings))
            known, opening = known_signer(signer), opening_key(key)
            async with database(settings) as url:
                await migrate(url)
                return await bring_back(url, directories, known, opening, places, utc_now())

        told = run(work())
        _say(f"已恢复节点 · restored: {told.node_id}, {sum(told.rows.values()):,} 行 · rows, "
             f"{told.rows['identifier']:,} 标识 · identifiers, position {told.position:,}")  # fmt: skip

    return restore


def _deliver_verb(settings_of: SettingsOf) -> Callable[..., None]:
    def deliver(
        directory: Annotated[Path, typer.Argument(metavar="DIR", help="托管包 · the package")],
        config_file: ConfigOption = None,
    ) -> None:
        """把托管包送交上级节点，保存回执 · send a package to the node above and keep its receipts."""
        settings = settings_of(config_file)
        from node.child import utc_now
        from node.database import open_pool
        from node.national.docking import docked, docking_of
        from node.own_face import escrow_key_file, seal_key_file
        from node.sealing import seal_of
        from node.serve import database_of_running_node
        from registry.escrow.deliver import Sent
        from registry.escrow.deliver import deliver as send
        from registry.escrow.keys import known_signer
        from registry.escrow.package import opened

        async def work() -> Sequence[Sent]:
            package = opened(directory, known_signer(escrow_key_file(settings)))
            seal = seal_of(seal_key_file(settings))
            async with database_of_running_node(settings) as url:
                pool = await open_pool(url, "biaoshi_writer", size=2, seconds=_SECONDS, name="biaoshi escrow")
                try:
                    async with docked(pool, docking_of(settings), seal, clock=utc_now) as client:
                        return await send(pool, client, package, utc_now)
                finally:
                    await pool.close()

        for file in run(work()):
            _say(f"{file.number} {file.name}: {file.receipt}")

    return deliver


def _evidence(settings: Settings, node_id: UUID) -> CountingFolder | None:
    """The counting folder; ``None`` on a machine that never counted for the node."""
    from node.own_face import counting_directory
    from resolver.counting.folder import open_folder

    directory = counting_directory(settings)
    return open_folder(directory, node_id) if (directory / str(node_id)).exists() else None


def _tell(directory: Path, manifest: Manifest) -> None:
    kind = "全量 · full" if manifest.kind == "full" else "增量 · increment"
    mark = f" · {LABORATORY_MARK}" if manifest.laboratory else ""
    sent = sum(table.sent for table in manifest.tables.values())
    octets = sum(part.bytes for part in manifest.parts)
    _say(f"{directory}: {kind}, {manifest.prefix}, {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, {sent:,} 行 · rows, "
         f"{manifest.evidence_files:,} 证据 · evidence, {len(manifest.parts)} parts, {octets:,} B{mark}")  # fmt: skip


def _fingerprint(manifest: Manifest) -> str:
    from registry.escrow.keys import fingerprint

    return fingerprint(bytes.fromhex(manifest.signer))


def _say(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)
