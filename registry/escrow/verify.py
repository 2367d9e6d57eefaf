"""Looking through packages before they are needed: signature, chain, every byte of every part, and what is inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from registry.escrow.chain import chain_of
from registry.escrow.content import members_of
from registry.escrow.package import Manifest, Package, PackageAltered


@dataclass(frozen=True, slots=True)
class Verified:
    """``opened``: the recipient's key was there, and every row was counted."""

    packages: tuple[Manifest, ...]
    opened: bool


def verify(directories: Sequence[Path], signer: Ed25519PublicKey, key: X25519PrivateKey | None) -> Verified:
    """Without ``key`` the parts are compared with their digests; with it they are opened, too, and rows counted.

    Raises ``PackageMissing``, ``PackageAltered``, ``SignerUnknown``, ``ChainBroken``, ``PartSealed``.
    """
    packages = chain_of(directories, signer)
    for package in packages:
        if key is None:
            for number in range(1, len(package.manifest.parts) + 1):
                for _ in package.pieces(number):
                    continue
        else:
            _count(package, key)
    return Verified(tuple(package.manifest for package in packages), key is not None)


def _count(package: Package, key: X25519PrivateKey) -> None:
    found: Counter[tuple[str, str]] = Counter()
    files = 0
    for member in members_of(package, key):
        section, _, rest = member.name.partition("/")
        files += section == "evidence"
        for piece in member.pieces:
            if section in ("tables", "standing"):
                found[section, rest.partition("/")[0]] += piece.count(b"\n")
    expected: Counter[tuple[str, str]] = Counter()
    for name, table in package.manifest.tables.items():
        expected["tables", name] = table.sent
        expected["standing", name] = table.standing or 0
    if +found != +expected or files != package.manifest.evidence_files:
        raise PackageAltered(
            f"{package.directory} does not hold the rows that its manifest names", directory=str(package.directory)
        )
