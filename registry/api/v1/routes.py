"""All of ``/v1`` in one list: it feeds the router, the document, the role matrix and the generated tests."""

from __future__ import annotations

from dataclasses import dataclass

from node.routes import Route
from registry.accounts.accounts import Accounts
from registry.api.v1.accounts import account_routes
from registry.api.v1.batch_control import batch_control_routes
from registry.api.v1.batches import batch_routes
from registry.api.v1.coding_rules import coding_rule_routes
from registry.api.v1.enterprises import enterprise_routes
from registry.api.v1.exports import export_routes
from registry.api.v1.files import file_routes
from registry.api.v1.handle_policies import handle_policy_routes
from registry.api.v1.identifiers import identifier_routes
from registry.api.v1.mappings import mapping_routes
from registry.api.v1.prefixes import prefix_routes
from registry.api.v1.references import reference_routes
from registry.api.v1.search import search_routes
from registry.api.v1.templates import template_routes
from registry.batches.by_body import Batches
from registry.batches.by_query import QueryBatches
from registry.batches.progress import BatchProgress
from registry.coding.rules import CodingRules
from registry.enterprises import Enterprises
from registry.export.exports import Exports
from registry.files.files import Files
from registry.handle.policy import HandlePolicies
from registry.identifiers.identifiers import Identifiers
from registry.mappings.stored import Mappings
from registry.prefixes import Prefixes
from registry.references import References
from registry.search.search import Search
from registry.templates.stored import Templates


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the routes stand in front of; a bulk body's bytes and seconds between its pieces."""

    accounts: Accounts
    enterprises: Enterprises
    prefixes: Prefixes
    handle_policies: HandlePolicies
    templates: Templates
    mappings: Mappings
    coding_rules: CodingRules
    identifiers: Identifiers
    search: Search
    batches: Batches
    query_batches: QueryBatches
    batch_progress: BatchProgress
    batch_bytes: int
    batch_seconds: float
    exports: Exports
    xlsx_characters: int
    files: Files
    references: References


def all_routes(cases: UseCases) -> list[Route]:
    """Every operation of the node's own interface."""
    return [
        *account_routes(cases.accounts),
        *enterprise_routes(cases.enterprises),
        *prefix_routes(cases.prefixes),
        *handle_policy_routes(cases.handle_policies),
        *template_routes(cases.templates),
        *mapping_routes(cases.mappings),
        *coding_rule_routes(cases.coding_rules),
        *identifier_routes(cases.identifiers),
        *search_routes(cases.search),
        *reference_routes(cases.references),
        *file_routes(cases.files, patience=cases.batch_seconds),
        *batch_routes(cases.batches, most_bytes=cases.batch_bytes, patience=cases.batch_seconds),
        *batch_control_routes(cases.batches, cases.query_batches, cases.batch_progress),
        *export_routes(cases.exports, cases.files, xlsx_characters=cases.xlsx_characters),
    ]
