"""Every endpoint of SNMS with its aliases (snms-api 19); other addresses below these are refused in its envelope."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from node.database import Pool
from registry.api.compatible import Endpoint, add_endpoints
from registry.api.counted_reads import CountedReads
from registry.api.snms.enterprises import enterprise_endpoints
from registry.api.snms.envelope import SnmsEnvelope
from registry.api.snms.files import file_endpoints
from registry.api.snms.identifiers import identifier_endpoints
from registry.api.snms.identity import identity_endpoints
from registry.api.snms.prefixes import prefix_endpoints
from registry.api.snms.template_store import SnmsTemplates
from registry.api.snms.templates import template_endpoints
from registry.api.v1.routes import UseCases

Clock = Callable[[], datetime]

_BENEATH = ("/snms/api", "/identityv2", "/identity/registry", "/identity/token")


def snms_endpoints(
    cases: UseCases, pool: Pool, clock: Clock, registrar_name: str, reads: CountedReads
) -> list[Endpoint]:
    """All of them, on the use cases of ``/v1``; ``registrar_name`` is who registered the prefixes."""
    return [
        *identity_endpoints(cases.accounts, cases.onboarding),
        *file_endpoints(cases.attachments),
        *enterprise_endpoints(
            cases.accounts, cases.onboarding, cases.enterprises, cases.prefixes, cases.hosting, cases.prefix_routes
        ),
        *prefix_endpoints(pool, cases.prefixes, cases.enterprises, registrar_name),
        *template_endpoints(SnmsTemplates(pool, clock)),
        *identifier_endpoints(pool, cases.identifiers, cases.many_identifiers, reads),
    ]


def add_routes(
    router: web.UrlDispatcher, cases: UseCases, pool: Pool, clock: Clock, registrar_name: str, reads: CountedReads
) -> None:
    """Serve SNMS."""
    endpoints = snms_endpoints(cases, pool, clock, registrar_name, reads)
    add_endpoints(router, endpoints, SnmsEnvelope(), cases.accounts.authenticate, beneath=_BENEATH)
