"""What an enterprise's node reports goes on upward: registrations, templates, manifests of its logs.

It goes as a report of ours in a stream of the node's own, with ``origin`` saying whose it is. Their order is kept:
the stream is delivered in the order in which we received it, and that is the order in which the node wrote it.
"""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from node.database import Connection
from node.identifier import InvalidPrefix, Prefix
from node.journal import Message as Report
from node.journal import report_upward
from node.national.bulk import FileManifest
from node.national.messages import Message
from node.upper.nodes import DockedNode

log = structlog.get_logger("downward")

_KINDS = ("registration.", "template.")
MANIFEST_KIND = "log.manifest"


async def pass_up(connection: Connection, node: DockedNode, message: Message, at: datetime) -> None:
    """Put the message into our outbox, if it is of a kind that is known above; inside the receiving transaction."""
    if not message.kind.startswith(_KINDS):
        return
    body = json.loads(bytes(message.body))
    if "prefix" in body and not _is_of(str(body["prefix"]), node.delegated_prefix):
        log.warning("report_about_others", node_id=str(node.node_id), prefix=body["prefix"], kind=message.kind)
        return
    body |= {"origin": str(node.node_id), "origin_sequence": message.sequence}
    await report_upward(connection, Report(_stream(node.node_id, message.stream), message.kind, body), at)


async def pass_manifest_up(connection: Connection, manifest: FileManifest, at: datetime) -> None:
    """The same for the manifest of a log file: the file stays here, where it can be asked for."""
    body = msgspec.to_builtins(manifest) | {"origin": str(manifest.node)}
    await report_upward(connection, Report(_stream(manifest.node, "log"), MANIFEST_KIND, body), at)


def _stream(node_id: UUID, stream: str) -> str:
    return f"{node_id}:{stream}"


def _is_of(text: str, delegated: str) -> bool:
    try:
        return Prefix.parse_derived(text).is_under(Prefix.parse(delegated))
    except InvalidPrefix:
        return False
