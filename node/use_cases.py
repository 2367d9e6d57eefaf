"""The use cases of the writer as the settings want them: what the interfaces of a worker stand in front of."""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from random import SystemRandom

from node.child import node_now, utc_now
from node.config import Settings
from node.database import Pool
from node.identifier import Prefix
from node.national.view import NationalView
from node.outward import Outward
from node.parts import accounts_of
from node.rate_limit import RateLimit
from node.sealing import Seal
from registry.accounts.access_keys import AccessKeys
from registry.accounts.key_sign_in import KeySignIn
from registry.accounts.passwords import Passwords
from registry.api.v1.routes import UseCases
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
from registry.documents.documents import Documents
from registry.downward.nodes import NodesBelow
from registry.enterprises import Enterprises
from registry.export.exports import Exports
from registry.files.attachments import AttachmentLimits, Attachments
from registry.files.files import FileLimits, Files
from registry.files.storage import DatabaseStorage, Storage
from registry.filing import Filing
from registry.handle.policy import HandlePolicies
from registry.hosting.hosting import PrefixHosting
from registry.hosting.routes import PrefixRoutes
from registry.identifiers.identifiers import Identifiers
from registry.identifiers.many import ManyIdentifiers
from registry.mappings.stored import Mappings
from registry.notifications import Notifications
from registry.numbering.numbering import Numbering
from registry.numbering.reserved import ReservedNumbers
from registry.onboarding import Onboarding
from registry.prefixes import Prefixes
from registry.references import References
from registry.reviews.cases import ReviewPolicy
from registry.reviews.deciding import deciders_of
from registry.reviews.form_verifier import FormVerifier
from registry.reviews.reviews import Reviews
from registry.reviews.verifiers import Verifier
from registry.rows.limits import Limits
from registry.search.search import Search
from registry.service.announcements import Announcements
from registry.service.complaints import Complaints
from registry.service.requests import ServiceRequests
from registry.service.stored import Deadlines
from registry.templates.categories import Categories
from registry.templates.grants import TemplateGrants
from registry.templates.stored import Templates
from registry.transfers.transfers import Transfers

_VERIFIERS: dict[str, Verifier] = {"form": FormVerifier()}
_COMPLAINTS = 5  # of one network at once
_ROUTE_CHECKS = 6  # a minute, of one enterprise
_SOURCES = 10_000
"""Networks whose questions are counted, each by itself."""


