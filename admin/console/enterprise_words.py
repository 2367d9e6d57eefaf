"""What the fields and choices of an enterprise's record are called: by forms, pages, histories and reviews alike."""

from __future__ import annotations

import re

from registry.profiles.profile import DeployMode, LicenceKind, Nature, Papers, SystemKind, Undertaking
from registry.reference_data import division_name, industries

Words = tuple[str, str]
"""Chinese, English."""

FIELDS: dict[str, Words] = {
    "name": ("企业名称", "Name"),
    "name_en": ("英文名称", "Name in English"),
    "credit_code": ("统一社会信用代码", "Unified social credit code"),
    "other_certificate": ("其他证件号码", "Other certificate"),
    "division_code": ("行政区划", "Administrative division"),
    "industry_code": ("所属行业", "Industry"),
    "address": ("地址", "Address"),
    "website": ("网址", "Website"),
    "state": ("状态", "State"),
    "hosting": ("解析方式", "Who answers"),
    "hosting_reason": ("托管理由", "Reason of the hosting"),
    "purpose": ("用途", "Purpose"),
    "suspended_from_above": ("上级节点停用", "Suspended from above"),
    "suspended_with_enterprise": ("随企业停用", "Suspended with its enterprise"),
    "with_enterprise": ("随企业申请", "Applied for with its enterprise"),
    "suffix_rule_id": ("后缀编码规则", "Suffix rule"),
    "reason": ("理由", "Reason"),
    "valid_until": ("有效期至", "Valid until"),
    "profile.nature": ("单位性质", "Nature"),
    "profile.province": ("所在省", "Province"),
    "profile.city": ("所在市", "City"),
    "profile.county": ("所在县", "County"),
    "profile.industry_category": ("行业门类", "Industry category"),
    "profile.description": ("企业简介", "Description"),
    "profile.authority": ("注册机关", "Registration authority"),
    "profile.capital": ("注册资本（万元）", "Registered capital (10,000 yuan)"),
    "profile.established_on": ("成立日期", "Established on"),
    "profile.valid_until": ("营业期限至", "Certificate valid until"),
    "profile.building": ("系统建设方式", "System built by"),
    "profile.builder": ("受托建设单位", "Entrusted builder"),
    "profile.operating": ("系统运营方式", "System operated by"),
    "profile.operator": ("受托运营单位", "Entrusted operator"),
    "profile.services.site_name": ("标识服务网站", "Public site"),
    "profile.services.domain": ("服务域名", "Domain"),
    "profile.services.ip_addresses": ("服务地址（IP）", "Addresses (IP)"),
    "profile.services.data_host": ("数据托管单位", "Data hosted by"),
    "profile.services.service_host": ("服务托管单位", "Services hosted by"),
    "profile.papers.licence_image": ("营业执照", "Business licence"),
    "profile.papers.contact_front": ("联系人证件正面", "Contact's certificate, front"),
    "profile.papers.contact_back": ("联系人证件反面", "Contact's certificate, back"),
    "profile.papers.legal_front": ("法定代表人证件正面", "Legal representative's certificate, front"),
    "profile.papers.legal_back": ("法定代表人证件反面", "Legal representative's certificate, back"),
    "profile.papers.build_contract": ("建设合同", "Contract of building"),
    "profile.papers.operate_contract": ("运营合同", "Contract of operation"),
    "profile.papers.data_hosting_contract": ("数据托管合同", "Contract of data hosting"),
    "profile.papers.service_hosting_contract": ("服务托管合同", "Contract of service hosting"),
    "profile.deployments": ("系统部署", "Deployments"),
    "profile.deployments.system": ("系统", "System"),
    "profile.deployments.mode": ("部署方式", "Kind of deployment"),
    "profile.deployments.province": ("省代码", "Province code"),
    "profile.deployments.city": ("市代码", "City code"),
    "profile.deployments.county": ("县代码", "County code"),
    "profile.deployments.address": ("详细地址", "Address"),
    "profile.deployments.endpoints": ("服务地址与端口", "Endpoints"),
    "profile.deployments.provider": ("云服务商", "Cloud provider"),
    "profile.served_industries": ("服务行业", "Industries served"),
    "profile.served_industries.subclass": ("小类代码", "Subclass"),
    "profile.licences": ("许可证", "Licences"),
    "profile.licences.number": ("许可证编号", "Licence number"),
    "profile.licences.kind": ("许可证类型", "Kind of licence"),
    "profile.licences.valid_until": ("许可证有效期至", "Licence valid until"),
    "personal.contact": ("联系人", "Contact"),
    "personal.legal_representative": ("法定代表人", "Legal representative"),
    "person.name": ("姓名", "Name"),
    "person.certificate": ("证件类型", "Certificate"),
    "person.certificate_number": ("证件号码", "Certificate number"),
    "person.email": ("电子邮箱", "E-mail"),
    "person.phone": ("电话", "Phone"),
    "person.fax": ("传真", "Fax"),
}
NATURES: dict[str, Words] = {
    Nature.STATE_OWNED: ("国有控股", "state-owned"),
    Nature.PRIVATE: ("民营控股", "private"),
    Nature.FOREIGN: ("外商控股", "foreign"),
    Nature.PUBLIC_INSTITUTION: ("事业单位", "public institution"),
    Nature.PRIVATE_NONPROFIT: ("民营非盈利组织", "private non-profit"),
}
SYSTEMS: dict[str, Words] = {
    SystemKind.REGISTRATION_SYSTEM: ("标识注册系统", "registration system"),
    SystemKind.REGISTRATION_DATA: ("标识注册数据", "registration data"),
    SystemKind.DATA_BACKUP: ("注册数据备份", "backup of registration data"),
    SystemKind.RESOLUTION_SERVER: ("解析服务器", "resolution server"),
    SystemKind.SERVICE_BACKUP: ("标识服务系统备份", "backup of the service system"),
}
MODES: dict[str, Words] = {
    DeployMode.LOCAL: ("本地化部署", "on the spot"),
    DeployMode.CLOUD: ("云部署", "in a cloud"),
}
UNDERTAKINGS: dict[str, Words] = {
    Undertaking.SELF: ("自营", "itself"),
    Undertaking.ENTRUSTED: ("委托", "entrusted"),
}
LICENCES: dict[str, Words] = {
    LicenceKind.DOMAIN_ROOT_SERVER: ("域名根服务器运行机构", "domain root server operator"),
    LicenceKind.DOMAIN_REGISTRY: ("域名注册管理机构", "domain registry"),
    LicenceKind.DOMAIN_REGISTRAR: ("域名注册服务机构", "domain registrar"),
    LicenceKind.VALUE_ADDED_TELECOM: ("增值电信业务经营", "value-added telecommunications"),
}
CERTIFICATES: dict[str, Words] = {
    "identity_card": ("居民身份证", "identity card"),
    "passport": ("护照", "passport"),
    "other": ("其他", "other"),
}
STATES: dict[str, Words] = {
    "draft": ("草稿", "draft"),
    "submitted": ("待审核", "submitted"),
    "approved": ("已通过", "approved"),
    "returned": ("退回修改", "returned"),
    "suspended": ("已停用", "suspended"),
    "closed": ("已注销", "closed"),
    "rejected": ("已驳回", "rejected"),
    "applied": ("待审核", "applied for"),
    "reviewed": ("待国家节点核验", "awaiting verification"),
    "verified": ("已核验待启用", "verified"),
    "enabled": ("已启用", "enabled"),
    "withdrawn": ("已收回", "withdrawn"),
    "refused": ("核验未通过", "refused by the national node"),
}
HOSTINGS: dict[str, Words] = {
    "self_hosted": ("自建解析", "self-hosted"),
    "applied": ("托管申请中", "hosting applied for"),
    "rejected": ("托管被驳回", "hosting rejected"),
    "hosted": ("已托管", "hosted"),
}
CHOICES = {
    "state": STATES,
    "hosting": HOSTINGS,
    "nature": NATURES,
    "system": SYSTEMS,
    "mode": MODES,
    "building": UNDERTAKINGS,
    "operating": UNDERTAKINGS,
    "kind": LICENCES,
    "certificate": CERTIFICATES,
}
PAPERS = tuple(Papers.__dataclass_fields__)
PERSON = ("name", "certificate", "certificate_number", "phone", "email", "fax")


