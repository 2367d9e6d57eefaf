"""The enterprise and the prefix of an enterprise's own node: founded when its secondary node grants it access.

On a secondary node enterprises apply and are reviewed; here there is one, known above already, and what is known of
it comes with access. Its prefix is the node's own: identifiers stand directly below it. It is reported for
verification like any other, and the verdict from above enables it (``registry/prefixes.py``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from node.database import Connection, Pool, transaction
from node.errors import Conflict
from node.identifier import Prefix
from node.journal import Act, Actor, Interface, record_act
from node.national.access import ApplicationState
from node.national.admission import ask_about_us
from node.national.client import NationalClient
from node.national.duties import Duty
from node.sealing import Seal
from registry.enterprise_record import Enterprise, EnterpriseFacts, columns_of, locked_enterprise
from registry.prefix_application import SECRET_BYTES
from registry.prefix_grant import PrefixGrant, announce_prefixes, grant_of, trace_prefix
from registry.profiles.profile import Profile
from registry.store import SQL, time_ordered_id
from registry.transitions import EnterpriseState, Hosting, PrefixState, Verb

log = structlog.get_logger(__name__)

_STEWARD = Actor(None, Interface.STEWARD)
_FACTS = ("credit_code", "other_certificate", "name", "division_code", "industry_code", "address", "website")
_NOBODY = UUID(int=0)
_FOLLOW_SECONDS = 600.0


class OwnPrefixPassedOn(Conflict):
    """Evidence: ``prefix``."""

    title_zh = "本节点前缀已转让给其他企业"


def facts_told(facts: EnterpriseFacts, enterprise_id: UUID) -> dict[str, str]:
    """What a secondary node tells the node of an enterprise about it (``ApplicationStatus.enterprise``)."""
    told = {name: str(getattr(facts, name)) for name in _FACTS}
    return told | {"enterprise_id": str(enterprise_id), "name_en": facts.name_en or ""}


def facts_of(told: Mapping[str, str]) -> EnterpriseFacts:
    """The same read again.

    Raises what ``EnterpriseFacts.check`` raises: without its certificate and name an enterprise is not founded.
    """
    facts = EnterpriseFacts(**{name: told.get(name, "") for name in _FACTS}, name_en=told.get("name_en") or None)
    facts.check()
    return facts


async def found_own_enterprise(
    connection: Connection,
    prefix: Prefix,
    told: Mapping[str, str],
    at: datetime,
    secret: Callable[[int], bytes] = os.urandom,
) -> PrefixGrant:
    """The enterprise, approved, and its prefix, on its way to verification; where they stand, only what is told anew.

    Inside the caller's transaction. A prefix that was refused above begins again. Raises ``OwnPrefixPassedOn`` and
    what ``facts_of`` raises.
    """
    facts = facts_of(told)
    row = await connection.fetchrow(SQL["lock_prefix"], prefix.key)
    if row is None:
        enterprise = await _found_enterprise(connection, facts, _number(told.get("enterprise_id", "")), at)
        return await _found_prefix(connection, prefix, enterprise, at, secret)
    known_as = _number(told.get("enterprise_id", ""))
    if known_as is not None and known_as != row["enterprise_id"]:
        raise OwnPrefixPassedOn(f"{prefix.key} belongs to another enterprise above", prefix=prefix.key)
    await _follow(connection, await locked_enterprise(connection, row["enterprise_id"]), facts, at)
    return grant_of(row)


async def _found_enterprise(
    connection: Connection, facts: EnterpriseFacts, known_as: UUID | None, at: datetime
) -> Enterprise:
    standing = await connection.fetchval(
        SQL["holder_of_certificate"], facts.credit_code, facts.other_certificate, _NOBODY
    )
    if standing is not None:
        return await _follow(connection, await locked_enterprise(connection, standing), facts, at)
    # The same number as above, so that reports from here and from there are about one enterprise.
    enterprise_id = known_as or time_ordered_id(at)
    profile, state = Profile(), EnterpriseState.APPROVED
    number = await connection.fetchval(
        SQL["add_enterprise"], enterprise_id, *columns_of(facts, profile, None), state, at
    )
    made = Enterprise(enterprise_id, number, facts, profile, None, state, "", version=1, created_at=at, updated_at=at)
    await _trace(connection, "enterprise.found", None, made, at)
    log.info("own_enterprise_founded", enterprise_id=str(enterprise_id), name=facts.name)
    return made


def _number(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _found_prefix(
    connection: Connection, prefix: Prefix, enterprise: Enterprise, at: datetime, secret: Callable[[int], bytes]
) -> PrefixGrant:
    log_secret, state = secret(SECRET_BYTES), PrefixState.REVIEWED
    prefix_id = await connection.fetchval(
        SQL["add_prefix"], prefix.key, enterprise.enterprise_id, state, "", log_secret, Hosting.HOSTED, False, at
    )
    facts = enterprise.facts
    grant = PrefixGrant(
        prefix_id=prefix_id,
        prefix=Prefix.parse(prefix.key),
        enterprise_id=enterprise.enterprise_id,
        state=state,
        purpose="",
        reason="",
        suspended_with_enterprise=False,
        version=1,
        created_at=at,
        updated_at=at,
        enterprise_name=facts.name,
        credit_code=facts.credit_code,
        other_certificate=facts.other_certificate,
        enterprise_state=enterprise.state,
        log_secret=log_secret,
    )
    await trace_prefix(connection, None, grant, Verb.APPLY, _STEWARD, at)
    log.info("own_prefix_founded", prefix=prefix.key)
    return grant


async def _follow(connection: Connection, before: Enterprise, facts: EnterpriseFacts, at: datetime) -> Enterprise:
    """What is told above about the enterprise holds here too."""
    if before.facts == facts:
        return before
    after = replace(before.changed(before.state, at), facts=facts)
    await connection.execute(
        SQL["change_enterprise"], after.enterprise_id, *columns_of(facts, after.profile, after.sealed), after.state,
        after.reason, after.version, at,
    )  # fmt: skip
    await _trace(connection, "enterprise.edit", before, after, at)
    await announce_prefixes(connection, after.enterprise_id)
    return after


async def _trace(
    connection: Connection, action: str, before: Enterprise | None, after: Enterprise, at: datetime
) -> None:
    act = Act(
        action=action,
        subject_kind="enterprise",
        subject_id=str(after.enterprise_id),
        before=before.to_json() if before else None,
        after=after.to_json(),
    )
    await record_act(connection, _STEWARD, act, at, after.report())


def own_enterprise_duty(pool: Pool, seal: Seal, clock: Callable[[], datetime]) -> Duty:
    """Follow what is told above about the enterprise, and ask again for a prefix that was refused; now and then."""

    async def turn(client: NationalClient) -> float:
        status = await ask_about_us(pool, seal, client)
        if status is not None and status.state is ApplicationState.APPROVED:
            async with transaction(pool) as connection:
                await found_own_enterprise(connection, Prefix.parse(status.prefix), status.enterprise, clock())
        return _FOLLOW_SECONDS

    return Duty("own-enterprise", "applications", turn)
