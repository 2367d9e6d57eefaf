"""The enterprise record in SNMS's words (snms-api 4.1): read from an application, told in ent/detail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from node.identifier import Prefix
from registry.api.snms.said import Said
from registry.enterprises import EnterpriseFacts
from registry.profiles.personal import Person, Personal, PersonCertificate
from registry.profiles.profile import (
    Deployment,
    DeployMode,
    Licence,
    LicenceKind,
    Nature,
    Papers,
    Profile,
    ServedIndustry,
    Services,
    SystemKind,
    Undertaking,
)

NATURES, CERTIFICATES = tuple(Nature), tuple(PersonCertificate)
_SYSTEMS, _MODES, _UNDERTAKINGS, _LICENCES = (
    tuple(SystemKind),
    tuple(DeployMode),
    tuple(Undertaking),
    tuple(LicenceKind),
)
_CREDIT_CODE, _OTHER = 1, 2
_CODE, _NAME, _PERSON, _PHONE, _NUMBER = 8, 255, 128, 16, 32


@dataclass(frozen=True, slots=True)
class Record:
    """What an application says: the enterprise, and the prefix it asks for."""

    facts: EnterpriseFacts
    profile: Profile
    personal: Personal
    prefix: Prefix


def read_record(body: Said) -> Record:
    """The record of ent/apply and ent/upgrade-apply.

    Raises ``FieldMissing``, ``FieldUnreadable``, ``InvalidPrefix``; what the fields contradict is found out later.
    """
    basic, manage = body.needed_part("entBasicInfo"), body.needed_part("entRegisterManageInfo")
    hosting = body.part("entHostingAndIdentifyServeInfo")
    province = basic.text("orgAddrProvince", most=_CODE, needed=True)
    city = basic.text("orgAddrCity", most=_CODE, needed=True)
    county = basic.text("orgAddrCounty", most=_CODE)
    by_credit_code = basic.kind("orgCrtType", (True, False), needed=True)
    certificate = basic.text("orgCrtCode", most=_NUMBER, needed=True)
    facts = EnterpriseFacts(
        credit_code=certificate if by_credit_code else "",
        name=basic.text("orgName", most=_NAME, needed=True),
        division_code=county or city or province,
        industry_code=basic.text("industrySpecific", most=_CODE, needed=True),
        address=basic.text("orgAddr", most=_NAME, needed=True),
        website=basic.text("website", most=_NAME),
        other_certificate="" if by_credit_code else certificate,
    )
    profile = Profile(
        nature=basic.kind("orgNature", NATURES, needed=True),
        province=province,
        city=city,
        county=county,
        industry_category=basic.text("industryCategory", most=_CODE, needed=True),
        description=basic.text("orgDesc", most=1024),
        authority=basic.text("regAuthority", most=_NAME),
        capital=basic.number("regCapital"),
        established_on=basic.day("establishDate"),
        valid_until=basic.day("periodValidity"),
        papers=_papers(basic, manage, hosting),
        deployments=tuple(_deployment(one) for one in manage.parts("entInfoSyses", needed=True)),
        building=manage.kind("servSysBuildType", _UNDERTAKINGS, needed=True),
        builder=manage.text("servSysBuildName", most=_NAME),
        operating=manage.kind("servSysOperType", _UNDERTAKINGS, needed=True),
        operator=manage.text("servSysOperName", most=_NAME),
        services=Services() if hosting is None else _services(hosting),
        served_industries=() if hosting is None else tuple(map(_served, hosting.parts("entInfoSerIndustries"))),
        licences=() if hosting is None else tuple(map(_licence, hosting.parts("entInfoLicenses"))),
    )
    personal = Personal(
        contact=_person(basic, "contact", needed=True),
        legal_representative=_person(basic, "legal", needed=False),
    )
    return Record(facts, profile, personal, Prefix.parse(basic.text("entPrefix", most=64, needed=True)))


def told_record(facts: EnterpriseFacts, profile: Profile, personal: Personal, prefix: str | None) -> dict[str, Any]:
    """The data of ent/detail; what is not said is null, lists that are not there are empty."""
    contact, legal, papers = personal.contact, personal.legal_representative, profile.papers
    basic = {
        "orgName": facts.name,
        "orgNature": _told_kind(profile.nature, NATURES),
        "orgAddr": facts.address or None,
        "orgAddrProvince": profile.province or facts.division_code[:2] + "0000",
        "orgAddrCity": profile.city or None,
        "orgAddrCounty": profile.county or None,
        "orgCrtType": str(_CREDIT_CODE if facts.credit_code else _OTHER),
        "orgCrtCode": facts.credit_code or facts.other_certificate,
        "orgCrtImgRid": papers.licence_image,
        "orgDesc": profile.description or None,
        "industryCategory": profile.industry_category or None,
        "industrySpecific": facts.industry_code,
        "website": facts.website or None,
        "regAuthority": profile.authority or None,
        "regCapital": profile.capital,
        "establishDate": _told_day(profile.established_on),
        "periodValidity": _told_day(profile.valid_until),
        "contactName": contact.name or None,
        "contactCrtType": _place(contact.certificate, CERTIFICATES),
        "contactCrtNo": contact.certificate_number or None,
        "contactCrtFrontImgRid": papers.contact_front,
        "contactCrtBackImgRid": papers.contact_back,
        "contactEmail": contact.email or None,
        "contactPhone": contact.phone or None,
        "legalName": legal.name or None,
        "legalCrtType": _told_kind(legal.certificate, CERTIFICATES),
        "legalCrtNo": legal.certificate_number or None,
        "legalCrtFrontImgRid": papers.legal_front,
        "legalCrtBackImgRid": papers.legal_back,
        "legalEmail": legal.email or None,
        "legalFax": legal.fax or None,
        "legalPhone": legal.phone or None,
        "entPrefix": prefix,
    }
    manage = {
        "entInfoSyses": [_told_deployment(one) for one in profile.deployments],
        "servSysBuildType": _place(profile.building, _UNDERTAKINGS),
        "servSysBuildName": profile.builder or None,
        "servSysOperType": _place(profile.operating, _UNDERTAKINGS),
        "servSysOperName": profile.operator or None,
    }
    services = profile.services
    hosting = {
        "extWebName": services.site_name or None,
        "extDomain": services.domain or None,
        "extIpAddr": ";".join(services.ip_addresses) or None,
        "dataHostingOrg": services.data_host or None,
        "dataHostingContractFileRid": papers.data_hosting_contract,
        "servHostingOrg": services.service_host or None,
        "servHostingContractFileRid": papers.service_hosting_contract,
        "entInfoSerIndustries": [
            {"industryCategory": one.category, "industrySpecific": one.division, "industryTrade": one.group,
             "industrySubclass": one.subclass}
            for one in profile.served_industries
        ],
        "entInfoLicenses": [
            {"licenceNo": one.number, "licenceType": _place(one.kind, _LICENCES)} for one in profile.licences
        ],
    }  # fmt: skip
    return {"entBasicInfo": basic, "entRegisterManageInfo": manage, "entHostingAndIdentifyServeInfo": hosting}


def _papers(basic: Said, manage: Said, hosting: Said | None) -> Papers:
    hosting = hosting or Said({})
    return Papers(
        licence_image=basic.number("orgCrtImgRid", needed=True),
        contact_front=basic.number("contactCrtFrontImgRid"),
        contact_back=basic.number("contactCrtBackImgRid"),
        legal_front=basic.number("legalCrtFrontImgRid", needed=True),
        legal_back=basic.number("legalCrtBackImgRid", needed=True),
        build_contract=manage.number("servSysBuildContractFileRid"),
        operate_contract=manage.number("servSysOperContractFileRid"),
        data_hosting_contract=hosting.number("dataHostingContractFileRid"),
        service_hosting_contract=hosting.number("servHostingContractFileRid"),
    )


def _person(basic: Said, part: str, *, needed: bool) -> Person:
    """The contact is reached; of the legal representative that is not asked (4.1)."""
    return Person(
        name=basic.text(f"{part}Name", most=_PERSON, needed=True),
        certificate=basic.kind(f"{part}CrtType", CERTIFICATES, needed=True),
        certificate_number=basic.text(f"{part}CrtNo", most=_NUMBER, needed=True),
        email=basic.text(f"{part}Email", most=_PERSON, needed=needed),
        phone=basic.text(f"{part}Phone", most=_PHONE, needed=needed),
        fax=basic.text(f"{part}Fax", most=_NAME),
    )


def _deployment(said: Said) -> Deployment:
    system = said.kind("sysType", _SYSTEMS, needed=True)
    mode = said.kind("deployMode", _MODES, needed=True)
    assert system is not None
    assert mode is not None
    local = mode is DeployMode.LOCAL
    return Deployment(
        system=system,
        mode=mode,
        province=said.text("deployAddrProvince", "AddrProvince", most=_CODE, needed=local),
        city=said.text("deployAddrCity", "AddrCity", most=_CODE, needed=local),
        county=said.text("deployAddrCounty", "AddrCounty", most=_CODE),
        address=said.text("deployAddr", most=_NAME, needed=local),
        endpoints=tuple(_listed(said.text("ipPort", most=_NAME))),
        provider=said.text("name", most=_NAME, needed=not local),
    )


def _told_deployment(one: Deployment) -> dict[str, Any]:
    return {
        "sysType": _place(one.system, _SYSTEMS),
        "deployMode": _place(one.mode, _MODES),
        "deployAddrProvince": one.province or None,
        "deployAddrCity": one.city or None,
        "deployAddrCounty": one.county or None,
        "AddrCounty": one.county or None,  # the examples' spelling (C-13)
        "deployAddr": one.address or None,
        "ipPort": ";".join(one.endpoints) or None,
        "name": one.provider or None,
    }


def _services(said: Said) -> Services:
    return Services(
        site_name=said.text("extWebName", most=_NAME),
        domain=said.text("extDomain", most=_NAME),
        ip_addresses=tuple(_listed(said.text("extIpAddr", most=_NAME))),
        data_host=said.text("dataHostingOrg", most=_NAME),
        service_host=said.text("servHostingOrg", most=_NAME),
    )


def _served(said: Said) -> ServedIndustry:
    return ServedIndustry(
        category=said.text("industryCategory", most=_CODE, needed=True),
        division=said.text("industrySpecific", most=_CODE, needed=True),
        group=said.text("industryTrade", most=_CODE, needed=True),
        subclass=said.text("industrySubclass", most=_CODE, needed=True),
    )


def _licence(said: Said) -> Licence:
    kind = said.kind("licenceType", _LICENCES, needed=True)
    assert kind is not None
    return Licence(said.text("licenceNo", most=_NAME, needed=True), kind)


def _listed(text: str) -> Iterator[str]:
    return (part.strip() for part in text.split(";") if part.strip())


def _place(kind: Enum | None, kinds: Sequence[Enum]) -> int | None:
    """The number of a kind, the first being 1."""
    return None if kind is None else kinds.index(kind) + 1


def _told_kind(kind: Enum | None, kinds: Sequence[Enum]) -> str | None:
    place = _place(kind, kinds)
    return None if place is None else str(place)


def _told_day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