def field_words(path: str) -> Words:
    """What a field of the record is called, by its dotted path; what has no name here keeps its path."""
    plain = re.sub(r"\.\d+(?=\.|$)", "", path)
    if plain in FIELDS:
        return FIELDS[plain]
    for part in ("contact", "legal_representative"):
        name = plain.removeprefix("personal.").removeprefix(part + ".")
        if f"person.{name}" in FIELDS and part in plain:
            (whose, of_whom), (what, of_what) = FIELDS[f"personal.{part}"], FIELDS[f"person.{name}"]
            return f"{whose}{what}", f"{of_whom}: {of_what.lower()}"
    return path, path


def value_words(path: str, value: object) -> Words:
    """What a value of a field is called: names of choices, of divisions and industries; else the value itself."""
    text, last = str(value), path.rpartition(".")[2]
    if isinstance(value, bool):
        return ("是", "yes") if value else ("否", "no")
    if last in CHOICES and text in CHOICES[last]:
        return CHOICES[last][text]
    if last in ("division_code", "province", "city", "county"):
        return (place(text),) * 2
    if last == "industry_code":
        return (trade(text),) * 2
    return text, text


def place(code: str) -> str:
    """A division as ``浙江省 宁波市 鄞州区 (330212)``; its code alone where the tables do not list it."""
    name = division_name(code)
    return f"{name} ({code})" if name else code


def trade(code: str) -> str:
    """An industry as ``泵及真空设备制造 (C 3441)``; its code alone where the tables do not list it."""
    found = industries().get(code)
    if found is None:
        return code
    return f"{found.name} ({code if code == found.category else f'{found.category} {code}'})"
