"""Every act on an enterprise, inside the caller's transaction, so that several make one.

``/v1`` does one act in a transaction (``registry/enterprises.py``); an application through SNMS opens the enterprise,
submits it and applies for its prefix in one. Each function writes the row, its history and leaf, what the national
node learns, and what follows: the review is opened or settled, the prefixes share its outcome and the enterprise's
fate, the resolvers hear of a changed name.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account
from node.china_time import day_of
from node.database import Connection
from node.errors import Conflict
from node.journal import Act, Actor, record_act
from node.sealing import Seal
from registry import transitions
from registry.enterprise_record import Enterprise, EnterpriseFacts, columns_of, locked_enterprise, reviewed
from registry.files.attachments import bind_attachment
from registry.prefix_grant import announce_prefixes, follow_enterprise, prefixes_follow_review
from registry.profiles.checks import check_profile
from registry.profiles.personal import Personal, changed_fields, readable
from registry.profiles.profile import Papers, Profile
from registry.reviews.cases import Judgement, Occasion, ReviewPolicy, SubjectKind, open_review, settle_review
from registry.store import SQL, check_version, refusing, time_ordered_id
from registry.transitions import ENTERPRISE, EnterpriseState, Verb

# The national node knows enterprises from their approval on.
REPORTED = frozenset({EnterpriseState.APPROVED, EnterpriseState.SUSPENDED, EnterpriseState.CLOSED})
"""States of which the node above learns: in the others nobody here has looked at the facts yet."""
# An amended name is shown by the resolvers again when its review has ended.
_NAME_SHOWN_AGAIN = frozenset({Verb.APPROVE, Verb.RETURN})
ONE_REVIEWER = ReviewPolicy()
_DECISIONS = frozenset({Verb.APPROVE, Verb.RETURN, Verb.REJECT})


class CreditCodeTaken(Conflict):
    title_zh = "统一社会信用代码已被使用"


class CertificateTaken(Conflict):
    title_zh = "单位证件号码已被使用"


class EnterpriseHoldsPrefixes(Conflict):
    title_zh = "企业持有前缀"


async def open_enterprise(
    connection: Connection,
    account: Account,
    actor: Actor,
    facts: EnterpriseFacts,
    profile: Profile,
    personal: Personal,
    seal: Seal,
    at: datetime,
) -> Enterprise:
    """A draft, with the papers of its profile bound to it.

    Raises ``NotAllowed``, ``CreditCodeTaken``, ``CertificateTaken``, ``AttachmentUnknown``, ``AttachmentBound`` and
    what ``EnterpriseFacts.check`` and ``check_profile`` raise.
    """
    transitions.permit(ENTERPRISE, Verb.CREATE, account, None)
    _check(facts, profile, personal, at)
    enterprise_id, state = time_ordered_id(at), transitions.step(ENTERPRISE, Verb.CREATE, None)
    sealed = personal.sealed(seal, enterprise_id)
    await _refuse_taken_certificate(connection, account, enterprise_id, facts)
    with refusing(**_taken_names(facts)):
        number = await connection.fetchval(
            SQL["add_enterprise"], enterprise_id, *columns_of(facts, profile, sealed), state, at
        )
    made = Enterprise(
        enterprise_id, number, facts, profile, sealed, state, "", version=1, created_at=at, updated_at=at
    )
    await _bind(connection, account, enterprise_id, Papers(), profile.papers, at)
    await _trace(connection, None, made, Verb.CREATE, actor, at, people=(Personal(), personal))
    return made


async def edit_enterprise(
    connection: Connection,
    account: Account,
    actor: Actor,
    enterprise_id: UUID,
    facts: EnterpriseFacts,
    profile: Profile | None,
    personal: Personal | None,
    seal: Seal,
    at: datetime,
    version: int | None = None,
) -> Enterprise:
    """Replace facts, profile and people; ``None`` leaves a part, or the question of the version, as it stands.

    A masked value among the people stands for what is stored. An approved enterprise that changes what its review was
    about is submitted again. A record that stands already changes nothing. Raises ``EnterpriseUnknown``,
    ``NotAllowed``, ``VersionChanged``, ``TransitionRefused`` and what ``open_enterprise`` raises.
    """
    before = await locked_enterprise(connection, enterprise_id)
    people = readable(before.sealed, seal, enterprise_id)
    profile = before.profile if profile is None else profile
    personal = people if personal is None else personal.resolved(people)
    same = reviewed(facts, profile, personal) == reviewed(before.facts, before.profile, people)
    verb = Verb.EDIT if same else Verb.AMEND
    transitions.permit(ENTERPRISE, verb, account, enterprise_id)
    if version is not None:
        check_version(version, before.version)
    state = transitions.step(ENTERPRISE, verb, before.state)
    if (facts, profile, personal) == (before.facts, before.profile, people):
        return before
    _check(facts, profile, personal, at)
    sealed = before.sealed if personal == people else personal.sealed(seal, enterprise_id)
    after = replace(before.changed(state, at, before.reason), facts=facts, profile=profile, sealed=sealed)
    await _refuse_taken_certificate(connection, account, enterprise_id, facts)
    with refusing(**_taken_names(facts)):
        await _write(connection, after)
    await _bind(connection, account, enterprise_id, before.profile.papers, profile.papers, at)
    await _trace(connection, before, after, verb, actor, at, people=(people, personal))
    if state is EnterpriseState.SUBMITTED:
        await _open_review(connection, enterprise_id, Occasion.AMENDMENT, at)
    await announce_prefixes(connection, enterprise_id)
    return after


async def submit_enterprise(
    connection: Connection, account: Account, actor: Actor, enterprise_id: UUID, at: datetime
) -> Enterprise:
    """Put it before the reviewers. Raises what ``move_enterprise`` raises."""
    return await move_enterprise(connection, account, actor, enterprise_id, Verb.SUBMIT, at)


async def move_enterprise(
    connection: Connection,
    account: Account,
    actor: Actor,
    enterprise_id: UUID,
    verb: Verb,
    at: datetime,
    reason: str = "",
    judgement: Judgement | None = None,
    policy: ReviewPolicy = ONE_REVIEWER,
) -> Enterprise:
    """Submit, approve, return, reject, suspend, resume or close; its review and its prefixes follow.

    The first of two approvals that the policy demands leaves the enterprise as it is. Raises ``EnterpriseUnknown``,
    ``NotAllowed``, ``TransitionRefused``, ``ReasonMissing``, ``EnterpriseHoldsPrefixes``, ``ReviewClaimedByOther``,
    ``SecondPersonNeeded``.
    """
    before = await locked_enterprise(connection, enterprise_id)
    transitions.permit(ENTERPRISE, verb, account, enterprise_id)
    after = before.changed(transitions.step(ENTERPRISE, verb, before.state, reason), at, reason)
    if verb in _DECISIONS and not await settle_review(
        connection, SubjectKind.ENTERPRISE, str(enterprise_id), verb, actor, at,
        policy=policy, reason=reason, judgement=judgement,
    ):  # fmt: skip
        return before
    await _write(connection, after)
    await _trace(connection, before, after, verb, actor, at)
    if verb is Verb.SUBMIT:
        amends = await connection.fetchval(SQL["enterprise_was_approved"], str(enterprise_id))
        await _open_review(connection, enterprise_id, Occasion.AMENDMENT if amends else Occasion.REGISTRATION, at)
    if verb in _DECISIONS:
        await prefixes_follow_review(connection, enterprise_id, verb, actor, at, reason)
    if verb is Verb.REJECT:
        await _refuse_to_end_a_holder(connection, enterprise_id)
    await follow_enterprise(connection, enterprise_id, verb, actor, at, reason)
    if verb in _NAME_SHOWN_AGAIN:
        await announce_prefixes(connection, enterprise_id)
    return after


def _check(facts: EnterpriseFacts, profile: Profile, personal: Personal, at: datetime) -> None:
    facts.check()
    check_profile(facts.division_code, facts.industry_code, profile, personal, day_of(at))


async def _write(connection: Connection, after: Enterprise) -> None:
    await connection.execute(
        SQL["change_enterprise"], after.enterprise_id, *columns_of(after.facts, after.profile, after.sealed),
        after.state, after.reason, after.version, after.updated_at,
    )  # fmt: skip


async def _bind(
    connection: Connection, account: Account, enterprise_id: UUID, before: Papers, after: Papers, at: datetime
) -> None:
    stands = before.listed()
    for name, number in after.listed().items():
        if stands.get(name) != number:
            await bind_attachment(connection, number, account, enterprise_id, name, at)


async def _open_review(connection: Connection, enterprise_id: UUID, occasion: Occasion, at: datetime) -> None:
    await open_review(connection, SubjectKind.ENTERPRISE, str(enterprise_id), enterprise_id, occasion, at)


async def _trace(
    connection: Connection,
    before: Enterprise | None,
    after: Enterprise,
    verb: Verb,
    actor: Actor,
    at: datetime,
    people: tuple[Personal, Personal] | None = None,
) -> None:
    """History, leaf and message upward; ``people`` before and after, of which history keeps the masks."""
    was = before.to_json() if before else None
    said: dict[str, Any] = after.to_json()
    if people is not None:
        said |= {"personal": people[1].masked().to_json(), "personal_changed": list(changed_fields(*people))}
        was = was and was | {"personal": people[0].masked().to_json()}
    act = Act(
        action=f"enterprise.{verb}",
        subject_kind="enterprise",
        subject_id=str(after.enterprise_id),
        before=was,
        after=said,
        reason=after.reason if before and after.state != before.state else "",
    )
    report = after.report() if after.state in REPORTED else None
    if before is None or before.state is EnterpriseState.DRAFT or before.report() == report:
        report = None
    await record_act(connection, actor, act, at, report)


async def _refuse_to_end_a_holder(connection: Connection, enterprise_id: UUID) -> None:
    # An enterprise once approved and submitted again is running: a reviewer returns it, an administrator closes it.
    rows = await connection.fetch(SQL["lock_prefixes_of_enterprise"], enterprise_id)
    if rows:
        raise EnterpriseHoldsPrefixes(
            "the enterprise holds prefixes: return it for correction, or have it closed",
            prefixes=[row["prefix"] for row in rows],
        )


async def _refuse_taken_certificate(
    connection: Connection, account: Account, enterprise_id: UUID, facts: EnterpriseFacts
) -> None:
    # Only staff is told who the holder is; the unique indexes decide the races that pass between here and the write.
    holder = await connection.fetchval(
        SQL["holder_of_certificate"], facts.credit_code, facts.other_certificate, enterprise_id
    )
    if holder is not None:
        raise _taken(facts) if account.of_enterprise else _taken(facts, holder=str(holder))


def _taken(facts: EnterpriseFacts, **evidence: str) -> CreditCodeTaken | CertificateTaken:
    code = facts.credit_code
    if code:
        return CreditCodeTaken(f"the credit code {code} belongs to another enterprise", credit_code=code, **evidence)
    number = facts.other_certificate
    return CertificateTaken(
        f"the certificate {number} belongs to another enterprise", other_certificate=number, **evidence
    )


def _taken_names(facts: EnterpriseFacts) -> dict[str, CreditCodeTaken | CertificateTaken]:
    taken = _taken(facts)
    return {"enterprise_credit_code_unique": taken, "enterprise_other_certificate_unique": taken}
