"""What is wrong about a profile and its people, and what is only odd.

Codes of the wrong form and fields that contradict each other are faults and refused, all of them at once. A code of
the right form that the tables do not list is a caution (``registry/reference_data.py``). What is missing is a fault
only where something else demands it: a profile may be empty. No message repeats what a personal field holds.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import date

from node.errors import Malformed
from registry import identity_card
from registry.profiles.personal import Person, Personal, PersonCertificate
from registry.profiles.profile import DeployMode, Profile, ServedIndustry, SystemKind
from registry.reference_data import Caution, divisions, industries

_DIVISION = re.compile(r"[1-9][0-9]{5}", re.ASCII)
_CATEGORY = re.compile(r"[A-T]", re.ASCII)
_ENDPOINT = re.compile(r"\[([^\]]+)\]:([0-9]{1,5})", re.ASCII)
_DOMAIN = re.compile(r"[^\s/:@]{1,63}(\.[^\s/:@.]{1,63})+")
_LAST_ATTACHMENT = 2**63 - 1
_MOST_CAPITAL = 10**12  # 万元
# SNMS, ent/apply: system types 1 to 4 must be there, 5 may.
DEMANDED_SYSTEMS = tuple(SystemKind)[:4]


class ProfileInvalid(Malformed):
    """Evidence: ``faults``, each with ``field``, ``code`` and ``message``."""

    title_zh = "企业资料有误"


def check_profile(division_code: str, industry_code: str, profile: Profile, personal: Personal, today: date) -> None:
    """Raises ``ProfileInvalid`` with everything that is wrong; the two codes are those of the facts."""
    faults = [
        *_address_faults(division_code, profile),
        *_industry_faults(industry_code, profile),
        *_number_faults(profile),
        *_date_faults(profile, today),
        *_deployment_faults(profile),
        *_service_faults(profile),
        *_person_faults("contact", personal.contact),
        *_person_faults("legal_representative", personal.legal_representative),
    ]
    if faults:
        raise ProfileInvalid(
            f"the record has {len(faults)} faults; the first: {faults[0].field}",
            faults=[asdict(fault) for fault in faults],
        )


def cautions_of(profile: Profile) -> list[Caution]:
    """What is odd about a profile that was accepted."""
    places = [
        ("profile.province", profile.province),
        ("profile.city", profile.city),
        ("profile.county", profile.county),
    ]
    for place, one in enumerate(profile.deployments):
        there = f"profile.deployments.{place}"
        places += [(f"{there}.{name}", getattr(one, name)) for name in ("province", "city", "county")]
    found = [
        Caution(field, "division_unknown", f"行政区划代码 {code} 未收录 / the division {code} is not listed")
        for field, code in places
        if code and code not in divisions() and not _stands_for_province(code)
    ]
    for place, served in enumerate(profile.served_industries):
        for name in ("division", "group", "subclass"):
            code = getattr(served, name)
            if code not in industries():
                message = f"行业代码 {code} 未收录 / the industry {code} is not listed"
                found.append(Caution(f"profile.served_industries.{place}.{name}", "industry_unknown", message))
    return found


def _stands_for_province(code: str) -> bool:
    # 110100 (市辖区) and 419000 (省直辖县): GB/T 2260 has them, the list names only what stands on maps.
    return code[2:] in ("0100", "0200", "9000") and code[:2] + "0000" in divisions()


def _fault(field: str, code: str, zh: str, en: str) -> Caution:
    return Caution(field, code, f"{zh} / {en}")


def _address_faults(division_code: str, profile: Profile) -> Iterator[Caution]:
    yield from _place_faults("profile", profile.province, profile.city, profile.county)
    nearest = profile.county or profile.city or profile.province
    if nearest and not _within(nearest, division_code) and not _within(division_code, nearest):
        yield _fault(
            "division_code", "contradicts_address",
            "行政区划代码与所填省、市、县不一致", "the division code does not agree with province, city and county",
        )  # fmt: skip


def _place_faults(there: str, province: str, city: str, county: str) -> Iterator[Caution]:
    said = {"province": province, "city": city, "county": county}
    bad = [name for name, code in said.items() if code and not _DIVISION.fullmatch(code)]
    yield from (
        _fault(
            f"{there}.{name}", "form", "行政区划代码应为六位数字", "a division code is six digits, the first not 0"
        )
        for name in bad
    )
    if bad:
        return
    if province and not province.endswith("0000"):
        yield _fault(f"{there}.province", "level", "不是省级行政区划代码", "not the code of a province")
    elif city and province and not _within(province, city):
        yield _fault(f"{there}.city", "contradicts_province", "所选市不属于所选省", "the city is not in the province")
    above = city or province
    if county and above and not _within(above, county):
        yield _fault(f"{there}.county", "contradicts_city", "所选县不属于所选市", "the county is not in the city")


def _within(above: str, below: str) -> bool:
    """Whether a code lies in the division of another: its zeros at the end stand for whatever comes."""
    if above.endswith("0000"):
        return above[:2] == below[:2]
    return above[:4] == below[:4] if above.endswith("00") else above == below


def _industry_faults(industry_code: str, profile: Profile) -> Iterator[Caution]:
    category = profile.industry_category
    if category and not _CATEGORY.fullmatch(category):
        yield _fault("profile.industry_category", "form", "行业门类应为字母 A 至 T", "a category is a letter A to T")
    elif category and not _belongs(industry_code, category):
        yield _fault(
            "profile.industry_category", "contradicts_industry",
            "行业门类与行业代码不一致", "the industry does not belong to the category",
        )  # fmt: skip
    for place, served in enumerate(profile.served_industries):
        yield from _served_faults(f"profile.served_industries.{place}", served)


def _served_faults(there: str, served: ServedIndustry) -> Iterator[Caution]:
    forms = {"category": _CATEGORY, **{name: re.compile(f"[0-9]{{{digits}}}", re.ASCII) for name, digits in _LEVELS}}
    bad = [name for name, form in forms.items() if not form.fullmatch(getattr(served, name))]
    yield from (
        _fault(f"{there}.{name}", "form", "行业代码四级须填全", "all four levels of the industry have to be given")
        for name in bad
    )
    if bad:
        return
    if not _belongs(served.division, served.category):
        yield _fault(f"{there}.division", "contradicts_category", "大类不属于所选门类", "not of this category")
    if not served.group.startswith(served.division):
        yield _fault(f"{there}.group", "contradicts_division", "中类不属于所选大类", "not of this division")
    if not served.subclass.startswith(served.group):
        yield _fault(f"{there}.subclass", "contradicts_group", "小类不属于所选中类", "not of this group")


_LEVELS = (("division", 2), ("group", 3), ("subclass", 4))


def _belongs(code: str, category: str) -> bool:
    # A code that the table does not list is odd; its division decides, if that is listed.
    known = industries().get(code) or industries().get(code[:2])
    return known is None or known.category == category


def _number_faults(profile: Profile) -> Iterator[Caution]:
    for name, number in profile.papers.listed().items():
        if not 0 < number <= _LAST_ATTACHMENT:
            yield _fault(f"profile.papers.{name}", "unknown", "附件不存在", "there is no such attachment")
    if profile.capital is not None and not 0 <= profile.capital <= _MOST_CAPITAL:
        yield _fault("profile.capital", "range", "注册资本有误", "it is a number of 万元 (10,000 yuan)")


def _date_faults(profile: Profile, today: date) -> Iterator[Caution]:
    if profile.established_on is not None and profile.established_on > today:
        yield _fault("profile.established_on", "in_future", "成立日期在今天之后", "it lies in the future")
    if profile.established_on and profile.valid_until and profile.valid_until < profile.established_on:
        yield _fault("profile.valid_until", "before_established", "有效期早于成立日期", "it ends before it began")
    for place, licence in enumerate(profile.licences):
        if not licence.number:
            yield _fault(f"profile.licences.{place}.number", "missing", "缺少许可证编号", "the number is missing")
    numbers = [licence.number for licence in profile.licences]
    if len(set(numbers)) != len(numbers):
        yield _fault("profile.licences", "twice", "许可证编号重复", "a licence number stands there twice")


def _deployment_faults(profile: Profile) -> Iterator[Caution]:
    given = {one.system for one in profile.deployments}
    missing = [kind for kind in DEMANDED_SYSTEMS if kind not in given] if given else []
    if missing:
        yield _fault(
            "profile.deployments", "missing",
            "部署信息缺少：" + "、".join(missing), "these systems are missing: " + ", ".join(missing),
        )  # fmt: skip
    for place, one in enumerate(profile.deployments):
        there = f"profile.deployments.{place}"
        yield from _place_faults(there, one.province, one.city, one.county)
        demanded = ("province", "city", "address") if one.mode is DeployMode.LOCAL else ("provider",)
        for name in demanded:
            if not getattr(one, name):
                yield _fault(f"{there}.{name}", "missing", "部署信息不完整", f"{one.mode} deployment needs it")
        if not all(map(_is_endpoint, one.endpoints)):
            yield _fault(f"{there}.endpoints", "form", "应为 [地址]:端口", "an endpoint is [address]:port")


def _is_endpoint(text: str) -> bool:
    found = _ENDPOINT.fullmatch(text)
    return found is not None and _is_address(found[1]) and 0 < int(found[2]) < 65536


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _service_faults(profile: Profile) -> Iterator[Caution]:
    services = profile.services
    if not all(map(_is_address, services.ip_addresses)):
        yield _fault("profile.services.ip_addresses", "form", "IP 地址有误", "not an IPv4 or IPv6 address")
    if services.domain and not _DOMAIN.fullmatch(services.domain):
        yield _fault("profile.services.domain", "form", "域名有误", "not a domain name")


def _person_faults(there: str, person: Person) -> Iterator[Caution]:
    for field in fields(Person):
        if "*" in (getattr(person, field.name) or ""):
            yield _fault(
                f"personal.{there}.{field.name}", "masked",
                "含有 *，且与已存信息的掩码不符", "it has an asterisk and is not the mask of what is stored",
            )  # fmt: skip
            return
    if person.certificate is PersonCertificate.IDENTITY_CARD and not identity_card.well_formed(
        person.certificate_number
    ):
        yield _fault(
            f"personal.{there}.certificate_number", "identity_number",
            "公民身份号码有误", "not an identity number of GB 11643",
        )  # fmt: skip
