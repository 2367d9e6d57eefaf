"""Access to the interface (接入申请): applying for it, the key pair that comes of it, and its successor.

An applicant chooses a secret and signs what it asks about its application with it, as if the application's number
were an AccessKey: only who applied reads the key pair. A key pair is replaced while the old one still holds, so that
no request falls between the two.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from node.national.messages import Line, Moment, Shape

APPLICATIONS = "/v1/applications"
KEYS = "/v1/keys"

Secret = Annotated[str, msgspec.Meta(min_length=32, max_length=128, pattern=r"^[A-Za-z0-9_-]+\Z")]


class Kind(StrEnum):
    """What sort of node applies."""

    SECONDARY = "secondary"
    ENTERPRISE = "enterprise"


class Site(Shape, frozen=True, kw_only=True):
    """One address at which a node answers; a port is missing where nothing listens."""

    address: Line
    tcp_port: int | None = None
    udp_port: int | None = None
    http_port: int | None = None


class Application(Shape, frozen=True, kw_only=True):
    """POST /v1/applications, unsigned; sent again with the same id and content it changes nothing.

    ``secret`` is the applicant's choice; ``certificate_sha256`` (hex) is that of the client certificate by which it
    will come, if by any.
    """

    application_id: UUID
    secret: Secret
    kind: Kind
    name: Line
    prefix: Line
    credit_code: Line = ""
    contact: Line = ""
    version: Line = ""
    sites: Annotated[list[Site], msgspec.Meta(max_length=4)] = msgspec.field(default_factory=list)
    certificate_sha256: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""


class ApplicationState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class IssuedKey(Shape, frozen=True, kw_only=True):
    """A key pair. POST /v1/keys, signed by the present one, answers its successor: the old one holds until
    ``previous_expires_at``, and asking again before the successor was used answers the same successor."""

    access_key: str
    secret_key: str
    previous_expires_at: Moment | None = None


class ApplicationStatus(Shape, frozen=True, kw_only=True):
    """GET /v1/applications/{application_id}, signed with the number as AccessKey and the applicant's secret.

    ``key`` comes with approval; ``prefix`` is what was delegated; ``enterprise`` are facts of the enterprise that
    holds it, for an enterprise node.
    """

    application_id: UUID
    state: ApplicationState
    reason: str = ""
    prefix: str = ""
    key: IssuedKey | None = None
    enterprise: dict[str, str] = msgspec.field(default_factory=dict)
