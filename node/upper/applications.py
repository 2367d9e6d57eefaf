"""Applications for access (接入申请): kept, decided by the upper side's operators, answered to who applied.

The key pair of an approved application is shown to the applicant until its first use, so that an answer that was
lost can be asked for again, and a secret that is in use is never sent a second time.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from node.database import Connection
from node.errors import Conflict, NotFound, TooMany
from node.identifier import Prefix
from node.national.access import Application, ApplicationState, ApplicationStatus, Kind
from node.national.messages import encode
from node.national.signature import KeyPair
from node.sealing import Seal
from node.sql import statements_beside
from node.upper.effects import Effects
from node.upper.keys import issue_key, new_key_pair, unused_key

_SQL = statements_beside(__file__, "applications.sql")

MOST_PENDING = 1000
"""Applications that wait for a decision at a time."""
_LOCK = 0x6170706C79  # "apply"


class ApplicationUnknown(NotFound):
    """Evidence: ``application_id``."""

    title_zh = "接入申请不存在"


class ApplicationDecided(Conflict):
    """Evidence: ``application_id``, ``state``."""

    title_zh = "接入申请已有结论"


class ApplicationDiffers(Conflict):
    """The number came before, with another content or secret. Evidence: ``application_id``."""

    title_zh = "同一编号的接入申请内容不同"


class ApplicationsFull(TooMany):
    """Evidence: ``limit``."""

    title_zh = "待审核的接入申请过多"


@dataclass(frozen=True, slots=True)
class _Kept:
    """An application as it lies here: all but its secret as JSON, that sealed."""

    body: Mapping[str, Any]
    state: ApplicationState
    reason: str

    def status(self, application_id: UUID) -> ApplicationStatus:
        return ApplicationStatus(application_id=application_id, state=self.state, reason=self.reason)


async def receive_application(
    connection: Connection, seal: Seal, application: Application, effects: Effects, at: datetime
) -> ApplicationStatus:
    """Keep a new one; the same again changes nothing. The answer never holds the key.

    Raises ``ApplicationDiffers``, ``ApplicationsFull``, ``InvalidPrefix``.
    """
    prefix = Prefix.parse(application.prefix)
    number = application.application_id
    context = f"docking_application:{number}"
    await connection.execute(_SQL["one_application_at_a_time"], _LOCK)
    body = {name: value for name, value in msgspec.to_builtins(application).items() if name != "secret"}
    known = await connection.fetchrow(_SQL["application"], number)
    if known is not None:
        secret = seal.open(known["secret_sealed"], context)
        same = hmac.compare_digest(secret, application.secret.encode())
        if not same or msgspec.json.decode(known["body"]) != body:
            raise ApplicationDiffers("an application with this number is here, and differs", application_id=number)
    else:
        if await connection.fetchval(_SQL["pending"]) >= MOST_PENDING:
            raise ApplicationsFull(f"{MOST_PENDING} applications wait for a decision already", limit=MOST_PENDING)
        await connection.execute(
            _SQL["keep_application"], number, seal.seal(application.secret.encode(), context), application.kind,
            application.name, prefix.key, application.credit_code, encode(body).decode(), at,
        )  # fmt: skip
        await effects.applied(connection, number, at)
    return (await _kept(connection, number)).status(number)


async def application_status(
    connection: Connection, seal: Seal, application_id: UUID, effects: Effects
) -> ApplicationStatus:
    """For who applied. Raises ``ApplicationUnknown``."""
    row = await connection.fetchrow(_SQL["application_with_key"], application_id)
    if row is None:
        raise _unknown(application_id)
    state = ApplicationState(row["state"])
    if state is not ApplicationState.APPROVED:
        return ApplicationStatus(application_id=application_id, state=state, reason=row["reason"])
    facts: dict[str, str] = {}
    if row["kind"] == Kind.ENTERPRISE:
        facts = await effects.enterprise_facts(connection, row["delegated_prefix"])
    key = unused_key(seal, row["access_key"], row["key_sealed"]) if row["usable"] else None
    return ApplicationStatus(
        application_id=application_id, state=state, reason=row["reason"], prefix=row["delegated_prefix"],
        key=key, enterprise=facts,
    )  # fmt: skip


async def approve_application(
    connection: Connection, seal: Seal, application_id: UUID, at: datetime, *, prefix: str = ""
) -> KeyPair:
    """Let the applicant in for ``prefix``, else for the one it applied for.

    Raises ``ApplicationUnknown``, ``ApplicationDecided``, ``InvalidPrefix``.
    """
    kept = await _pending(connection, application_id)
    delegated = Prefix.parse(prefix or kept.body["prefix"])
    keys = new_key_pair()
    await issue_key(
        connection, seal, keys, name=kept.body["name"], kind=Kind(kept.body["kind"]),
        delegated_prefix=delegated.key, at=at, certificate_sha256=kept.body["certificate_sha256"],
    )  # fmt: skip
    await connection.execute(
        _SQL["decide_application"], application_id, ApplicationState.APPROVED, "", keys.access_key, at
    )
    return keys


async def reject_application(connection: Connection, application_id: UUID, reason: str, at: datetime) -> None:
    """Turn it down, with the reason that the applicant reads.

    Raises ``ApplicationUnknown``, ``ApplicationDecided``.
    """
    await _pending(connection, application_id)
    await connection.execute(_SQL["decide_application"], application_id, ApplicationState.REJECTED, reason, None, at)


async def _pending(connection: Connection, application_id: UUID) -> _Kept:
    kept = await _kept(connection, application_id)
    if kept.state is not ApplicationState.PENDING:
        raise ApplicationDecided(
            f"the application was {kept.state} before", application_id=application_id, state=str(kept.state)
        )
    return kept


async def _kept(connection: Connection, application_id: UUID) -> _Kept:
    row = await connection.fetchrow(_SQL["application"], application_id)
    if row is None:
        raise _unknown(application_id)
    return _Kept(msgspec.json.decode(row["body"]), ApplicationState(row["state"]), row["reason"])


def _unknown(application_id: UUID) -> ApplicationUnknown:
    return ApplicationUnknown(f"there is no application {application_id}", application_id=application_id)
