"""A full record of an enterprise that makes valves in Ningbo."""

from __future__ import annotations

from datetime import date

from registry.profiles.personal import Person, Personal, PersonCertificate
from registry.profiles.profile import (
    Deployment,
    DeployMode,
    Licence,
    LicenceKind,
    Nature,
    Profile,
    ServedIndustry,
    Services,
    SystemKind,
    Undertaking,
)

FULL = Profile(
    nature=Nature.PRIVATE,
    province="330000",
    city="330200",
    county="330212",
    industry_category="C",
    description="阀门与旋塞",
    authority="示例市场监督管理局",
    capital=500,
    established_on=date(2011, 5, 6),
    valid_until=date(2031, 5, 5),
    deployments=(
        Deployment(
            SystemKind.REGISTRATION_SYSTEM, DeployMode.LOCAL, "330000", "330200", "330212", "示例路1号机房",
            ("[192.0.2.10]:8080", "[2001:db8::10]:8080"),
        ),
        *(Deployment(system, DeployMode.CLOUD, provider="示例云") for system in list(SystemKind)[1:]),
    ),
    building=Undertaking.ENTRUSTED,
    builder="示例软件有限公司",
    operating=Undertaking.SELF,
    services=Services("示例阀门标识服务", "id.example.com", ("192.0.2.10", "2001:db8::10"), "示例数据中心", "示例云"),
    served_industries=(ServedIndustry("C", "34", "344", "3443"),),
    licences=(Licence("浙B2-20300001", LicenceKind.VALUE_ADDED_TELECOM, date(2028, 6, 30)),),
)  # fmt: skip
PEOPLE = Personal(
    contact=Person(
        "示例联系人", PersonCertificate.OTHER, "TEST-0001", "ops@example.com", "13800000000", "0574-87654321"
    ),
    legal_representative=Person(
        "示例法人", PersonCertificate.IDENTITY_CARD, "11010519491231002X", phone="13700000000"
    ),
)