def use_cases(settings: Settings, pool: Pool, seal: Seal, storage: Storage) -> UseCases:
    """The writer's use cases on one pool; ``seal`` is that of personal data, ``storage`` keeps contents."""
    hashing = Passwords()
    accounts = accounts_of(settings, pool, utc_now, hashing, seal)
    workshop = Workshop(pool, node_now, chunk_rows=settings.registry.chunk_rows, limits=bulk_limits(settings))
    policy = ReviewPolicy(settings.review.four_eyes, timedelta(minutes=settings.review.claim_minutes))
    enterprises = Enterprises(pool, node_now, seal, policy)
    prefixes = Prefixes(pool, node_now, Prefix.parse(settings.node.prefix), policy)
    hosting = PrefixHosting(pool, node_now, policy)
    transfers = Transfers(pool, node_now, policy)
    service = settings.service
    deadlines = Deadlines(service.request_days, service.complaint_days)
    return UseCases(
        accounts=accounts,
        access_keys=AccessKeys(pool, utc_now, accounts.credentials),
        onboarding=Onboarding(pool, node_now, seal, accounts.credentials, Prefix.parse(settings.node.prefix)),
        enterprises=enterprises,
        prefixes=prefixes,
        numbering=Numbering(pool, node_now, Prefix.parse(settings.node.prefix)),
        reserved_numbers=ReservedNumbers(pool, node_now),
        hosting=hosting,
        prefix_routes=PrefixRoutes(
            pool,
            node_now,
            Outward(settings.registry.route_networks),
            RateLimit(per_minute=_ROUTE_CHECKS, burst=_ROUTE_CHECKS, most_sources=_SOURCES, clock=time.monotonic),
        ),
        transfers=transfers,
        handle_policies=HandlePolicies(pool, node_now),
        templates=Templates(pool, node_now),
        template_grants=TemplateGrants(pool, node_now),
        mappings=Mappings(pool, node_now),
        coding_rules=CodingRules(pool, node_now, SystemRandom()),
        draws=Draws(pool, node_now, SystemRandom()),
        suffix_rules=SuffixRules(pool, node_now),
        documents=Documents(pool, node_now),
        quotas=Quotas(pool, node_now),
        usage=Usage(pool),
        plans=Plans(pool, node_now),
        orders=Orders(pool, node_now),
        statements=Statements(pool, node_now),
        identifiers=Identifiers(pool, node_now),
        many_identifiers=ManyIdentifiers(pool, node_now),
        key_sign_in=KeySignIn(pool, utc_now, timedelta(hours=settings.registry.token_hours), time.monotonic),
        template_categories=Categories(pool, node_now),
        search=Search(pool),
        batches=Batches(workshop),
        query_batches=QueryBatches(workshop, undo_within=timedelta(hours=settings.bulk.undo_hours)),
        batch_progress=BatchProgress(pool, watchers=settings.bulk.watchers),
        files=Files(pool, node_now, storage, FileLimits(settings.files.file_bytes, settings.files.enterprise_bytes)),
        filing=Filing(pool),
        filing_limit=RateLimit(
            per_minute=settings.filing.per_minute,
            burst=settings.filing.burst,
            most_sources=_SOURCES,
            clock=time.monotonic,
        ),
        attachments=Attachments(
            pool,
            node_now,
            seal,
            storage,
            AttachmentLimits(settings.files.attachment_image_bytes, settings.files.attachment_pdf_bytes),
        ),
        references=References(pool, Prefix.parse(settings.node.prefix)),
        application_identities=ApplicationIdentities(pool, utc_now, hashing, accounts.rules.policy),
        identity_groups=IdentityGroups(pool, node_now),
        scopes=Scopes(pool, node_now),
        data_grants=DataGrants(pool, node_now),
        notifications=Notifications(pool, node_now),
        reviews=Reviews(
            pool,
            node_now,
            seal,
            deciders_of(enterprises, prefixes, hosting, transfers),
            [_VERIFIERS[name] for name in settings.review.verifiers],
            policy,
        ),
        service_requests=ServiceRequests(pool, node_now, seal, deadlines),
        complaints=Complaints(
            pool,
            node_now,
            seal,
            deadlines,
            RateLimit(
                per_minute=service.complaints_per_minute,
                burst=_COMPLAINTS,
                most_sources=_SOURCES,
                clock=time.monotonic,
            ),
            most_waiting=service.open_complaints,
        ),
        announcements=Announcements(pool, node_now),
        nodes_below=NodesBelow(pool, utc_now, seal),
        national=NationalView(
            pool, utc_now, settings.national.url, timedelta(seconds=settings.national.heartbeat_seconds)
        ),
        batch_bytes=settings.registry.batch_bytes,
        batch_seconds=settings.http.body_seconds,
        exports=Exports(pool, node_now),
        xlsx_characters=settings.registry.xlsx_characters,
    )


async def storage_of(settings: Settings, pool: Pool, stack: contextlib.AsyncExitStack) -> Storage:
    """Where contents of files are kept; what the store outside does not have, the database has."""
    database = DatabaseStorage(pool)
    if settings.files.store == "database":
        return database
    # Here, because its client costs every start a tenth of a second.
    from registry.files.s3_storage import Bucket, s3_storage

    s3 = settings.s3
    bucket = Bucket(s3.url or "", s3.bucket, s3.region, s3.access_key, s3.secret_key)
    return await stack.enter_async_context(s3_storage(bucket, database))


def bulk_limits(settings: Settings) -> Limits:
    """What the reading of one body may cost."""
    bulk = settings.bulk
    return Limits(
        ratio=bulk.ratio,
        unpacked_bytes=bulk.unpacked_bytes,
        workbook_bytes=bulk.workbook_bytes,
        workbook_unpacked_bytes=bulk.workbook_unpacked_bytes,
        workbook_entries=bulk.workbook_entries,
        child_bytes=bulk.child_bytes,
        child_seconds=bulk.child_seconds,
    )
