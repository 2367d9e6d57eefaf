"""Every endpoint of the IDHub interface (snms-api 19, numbers 26 to 50), in all spellings that clients use (C-20)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from node.database import Pool
from node.web import Authenticate
from registry.accounts.key_sign_in import KeySignIn
from registry.api.compatible import Endpoint, add_endpoints
from registry.api.counted_reads import CountedReads
from registry.api.idhub.files import FileDesk
from registry.api.idhub.instances import Instances
from registry.api.idhub.login import Login
from registry.api.idhub.meta_desk import MetaDesk
from registry.api.idhub.status import Envelope
from registry.api.v1.routes import UseCases
from registry.authorisations.application_identities import ApplicationIdentities
from registry.authorisations.groups import IdentityGroups
from registry.files.files import Files
from registry.identifiers.identifiers import Identifiers
from registry.identifiers.many import ManyIdentifiers
from registry.notifications import Notifications

_BENEATH = ("/api/v1",)
_DOIP, _OPEN = "/api/v1/doip", "/api/v1/open"


@dataclass(frozen=True, slots=True)
class IdhubCases:
    """What the interface stands in front of."""

    pool: Pool
    clock: Callable[[], datetime]
    authenticate: Authenticate
    key_sign_in: KeySignIn
    identifiers: Identifiers
    many: ManyIdentifiers
    files: Files
    identities: ApplicationIdentities
    groups: IdentityGroups
    notifications: Notifications
    reads: CountedReads


def add_routes(
    router: web.UrlDispatcher,
    cases: UseCases,
    pool: Pool,
    clock: Callable[[], datetime],
    reads: CountedReads,
    *,
    verify_by_get: bool,
) -> None:
    """Serve IDHub; other addresses below its own are refused in its envelope."""
    served = IdhubCases(
        pool=pool,
        clock=clock,
        authenticate=cases.accounts.authenticate,
        key_sign_in=cases.key_sign_in,
        identifiers=cases.identifiers,
        many=cases.many_identifiers,
        files=cases.files,
        identities=cases.application_identities,
        groups=cases.identity_groups,
        notifications=cases.notifications,
        reads=reads,
    )
    serve(router, served, verify_by_get=verify_by_get)


def serve(router: web.UrlDispatcher, cases: IdhubCases, *, verify_by_get: bool) -> None:
    """Serve IDHub in front of these."""
    endpoints = idhub_endpoints(cases, verify_by_get=verify_by_get)
    add_endpoints(router, endpoints, Envelope(), cases.authenticate, beneath=_BENEATH)


def idhub_endpoints(cases: IdhubCases, *, verify_by_get: bool) -> list[Endpoint]:
    """All of them; ``verify_by_get`` serves clients whose verify-response is a GET with a body (8.2)."""
    login = Login(cases.key_sign_in)
    instances = Instances(cases.pool, cases.identifiers, cases.many, cases.authenticate, cases.reads)
    meta = MetaDesk(cases.pool, cases.clock, cases.identities, cases.groups, cases.notifications)
    files = FileDesk(cases.pool, cases.files)
    verify = f"{_DOIP}/public/verify-response"
    found = [
        Endpoint("GET", f"{_DOIP}/public/challenge", login.challenge, open=True),
        Endpoint("POST", verify, login.verify, open=True),
        Endpoint("GET", _DOIP, instances.read, open=True),
        Endpoint("POST", _DOIP, instances.write),
        Endpoint("POST", f"{_DOIP}/file-upload", files.upload, streamed=True),
        Endpoint("GET", f"{_DOIP}/file-acquire", files.acquire),
        Endpoint("POST", f"{_OPEN}/meta/create", meta.create),
        Endpoint("GET", f"{_OPEN}/meta/info", meta.info),
        Endpoint("PUT", f"{_OPEN}/meta/update-basic-info", meta.change_head),
        Endpoint("PUT", f"{_OPEN}/meta/update-item", meta.change_items),
        Endpoint("DELETE", f"{_OPEN}/meta/delete", meta.delete),
        Endpoint("POST", f"{_OPEN}/meta/grant/info", meta.grant),
        Endpoint("POST", f"{_OPEN}/meta/grant-info", meta.grant),
        Endpoint("PUT", f"{_OPEN}/meta/publish-or-withdraw", meta.turn),
        Endpoint("POST", f"{_OPEN}/meta/baseon-create", meta.copy),
        Endpoint("GET", f"{_OPEN}/meta/classify-query", meta.categories),
        Endpoint("GET", f"{_OPEN}/meta/page", meta.metadata),
        Endpoint("GET", f"{_OPEN}/handle/page", meta.instances),
        Endpoint("GET", f"{_OPEN}/handle-user-group/list", meta.grantees),
        Endpoint("POST", f"{_OPEN}/classes-grant/item/batch-public", meta.make_items_public),
        Endpoint("POST", f"{_OPEN}/classes-grant/authorization", meta.grant_class),
        Endpoint("POST", "/api/v1/single-handle/authorization", meta.grant_single),
        Endpoint("POST", f"{_OPEN}/single-handle/authorization", meta.grant_single),
        Endpoint("GET", f"{_OPEN}/message/appMessage", meta.messages),
    ]
    return [*found, Endpoint("GET", verify, login.verify, open=True)] if verify_by_get else found
