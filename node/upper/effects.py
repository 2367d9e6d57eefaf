"""What an accepted report changes in the tables, whoever the upper side is, and what its user does beside that."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Protocol
from uuid import UUID

from node.database import Connection
from node.national.access import Site
from node.national.instructions import Answered
from node.national.messages import Counts, Message, encode
from node.sql import statements_beside
from node.upper.nodes import DockedNode
from node.upper.reports import (
    Body,
    EnterpriseReport,
    NodeRoute,
    PrefixReport,
    PrefixRoute,
    RegistrationSummary,
    TemplateReport,
)

_SQL = statements_beside(__file__, "effects.sql")

_SUMMED = ("registered", "updated", "deleted", "suspended", "resumed")
_ENDED = frozenset({"withdrawn", "rejected", "refused"})
"""States in which nobody holds a prefix any more."""


class Effects(Protocol):
    """What the user of a desk does beside the common effects, in the transaction of the request."""

    async def applied(self, connection: Connection, application_id: UUID, at: datetime) -> None:
        """A new application for access; it may be approved at once."""

    async def accepted(self, connection: Connection, node: DockedNode, message: Message, at: datetime) -> None:
        """Each newly accepted message, in order, after its common effect."""

    async def counted(self, connection: Connection, node: DockedNode, counts: Counts, at: datetime) -> None:
        """Each statement of counts, after it was kept."""

    async def enterprise_facts(self, connection: Connection, prefix: str) -> dict[str, str]:
        """What an enterprise node is told of the enterprise that holds its prefix."""


class NoEffects:
    """Nothing beside: applications wait, what was reported and counted is kept, and nobody here knows enterprises."""

    async def applied(self, *_: object) -> None: ...

    async def accepted(self, *_: object) -> None: ...

    async def counted(self, *_: object) -> None: ...

    async def enterprise_facts(self, *_: object) -> dict[str, str]:
        return {}


class CommonEffects:
    """The effects of one delivery. Reports of one transaction are added up, and written by ``finish``."""

    def __init__(self, connection: Connection, node: DockedNode, at: datetime) -> None:
        self._connection = connection
        self._node = node
        self._at = at
        self._sums: dict[tuple[UUID, str], Counter[str]] = {}

    async def take(self, message: Message, body: Body | None) -> None:
        """The effect of one message; a prefix that was delegated to another node is left alone."""
        node_id = origin_of(body) or self._node.node_id
        match body:
            case EnterpriseReport():
                await self._connection.execute(
                    _SQL["note_enterprise"], node_id, body.enterprise_id, body.credit_code, body.other_certificate,
                    body.name, body.division_code, body.industry_code, body.state, _text(message), message.created_at,
                )  # fmt: skip
            case PrefixReport():
                await self._note_prefix(node_id, message, body)
            case NodeRoute():
                await self._connection.execute(
                    _SQL["note_route"], self._node.delegated_prefix, node_id, body.serial, _sites(body.sites),
                    body.public_key or None, message.created_at,
                )  # fmt: skip
            case TemplateReport():
                await self._connection.execute(
                    _SQL["note_template"], node_id, body.template_id, body.name, body.template_version,
                    body.state, _text(message), message.created_at,
                )  # fmt: skip
            case RegistrationSummary():
                sums = self._sums.setdefault((node_id, body.prefix), Counter())
                sums.update({name: getattr(body, name) for name in _SUMMED})
            case Answered():
                result = None if body.result is None else encode(body.result).decode()
                await self._connection.execute(
                    _SQL["note_answer"], body.instruction_id, self._node.delegated_prefix, body.outcome, body.detail,
                    result, message.created_at,
                )  # fmt: skip

    async def finish(self) -> None:
        """Write what was added up."""
        await self._connection.executemany(
            _SQL["add_registrations"],
            [(node_id, prefix, *(sums[name] for name in _SUMMED)) for (node_id, prefix), sums in self._sums.items()],
        )

    async def _note_prefix(self, node_id: UUID, message: Message, body: PrefixReport) -> None:
        delegated, at = self._node.delegated_prefix, message.created_at
        if message.kind == "prefix.reviewed":
            await self._connection.execute(
                _SQL["ask_verification"], node_id, delegated, body.application, body.prefix, body.enterprise_id,
                body.credit_code, body.other_certificate, self._at,
            )  # fmt: skip
        elif message.kind == "prefix.transferred":
            await self._connection.execute(
                _SQL["pass_prefix_on"], body.prefix, delegated, body.enterprise_id, body.credit_code,
                body.other_certificate, at,
            )  # fmt: skip
        elif isinstance(body, PrefixRoute):
            await self._connection.execute(
                _SQL["note_prefix_route"], body.prefix, delegated, body.hosting, _sites(body.sites), at
            )
        else:
            if body.state in _ENDED:
                await self._connection.execute(_SQL["drop_verification"], body.prefix, delegated, self._at)
            await self._connection.execute(_SQL["note_prefix"], body.prefix, delegated, body.state, at)


def origin_of(body: Body | None) -> UUID | None:
    """The node below the sender whose report it is, if it is another's."""
    return None if body is None or isinstance(body, Answered) else body.origin


def _text(message: Message) -> str:
    return bytes(message.body).decode()


def _sites(sites: list[Site]) -> str:
    return encode(sites).decode()
