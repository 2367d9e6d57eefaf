"""Reviews and checks as they are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from node.identifier import Prefix
from registry.reviews.cases import Occasion, ReviewReason, ReviewState, SubjectKind
from registry.reviews.verifiers import Finding, Outcome


@dataclass(frozen=True, slots=True)
class Review:
    """One review; ``prefix`` is that of an application, its hosting or its transfer.

    ``claimed_by`` counts until ``claimed_until`` only; names are those of the accounts. ``outcome`` is the verb of
    the decision, or ``withdrawn``.
    """

    review_id: UUID
    kind: SubjectKind
    subject_id: str
    enterprise_id: UUID
    enterprise_name: str
    prefix: Prefix | None
    occasion: Occasion
    state: ReviewState
    claimed_by: UUID | None
    claimed_until: datetime | None
    first_approval_by: UUID | None
    first_approval_at: datetime | None
    outcome: str | None
    reasons: tuple[ReviewReason, ...]
    decided_by: UUID | None
    opened_at: datetime
    decided_at: datetime | None
    claimed_by_name: str | None
    first_approval_by_name: str | None
    decided_by_name: str | None


@dataclass(frozen=True, slots=True)
class IdentityCheck:
    """What a verifier said when a reviewer asked."""

    identity_check_id: int
    verifier: str
    account_id: UUID
    outcome: Outcome
    findings: tuple[Finding, ...]
    checked_at: datetime


def review_of(row: Mapping[str, Any]) -> Review:
    """The review of a row of ``list_reviews`` or ``find_review``."""
    return Review(
        review_id=row["review_id"],
        kind=SubjectKind(row["subject_kind"]),
        subject_id=row["subject_id"],
        enterprise_id=row["enterprise_id"],
        enterprise_name=row["enterprise_name"],
        prefix=Prefix.parse(row["prefix"]) if row["prefix"] else None,
        occasion=Occasion(row["occasion"]),
        state=ReviewState(row["state"]),
        claimed_by=row["claimed_by"],
        claimed_until=row["claimed_until"],
        first_approval_by=row["first_approval_by"],
        first_approval_at=row["first_approval_at"],
        outcome=row["outcome"],
        reasons=tuple(ReviewReason(**reason) for reason in json.loads(row["reasons"])),
        decided_by=row["decided_by"],
        opened_at=row["opened_at"],
        decided_at=row["decided_at"],
        claimed_by_name=row["claimed_by_name"],
        first_approval_by_name=row["first_approval_by_name"],
        decided_by_name=row["decided_by_name"],
    )


def check_of(row: Mapping[str, Any]) -> IdentityCheck:
    """The check of a row of ``checks_of_review``."""
    return IdentityCheck(
        identity_check_id=row["identity_check_id"],
        verifier=row["verifier"],
        account_id=row["account_id"],
        outcome=Outcome(row["outcome"]),
        findings=tuple(Finding(**finding) for finding in json.loads(row["findings"])),
        checked_at=row["checked_at"],
    )
