"""The queue of reviews (审核队列): who looks at what, what verifiers say, what is decided."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from node.auth import Account, Action, require
from node.database import Pool, transaction
from node.errors import Conflict, NotFound
from node.journal import Act, Actor, PastAct, acts_of, record_act
from node.sealing import Seal
from node.sql import statements_beside
from registry.profiles.personal import opened
from registry.profiles.profile import profile_of
from registry.reviews.cases import (
    Judgement,
    ReviewDecided,
    ReviewPolicy,
    ReviewReason,
    ReviewState,
    SubjectKind,
    check_claim,
    check_second,
)
from registry.reviews.deciding import Deciders, text_of
from registry.reviews.stored import IdentityCheck, Review, check_of, review_of
from registry.reviews.verifiers import CheckResult, Finding, IdentitySubject, Outcome, Verifier, VerifierAway
from registry.store import reading
from registry.transitions import Verb

_SQL = statements_beside(__file__, "reviews.sql")
_FIRST = UUID(int=0)
_AWAY = Finding("", "unavailable", "核验服务未应答 / the verification service did not answer")
Clock = Callable[[], datetime]

log = structlog.get_logger(__name__)


class ReviewUnknown(NotFound):
    title_zh = "审核不存在"


class ReviewNotClaimed(Conflict):
    title_zh = "未认领此审核"


class Reviews:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``ReviewUnknown`` and ``DatabaseAway``.

    ``deciders`` are the use cases that decisions go to, by kind of subject; ``verifiers`` are asked one after the
    other, each for at most ``seconds``.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        seal: Seal,
        deciders: Deciders,
        verifiers: Sequence[Verifier],
        policy: ReviewPolicy,
        *,
        seconds: float = 10.0,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._seal = seal
        self._deciders = deciders
        self._verifiers = verifiers
        self._policy = policy
        self._seconds = seconds

    async def get(self, account: Account, review_id: UUID) -> Review:
        """One review as it stands."""
        require(account, Action.REVIEW_READ, None)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(_SQL["find_review"], review_id)
        if row is None:
            raise _unknown(review_id)
        return review_of(row)

    async def facts(self, account: Account, review: Review) -> dict[str, Any]:
        """What it is about as it stands now, by name; no person is named."""
        require(account, Action.REVIEW_READ, None)
        async with reading(self._pool) as connection:
            if review.kind is SubjectKind.ENTERPRISE:
                row = await connection.fetchrow(_SQL["facts_of_enterprise"], review.enterprise_id)
            elif review.kind is SubjectKind.TRANSFER:
                row = await connection.fetchrow(_SQL["facts_of_transfer"], UUID(review.subject_id))
            else:
                row = await connection.fetchrow(_SQL["facts_of_prefix"], int(review.subject_id))
        return dict(row or {})

    async def checks(self, account: Account, review_id: UUID) -> list[IdentityCheck]:
        """What verifiers said about it, newest first."""
        require(account, Action.REVIEW_READ, None)
        async with reading(self._pool) as connection:
            return [check_of(row) for row in await connection.fetch(_SQL["checks_of_review"], review_id)]

    async def history(
        self, account: Account, review_id: UUID, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """Claims, checks and first approvals, newest first; the decision stands in the subject's own history."""
        await self.get(account, review_id)
        async with reading(self._pool) as connection:
            return await acts_of(connection, "review", str(review_id), before_act=before_act, limit=limit)

    async def claim(self, account: Account, actor: Actor, review_id: UUID) -> Review:
        """Reserve it; who has it already keeps it longer.

        Raises ``ReviewDecided``, ``ReviewClaimedByOther``, ``SecondPersonNeeded``.
        """
        require(account, Action.REVIEW_CLAIM, None)
        at = self._clock()
        until = at + self._policy.claim
        async with transaction(self._pool) as connection:
            row = _open(await connection.fetchrow(_SQL["lock_review"], review_id), review_id)
            check_claim(row["claimed_by"], row["claimed_until"], actor, at)
            if self._policy.four_eyes:
                check_second(row["first_approval_by"], actor)
            await connection.execute(_SQL["claim_review"], review_id, account.account_id, until)
            act = Act("review.claim", "review", str(review_id), after={"until": until.isoformat()})
            await record_act(connection, actor, act, at)
        return await self.get(account, review_id)

    async def release(self, account: Account, actor: Actor, review_id: UUID) -> Review:
        """Give it back. Raises ``ReviewDecided``, ``ReviewNotClaimed``."""
        require(account, Action.REVIEW_CLAIM, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            row = _open(await connection.fetchrow(_SQL["lock_review"], review_id), review_id)
            if row["claimed_by"] != account.account_id:
                raise ReviewNotClaimed("you have not claimed this review")
            await connection.execute(_SQL["claim_review"], review_id, None, None)
            await record_act(connection, actor, Act("review.release", "review", str(review_id)), at)
        return await self.get(account, review_id)

    async def decide(
        self, account: Account, actor: Actor, review_id: UUID, verdict: Verb, reasons: Sequence[ReviewReason] = ()
    ) -> Review:
        """Approve, return or reject; afterwards it is decided, or awaits the second of two approvals.

        Raises ``VerdictNotPossible``, ``ReviewDecided``, ``ReviewClaimedByOther``, ``SecondPersonNeeded`` and what
        the use case of its subject raises, such as ``ReasonMissing`` and ``TransitionRefused``.
        """
        require(account, Action.REVIEW_CLAIM, None)
        review = await self.get(account, review_id)
        decider = self._deciders[review.kind]
        decider.check(verdict)
        if review.state is ReviewState.DECIDED:
            raise _decided(review.outcome)
        judgement = Judgement(review_id, tuple(reasons))
        await decider.decide(account, actor, review, verdict, text_of(judgement), judgement)
        return await self.get(account, review_id)

    async def check(self, account: Account, actor: Actor, review_id: UUID) -> list[IdentityCheck]:
        """Ask every verifier about the enterprise, and keep what they say. Raises ``ReviewDecided``."""
        require(account, Action.REVIEW_CHECK, None)
        review = await self.get(account, review_id)
        if review.state is ReviewState.DECIDED:
            raise _decided(review.outcome)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(_SQL["identity_to_check"], review.enterprise_id)
        subject = self._subject(row)
        results = [(verifier.name, await self._ask(verifier, subject)) for verifier in self._verifiers]
        at = self._clock()
        async with transaction(self._pool) as connection:
            for name, result in results:
                findings = json.dumps([asdict(finding) for finding in result.findings], ensure_ascii=False)
                await connection.execute(
                    _SQL["add_identity_check"], review_id, name, account.account_id, result.outcome, findings, at
                )
                said = {"verifier": name, "outcome": str(result.outcome)}
                await record_act(connection, actor, Act("review.check", "review", str(review_id), after=said), at)
        return await self.checks(account, review_id)

    async def list(
        self,
        account: Account,
        *,
        state: ReviewState | None = None,
        kind: SubjectKind | None = None,
        enterprise_id: UUID | None = None,
        mine: bool = False,
        free: bool = False,
        after: UUID | None = None,
        limit: int = 50,
    ) -> list[Review]:
        """In the order of opening, after an id: without a state those that are open; ``mine`` are those claimed.

        ``free`` are those that the caller may approve: nobody else claimed them, nor was it who approved first.
        """
        require(account, Action.REVIEW_READ, None)
        claimant, decider = account.account_id if mine else None, account.account_id if free else None
        async with reading(self._pool) as connection:
            rows = await connection.fetch(
                _SQL["list_reviews"], after or _FIRST, state, kind, enterprise_id, claimant, self._clock(), limit,
                decider,
            )  # fmt: skip
        return [review_of(row) for row in rows]

    async def _ask(self, verifier: Verifier, subject: IdentitySubject) -> CheckResult:
        try:
            async with asyncio.timeout(self._seconds):
                return await verifier.check(subject)
        except (TimeoutError, VerifierAway) as error:
            log.warning("verifier_away", verifier=verifier.name, cause=type(error).__name__)
            return CheckResult(Outcome.UNAVAILABLE, (_AWAY,))

    def _subject(self, row: Mapping[str, Any]) -> IdentitySubject:
        personal = opened(row["personal"], self._seal, row["enterprise_id"])
        return IdentitySubject(
            name=row["name"],
            credit_code=row["credit_code"],
            other_certificate=row["other_certificate"],
            legal_representative=personal.legal_representative,
            contact=personal.contact,
            licences=profile_of(row["profile"]).licences,
        )


def _open(row: Mapping[str, Any] | None, review_id: UUID) -> Mapping[str, Any]:
    if row is None:
        raise _unknown(review_id)
    if row["state"] == ReviewState.DECIDED:
        raise _decided()
    return row


def _unknown(review_id: UUID) -> ReviewUnknown:
    return ReviewUnknown(f"there is no review {review_id}", review_id=str(review_id))


def _decided(outcome: str | None = None) -> ReviewDecided:
    return ReviewDecided("this review has ended", outcome=outcome)
