"""Enterprises (snms-api 4): applications with and without their user, pages, records, hosted or self-hosted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.auth import Account, Role
from node.identifier import Prefix
from registry.accounts.accounts import Accounts
from registry.api.compatible import Asked, Endpoint, FieldMissing, FieldUnreadable
from registry.api.snms.identity import read_newcomer
from registry.api.snms.record import NATURES, Record, read_record, told_record
from registry.api.snms.said import Said, said
from registry.api.snms.telling import page_asked, read_time, told_page, told_time
from registry.enterprises import Enterprise, Enterprises, unknown_enterprise
from registry.hosting.hosting import PrefixHosting
from registry.hosting.routes import PrefixRoutes
from registry.hosting.sites import RouteSite, read_site
from registry.onboarding import Entry, Onboarding
from registry.prefixes import Prefixes
from registry.transitions import PrefixState

_PORT = 11
_DEAD = frozenset({PrefixState.REJECTED, PrefixState.REFUSED, PrefixState.WITHDRAWN})
_LAST_NUMBER = 2**63 - 1


def enterprise_endpoints(
    accounts: Accounts,
    onboarding: Onboarding,
    enterprises: Enterprises,
    prefixes: Prefixes,
    hosting: PrefixHosting,
    routes: PrefixRoutes,
) -> list[Endpoint]:
    """``ent/apply``, ``ent/upgrade-apply``, ``ent/page``, ``ent/detail``, ``ent/config``."""

    async def apply(asked: Asked) -> bool:
        body = said(asked.content)
        newcomer = read_newcomer(body.needed_part("sysUser"), longest=64)
        await onboarding.enter(asked.account, asked.actor, newcomer, _entry(read_record(body)))
        return True

    async def upgrade(asked: Asked) -> bool:
        body = said(asked.content)
        name = body.text("username", "userName", most=50, needed=True)
        await onboarding.upgrade(asked.account, asked.actor, name, _entry(read_record(body)))
        return True

    async def page(asked: Asked) -> dict[str, Any]:
        query, wanted = asked.query, page_asked(asked.query)
        if not _sees_any(asked.account):
            return told_page(wanted, 0, [])
        found, total = await enterprises.page(
            asked.account, query.get("orgName") or None, read_time(query.get("startDate", ""), "startDate"),
            read_time(query.get("endDate", ""), "endDate"), wanted.number, wanted.size,
        )  # fmt: skip
        open_ids = await accounts.open_ids([one.enterprise_id for one in found])
        return told_page(wanted, total, [_told(one, open_ids.get(one.enterprise_id, ())) for one in found])

    async def detail(asked: Asked) -> dict[str, Any]:
        account = asked.account
        enterprise = await _asked_for(enterprises, asked)
        if account.role is Role.REVIEWER:
            people = await enterprises.personal(account, asked.actor, enterprise.enterprise_id)
        else:
            people = enterprises.shown(enterprise)
        held = await prefixes.list(account, enterprise_id=enterprise.enterprise_id)
        living = [grant for grant in held if grant.state not in _DEAD] or held
        prefix = living[0].prefix.text if living else None
        return told_record(enterprise.facts, enterprise.profile, people, prefix)

    async def config(asked: Asked) -> bool:
        body = said(asked.content)
        told = body.needed_part("entPrefixConfig")
        prefix = Prefix.parse(told.text("entPrefix", most=64, needed=True))
        if body.number("proxyServerId") is None:
            await _answer_elsewhere(routes, asked, prefix, told)
        elif told.has("ip"):
            raise FieldUnreadable("a prefix is hosted or answered for elsewhere, not both", field="proxyServerId")
        elif asked.account.role is Role.ADMINISTRATOR:
            await hosting.host(asked.account, asked.actor, prefix)
        else:
            await hosting.apply(asked.account, asked.actor, prefix)
        return True

    return [
        Endpoint("POST", "/snms/api/v3/ent/apply", apply),
        Endpoint("POST", "/snms/api/ent/apply", apply),
        Endpoint("POST", "/snms/api/v3/ent/upgrade-apply", upgrade),
        Endpoint("GET", "/snms/api/v3/ent/page", page),
        Endpoint("GET", "/snms/api/v3/ent/detail", detail),
        Endpoint("POST", "/snms/api/ent/config", config),
    ]


def _entry(record: Record) -> Entry:
    return Entry(record.facts, record.profile, record.personal, record.prefix)


def _sees_any(account: Account) -> bool:
    return not account.of_enterprise or account.enterprise_id is not None


async def _asked_for(enterprises: Enterprises, asked: Asked) -> Enterprise:
    """By ``id``; without one, the caller's own."""
    text = asked.query.get("id", "").strip()
    if text:
        if not (text.isascii() and text.isdigit()) or int(text[:20]) > _LAST_NUMBER:
            raise FieldUnreadable("id is not a whole number", field="id")
        return await enterprises.by_number(asked.account, int(text))
    if asked.account.enterprise_id is not None:
        return await enterprises.get(asked.account, asked.account.enterprise_id)
    if asked.account.of_enterprise:
        raise unknown_enterprise(0)
    raise FieldMissing("the query parameter id is missing", field="id")


async def _answer_elsewhere(routes: PrefixRoutes, asked: Asked, prefix: Prefix, told: Said) -> None:
    """The site of one kind of address; that of the other kind stays."""
    kind = told.text("hdlType", most=255, needed=True)
    if kind != "HS_SITE":
        raise FieldUnreadable("hdlType is HS_SITE", field="entPrefixConfig.hdlType")
    version = told.number("ipType", needed=True)
    ports = {name: told.number(f"{name}Port") for name in ("tcp", "udp", "http")}
    if all(port is None for port in ports.values()):
        raise FieldMissing("one of the ports is needed", field="entPrefixConfig.tcpPort")
    address = told.text("ip", most=255, needed=True)
    site = read_site(address, tcp_port=ports["tcp"], udp_port=ports["udp"], http_port=ports["http"])
    if site.address.version != version:
        raise FieldUnreadable("ipType is 4 or 6, as the address is", field="entPrefixConfig.ipType")
    stands = await routes.get(asked.account, prefix)
    others = [one for one in stands if one.address.version != site.address.version]
    await routes.set(asked.account, asked.actor, prefix, _ordered([*others, site]))


def _ordered(sites: list[RouteSite]) -> list[RouteSite]:
    return sorted(sites, key=lambda site: site.address.version)


def _told(enterprise: Enterprise, open_ids: Sequence[str]) -> dict[str, Any]:
    facts, nature = enterprise.facts, enterprise.profile.nature
    return {
        "id": enterprise.number,
        "orgName": facts.name,
        "orgNature": None if nature is None else str(NATURES.index(nature) + 1),
        "orgCrtType": "1" if facts.credit_code else "2",
        "orgCrtCode": facts.credit_code or facts.other_certificate,
        "orgDesc": enterprise.profile.description or None,
        "website": facts.website or None,
        "entGeneralId": str(enterprise.number),
        "openIds": list(open_ids),
        "createDate": told_time(enterprise.created_at),
        "updateDate": told_time(enterprise.updated_at),
    }
