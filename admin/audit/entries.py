"""One entry of the audit trail, as it may be shown, and what is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from node.journal import Interface
from registry.identifiers.leaves import Change
from registry.identifiers.state import IdentifierState
from registry.profiles.sealing_old import masked_content

IDENTIFIER = "identifier"
NODE = "node"
"""Who acted where no account did."""
MASKED = "****"

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
END = datetime(2999, 12, 31, tzinfo=UTC)

Row = Mapping[str, Any]


class Source(StrEnum):
    """Which of the two tables an entry stands in; also the beginning of its name."""

    ACT = "act"
    IDENTIFIER = "identifier"


@dataclass(frozen=True, slots=True)
class Filters:
    """``since`` to before ``until``. ``account`` is the name or id of one, or ``node``; ``action`` a whole word such
    as ``token.create``, or its first part; ``subject`` the id of one thing of ``kind``. ``source`` is one of the two
    tables. ``prefix`` asks for the acts on a prefix and the changes of identifiers below it.
    """

    since: datetime = BEGINNING
    until: datetime = END
    account: str = ""
    interface: Interface | None = None
    action: str = ""
    kind: str = ""
    subject: str = ""
    prefix: str = ""
    source: Source | None = None

    def asks_for(self, source: Source) -> bool:
        """Whether entries of that table can meet them at all."""
        of_kind = not self.kind or (self.kind == IDENTIFIER) is (source is Source.IDENTIFIER)
        return of_kind and self.source in (None, source)


@dataclass(frozen=True, slots=True)
class Entry:
    """``account_name`` is empty where the node itself acted; ``batch_id`` that of a change among many. Of identifiers
    ``after`` is their version, and ``before`` what that version replaced, as far as it was changed.
    """

    source: Source
    number: int
    at: datetime
    account_id: UUID | None
    account_name: str
    account_role: str
    interface: Interface
    action: str
    subject_kind: str
    subject_id: str
    batch_id: UUID | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    reason: str

    @property
    def name(self) -> str:
        """Its name in addresses, such as ``act-123``."""
        return f"{self.source}-{self.number}"


def entry_of_act(row: Row) -> Entry:
    """The entry of a row of acts; of people it shows what the history of an enterprise shows."""
    return Entry(
        Source.ACT,
        row["number"],
        row["at"],
        row["account_id"],
        row["account_name"] or "",
        row["account_role"] or "",
        Interface(row["interface"]),
        row["action"],
        row["subject_kind"],
        row["subject_id"],
        None,
        _content(row["before"]),
        _content(row["after"]),
        row["reason"],
    )


def entry_of_change(row: Row) -> Entry:
    """The entry of a row of changes of identifiers."""
    before: dict[str, Any] = {}
    if row["before_state"] is not None:
        before["state"] = IdentifierState(row["before_state"]).name.lower()
    if row["before_template_id"] is not None:
        before["template_id"] = row["before_template_id"]
    return Entry(
        Source.IDENTIFIER,
        row["number"],
        row["at"],
        row["account_id"],
        row["account_name"] or "",
        row["account_role"] or "",
        Interface(row["interface"]),
        action_of(Change(row["action"])),
        IDENTIFIER,
        f"{row['prefix']}/{row['suffix']}",
        row["batch_id"],
        before or None,
        {"version": row["version"]},
        "",
    )


def action_of(change: Change) -> str:
    """The word for what happened to an identifier, as its leaf has it."""
    return f"{IDENTIFIER}.{change.name.lower()}"


def changes_named(action: str) -> list[int] | None:
    """The numbers of the changes that an action asks for; ``None``: of all."""
    if not action:
        return None
    return [int(change) for change in Change if action in (IDENTIFIER, action_of(change))]


def _content(text: str | None) -> Mapping[str, Any] | None:
    return None if text is None else masked_content(json.loads(text))
