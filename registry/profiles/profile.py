"""What an enterprise says about itself and no person: the record of a secondary node's business system.

The shape is that of the SNMS interface (ent/apply). Kinds are words here; they stand in the order of its numbers, the
first being 1. Codes are those of GB/T 2260 and GB/T 4754-2017. What is not said is empty, ``None`` or ``()``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

import msgspec


class Nature(StrEnum):
    """单位性质."""

    STATE_OWNED = "state_owned"  # 国有控股
    PRIVATE = "private"  # 民营控股
    FOREIGN = "foreign"  # 外商控股
    PUBLIC_INSTITUTION = "public_institution"  # 事业单位
    PRIVATE_NONPROFIT = "private_nonprofit"  # 民营非盈利组织


class SystemKind(StrEnum):
    """The systems whose places are declared; the fifth may be missing."""

    REGISTRATION_SYSTEM = "registration_system"  # 标识注册系统
    REGISTRATION_DATA = "registration_data"  # 标识注册数据
    DATA_BACKUP = "data_backup"  # 注册数据备份
    RESOLUTION_SERVER = "resolution_server"  # 解析服务器
    SERVICE_BACKUP = "service_backup"  # 标识服务系统备份


class DeployMode(StrEnum):
    LOCAL = "local"  # 本地化部署
    CLOUD = "cloud"  # 云部署


class Undertaking(StrEnum):
    """Who builds or operates the system."""

    SELF = "self"  # 自营
    ENTRUSTED = "entrusted"  # 委托


class LicenceKind(StrEnum):
    DOMAIN_ROOT_SERVER = "domain_root_server"  # 域名根服务器运行机构许可证
    DOMAIN_REGISTRY = "domain_registry"  # 域名注册管理机构许可证
    DOMAIN_REGISTRAR = "domain_registrar"  # 域名注册服务机构许可证
    VALUE_ADDED_TELECOM = "value_added_telecom"  # 增值电信业务经营许可证


@dataclass(frozen=True, slots=True)
class Papers:
    """The numbers of attachments (附件): images of certificates, and contracts; bound to what their names say."""

    licence_image: int | None = None  # 营业执照
    contact_front: int | None = None
    contact_back: int | None = None
    legal_front: int | None = None
    legal_back: int | None = None
    build_contract: int | None = None
    operate_contract: int | None = None
    data_hosting_contract: int | None = None
    service_hosting_contract: int | None = None

    def listed(self) -> dict[str, int]:
        """The attachments that are there, by what they are."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: number for name, number in said.items() if number is not None}


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where one of the systems is: an address of one's own, or a cloud provider.

    ``endpoints`` are ``[address]:port``, for the registration system.
    """

    system: SystemKind
    mode: DeployMode
    province: str = ""
    city: str = ""
    county: str = ""
    address: str = ""
    endpoints: tuple[str, ...] = ()
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Services:
    """灾备与标识服务信息: the public site, and who hosts data and services."""

    site_name: str = ""
    domain: str = ""
    ip_addresses: tuple[str, ...] = ()
    data_host: str = ""
    service_host: str = ""


@dataclass(frozen=True, slots=True)
class ServedIndustry:
    """All four levels of GB/T 4754: 门类 (letter), 大类, 中类, 小类 (two, three, four digits)."""

    category: str
    division: str
    group: str
    subclass: str


@dataclass(frozen=True, slots=True)
class Licence:
    number: str
    kind: LicenceKind
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """``capital`` is 注册资本 in 万元. The address itself stands among the facts."""

    nature: Nature | None = None
    province: str = ""
    city: str = ""
    county: str = ""
    industry_category: str = ""
    description: str = ""
    authority: str = ""
    capital: int | None = None
    established_on: date | None = None
    valid_until: date | None = None
    papers: Papers = Papers()
    deployments: tuple[Deployment, ...] = ()
    building: Undertaking | None = None
    builder: str = ""
    operating: Undertaking | None = None
    operator: str = ""
    services: Services = Services()
    served_industries: tuple[ServedIndustry, ...] = ()
    licences: tuple[Licence, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, days as ``2030-01-31``."""
        said: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return said

    def ends(self) -> dict[str, date]:
        """The last days of what is valid for a time only: ``certificate``, and ``licence:<number>``."""
        found = {f"licence:{one.number}": one.valid_until for one in self.licences if one.valid_until is not None}
        return {"certificate": self.valid_until, **found} if self.valid_until is not None else found


def profile_of(content: bytes | str) -> Profile:
    """The profile of JSON text that ``to_json`` described; members it does not know are left aside."""
    return msgspec.json.decode(content, type=Profile)
