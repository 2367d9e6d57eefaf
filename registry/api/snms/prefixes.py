"""Prefixes (snms-api 5): one by name, and pages of them."""

from __future__ import annotations

from typing import Any

from node.database import Pool
from node.identifier import Prefix
from registry.api.compatible import Asked, Endpoint
from registry.api.snms.telling import page_asked, read_time, told_page, told_time
from registry.enterprises import Enterprises
from registry.hosting.snms_states import snms_page_state, snms_proxy_state, snms_status
from registry.prefix_grant import PrefixGrant
from registry.prefix_pages import PrefixFilter, page_of_prefixes
from registry.prefixes import Prefixes


def prefix_endpoints(pool: Pool, prefixes: Prefixes, enterprises: Enterprises, registrar_name: str) -> list[Endpoint]:
    """``prefix/query`` and ``prefix/page``; ``registrar_name`` is who registered the prefixes."""

    async def query(asked: Asked) -> dict[str, Any]:
        grant = await prefixes.get(asked.account, Prefix.parse_derived(asked.needed("prefix", 64)))
        enterprise = await enterprises.get(asked.account, grant.enterprise_id)
        facts, profile = enterprise.facts, enterprise.profile
        website = facts.website or None
        return {
            "prefix": grant.prefix.text,
            "createDate": told_time(grant.created_at),
            "ghrName": registrar_name,
            "status": snms_status(grant),
            "entNameCn": facts.name,
            "entWebSite": website,
            "entSite": website,  # the example's spelling (C-13)
            "entIndustry": profile.industry_category or facts.industry_code,
            "entAddrCn": facts.address or None,
            "entDesc": profile.description or None,
        }

    async def page(asked: Asked) -> dict[str, Any]:
        told, wanted = asked.query, page_asked(asked.query)
        if asked.account.of_enterprise and asked.account.enterprise_id is None:
            return told_page(wanted, 0, [])
        found, total = await page_of_prefixes(
            pool,
            asked.account,
            PrefixFilter(
                told.get("entName") or None,
                told.get("entPrefix") or told.get("entprefix") or None,
                read_time(told.get("startDate", ""), "startDate"),
                read_time(told.get("endDate", ""), "endDate"),
            ),
            offset=wanted.offset,
            limit=wanted.size,
        )
        return told_page(wanted, total, [_told(grant, number) for grant, number in found])

    return [
        Endpoint("GET", "/snms/api/prefix/query", query),
        Endpoint("GET", "/snms/api/prefix/page", page),
    ]


def _told(grant: PrefixGrant, enterprise_number: int) -> dict[str, Any]:
    return {
        "id": grant.prefix_id,
        "entPrefix": grant.prefix.text,
        "entprefix": grant.prefix.text,  # the example's spelling (C-13)
        "entId": enterprise_number,
        "state": snms_page_state(grant),
        "entName": grant.enterprise_name,
        "proxyState": snms_proxy_state(grant),
        "createDate": told_time(grant.created_at),
        "updateDate": told_time(grant.updated_at),
    }
