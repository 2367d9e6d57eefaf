"""An enterprise as it stands: its facts, its profile, the people it named (sealed), its state; and its row.

What is about people is never in clear here: ``Enterprise.sealed`` is opened for those who may see it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from node.database import Connection
from node.errors import Conflict, Malformed, NotFound
from node.journal import Message
from registry import credit_code, reference_data
from registry.profiles.personal import Personal
from registry.profiles.profile import Profile, profile_of
from registry.reference_data import Caution
from registry.store import SQL
from registry.transitions import EnterpriseState

# SNMS, ent/apply: orgCrtCode.
_LONGEST_CERTIFICATE = 32


class EnterpriseUnknown(NotFound):
    title_zh = "企业不存在"


class EnterpriseNotApproved(Conflict):
    title_zh = "企业未通过审核"


class OneCertificateNeeded(Malformed):
    """Neither a credit code nor another certificate, or both, or one that is too long."""

    title_zh = "单位证件有误"


@dataclass(frozen=True, slots=True)
class EnterpriseFacts:
    """What every part of the node knows an enterprise by: credit code or other certificate, name, place, trade."""

    credit_code: str
    name: str
    division_code: str
    industry_code: str
    name_en: str | None = None
    address: str = ""
    website: str = ""
    other_certificate: str = ""

    def check(self) -> list[Caution]:
        """What is odd.

        Raises ``CreditCodeInvalid``, ``OneCertificateNeeded``, ``DivisionCodeInvalid`` or ``IndustryCodeInvalid``.
        """
        if self.credit_code and not self.other_certificate:
            credit_code.check(self.credit_code)
        elif self.credit_code or not 0 < len(self.other_certificate) <= _LONGEST_CERTIFICATE:
            raise OneCertificateNeeded(
                f"an enterprise has a credit code, or another certificate of up to {_LONGEST_CERTIFICATE} characters",
                field="credit_code",
            )
        return [
            *reference_data.check_division(self.division_code),
            *reference_data.check_industry(self.industry_code),
        ]


@dataclass(frozen=True, slots=True)
class Enterprise:
    """``number`` is the id of interfaces that want whole numbers; ``sealed`` is its ``Personal``."""

    enterprise_id: UUID
    number: int
    facts: EnterpriseFacts
    profile: Profile
    sealed: bytes | None = field(repr=False)
    state: EnterpriseState
    reason: str
    version: int
    created_at: datetime
    updated_at: datetime

    def changed(self, state: EnterpriseState, at: datetime, reason: str = "") -> Enterprise:
        """The next version of it."""
        return replace(self, state=state, reason=reason, version=self.version + 1, updated_at=at)

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it, except about people."""
        return {
            **asdict(self.facts),
            "enterprise_id": str(self.enterprise_id),
            "profile": self.profile.to_json(),
            "state": str(self.state),
            "reason": self.reason,
            "version": self.version,
        }

    def report(self) -> Message:
        """What the national node learns of it: everything but people, and the images of its papers."""
        profile = self.profile.to_json()
        del profile["papers"]
        body = {
            **asdict(self.facts),
            "enterprise_id": str(self.enterprise_id),
            "state": str(self.state),
            "profile": profile,
        }
        return Message("enterprise", f"enterprise.{self.state}", body)


def reviewed(facts: EnterpriseFacts, profile: Profile, personal: Personal) -> dict[str, object]:
    """What a review is about; an approved enterprise that changes any of it is submitted again."""
    return {
        "name": facts.name,
        "credit_code": facts.credit_code,
        "other_certificate": facts.other_certificate,
        "division_code": facts.division_code,
        "industry_code": facts.industry_code,
        "legal_representative": personal.legal_representative.identity(),
        "licence_image": profile.papers.licence_image,
    }


async def approved_enterprise(connection: Connection, enterprise_id: UUID) -> Enterprise:
    """The enterprise, held as it is until the transaction ends. Raises ``EnterpriseUnknown``, ``…NotApproved``."""
    found = enterprise_of(await connection.fetchrow(SQL["share_enterprise"], enterprise_id), enterprise_id)
    check_approved(found.state)
    return found


async def locked_enterprise(connection: Connection, enterprise_id: UUID) -> Enterprise:
    """The enterprise for a change, held alone until the transaction ends. Raises ``EnterpriseUnknown``."""
    return enterprise_of(await connection.fetchrow(SQL["lock_enterprise"], enterprise_id), enterprise_id)


def check_approved(state: EnterpriseState) -> None:
    """Raises ``EnterpriseNotApproved``."""
    if state is not EnterpriseState.APPROVED:
        raise EnterpriseNotApproved(f"the enterprise is {state}, not approved", state=str(state))


def unknown_enterprise(enterprise_id: UUID | int) -> EnterpriseUnknown:
    """The error for an id, or a number, that nobody has."""
    return EnterpriseUnknown(f"there is no enterprise {enterprise_id}", enterprise_id=str(enterprise_id))


def enterprise_of(row: Mapping[str, Any] | None, enterprise_id: UUID | int) -> Enterprise:
    """The enterprise of a row, asked for by that id or number. Raises ``EnterpriseUnknown`` when there is none."""
    if row is None:
        raise unknown_enterprise(enterprise_id)
    facts = EnterpriseFacts(
        credit_code=row["credit_code"],
        name=row["name"],
        division_code=row["division_code"],
        industry_code=row["industry_code"],
        name_en=row["name_en"],
        address=row["address"],
        website=row["website"],
        other_certificate=row["other_certificate"],
    )
    return Enterprise(
        enterprise_id=row["enterprise_id"],
        number=row["enterprise_number"],
        facts=facts,
        profile=profile_of(row["profile"]),
        sealed=row["personal"],
        state=EnterpriseState(row["state"]),
        reason=row["reason"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def columns_of(
    facts: EnterpriseFacts, profile: Profile, sealed: bytes | None
) -> tuple[str | bytes | date | None, ...]:
    """What the statements ``add_enterprise`` and ``change_enterprise`` write, in their order."""
    return (
        facts.credit_code, facts.other_certificate, facts.name, facts.name_en, facts.division_code,
        facts.industry_code, facts.address, facts.website, json.dumps(profile.to_json(), ensure_ascii=False), sealed,
        min(profile.ends().values(), default=None),
    )  # fmt: skip
