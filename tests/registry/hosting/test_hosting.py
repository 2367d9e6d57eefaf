"""Hosting and self-hosted routes: who asks, who decides, what is written, and what may be registered then."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from node.administration import NotPermitted
from node.auth import Action, NotAllowed
from node.database import Pool, transaction
from node.handle_data import Interface, Protocol, decode_site
from node.identifier import Prefix
from node.record import Record
from registry.handle.store import found_record
from registry.hosting.routes import RouteUnknown
from registry.hosting.sites import (
    RouteInvalid,
    RouteSite,
    check_sites,
    read_site,
    sites_of,
    with_route,
    without_route,
)
from registry.hosting.snms_states import snms_page_state, snms_proxy_state, snms_status
from registry.prefix_grant import PrefixGrant
from registry.prefixes import PrefixDerived, PrefixNotEnabled, PrefixNotHosted, readable_prefix, writable_prefix
from registry.transitions import Hosting, PrefixState, ReasonMissing, TransitionRefused, Verb
from tests.support.notices import Notices
from tests.support.office import Office, acting
from tests.support.registrar import opened, value
from tests.support.rights import admin, say
from tests.support.world import World

IPV4 = read_site("203.0.113.10", tcp_port=2641, http_port=8081)
IPV6 = read_site("2001:db8::10", udp_port=2641)
H = Hosting

# What each verb leads to; written down independently of registry/transitions.py.
LEADS = {
    (H.SELF_HOSTED, "apply"): H.APPLIED,
    (H.REJECTED, "apply"): H.APPLIED,
    (H.SELF_HOSTED, "host"): H.HOSTED,
    (H.APPLIED, "host"): H.HOSTED,
    (H.REJECTED, "host"): H.HOSTED,
    (H.APPLIED, "approve"): H.HOSTED,
    (H.APPLIED, "reject"): H.REJECTED,
}


async def self_hosted(office: Office, sites: list[RouteSite] | None = None) -> PrefixGrant:
    grant = await office.grant()
    return await office.routes.set(office.admin, acting(office.admin), grant.prefix, sites or [IPV4])


async def in_state(office: Office, hosting: Hosting) -> PrefixGrant:
    """An enabled prefix of that hosting."""
    grant = await office.grant()
    if hosting is H.HOSTED:
        return grant
    grant = await office.routes.set(office.admin, acting(office.admin), grant.prefix, [IPV4])
    if hosting in (H.APPLIED, H.REJECTED):
        grant = await office.hosting.apply(office.admin, acting(office.admin), grant.prefix)
    if hosting is H.REJECTED:
        grant = await office.hosting.decide(
            office.reviewer, acting(office.reviewer), grant.prefix, Verb.REJECT, "理由"
        )
    return grant


async def moved(office: Office, prefix: Prefix, verb: str) -> PrefixGrant:
    admin_, reviewer = office.admin, office.reviewer
    match verb:
        case "apply":
            return await office.hosting.apply(admin_, acting(admin_), prefix)
        case "host":
            return await office.hosting.host(admin_, acting(admin_), prefix)
    return await office.hosting.decide(reviewer, acting(reviewer), prefix, Verb(verb), "理由")


async def record_of(office: Office, prefix: Prefix) -> Record:
    async with office.pool.acquire() as connection:
        return (await found_record(connection, prefix)).values


async def open_reviews(office: Office) -> list[tuple[str, str]]:
    rows = await office.pool.fetch("SELECT subject_kind, subject_id FROM review WHERE state <> 'decided'")
    return [(row["subject_kind"], row["subject_id"]) for row in rows]


# Sites --------------------------------------------------------------------------------------------


def test_each_address_is_a_site_of_one_server_with_its_ports() -> None:
    record = with_route((), [IPV4, IPV6], "示例阀门", 1_700_000_000)
    assert [(value.index, value.type, value.timestamp) for value in record] == [
        (1, "HS_SITE", 1_700_000_000), (6, "HS_SITE.6", 1_700_000_000),
    ]  # fmt: skip
    site = decode_site(record[0].data)
    assert (site.primary, site.attributes, len(site.servers)) == (True, (("desc", "示例阀门"),), 1)
    assert str(site.servers[0].address) == "203.0.113.10"
    assert site.servers[0].interfaces == (
        Interface(True, True, Protocol.TCP, 2641), Interface(True, True, Protocol.HTTP, 8081),
    )  # fmt: skip
    assert decode_site(record[1].data).servers[0].interfaces == (Interface(False, True, Protocol.UDP, 2641),)
    assert sites_of(record) == [IPV4, IPV6]


def test_a_new_route_replaces_the_old_one_under_a_higher_serial_and_leaves_other_values_alone() -> None:
    other = admin(1, "0.NA/88.101.2001", 300, 0xFFF)
    first = with_route((other,), [IPV4], "a", 1)
    assert [(value.index, value.type) for value in first] == [(1, "HS_ADMIN"), (2, "HS_SITE")]
    second = with_route(first, [IPV6], "a", 2)
    assert [(value.index, value.type) for value in second] == [(1, "HS_ADMIN"), (6, "HS_SITE.6")]
    assert [decode_site(record[1].data).serial for record in (first, second)] == [1, 2]
    assert without_route(second) == (other,)


@pytest.mark.parametrize(
    "given",
    [
        {"address": "example.com"}, {"address": ""}, {"address": "203.0.113.256"}, {"address": "::1"},
        {"address": "fe80::1%eth0"}, {"address": "0.0.0.0"}, {"address": "224.0.0.1"}, {"address": "ff02::1"},
        {"address": "::"}, {"address": "203.0.113.10", "tcp_port": 0}, {"address": "203.0.113.10", "udp_port": 65536},
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_server_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(RouteInvalid):
        read_site(**given)


def test_a_route_has_at_most_one_address_of_each_kind_and_a_port_for_each() -> None:
    check_sites([IPV4, IPV6])
    mapped = read_site("::ffff:203.0.113.10", tcp_port=1)
    for sites in ([], [IPV4, IPV4], [IPV4, mapped], [read_site("203.0.113.10")]):
        with pytest.raises(RouteInvalid):
            check_sites(sites)


# Hosting ------------------------------------------------------------------------------------------


async def test_every_verb_in_every_state_of_hosting_leads_where_it_should(office: Office) -> None:
    for hosting, verb in product(H, ("apply", "host", "approve", "reject")):
        grant = await in_state(office, hosting)
        expected = LEADS.get((hosting, verb))
        if expected is None:
            async with office.nothing_left():
                with pytest.raises(TransitionRefused):
                    await moved(office, grant.prefix, verb)
            continue
        after = await moved(office, grant.prefix, verb)
        assert (after.hosting, after.version) == (expected, grant.version + 1)
        assert after == await office.prefixes.get(office.auditor, grant.prefix)
        assert after.hosting_reason == ("理由" if expected is H.REJECTED else "")
        assert (("hosting", str(grant.prefix_id)) in await open_reviews(office)) is (expected is H.APPLIED)
        route = sites_of(await record_of(office, grant.prefix))
        assert route == ([] if expected is H.HOSTED else [IPV4])


async def test_hosting_is_asked_for_by_the_enterprise_and_decided_by_reviewers(office: Office) -> None:
    grant = await self_hosted(office)
    for name, who in office.cast(await office.enterprises.get(office.admin, grant.enterprise_id)).items():
        if name not in ("administrator", "own user"):
            with pytest.raises(NotAllowed):
                await office.hosting.apply(who, acting(who), grant.prefix)
        if name != "administrator":
            with pytest.raises(NotAllowed):
                await office.hosting.host(who, acting(who), grant.prefix)
        if name != "reviewer":
            with pytest.raises(NotAllowed):
                await office.hosting.decide(who, acting(who), grant.prefix, Verb.APPROVE)
    user = office.user(await office.enterprises.get(office.admin, grant.enterprise_id))
    await office.hosting.apply(user, acting(user), grant.prefix)
    with pytest.raises(ReasonMissing):
        await office.hosting.decide(office.reviewer, acting(office.reviewer), grant.prefix, Verb.REJECT)
    async with office.leaving(None):
        await office.hosting.decide(office.reviewer, acting(office.reviewer), grant.prefix, Verb.REJECT, "材料不全")
    acts = await office.prefixes.history(user, grant.prefix)
    assert [act.action for act in acts[:3]] == ["hosting.reject", "hosting.apply", "hosting.self_host"]
    assert acts[0].reason == "材料不全"


async def test_hosting_and_routes_are_those_of_prefixes_in_use(office: Office) -> None:
    for state in PrefixState:
        if state in (PrefixState.ENABLED, PrefixState.REJECTED, PrefixState.REFUSED):
            continue
        grant = await office.grant(state)
        with pytest.raises(PrefixNotEnabled):
            await office.routes.set(office.admin, acting(office.admin), grant.prefix, [IPV4])
        await office.pool.execute("UPDATE prefix SET hosting = 'self_hosted' WHERE prefix_id = $1", grant.prefix_id)
        with pytest.raises(PrefixNotEnabled):
            await office.hosting.apply(office.admin, acting(office.admin), grant.prefix)


async def test_identifiers_are_registered_under_hosted_prefixes_only_and_changed_under_any(office: Office) -> None:
    for hosting in H:
        grant = await in_state(office, hosting)
        for action in (Action.IDENTIFIER_REGISTER, Action.IDENTIFIER_RESTORE):
            async with transaction(office.pool) as connection:
                if hosting is H.HOSTED:
                    await writable_prefix(connection, office.admin, action, grant.prefix)
                else:
                    with pytest.raises(PrefixNotHosted) as refusal:
                        await writable_prefix(connection, office.admin, action, grant.prefix)
                    assert refusal.value.evidence == {"prefix": grant.prefix.key, "hosting": str(hosting)}
        async with transaction(office.pool) as connection:
            await writable_prefix(connection, office.admin, Action.IDENTIFIER_DELETE, grant.prefix)


# Routes -------------------------------------------------------------------------------------------


async def test_a_route_is_written_into_the_prefix_handle_and_reported_upward(
    office: Office, notices: Notices
) -> None:
    grant = await office.grant()
    enterprise = await office.enterprises.get(office.admin, grant.enterprise_id)
    user = office.user(enterprise)
    after = await office.routes.set(user, acting(user), grant.prefix, [IPV4, IPV6])
    assert after.hosting is H.SELF_HOSTED
    assert await office.routes.get(user, grant.prefix) == [IPV4, IPV6]
    assert sites_of(await record_of(office, grant.prefix)) == [IPV4, IPV6]
    assert f"p{grant.prefix.key}/" in await notices()
    message = (await office.traces()).messages[-1]
    assert (message["stream"], message["kind"]) == ("prefix", "prefix.route")
    assert message["body"]["hosting"] == "self_hosted"
    assert message["body"]["sites"] == [IPV4.to_json(), IPV6.to_json()]
    assert message["body"]["credit_code"] == enterprise.facts.credit_code
    async with office.nothing_left():
        await office.routes.set(user, acting(user), grant.prefix, [IPV4, IPV6])
    await office.routes.remove(user, acting(user), grant.prefix)
    assert await record_of(office, grant.prefix) == ()
    assert (await office.traces()).messages[-1]["body"]["sites"] == []
    with pytest.raises(RouteUnknown):
        await office.routes.remove(user, acting(user), grant.prefix)


async def test_routes_are_the_enterprise_s_and_the_administrator_s_to_set(office: Office) -> None:
    grant = await office.grant()
    for name, who in office.cast(await office.enterprises.get(office.admin, grant.enterprise_id)).items():
        if name not in ("administrator", "own user"):
            with pytest.raises(NotAllowed):
                await office.routes.set(who, acting(who), grant.prefix, [IPV4])
            with pytest.raises(NotAllowed):
                await office.routes.remove(who, acting(who), grant.prefix)


async def test_a_route_that_the_handle_protocol_wrote_is_seen_and_goes_when_the_prefix_is_hosted(
    office: Office,
) -> None:
    grant = await self_hosted(office)
    standing = await record_of(office, grant.prefix)
    async with office.pool.acquire() as connection:
        await say(connection, grant.prefix, *standing, *with_route((), [IPV6], "x", 1))
    assert await office.routes.get(office.auditor, grant.prefix) == [IPV4, IPV6]
    await office.hosting.host(office.admin, acting(office.admin), grant.prefix)
    assert await office.routes.get(office.auditor, grant.prefix) == []


async def test_what_derives_from_a_prefix_shares_its_hosting(office: Office) -> None:
    grant = await office.grant()
    below = Prefix.parse_derived(f"{grant.prefix.key}.7")
    await office.pool.execute(
        "INSERT INTO prefix (prefix, enterprise_id, state, log_secret, created_at, updated_at)"
        " SELECT $1, enterprise_id, 'enabled', log_secret, created_at, created_at FROM prefix WHERE prefix_id = $2",
        below.key, grant.prefix_id,
    )  # fmt: skip
    await office.routes.set(office.admin, acting(office.admin), grant.prefix, [IPV4])
    async with office.pool.acquire() as connection:
        derived = await readable_prefix(connection, office.admin, Action.PREFIX_READ, below)
    assert derived.hosting is H.SELF_HOSTED
    for refused in (
        office.routes.set(office.admin, acting(office.admin), below, [IPV4]),
        office.hosting.host(office.admin, acting(office.admin), below),
    ):
        with pytest.raises(PrefixDerived):
            await refused
    await office.hosting.host(office.admin, acting(office.admin), grant.prefix)
    assert (await office.prefixes.get(office.admin, below)).hosting is H.HOSTED


async def test_an_application_says_how_it_is_hosted(office: Office) -> None:
    enterprise = await office.enterprise()
    for hosting in (H.HOSTED, H.SELF_HOSTED):
        grant = await office.prefixes.apply(
            office.admin, acting(office.admin), enterprise.enterprise_id, hosting=hosting
        )
        assert grant == await office.prefixes.get(office.admin, grant.prefix)
        assert grant.hosting is hosting


# SNMS ---------------------------------------------------------------------------------------------


async def test_states_are_shown_to_snms_as_its_reference_counts_them(office: Office) -> None:
    status = {
        "applied": 4, "reviewed": 5, "verified": 0, "enabled": 1, "suspended": 0, "withdrawn": 2, "rejected": 3,
        "refused": 3,
    }  # fmt: skip
    assert {str(state): snms_status(await office.grant(state)) for state in PrefixState} == status
    assert [snms_page_state(await office.grant(state)) for state in (PrefixState.ENABLED, PrefixState.SUSPENDED)] == [
        1, 0,
    ]  # fmt: skip
    shown = {str(hosting): snms_proxy_state(await in_state(office, hosting)) for hosting in H}
    assert shown == {"self_hosted": 1, "applied": 2, "rejected": 3, "hosted": 4}


async def test_a_registration_under_a_self_hosted_prefix_is_refused_by_the_one_write_path(pool: Pool) -> None:
    world = World(pool)
    holder = await world.holder()
    await world.template()
    await world.prefix_routes.set(holder.account, holder.actor, holder.prefix, [IPV4])
    registering = world.identifiers.register(
        holder.account, holder.actor, holder.identifier("A-1"), "pump", {"name": "泵"}
    )
    with pytest.raises(PrefixNotHosted):
        await registering
    assert (await world.traces())[0] == 0


async def test_the_handle_protocol_registers_nothing_new_under_a_self_hosted_prefix(pool: Pool) -> None:
    registrar = await opened(World(pool))
    world, holder = registrar.world, registrar.holder
    name = value(2000, "NAME", "泵")
    await registrar.create("a", name)
    await world.prefix_routes.set(holder.account, holder.actor, holder.prefix, [IPV4])
    with pytest.raises(NotPermitted) as refusal:
        await registrar.create("b", name)
    assert refusal.value.evidence == {"prefix": holder.prefix.key, "hosting": "self_hosted"}
    await registrar.create("a", value(2000, "NAME", "离心泵"), overwrite=True)  # it stands already
    await registrar.delete("a")
    with pytest.raises(NotPermitted):
        await registrar.create("a", name)
