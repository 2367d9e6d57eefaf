"""A node with something in it: approved enterprises with enabled prefixes and a published template."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from random import Random
from typing import Any
from uuid import UUID, uuid4

from argon2.profiles import CHEAPEST

from node.auth import Account, Role
from node.database import Pool
from node.identifier import Identifier, Prefix
from node.journal import Actor, Interface
from node.outward import Outward
from node.rate_limit import RateLimit
from node.sealing import Seal
from registry.accounts.passwords import Passwords
from registry.authorisations.application_identities import ApplicationIdentities
from registry.authorisations.grants import DataGrants
from registry.authorisations.groups import IdentityGroups
from registry.authorisations.scopes import Scopes
from registry.batches.by_body import Batches
from registry.batches.by_query import QueryBatches
from registry.batches.progress import BatchProgress
from registry.batches.work import Workshop
from registry.coding.draws import Draws
from registry.coding.rules import CodingRules
from registry.coding.suffix_rules import SuffixRules
from registry.commerce.orders import Orders
from registry.commerce.plans import Plans
from registry.commerce.quotas import Quotas
from registry.commerce.statements import Statements
from registry.commerce.usage import Usage
from registry.credit_code import complete
from registry.documents.documents import Documents
from registry.enterprises import EnterpriseFacts, Enterprises
from registry.export.exports import Exports
from registry.files.attachments import AttachmentLimits, Attachments
from registry.files.files import FileLimits, Files
from registry.files.storage import DatabaseStorage
from registry.handle.policy import HandlePolicies
from registry.hosting.hosting import PrefixHosting
from registry.hosting.routes import PrefixRoutes
from registry.identifiers.identifiers import Identifiers
from registry.mappings.stored import Mappings
from registry.notifications import Notifications
from registry.numbering.numbering import Numbering
from registry.numbering.reserved import ReservedNumbers
from registry.prefixes import Prefixes
from registry.references import References
from registry.reviews.cases import ReviewPolicy
from registry.reviews.deciding import deciders_of
from registry.reviews.form_verifier import FormVerifier
from registry.reviews.reviews import Reviews
from registry.search.search import Search
from registry.service.announcements import Announcements
from registry.service.complaints import Complaints
from registry.service.requests import ServiceRequests
from registry.service.stored import Deadlines
from registry.templates.grants import TemplateGrants
from registry.templates.stored import StoredTemplate, Templates
from registry.templates.template import Template
from registry.transfers.transfers import Transfers
from registry.transitions import Verb

NODE_PREFIX = Prefix.parse("88.101")


class Clock:
    """Time that passes only when told to."""

    def __init__(self, start: datetime = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


PUMP: dict[str, Any] = {
    "name": "pump",
    "version": 1,
    "title_zh": "水泵",
    "title_en": "Pump",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True},
        {"name": "serial", "title_zh": "出厂编号", "unique": True},
        {"name": "model", "title_zh": "型号", "listed": True},
        {"name": "weight_kg", "title_zh": "重量", "kind": "number", "minimum": "0"},
        {"name": "made_on", "title_zh": "生产日期", "kind": "date"},
        {"name": "passed", "title_zh": "合格", "kind": "boolean"},
        {"name": "grade", "title_zh": "等级", "kind": "enum", "choices": ["A", "B"]},
    ],
}


def staff(role: Role) -> Account:
    """Somebody of the node."""
    return Account(uuid4(), f"{role}-{uuid4().hex[:6]}", role, None)


def user_of(enterprise_id: UUID) -> Account:
    """Somebody of an enterprise."""
    return Account(uuid4(), f"user-{uuid4().hex[:6]}", Role.ENTERPRISE_USER, enterprise_id)


def actor(account: Account) -> Actor:
    """The account coming through ``/v1``."""
    return Actor(account.account_id, Interface.V1)


@dataclass(frozen=True, slots=True)
class Holder:
    """An enterprise's user and the prefix it may register under."""

    account: Account
    prefix: Prefix

    @property
    def actor(self) -> Actor:
        return actor(self.account)

    def identifier(self, suffix: str) -> Identifier:
        return Identifier.of(self.prefix, suffix)


