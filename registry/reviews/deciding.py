"""Which use case a decision in the queue goes to: the one that reviewers can also call directly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from node.auth import Account
from node.errors import Malformed
from node.identifier import Prefix
from node.journal import Actor
from registry.enterprises import Enterprises
from registry.hosting.hosting import PrefixHosting
from registry.prefixes import Prefixes
from registry.reviews.cases import Judgement, SubjectKind
from registry.reviews.stored import Review
from registry.transfers.transfers import Transfers
from registry.transitions import Verb


class VerdictNotPossible(Malformed):
    """Evidence: ``verdict``, ``possible``."""

    title_zh = "不能作此审核结论"


class Decide(Protocol):
    """``reason`` is the judgement's as one text."""

    async def __call__(
        self, account: Account, actor: Actor, review: Review, verb: Verb, reason: str, judgement: Judgement
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Decider:
    """How reviews of one kind end."""

    verdicts: frozenset[Verb]
    decide: Decide

    def check(self, verdict: Verb) -> None:
        """Raises ``VerdictNotPossible``."""
        if verdict not in self.verdicts:
            raise VerdictNotPossible(
                f"{verdict} is no way to decide this",
                field="verdict",
                verdict=str(verdict),
                possible=sorted(map(str, self.verdicts)),
            )


Deciders = Mapping[SubjectKind, Decider]

_CORRECTABLE = frozenset({Verb.APPROVE, Verb.RETURN, Verb.REJECT})
_YES_OR_NO = frozenset({Verb.APPROVE, Verb.REJECT})


def text_of(judgement: Judgement) -> str:
    """The reasons as one text, which the enterprise reads and history keeps."""
    return "；".join(f"{one.field}：{one.text}" if one.field else one.text for one in judgement.reasons)


def deciders_of(
    enterprises: Enterprises, prefixes: Prefixes, hosting: PrefixHosting, transfers: Transfers
) -> Deciders:
    """The use cases by what they decide on. Only an enterprise's record can be corrected and sent again."""

    async def on_enterprise(
        account: Account, actor: Actor, review: Review, verb: Verb, reason: str, judgement: Judgement
    ) -> object:
        return await enterprises.move(account, actor, review.enterprise_id, verb, reason, judgement)

    async def on_prefix(
        account: Account, actor: Actor, review: Review, verb: Verb, reason: str, judgement: Judgement
    ) -> object:
        return await prefixes.move(account, actor, _prefix_of(review), verb, reason, judgement)

    async def on_hosting(
        account: Account, actor: Actor, review: Review, verb: Verb, reason: str, judgement: Judgement
    ) -> object:
        return await hosting.decide(account, actor, _prefix_of(review), verb, reason, judgement)

    async def on_transfer(
        account: Account, actor: Actor, review: Review, verb: Verb, reason: str, judgement: Judgement
    ) -> object:
        return await transfers.decide(account, actor, UUID(review.subject_id), verb, reason, judgement)

    return {
        SubjectKind.ENTERPRISE: Decider(_CORRECTABLE, on_enterprise),
        SubjectKind.PREFIX: Decider(_YES_OR_NO, on_prefix),
        SubjectKind.HOSTING: Decider(_YES_OR_NO, on_hosting),
        SubjectKind.TRANSFER: Decider(_YES_OR_NO, on_transfer),
    }


def _prefix_of(review: Review) -> Prefix:
    if review.prefix is None:
        raise ValueError(f"the review {review.review_id} names no prefix")
    return review.prefix
