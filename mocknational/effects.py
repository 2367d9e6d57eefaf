"""What the mock national node does beside what every upper side does with a report."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from mocknational.store import SEAL
from mocknational.takeover import note_answer
from node.database import Connection
from node.national.instructions import ANSWER_KIND, Answered
from node.national.messages import Counts, Message
from node.upper.applications import approve_application
from node.upper.nodes import DockedNode


class MockEffects:
    """``approve``: whoever applies for access gets it at once."""

    def __init__(self, *, approve: bool) -> None:
        self._approve = approve

    async def applied(self, connection: Connection, application_id: UUID, at: datetime) -> None:
        """Approved at once, or left to whoever decides by the loopback API."""
        if self._approve:
            await approve_application(connection, SEAL, application_id, at)

    async def accepted(self, connection: Connection, node: DockedNode, message: Message, at: datetime) -> None:
        """Answers to instructions may be steps of a takeover."""
        if message.kind == ANSWER_KIND:
            answered = msgspec.json.decode(message.body, type=Answered)
            await note_answer(connection, node.delegated_prefix, answered, at)

    async def counted(self, connection: Connection, node: DockedNode, counts: Counts, at: datetime) -> None:
        """They are kept, and that is all."""

    async def enterprise_facts(self, connection: Connection, prefix: str) -> dict[str, str]:  # noqa: ARG002
        """Enterprise nodes dock to secondary nodes, which know their enterprises."""
        return {}
