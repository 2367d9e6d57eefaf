"""The bodies of messages that have an effect at the upper side, by their kind. Other kinds are kept and have none."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any
from uuid import UUID

import msgspec

from node.errors import Malformed
from node.national.access import Site
from node.national.instructions import ANSWER_KIND, Answered
from node.national.messages import Line, Message, Number, Shape

LARGEST_BODY = 512 << 10
"""Octets of one message's body."""

PrefixText = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Z.]{1,64}\Z")]
Sites = Annotated[list[Site], msgspec.Meta(max_length=16)]


class BodyUnfit(Malformed):
    """A message that can never be accepted."""

    title_zh = "消息内容有误"


class Report(Shape, frozen=True, kw_only=True):
    """``origin`` is the node below the sender whose report it is, if it is not the sender's own."""

    origin: UUID | None = None


class EnterpriseReport(Report, frozen=True, kw_only=True):
    """``enterprise.{state}``; of the two certificates one is empty, and no member is about a person."""

    enterprise_id: UUID
    credit_code: Line
    other_certificate: Line = ""
    name: Line
    division_code: Line
    industry_code: Line
    state: Line


class PrefixReport(Report, frozen=True, kw_only=True):
    """``prefix.{state}`` and ``prefix.transferred``. ``prefix.reviewed`` asks for verification, and the verdict names
    ``application`` again."""

    prefix: PrefixText
    enterprise_id: UUID
    credit_code: Line
    other_certificate: Line = ""
    state: Line
    application: Number = 0


class PrefixRoute(PrefixReport, frozen=True, kw_only=True):
    """``prefix.route``: where the enterprise answers for the prefix itself; no sites: the sender does."""

    hosting: Line
    sites: Sites


class NodeRoute(Report, frozen=True, kw_only=True):
    """``route.node``: where the sender answers for all that was delegated to it.

    ``public_key`` is its Handle key as an HS_PUBKEY value has it, in base64.
    """

    prefix: PrefixText
    serial: Annotated[int, msgspec.Meta(ge=0, le=65535)]
    sites: Sites
    public_key: bytes = b""


class TemplateReport(Report, frozen=True, kw_only=True):
    """``template.{state}``: the metadata (``definition``) of a template that is or was published."""

    template_id: Number
    name: Line
    template_version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    state: Line
    definition: dict[str, Any]


class RegistrationSummary(Report, frozen=True, kw_only=True):
    """``registration.summary``: how many identifiers one transaction registered, changed and so on."""

    prefix: PrefixText
    registered: Number
    updated: Number
    deleted: Number
    suspended: Number = 0
    resumed: Number = 0
    migrated: Number = 0
    undone: Number = 0


Body = EnterpriseReport | PrefixReport | NodeRoute | TemplateReport | RegistrationSummary | Answered

BODIES: dict[str, type[Body]] = {
    "enterprise": EnterpriseReport,
    "prefix": PrefixReport,
    "prefix.route": PrefixRoute,
    "route.node": NodeRoute,
    "template": TemplateReport,
    "registration.summary": RegistrationSummary,
    ANSWER_KIND: Answered,
}
"""By the whole kind, or by its first word."""


def body_of(message: Message, delegated_prefix: str) -> Body | None:
    """The body of a kind that has an effect, ``None`` of another. Raises ``BodyUnfit``."""
    raw = bytes(message.body)
    if len(raw) > LARGEST_BODY:
        raise BodyUnfit(f"the body has {len(raw)} octets, {LARGEST_BODY} are allowed")
    shape = BODIES.get(message.kind) or BODIES.get(message.kind.partition(".")[0])
    try:
        raw.decode()
        body: Any = msgspec.json.decode(raw, type=shape or dict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:  # the last: nested too deep
        raise BodyUnfit(f"the body does not fit the kind {message.kind}: {error}") from None
    if isinstance(body, NodeRoute | PrefixRoute):
        _check_sites(body.sites)
    if isinstance(body, NodeRoute) and body.prefix != delegated_prefix:
        raise BodyUnfit(f"the route of {body.prefix} is not that of {delegated_prefix}, which this key stands for")
    return None if shape is None else body


def _check_sites(sites: list[Site]) -> None:
    for site in sites:
        try:
            ipaddress.ip_address(site.address)
        except ValueError:
            raise BodyUnfit(f"{site.address} is no address") from None
        if any(port is not None and not 0 < port < 65536 for port in (site.tcp_port, site.udp_port, site.http_port)):
            raise BodyUnfit("a port is a number from 1 to 65535")