class World:
    """Use cases on one pool, and shortcuts through the business."""

    def __init__(self, pool: Pool, clock: Clock | None = None) -> None:
        self.pool = pool
        self.clock = clock or Clock()
        self.seal = Seal(bytes(32))
        self.enterprises = Enterprises(pool, self.clock, self.seal)
        self.prefixes = Prefixes(pool, self.clock, NODE_PREFIX)
        self.numbering = Numbering(pool, self.clock, NODE_PREFIX)
        self.reserved_numbers = ReservedNumbers(pool, self.clock)
        self.hosting = PrefixHosting(pool, self.clock)
        self.prefix_routes = PrefixRoutes(
            pool,
            self.clock,
            Outward((ip_network("127.0.0.1/32"),)),
            RateLimit(per_minute=6000, burst=1000, most_sources=100, clock=time.monotonic),
        )
        self.transfers = Transfers(pool, self.clock)
        self.handle_policies = HandlePolicies(pool, self.clock)
        self.templates = Templates(pool, self.clock)
        self.template_grants = TemplateGrants(pool, self.clock)
        self.mappings = Mappings(pool, self.clock)
        self.coding_rules = CodingRules(pool, self.clock, Random(7))
        self.draws = Draws(pool, self.clock, Random(8))
        self.suffix_rules = SuffixRules(pool, self.clock)
        self.documents = Documents(pool, self.clock)
        self.quotas = Quotas(pool, self.clock)
        self.usage = Usage(pool)
        self.plans = Plans(pool, self.clock)
        self.orders = Orders(pool, self.clock)
        self.statements = Statements(pool, self.clock)
        self.identifiers = Identifiers(pool, self.clock)
        self.search = Search(pool)
        self.workshop = Workshop(pool, self.clock, chunk_rows=500)
        self.batches = Batches(self.workshop)
        self.query_batches = QueryBatches(self.workshop)
        self.batch_progress = BatchProgress(pool, every=0.05)
        self.exports = Exports(pool, self.clock)
        self.files = Files(pool, self.clock, DatabaseStorage(pool), FileLimits())
        self.attachments = Attachments(pool, self.clock, self.seal, DatabaseStorage(pool), AttachmentLimits())
        self.references = References(pool, NODE_PREFIX)
        self.application_identities = ApplicationIdentities(pool, self.clock, Passwords(CHEAPEST))
        self.identity_groups = IdentityGroups(pool, self.clock)
        self.scopes = Scopes(pool, self.clock)
        self.data_grants = DataGrants(pool, self.clock)
        self.notifications = Notifications(pool, self.clock)
        deciders = deciders_of(self.enterprises, self.prefixes, self.hosting, self.transfers)
        self.reviews = Reviews(pool, self.clock, self.seal, deciders, [FormVerifier()], ReviewPolicy())
        self.service_requests = ServiceRequests(pool, self.clock, self.seal, Deadlines())
        limit = RateLimit(per_minute=6000, burst=1000, most_sources=100, clock=time.monotonic)
        self.complaints = Complaints(pool, self.clock, self.seal, Deadlines(), limit)
        self.announcements = Announcements(pool, self.clock)
        self.administrator = staff(Role.ADMINISTRATOR)
        self.reviewer = staff(Role.REVIEWER)

    async def holder(self, number: int = 2001) -> Holder:
        """An approved enterprise with the enabled prefix 88.101.<number>."""
        admin, reviewer = self.administrator, self.reviewer
        facts = EnterpriseFacts(
            credit_code=complete(f"91442000MAD{number:05d}"), name=f"中山示例企业{number}", division_code="442000",
            industry_code="3441",
        )  # fmt: skip
        enterprise = await self.enterprises.create(admin, actor(admin), facts)
        await self.enterprises.move(admin, actor(admin), enterprise.enterprise_id, Verb.SUBMIT)
        await self.enterprises.move(reviewer, actor(reviewer), enterprise.enterprise_id, Verb.APPROVE)
        prefix = Prefix.parse(f"88.101.{number}")
        await self.prefixes.apply(admin, actor(admin), enterprise.enterprise_id, prefix)
        await self.prefixes.move(reviewer, actor(reviewer), prefix, Verb.APPROVE)
        await self.prefixes.apply_verdict(prefix, True, "", True)
        return Holder(user_of(enterprise.enterprise_id), prefix)

    async def template(self, definition: dict[str, Any] | None = None) -> StoredTemplate:
        """A published template of the node's own."""
        admin = self.administrator
        made = await self.templates.create(admin, actor(admin), None, Template.from_json(definition or PUMP))
        return await self.templates.publish(admin, actor(admin), made.template_id)

    async def traces(self) -> tuple[int, int, int]:
        """How many identifier histories, leaves and reports there are."""
        row = await self.pool.fetchrow(
            "SELECT (SELECT count(*) FROM identifier_history) AS histories,"
            " (SELECT sum(coalesce(octet_length(packed) / 52, 1)) FROM event) AS leaves,"
            " (SELECT count(*) FROM outbox) AS reports"
        )
        return row["histories"], row["leaves"], row["reports"]
