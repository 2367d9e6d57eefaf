"""What is wrong about a record, and what is only odd."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from registry.profiles.checks import ProfileInvalid, cautions_of, check_profile
from registry.profiles.personal import Person, Personal, PersonCertificate
from registry.profiles.profile import (
    Deployment,
    DeployMode,
    Licence,
    LicenceKind,
    Papers,
    Profile,
    ServedIndustry,
    Services,
    SystemKind,
    profile_of,
)
from tests.support.record import FULL, PEOPLE

TODAY = date(2026, 3, 2)


def faults(profile: Profile, personal: Personal | None = None, division: str = "330212") -> list[tuple[str, str]]:
    """Field and code of everything that is refused about the record of a maker of valves."""
    try:
        check_profile(division, "3443", profile, personal or Personal(), TODAY)
    except ProfileInvalid as refused:
        return [(fault["field"], fault["code"]) for fault in refused.evidence["faults"]]
    return []


def test_a_full_record_is_right_and_so_is_an_empty_one() -> None:
    assert faults(FULL, PEOPLE) == []
    assert faults(Profile()) == []
    assert cautions_of(FULL) == []


def test_a_record_is_read_back_as_it_was_written() -> None:
    assert profile_of(json.dumps(FULL.to_json())) == FULL
    assert profile_of(json.dumps(FULL.to_json() | {"of_a_later_node": 1})) == FULL


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ({"province": "330000", "city": "440100"}, [("city", "contradicts_province")]),
        ({"city": "330100", "county": "330212"}, [("county", "contradicts_city")]),
        ({"province": "330212"}, [("province", "level")]),
        ({"province": "33"}, [("province", "form")]),
        ({"province": "330000", "city": "330200", "county": ""}, []),
        ({"province": "330000", "city": "330200", "county": "330203"}, [("division_code", "contradicts_address")]),
    ],
)
def test_province_city_and_county_lie_in_each_other(parts: dict[str, Any], found: list[tuple[str, str]]) -> None:
    wanted = [(field if field == "division_code" else f"profile.{field}", code) for field, code in found]
    assert [fault for fault in faults(Profile(**parts)) if fault[0] != "division_code" or fault in wanted] == wanted


def test_a_municipality_is_its_own_city() -> None:
    for city in ("110000", "110100"):
        profile = Profile(province="110000", city=city, county="110105")
        assert faults(profile, division="110105") == []
        assert cautions_of(profile) == []


def test_a_code_that_the_tables_do_not_list_is_only_odd() -> None:
    odd = Profile(
        province="330000", city="330200", county="330299",
        served_industries=(ServedIndustry("C", "34", "349", "3498"),),
    )  # fmt: skip
    assert faults(odd, division="330299") == []
    assert [(caution.field, caution.code) for caution in cautions_of(odd)] == [
        ("profile.county", "division_unknown"),
        ("profile.served_industries.0.subclass", "industry_unknown"),
    ]


@pytest.mark.parametrize(
    ("served", "found"),
    [
        (ServedIndustry("C", "34", "344", "3443"), []),
        (ServedIndustry("A", "34", "344", "3443"), [("division", "contradicts_category")]),
        (ServedIndustry("C", "34", "354", "3541"), [("group", "contradicts_division")]),
        (ServedIndustry("C", "34", "344", "3541"), [("subclass", "contradicts_group")]),
        (ServedIndustry("C", "34", "", "C3443"), [("group", "form"), ("subclass", "form")]),
    ],
)
def test_served_industries_name_four_levels_that_fit(served: ServedIndustry, found: list[tuple[str, str]]) -> None:
    assert faults(Profile(served_industries=(served,))) == [
        (f"profile.served_industries.0.{field}", code) for field, code in found
    ]


def test_the_category_is_that_of_the_industry() -> None:
    assert faults(Profile(industry_category="C")) == []
    assert faults(Profile(industry_category="A")) == [("profile.industry_category", "contradicts_industry")]
    assert faults(Profile(industry_category="C3")) == [("profile.industry_category", "form")]


def test_whoever_declares_systems_declares_the_first_four() -> None:
    declared = FULL.deployments
    assert {one.system for one in declared} == set(SystemKind)
    assert faults(Profile(deployments=declared[:4])) == []
    assert faults(Profile(deployments=declared[1:])) == [("profile.deployments", "missing")]


def test_a_local_system_has_an_address_and_one_in_a_cloud_a_provider() -> None:
    at_home = Deployment(SystemKind.SERVICE_BACKUP, DeployMode.LOCAL, provider="示例云", endpoints=("192.0.2.1:80",))
    in_cloud = Deployment(SystemKind.SERVICE_BACKUP, DeployMode.CLOUD, address="示例路1号")
    assert faults(Profile(deployments=(*FULL.deployments[:4], at_home, in_cloud))) == [
        ("profile.deployments.4.province", "missing"), ("profile.deployments.4.city", "missing"),
        ("profile.deployments.4.address", "missing"), ("profile.deployments.4.endpoints", "form"),
        ("profile.deployments.5.provider", "missing"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"established_on": date(2026, 3, 3)}, ("profile.established_on", "in_future")),
        (
            {"established_on": date(2020, 1, 1), "valid_until": date(2019, 1, 1)},
            ("profile.valid_until", "before_established"),
        ),
        ({"licences": (Licence("", LicenceKind.DOMAIN_REGISTRY),)}, ("profile.licences.0.number", "missing")),
        ({"licences": 2 * (Licence("B2-1", LicenceKind.DOMAIN_REGISTRY),)}, ("profile.licences", "twice")),
        ({"papers": Papers(legal_back=2**63)}, ("profile.papers.legal_back", "unknown")),
        ({"capital": -1}, ("profile.capital", "range")),
        ({"services": Services(ip_addresses=("192.0.2.256",))}, ("profile.services.ip_addresses", "form")),
        ({"services": Services(domain="https://a.example")}, ("profile.services.domain", "form")),
    ],
)
def test_days_licences_and_addresses_make_sense(changed: dict[str, Any], found: tuple[str, str]) -> None:
    assert faults(replace(FULL, **changed)) == [found]


def test_an_identity_card_carries_its_check_character_and_other_papers_are_not_looked_at() -> None:
    def named(certificate: PersonCertificate | None, number: str) -> list[tuple[str, str]]:
        return faults(Profile(), Personal(legal_representative=Person("张三", certificate, number)))

    wrong = [("personal.legal_representative.certificate_number", "identity_number")]
    assert named(PersonCertificate.IDENTITY_CARD, "11010519491231002X") == []
    assert named(PersonCertificate.IDENTITY_CARD, "110105194912310021") == wrong
    assert named(PersonCertificate.PASSPORT, "110105194912310021") == []


def test_a_mask_that_stands_for_nothing_is_refused_without_repeating_it() -> None:
    personal = Personal(contact=Person(phone="138****0001"))
    with pytest.raises(ProfileInvalid) as refused:
        check_profile("330212", "3443", Profile(), personal, TODAY)
    assert [fault["code"] for fault in refused.value.evidence["faults"]] == ["masked"]
    assert "0001" not in f"{refused.value.detail} {refused.value.evidence}"


def test_papers_are_listed_by_what_they_are() -> None:
    assert Papers(licence_image=7, legal_back=9).listed() == {"licence_image": 7, "legal_back": 9}
