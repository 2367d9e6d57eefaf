"""What is inside a package: a tar archive, packed with zstd, cut into parts, each encrypted by itself.

    facts.json                  sequences, and whose counting folder the evidence is of
    keys/<name>                 key files of the node
    tables/<table>/<number>     rows, in the text format of PostgreSQL's COPY
    standing/<table>/<number>   in an increment: the keys of the rows that are still there, likewise
    evidence/<path>             files of the counting folder

Whoever has the recipient's key needs no program of ours to read it: decrypt the parts in their order, put them
together, ``zstd -d | tar -x``; the members of a table, put together, are what COPY reads.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.packing import Packer, PackingDamaged, Unpacker
from registry.escrow.package import Package, PackageAltered, Part, part_name
from registry.escrow.sealing_parts import CHUNK, PackageSecret, opened_part, sealed_chunk, secret_of

FACTS = "facts.json"
PART_CHUNKS = 24
"""Chunks of a part at most: it has to pass as one file of the interface (``bulk.LARGEST_FILE``)."""
_MEMBER = 4 << 20
_READ = 1 << 20


class PartsWriter:
    """Encrypted parts in a folder, written as what is to be in them comes."""

    def __init__(self, directory: Path, secret: PackageSecret) -> None:
        self._directory = directory
        self._secret = secret
        self._held = bytearray()
        self.parts: list[Part] = []
        self._file: IO[bytes] | None = None
        self._cipher: AESGCM | None = None
        self._digest = hashlib.sha256()
        self._chunks = 0

    def write(self, content: bytes) -> None:
        """Raises OSError."""
        self._held += content
        while len(self._held) > CHUNK:  # what is just one chunk may be the last of all
            self._chunk(bytes(self._held[:CHUNK]), last=self._chunks == PART_CHUNKS - 1)
            del self._held[:CHUNK]

    def finish(self) -> None:
        """Raises OSError."""
        self._chunk(bytes(self._held), last=True)
        self._held.clear()

    def close(self) -> None:
        """After a failure: nothing more is written."""
        if self._file is not None:
            self._file.close()

    def _chunk(self, plain: bytes, *, last: bool) -> None:
        if self._file is None or self._cipher is None:
            number = len(self.parts) + 1
            path = self._directory / part_name(number)
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            self._cipher, self._digest, self._chunks = self._secret.cipher(number), hashlib.sha256(), 0
        sealed = sealed_chunk(self._cipher, self._chunks, plain, last=last)
        self._file.write(sealed)
        self._digest.update(sealed)
        self._chunks += 1
        if last:
            size = self._file.tell()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            name = part_name(len(self.parts) + 1)
            self.parts.append(Part(name=name, bytes=size, sha256=self._digest.hexdigest()))
            self._file = self._cipher = None


class ContentWriter:
    """The archive, member by member; rows come in any pieces."""

    def __init__(self, parts: PartsWriter) -> None:
        self._parts = parts
        self._packer = Packer()
        self._tar: Any = tarfile.open(fileobj=self, mode="w|", format=tarfile.PAX_FORMAT)  # type: ignore[call-overload]  # noqa: SIM115 - it writes to us

    def write(self, content: bytes) -> int:
        """Where the archive goes. Raises OSError."""
        self._parts.write(self._packer.add(content))
        return len(content)

    def member(self, name: str, content: bytes) -> None:
        """Raises OSError."""
        facts = tarfile.TarInfo(name)
        facts.size, facts.mode = len(content), 0o600
        self._tar.addfile(facts, io.BytesIO(content))
        self._tar.members.clear()  # it remembers all that it wrote

    def finish(self) -> list[Part]:
        """Raises OSError."""
        self._tar.close()
        self._parts.write(self._packer.finish())
        self._parts.finish()
        return self._parts.parts


class RowsWriter:
    """The rows of one table as members of the archive: ``<folder>/000001``, …; ``rows`` counts them."""

    def __init__(self, content: ContentWriter, folder: str) -> None:
        self._content = content
        self._folder = folder
        self._held = bytearray()
        self._members = 0
        self.rows = 0

    async def write(self, data: bytes) -> None:
        """Raises OSError."""
        self.rows += data.count(b"\n")  # in COPY's text format a newline ends a row and nothing else
        self._held += data
        if len(self._held) >= _MEMBER:
            self.finish()

    def finish(self) -> None:
        """Raises OSError."""
        if self._held:
            self._members += 1
            self._content.member(f"{self._folder}/{self._members:06d}", bytes(self._held))
            self._held.clear()


@dataclass(frozen=True, slots=True)
class Member:
    """``pieces`` is what it holds, to be read before the next member."""

    name: str
    size: int
    pieces: Iterator[bytes]


def members_of(package: Package, key: X25519PrivateKey) -> Iterator[Member]:
    """What a package holds, in its order; every part is checked as it is read, and the archive has to end with it.

    Raises ``PartSealed``, ``PackageAltered``.
    """
    stream = _Stream(_plain(package, key))
    try:
        tar: Any = tarfile.open(fileobj=stream, mode="r|")  # noqa: SIM115 - the stream is no file to be closed
        while (facts := tar.next()) is not None:
            tar.members.clear()  # it remembers all that it read
            file = tar.extractfile(facts)
            if file is None:
                raise PackageAltered(f"{facts.name} in the archive is no file", part=facts.name)
            yield Member(facts.name, facts.size, iter(functools.partial(file.read, _READ), b""))
        stream.drain()
    except (tarfile.TarError, PackingDamaged) as error:
        raise PackageAltered(
            f"what {package.directory} holds cannot be read: {error}", directory=str(package.directory)
        ) from error


class _Stream(io.RawIOBase):
    """What comes in pieces, read like a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = bytearray()

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._held) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._held += piece
        wanted = len(self._held) if size < 0 else size
        taken = bytes(self._held[:wanted])
        del self._held[:wanted]
        return taken

    def drain(self) -> None:
        """Read to the end, so that every part was checked."""
        for _ in self._pieces:
            continue


def _plain(package: Package, key: X25519PrivateKey) -> Iterator[bytes]:
    secret = secret_of(package.manifest.package_id, bytes.fromhex(package.manifest.sender), key)
    unpacker = Unpacker()
    for number in range(1, len(package.manifest.parts) + 1):
        for chunk in opened_part(secret.cipher(number), number, package.pieces(number)):
            yield from unpacker.add(chunk)
    unpacker.finish()
