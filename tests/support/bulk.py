"""What is large on the interface: files with manifests, pages of standby records, as a node below would send them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from node.national.access import Kind
from node.national.bulk import FileManifest, StandbyPage, StandbyRecord
from node.national.messages import encode
from node.packing import packed
from node.record import Value, encode_values
from node.upper.exchange import Caller, Question

NODE = UUID("11111111-2222-4333-8444-555555555555")
CALLER = Caller("test-node", "test", Kind.SECONDARY, "88.101")


def question(part: str, body: bytes = b"", target: str = "", caller: Caller = CALLER, **query: str) -> Question:
    """As a desk asks a handler."""
    return Question(caller, part, target, query, body, datetime.now(UTC))


def manifest_of(content: bytes, sent: bytes, number: int = 1, previous: bytes = b"", **changed: Any) -> FileManifest:
    """The manifest of a file that is sent as ``sent``; ``previous`` is what was sent before it."""
    facts: dict[str, Any] = {
        "node": NODE, "laboratory": False, "kind": "log.registration", "number": number, "rows": content.count(b"\n"),
        "sha256": hashlib.sha256(sent).hexdigest(), "content_sha256": hashlib.sha256(content).hexdigest(),
        "previous_sha256": hashlib.sha256(previous).hexdigest() if previous else "", "made_at": datetime.now(UTC),
    }  # fmt: skip
    return FileManifest(**{**facts, **changed})


def in_query(manifest: FileManifest) -> str:
    """A manifest as it stands in the query."""
    return base64.urlsafe_b64encode(encode(manifest)).decode().rstrip("=")


def record_of(text: str) -> bytes:
    """A record with one public value."""
    return encode_values((Value(1, "URL", text.encode()),))


def page(
    records: Mapping[str, bytes], kind: Literal["snapshot", "changes"], to: int, node: UUID = NODE, **head: Any
) -> bytes:
    """A page of standby records as it is sent."""
    first = StandbyPage(**{"node": node, "laboratory": False, "kind": kind, "to": to, "rows": len(records), **head})
    lines = [encode(first), *(encode(StandbyRecord(name=name, record=data)) for name, data in records.items())]
    return packed(b"\n".join(lines))
