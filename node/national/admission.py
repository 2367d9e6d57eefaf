"""Applying for access (接入申请) when there is no key pair: once, patiently, and kept through every restart.

The application is written down before it is sent, under a number and a secret of ours, so that sending it again is
harmless and nobody else reads the key pair that comes of it. A rejected application is not repeated as it is: another
one goes when what the node says about itself has changed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import msgspec
import structlog

from node.database import Connection, Pool, database_errors, transaction
from node.errors import Conflict
from node.national.access import Application, ApplicationState, ApplicationStatus, Kind, Site
from node.national.client import NationalClient
from node.national.messages import encode
from node.national.signature import KeyPair
from node.sealing import Seal
from node.sql import statements_beside

log = structlog.get_logger("national")

Granted = Callable[[Connection, ApplicationStatus, datetime], Awaitable[None]]
"""What else is to be done when access is granted, within the transaction that keeps the key pair."""

_SQL = statements_beside(__file__, "admission.sql")
_REJECTED_SECONDS = 300.0
_EAGER_SECONDS = 120.0
_PATIENT_SECONDS = 30.0


class DelegatedPrefixDiffers(Conflict):
    """Evidence: ``delegated``, ``prefix``."""

    title_zh = "上级节点分配的前缀与本节点设置不符"


@dataclass(frozen=True, slots=True)
class Applicant:
    """What this node says about itself when it applies."""

    kind: Kind
    name: str
    prefix: str
    credit_code: str = ""
    contact: str = ""
    version: str = ""
    sites: tuple[Site, ...] = ()
    certificate_sha256: str = ""


@dataclass(frozen=True, slots=True)
class _Sent:
    application: Application
    created_at: datetime


async def nothing_else(_connection: Connection, _status: ApplicationStatus, _at: datetime) -> None:
    """A ``Granted`` that does nothing."""


class Admission:
    """One turn after the other until access is granted; the loop of the steward."""

    def __init__(
        self,
        pool: Pool,
        seal: Seal,
        applicant: Applicant,
        granted: Granted,
        clock: Callable[[], datetime],
        poll_seconds: float,
    ) -> None:
        self._pool = pool
        self._seal = seal
        self._applicant = applicant
        self._granted = granted
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._told: UUID | None = None

    async def turn(self, client: NationalClient) -> float:
        """Apply, or ask what became of it; seconds until the next turn.

        Raises ``NationalSilent``, ``NationalRefusal``, ``DelegatedPrefixDiffers``, ``DatabaseAway``, ``SealBroken``
        and what ``granted`` raises.
        """
        at = self._clock()
        sent = await self._open_application(at)
        if sent is None:
            return _REJECTED_SECONDS
        application = sent.application
        if self._told != application.application_id:
            await client.apply(application)
            self._told = application.application_id
            return 0.0
        # A node above that does not know it any more is told again.
        self._told = None
        status = await client.application(application.application_id, application.secret)
        self._told = application.application_id
        if status.state is ApplicationState.REJECTED:
            await self._decided(application, "rejected", status.reason, at)
            log.warning("access_rejected", application_id=str(application.application_id), reason=status.reason)
            return 0.0
        if status.state is ApplicationState.APPROVED:
            await self._approved(client, application, status, at)
            return 0.0
        waited = (at - sent.created_at).total_seconds()
        return self._poll_seconds if waited < _EAGER_SECONDS else max(self._poll_seconds, _PATIENT_SECONDS)

    async def _open_application(self, at: datetime) -> _Sent | None:
        """The one under way, a new one if there is none; ``None`` while a rejected one says all that we could say."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(_SQL["newest_application"])
            if row is not None and row["state"] == "sent":
                secret = self._seal.open(row["secret_sealed"], _context(row["application_id"])).decode()
                content = json.loads(row["body"]) | {"secret": secret}
                return _Sent(msgspec.convert(content, Application), row["created_at"])
            fresh = self._application(uuid4(), secrets.token_urlsafe(32))
            body = _without_secret(fresh)
            if row is not None and row["state"] == "rejected" and _says(json.loads(row["body"])) == _says(body):
                return None
            sealed = self._seal.seal(fresh.secret.encode(), _context(fresh.application_id))
            await connection.execute(_SQL["add_application"], fresh.application_id, sealed, json.dumps(body), at)
            return _Sent(fresh, at)

    def _application(self, application_id: UUID, secret: str) -> Application:
        applicant = self._applicant
        return Application(
            application_id=application_id,
            secret=secret,
            kind=applicant.kind,
            name=applicant.name,
            prefix=applicant.prefix,
            credit_code=applicant.credit_code,
            contact=applicant.contact,
            version=applicant.version,
            sites=list(applicant.sites),
            certificate_sha256=applicant.certificate_sha256,
        )

    async def _decided(self, application: Application, state: str, reason: str, at: datetime) -> None:
        async with transaction(self._pool) as connection:
            await connection.execute(_SQL["decide_application"], application.application_id, state, reason, at)

    async def _approved(
        self, client: NationalClient, application: Application, status: ApplicationStatus, at: datetime
    ) -> None:
        if status.key is None:
            # Used before, by a node whose database this one no longer is: only another application helps.
            await self._decided(application, "approved", "its key pair was used and is not told again", at)
            log.warning("access_lost", application_id=str(application.application_id))
            return
        if status.prefix.upper() != self._applicant.prefix.upper():
            raise DelegatedPrefixDiffers(
                f"the node above delegated {status.prefix}, node.prefix says {self._applicant.prefix}",
                delegated=status.prefix,
                prefix=self._applicant.prefix,
            )
        keys = KeyPair(status.key.access_key, status.key.secret_key)
        async with transaction(self._pool) as connection:
            await connection.execute(
                _SQL["decide_application"], application.application_id, "approved", status.reason, at
            )
            await client.credentials.write(connection, keys, at)
            await self._granted(connection, status, at)
        await client.credentials.load()
        log.info("access_granted", access_key=keys.access_key, prefix=status.prefix)


async def ask_about_us(pool: Pool, seal: Seal, client: NationalClient) -> ApplicationStatus | None:
    """What the node above says now about the application that it granted; ``None`` where there was none.

    Raises ``NationalSilent``, ``NationalRefusal``, ``DatabaseAway``, ``SealBroken``.
    """
    with database_errors():
        row = await pool.fetchrow(_SQL["granted_application"])
    if row is None:
        return None
    number = row["application_id"]
    return await client.application(number, seal.open(row["secret_sealed"], _context(number)).decode())


def _without_secret(application: Application) -> dict[str, object]:
    content: dict[str, object] = json.loads(encode(application))
    del content["secret"]
    return content


def _says(body: dict[str, object]) -> dict[str, object]:
    """What a decision about an application is about: neither its number nor our version."""
    return {name: value for name, value in body.items() if name not in ("application_id", "version")}


def _context(application_id: object) -> str:
    return f"national_application:{application_id}"
