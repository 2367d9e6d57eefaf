"""A package: a folder with parts, ``manifest.json`` that names them, and its signature (``manifest.json.sig``).

The manifest stands open, for whoever keeps a package without being able to read it: what it is, of which node, what
it follows, how many rows of which table. The signature is Ed25519 (RFC 8032) over ``biaoshi-escrow-1``, a newline,
and the bytes of the manifest, as base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import Forbidden, Malformed, NotFound
from node.national.bulk import Digest
from registry.escrow.keys import fingerprint

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
FORMAT: Literal["biaoshi-escrow-1"] = "biaoshi-escrow-1"
_LARGEST_MANIFEST = 16 << 20
_PIECE = 1 << 20

PartName = Annotated[str, msgspec.Meta(pattern=r"^\d{6}\.part\Z")]
PublicKeyText = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class PackageMissing(NotFound):
    """Evidence: ``directory``."""

    title_zh = "找不到托管包"


class PackageAltered(Malformed):
    """Evidence: ``directory`` or ``part``."""

    title_zh = "托管包不完整或被改动"


class SignerUnknown(Forbidden):
    """Evidence: ``found`` and ``expected``, fingerprints."""

    title_zh = "托管包不是由该节点签名"


class _Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Part(_Shape, frozen=True, kw_only=True):
    name: PartName
    bytes: int
    sha256: Digest


class After(_Shape, frozen=True, kw_only=True):
    """The package that an increment continues."""

    package_id: UUID
    manifest_sha256: Digest


class TableRows(_Shape, frozen=True, kw_only=True):
    """``rows`` the table had, ``sent`` stand in this package; ``standing`` keys say which rows are still there."""

    rows: int
    sent: int
    standing: int | None = None


class Database(_Shape, frozen=True, kw_only=True):
    """Which database the package was taken of: transactions are numbered in one only.

    ``horizon``: what transactions before it did is in this package or in those that it follows.
    """

    system: str
    oid: int
    horizon: int


class Manifest(_Shape, frozen=True, kw_only=True):
    """``schema`` names the migrations with their digests; ``position`` is the newest one in history; ``sender`` the
    X25519 key of the package, ``recipient`` whom it is for, ``signer`` the Ed25519 key of the node."""

    format: Literal["biaoshi-escrow-1"] = FORMAT
    package_id: UUID
    kind: Literal["full", "increment"]
    after: After | None
    node_id: UUID
    prefix: str
    laboratory: bool
    made_at: datetime
    version: str
    schema: Mapping[str, Digest]
    database: Database
    position: int
    tables: Mapping[str, TableRows]
    evidence_files: int
    sender: PublicKeyText
    recipient: PublicKeyText
    signer: PublicKeyText
    parts: list[Part]


class Package:
    """A package whose manifest is signed as it says; whose parts are what it says shows ``pieces``."""

    def __init__(self, directory: Path, manifest: Manifest, digest: bytes) -> None:
        self.directory = directory
        self.manifest = manifest
        self.manifest_sha256 = digest

    def pieces(self, number: int) -> Iterator[bytes]:
        """The bytes of a part, numbered from 1. Raises ``PackageAltered`` at the end if they are others."""
        part = self.manifest.parts[number - 1]
        digest, size = hashlib.sha256(), 0
        try:
            with (self.directory / part.name).open("rb") as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
                    yield piece
        except OSError as error:
            raise PackageAltered(f"{part.name} cannot be read: {error.strerror}", part=part.name) from error
        if (size, digest.hexdigest()) != (part.bytes, part.sha256):
            raise PackageAltered(f"{part.name} is not as it was made", part=part.name)


def sign(manifest: Manifest, key: Ed25519PrivateKey) -> tuple[bytes, bytes]:
    """The bytes of the manifest, and those of its signature."""
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    return content, base64.b64encode(key.sign(_signed(content))) + b"\n"


def opened(directory: Path, signer: Ed25519PublicKey) -> Package:
    """A package that ``signer`` signed. Raises ``PackageMissing``, ``PackageAltered``, ``SignerUnknown``."""
    content, signature = _read(directory / MANIFEST), _read(directory / SIGNATURE)
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
        signature = base64.b64decode(signature.strip(), validate=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error) as error:
        raise PackageAltered(f"the manifest in {directory} is none: {error}", directory=str(directory)) from error
    expected = signer.public_bytes_raw()
    if bytes.fromhex(manifest.signer) != expected:
        raise SignerUnknown(
            f"{directory} is signed by the key {fingerprint(bytes.fromhex(manifest.signer))}, not by "
            f"{fingerprint(expected)}",
            found=fingerprint(bytes.fromhex(manifest.signer)), expected=fingerprint(expected),
        )  # fmt: skip
    try:
        signer.verify(signature, _signed(content))
    except InvalidSignature:
        raise PackageAltered(
            f"the manifest in {directory} is not the one that was signed", directory=str(directory)
        ) from None
    if [part.name for part in manifest.parts] != [part_name(n) for n in range(1, len(manifest.parts) + 1)]:
        raise PackageAltered(f"the parts in {directory} are not in a row", directory=str(directory))
    return Package(directory, manifest, hashlib.sha256(content).digest())


def part_name(number: int) -> str:
    return f"{number:06d}.part"


def write_durably(file: Path, content: bytes) -> None:
    """A new file that survives the machine, for its owner only. Raises OSError."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened_file:
            content = opened_file.read(_LARGEST_MANIFEST + 1)
    except OSError as error:
        raise PackageMissing(
            f"{file.parent} holds no package: {file.name}: {error.strerror}", directory=str(file.parent)
        ) from error
    if len(content) > _LARGEST_MANIFEST:
        raise PackageAltered(f"{file} is larger than any manifest", directory=str(file.parent))
    return content


def _signed(content: bytes) -> bytes:
    return FORMAT.encode() + b"\n" + content
