"""All of ``/v1`` in one list: it feeds the router, the document, the role matrix and the generated tests."""

from __future__ import annotations

from dataclasses import dataclass

from node.national.view import NationalView
from node.rate_limit import RateLimit
from node.routes import Route
from registry.accounts.access_keys import AccessKeys
from registry.accounts.accounts import Accounts
from registry.accounts.key_sign_in import KeySignIn
from registry.api.rdap import rdap_routes
from registry.api.v1.access_keys import access_key_routes
from registry.api.v1.accounts import account_routes
from registry.api.v1.announcements import announcement_routes
from registry.api.v1.application_identities import application_identity_routes
from registry.api.v1.attachments import attachment_routes
from registry.api.v1.batch_control import batch_control_routes
from registry.api.v1.batches import batch_routes
from registry.api.v1.codes import code_routes
from registry.api.v1.coding_rules import coding_rule_routes
from registry.api.v1.complaints import complaint_routes
from registry.api.v1.data_grants import data_grant_routes
from registry.api.v1.docking import docking_routes
from registry.api.v1.documents import document_routes
from registry.api.v1.enterprises import enterprise_routes
from registry.api.v1.exports import export_routes
from registry.api.v1.files import file_routes
from registry.api.v1.filing import filing_routes
from registry.api.v1.handle_policies import handle_policy_routes
from registry.api.v1.hosting import hosting_routes
from registry.api.v1.identifiers import identifier_routes
from registry.api.v1.identity_groups import identity_group_routes
from registry.api.v1.key_sign_in import key_sign_in_routes
from registry.api.v1.many_identifiers import many_identifier_routes
from registry.api.v1.mappings import mapping_routes
from registry.api.v1.national import national_routes
from registry.api.v1.notifications import notification_routes
from registry.api.v1.numbering import numbering_routes
from registry.api.v1.onboarding import onboarding_routes
from registry.api.v1.orders import order_routes
from registry.api.v1.plans import plan_routes
from registry.api.v1.prefixes import prefix_routes
from registry.api.v1.quotas import quota_routes
from registry.api.v1.references import reference_routes
from registry.api.v1.reviews import review_routes
from registry.api.v1.search import search_routes
from registry.api.v1.second_factor import second_factor_routes
from registry.api.v1.service_requests import service_request_routes
from registry.api.v1.statements import statement_routes
from registry.api.v1.suffixes import suffix_routes
from registry.api.v1.table_heads import table_head_routes
from registry.api.v1.template_categories import template_category_routes
from registry.api.v1.template_grants import template_grant_routes
from registry.api.v1.templates import template_routes
from registry.api.v1.transfers import transfer_routes
from registry.authorisations.application_identities import ApplicationIdentities
from registry.authorisations.grants import DataGrants
from registry.authorisations.groups import IdentityGroups
from registry.authorisations.scopes import Scopes
from registry.batches.by_body import Batches
from registry.batches.by_query import QueryBatches
from registry.batches.progress import BatchProgress
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
from registry.files.attachments import Attachments
from registry.files.files import Files
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
from registry.reviews.reviews import Reviews
from registry.search.search import Search
from registry.service.announcements import Announcements
from registry.service.complaints import Complaints
from registry.service.requests import ServiceRequests
from registry.templates.categories import Categories
from registry.templates.grants import TemplateGrants
from registry.templates.stored import Templates
from registry.transfers.transfers import Transfers


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the routes stand in front of; a bulk body's bytes and seconds between its pieces."""

    accounts: Accounts
    access_keys: AccessKeys
    onboarding: Onboarding
    enterprises: Enterprises
    prefixes: Prefixes
    numbering: Numbering
    reserved_numbers: ReservedNumbers
    hosting: PrefixHosting
    prefix_routes: PrefixRoutes
    transfers: Transfers
    handle_policies: HandlePolicies
    templates: Templates
    template_grants: TemplateGrants
    mappings: Mappings
    coding_rules: CodingRules
    draws: Draws
    suffix_rules: SuffixRules
    documents: Documents
    quotas: Quotas
    usage: Usage
    plans: Plans
    orders: Orders
    statements: Statements
    identifiers: Identifiers
    many_identifiers: ManyIdentifiers
    key_sign_in: KeySignIn
    template_categories: Categories
    search: Search
    batches: Batches
    query_batches: QueryBatches
    batch_progress: BatchProgress
    batch_bytes: int
    batch_seconds: float
    exports: Exports
    xlsx_characters: int
    files: Files
    attachments: Attachments
    filing: Filing
    filing_limit: RateLimit
    references: References
    application_identities: ApplicationIdentities
    identity_groups: IdentityGroups
    scopes: Scopes
    data_grants: DataGrants
    notifications: Notifications
    reviews: Reviews
    service_requests: ServiceRequests
    complaints: Complaints
    announcements: Announcements
    nodes_below: NodesBelow
    national: NationalView


def all_routes(cases: UseCases) -> list[Route]:
    """Every operation of the node's own interface."""
    return [
        *account_routes(cases.accounts),
        *second_factor_routes(cases.accounts),
        *access_key_routes(cases.access_keys),
        *onboarding_routes(cases.onboarding, cases.accounts),
        *enterprise_routes(cases.enterprises),
        *prefix_routes(cases.prefixes),
        *numbering_routes(cases.numbering, cases.reserved_numbers),
        *hosting_routes(cases.hosting, cases.prefix_routes),
        *transfer_routes(cases.transfers),
        *handle_policy_routes(cases.handle_policies),
        *template_routes(cases.templates),
        *template_grant_routes(cases.template_grants),
        *mapping_routes(cases.mappings),
        *coding_rule_routes(cases.coding_rules),
        *suffix_routes(cases.coding_rules, cases.draws, cases.suffix_rules),
        *document_routes(cases.documents),
        *quota_routes(cases.quotas),
        *plan_routes(cases.plans),
        *order_routes(cases.orders),
        *statement_routes(cases.usage, cases.statements),
        *identifier_routes(cases.identifiers),
        *many_identifier_routes(cases.many_identifiers),
        *key_sign_in_routes(cases.key_sign_in),
        *template_category_routes(cases.template_categories),
        *search_routes(cases.search),
        *reference_routes(cases.references),
        *code_routes(),
        *application_identity_routes(cases.application_identities),
        *identity_group_routes(cases.identity_groups),
        *data_grant_routes(cases.scopes, cases.data_grants),
        *notification_routes(cases.notifications),
        *review_routes(cases.reviews),
        *service_request_routes(cases.service_requests),
        *complaint_routes(cases.complaints),
        *announcement_routes(cases.announcements),
        *docking_routes(cases.nodes_below),
        *national_routes(cases.national),
        *file_routes(cases.files, patience=cases.batch_seconds),
        *filing_routes(cases.filing, cases.filing_limit),
        *rdap_routes(cases.filing, cases.filing_limit),
        *attachment_routes(cases.attachments, patience=cases.batch_seconds),
        *batch_routes(cases.batches, most_bytes=cases.batch_bytes, patience=cases.batch_seconds),
        *table_head_routes(cases.batches, most_bytes=cases.batch_bytes, patience=cases.batch_seconds),
        *batch_control_routes(cases.batches, cases.query_batches, cases.batch_progress),
        *export_routes(cases.exports, cases.files, xlsx_characters=cases.xlsx_characters),
    ]
