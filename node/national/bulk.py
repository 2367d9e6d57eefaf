"""What is too large for messages: log files and escrow parts, and the standby records for a takeover.

A file is sent once under the SHA-256 of its bytes; its manifest says what it is and stands in the chain of its kind.
Standby records are a copy that the node above holds: a snapshot by pages in the order of names, and from its position
on the changes, page by page. The node above knows how far it is, and says so; the node below goes on from there.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from node.national.messages import Line, Moment, Number, Shape

FILES = "/v1/files"
STANDBY = "/v1/standby"
LARGEST_FILE = 32 << 20
"""Octets of one file as sent."""
LARGEST_PAGE = 16 << 20
"""Octets of one page of standby records as sent (packed with zstd); unpacked at most ten times as many."""

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class FileManifest(Shape, frozen=True, kw_only=True):
    """What a file is. ``PUT /v1/files/{sha256}?manifest=…`` (this as JSON, URL-safe base64) with the bytes as body.

    ``sha256`` is that of the bytes sent, ``content_sha256`` that of what they unpack to (zstd); ``number`` counts the
    files of a kind without gaps, ``previous_sha256`` is that of the one before, empty for the first. A node that was
    restored from before its newest file begins anew: behind a gap, and again with an empty one.
    """

    node: UUID
    laboratory: bool
    kind: Literal["log.registration", "log.resolution", "escrow"]
    number: Number
    rows: Number
    sha256: Digest
    content_sha256: Digest
    previous_sha256: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""
    first_at: Moment | None = None
    last_at: Moment | None = None
    made_at: Moment
    about: Line = ""


class FileReceipt(Shape, frozen=True, kw_only=True):
    """``known``: it had come before. ``receipt`` is a text that the sender keeps."""

    sha256: Digest
    bytes: Number
    received_at: Moment
    known: bool
    receipt: str


class StandbyState(Shape, frozen=True, kw_only=True):
    """GET /v1/standby, and the answer to every page: how far the records go.

    ``position`` is None until a snapshot is whole; a snapshot that is under way says where it goes on.
    """

    position: Number | None = None
    records: Number = 0
    snapshot_id: UUID | None = None
    snapshot_position: Number | None = None
    snapshot_after: str = ""


class StandbyPage(Shape, frozen=True, kw_only=True):
    """The first line of a page (PUT /v1/standby, zstd of lines of JSON); a ``StandbyRecord`` on each line after it.

    ``snapshot``: records of the snapshot ``snapshot_id`` as of ``to`` with names greater than ``after``; with the
    last page (``last``) whatever stood before and is not in the snapshot is gone, and ``to`` is the position.
    ``changes``: what the identifiers that changed from position ``since`` to ``to`` are now. A page that does not fit
    to the state is refused (``standby_out_of_step``): ask for the state and go on from there.
    """

    node: UUID
    laboratory: bool
    kind: Literal["snapshot", "changes"]
    snapshot_id: UUID | None = None
    after: str = ""
    since: Number = 0
    to: Number
    rows: Number
    last: bool = False


class StandbyRecord(Shape, frozen=True, kw_only=True):
    """``name`` is prefix/suffix as registered; ``record`` its values as Handle bytes in base64, empty where it is to
    be answered no more (deleted, suspended, blocked, or its prefix is)."""

    name: str
    record: bytes
