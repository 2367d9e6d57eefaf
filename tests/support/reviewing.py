"""The queue of reviews over an office, under a policy of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from node.auth import Account, Role
from registry.enterprises import Enterprise, Enterprises
from registry.hosting.hosting import PrefixHosting
from registry.prefixes import Prefixes
from registry.profiles.personal import Personal
from registry.reviews.cases import ReviewPolicy, ReviewReason, SubjectKind
from registry.reviews.deciding import deciders_of
from registry.reviews.form_verifier import FormVerifier
from registry.reviews.reviews import Reviews
from registry.reviews.stored import Review
from registry.reviews.verifiers import Verifier
from registry.transfers.transfers import Transfers
from registry.transitions import Verb
from tests.support.office import NODE_PREFIX, Office, acting, person


class ReviewDesk:
    """Use cases that share one policy, and a second reviewer."""

    def __init__(
        self, office: Office, *, four_eyes: bool = False, verifiers: Sequence[Verifier] = (FormVerifier(),)
    ) -> None:
        policy = ReviewPolicy(four_eyes, timedelta(minutes=30))
        pool, clock = office.pool, office.clock
        self.office = office
        self.enterprises = Enterprises(pool, clock, office.seal, policy)
        self.prefixes = Prefixes(pool, clock, NODE_PREFIX, policy)
        self.hosting = PrefixHosting(pool, clock, policy)
        self.transfers = Transfers(pool, clock, policy)
        deciders = deciders_of(self.enterprises, self.prefixes, self.hosting, self.transfers)
        self.reviews = Reviews(pool, clock, office.seal, deciders, verifiers, policy, seconds=0.2)
        self.first = office.reviewer
        self.second = person(Role.REVIEWER)

    async def submitted(self, personal: Personal | None = None) -> Enterprise:
        """An enterprise that waits for its review."""
        admin = self.office.admin
        made = await self.enterprises.create(
            admin, acting(admin), self.office.facts(), personal=personal or Personal()
        )
        return await self.enterprises.move(admin, acting(admin), made.enterprise_id, Verb.SUBMIT)

    async def waiting(self, kind: SubjectKind = SubjectKind.ENTERPRISE) -> Review:
        """The only open review of a kind."""
        (review,) = await self.reviews.list(self.office.auditor, kind=kind)
        return review

    async def decide(self, by: Account, review: Review, verdict: Verb, *reasons: str) -> Review:
        """A decision in the queue, with reasons about the whole."""
        return await self.reviews.decide(
            by, acting(by), review.review_id, verdict, [ReviewReason(reason) for reason in reasons]
        )
