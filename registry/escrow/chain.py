"""A chain of packages: a full one and the increments behind it, each of which names the one before by its digest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.errors import Conflict
from registry.escrow.package import Package, opened


class ChainBroken(Conflict):
    """Evidence: ``directory``."""

    title_zh = "托管包不成链"


def chain_of(directories: Sequence[Path], signer: Ed25519PublicKey) -> list[Package]:
    """The packages, in their order, all of one node, nothing left out.

    Raises ``ChainBroken`` and what ``package.opened`` raises.
    """
    packages = [opened(directory, signer) for directory in directories]
    before: Package | None = None
    for package in packages:
        after = package.manifest.after
        expected = None if before is None else (before.manifest.package_id, before.manifest_sha256.hex())
        found = None if after is None else (after.package_id, after.manifest_sha256)
        if found != expected or package.manifest.node_id != packages[0].manifest.node_id:
            wanted = "is no full package" if before is None else f"does not continue {before.directory}"
            raise ChainBroken(f"{package.directory} {wanted}", directory=str(package.directory))
        before = package
    return packages
