"""An office of the registry for its tests: use cases on a real database, a clock to turn, people of every role."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

from argon2.profiles import CHEAPEST

from node.auth import Account, Role
from node.database import Pool
from node.identifier import Prefix
from node.journal import Actor, Interface
from node.outward import Outward
from node.rate_limit import RateLimit
from node.sealing import Seal
from registry import credit_code
from registry.accounts.accounts import Accounts
from registry.accounts.passwords import Passwords
from registry.enterprises import Enterprise, EnterpriseFacts, Enterprises
from registry.hosting.hosting import PrefixHosting
from registry.hosting.routes import PrefixRoutes
from registry.numbering.numbering import Numbering
from registry.numbering.reserved import ReservedNumbers
from registry.prefix_grant import PrefixGrant
from registry.prefixes import Prefixes
from registry.profiles.personal import Person, Personal
from registry.templates.grants import TemplateGrants
from registry.templates.stored import Templates
from registry.transfers.transfers import Transfers
from registry.transitions import EnterpriseState, PrefixState, Verb

NODE_PREFIX = Prefix.parse("88.101")
CONTACT = Person(name="示例联系人", phone="13800000000", email="ops@example.com")


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


def person(role: Role, enterprise_id: UUID | None = None) -> Account:
    """Somebody of a role; histories need no row in the table of accounts."""
    return Account(uuid4(), str(role), role, enterprise_id)


def acting(account: Account) -> Actor:
    """That somebody at the REST interface."""
    return Actor(account.account_id, Interface.V1)


@dataclass(frozen=True)
class Traces:
    """What acts left behind, newest last."""

    acts: list[dict[str, Any]]
    leaves: list[dict[str, Any]]
    messages: list[dict[str, Any]]


@dataclass
class Office:
    pool: Pool
    clock: Clock = field(default_factory=Clock)
    admin: Account = field(default_factory=lambda: person(Role.ADMINISTRATOR))
    reviewer: Account = field(default_factory=lambda: person(Role.REVIEWER))
    auditor: Account = field(default_factory=lambda: person(Role.AUDITOR))
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.seal = Seal(bytes(32))
        self.enterprises = Enterprises(self.pool, self.clock, self.seal)
        self.prefixes = Prefixes(self.pool, self.clock, NODE_PREFIX)
        self.numbering = Numbering(self.pool, self.clock, NODE_PREFIX)
        self.reserved_numbers = ReservedNumbers(self.pool, self.clock)
        self.hosting = PrefixHosting(self.pool, self.clock)
        limit = RateLimit(per_minute=6000, burst=1000, most_sources=100, clock=time.monotonic)
        self.routes = PrefixRoutes(self.pool, self.clock, Outward((ip_network("127.0.0.1/32"),)), limit)
        self.transfers = Transfers(self.pool, self.clock)
        self.templates = Templates(self.pool, self.clock)
        self.template_grants = TemplateGrants(self.pool, self.clock)
        self.accounts = Accounts(self.pool, self.clock, Passwords(CHEAPEST), seal=Seal(bytes(32)))

    def facts(self, **changed: Any) -> EnterpriseFacts:
        """Facts of an enterprise that nobody has registered yet."""
        number = next(self._numbers)
        facts: dict[str, Any] = {
            "credit_code": credit_code.complete(f"91330212{number:08d}"),
            "name": f"示例阀门{number}有限公司",
            "division_code": "330212",
            "industry_code": "3443",
        }
        return EnterpriseFacts(**{**facts, **changed})

    async def enterprise(self, state: EnterpriseState = EnterpriseState.APPROVED) -> Enterprise:
        """A new enterprise, brought to a state by the people who may."""
        made = await self.enterprises.create(
            self.admin, acting(self.admin), self.facts(), personal=Personal(contact=CONTACT)
        )
        ways: dict[EnterpriseState, list[tuple[Account, Verb]]] = {
            EnterpriseState.DRAFT: [],
            EnterpriseState.SUBMITTED: [(self.admin, Verb.SUBMIT)],
            EnterpriseState.APPROVED: [(self.admin, Verb.SUBMIT), (self.reviewer, Verb.APPROVE)],
            EnterpriseState.RETURNED: [(self.admin, Verb.SUBMIT), (self.reviewer, Verb.RETURN)],
            EnterpriseState.REJECTED: [(self.admin, Verb.SUBMIT), (self.reviewer, Verb.REJECT)],
            EnterpriseState.SUSPENDED: [
                (self.admin, Verb.SUBMIT), (self.reviewer, Verb.APPROVE), (self.admin, Verb.SUSPEND),
            ],
            EnterpriseState.CLOSED: [(self.admin, Verb.CLOSE)],
        }  # fmt: skip
        for who, verb in ways[state]:
            made = await self.enterprises.move(who, acting(who), made.enterprise_id, verb, "理由")
        return made

    async def grant(
        self, state: PrefixState = PrefixState.ENABLED, enterprise: Enterprise | None = None
    ) -> PrefixGrant:
        """A new prefix of an enterprise, brought to a state by the people who may."""
        enterprise = enterprise or await self.enterprise()
        prefix = Prefix.parse(f"88.101.{2000 + next(self._numbers)}")
        admin, reviewer = self.admin, self.reviewer
        grant = await self.prefixes.apply(admin, acting(admin), enterprise.enterprise_id, prefix)
        if state is PrefixState.APPLIED:
            return grant
        first = Verb.REJECT if state is PrefixState.REJECTED else Verb.APPROVE
        grant = await self.prefixes.move(reviewer, acting(reviewer), prefix, first, "理由")
        if state in (PrefixState.REJECTED, PrefixState.REVIEWED):
            return grant
        passed = state is not PrefixState.REFUSED
        grant = await self.prefixes.apply_verdict(
            prefix, passed, "verdict", enable=state not in (PrefixState.REFUSED, PrefixState.VERIFIED)
        )
        last = {PrefixState.SUSPENDED: Verb.SUSPEND, PrefixState.WITHDRAWN: Verb.WITHDRAW}.get(state)
        if last is not None:
            grant = await self.prefixes.move(admin, acting(admin), prefix, last, "理由")
        return grant

    def user(self, enterprise: Enterprise | None = None) -> Account:
        """An enterprise's user, or a stranger."""
        return person(Role.ENTERPRISE_USER, enterprise.enterprise_id if enterprise else uuid4())

    def cast(self, enterprise: Enterprise) -> dict[str, Account]:
        """Everybody who might try something on a thing of that enterprise."""
        stranger = uuid4()
        return {
            "administrator": self.admin,
            "reviewer": self.reviewer,
            "auditor": self.auditor,
            "own user": self.user(enterprise),
            "own application": person(Role.APPLICATION, enterprise.enterprise_id),
            "other user": person(Role.ENTERPRISE_USER, stranger),
            "other application": person(Role.APPLICATION, stranger),
        }

    async def traces(self) -> Traces:
        """All three tables of traces."""
        acts = await self.pool.fetch("SELECT * FROM act_history ORDER BY act_id")
        leaves = await self.pool.fetch("SELECT leaf FROM event ORDER BY event_id")
        messages = await self.pool.fetch("SELECT stream, kind, body FROM outbox ORDER BY outbox_id")
        return Traces(
            acts=[
                {
                    **dict(row),
                    "before": json.loads(row["before"]) if row["before"] else None,
                    "after": json.loads(row["after"]) if row["after"] else None,
                }
                for row in acts
            ],
            leaves=[json.loads(row["leaf"]) for row in leaves],
            messages=[{**dict(row), "body": json.loads(row["body"])} for row in messages],
        )

    @asynccontextmanager
    async def leaving(self, *kinds: str | None) -> AsyncIterator[None]:
        """The block leaves one act and one leaf for each named report upward, or for ``None`` only these two."""
        before = await self.traces()
        yield
        after = await self.traces()
        assert len(after.acts) - len(before.acts) == len(kinds)
        assert len(after.leaves) - len(before.leaves) == len(kinds)
        reported = [message["kind"] for message in after.messages[len(before.messages) :]]
        assert reported == [kind for kind in kinds if kind is not None]
        for act, leaf in zip(after.acts[len(before.acts) :], after.leaves[len(before.leaves) :], strict=True):
            assert (leaf["op"], leaf["kind"], leaf["id"]) == (act["action"], act["subject_kind"], act["subject_id"])
            assert leaf["by"] == (str(act["account_id"]) if act["account_id"] else "node")

    @asynccontextmanager
    async def nothing_left(self) -> AsyncIterator[None]:
        """The block leaves no trace at all."""
        before = await self.traces()
        yield
        assert await self.traces() == before
