"""The full record of an enterprise as requests give it: profile and people, with the bounds of the SNMS interface."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated

import msgspec
from pydantic import Field

from registry.api.v1.fields import Body, Text
from registry.profiles.checks import ProfileInvalid
from registry.profiles.personal import Person, Personal, PersonCertificate
from registry.profiles.profile import DeployMode, LicenceKind, Nature, Profile, SystemKind, Undertaking

Code = Annotated[Text, Field(max_length=8)]
Line = Annotated[Text, Field(max_length=255)]
AttachmentNumber = Annotated[int, Field(ge=1, le=2**63 - 1)]


class PapersBody(Body):
    """Numbers of attachments; each is bound to its enterprise once and for ever."""

    licence_image: AttachmentNumber | None = None
    contact_front: AttachmentNumber | None = None
    contact_back: AttachmentNumber | None = None
    legal_front: AttachmentNumber | None = None
    legal_back: AttachmentNumber | None = None
    build_contract: AttachmentNumber | None = None
    operate_contract: AttachmentNumber | None = None
    data_hosting_contract: AttachmentNumber | None = None
    service_hosting_contract: AttachmentNumber | None = None


class DeploymentBody(Body):
    """Where a system is: on the spot, with address, or with a cloud provider."""

    system: SystemKind
    mode: DeployMode
    province: Code = ""
    city: Code = ""
    county: Code = ""
    address: Line = ""
    endpoints: Annotated[tuple[Line, ...], Field(max_length=20, description="[address]:port")] = ()
    provider: Line = ""


class ServicesBody(Body):
    """The public site, and who hosts data and services."""

    site_name: Line = ""
    domain: Line = ""
    ip_addresses: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    data_host: Line = ""
    service_host: Line = ""


class ServedIndustryBody(Body):
    """GB/T 4754, all four levels: letter, two, three and four digits."""

    category: Code
    division: Code
    group: Code
    subclass: Code


class LicenceBody(Body):
    number: Line
    kind: LicenceKind
    valid_until: date | None = None


class ProfileBody(Body):
    """What the record says beyond the facts and about no person."""

    nature: Nature | None = None
    province: Code = ""
    city: Code = ""
    county: Code = ""
    industry_category: Code = ""
    description: Annotated[Text, Field(max_length=1024)] = ""
    authority: Annotated[Text, Field(max_length=255, description="注册机关")] = ""
    capital: Annotated[int, Field(ge=0, le=10**12, description="注册资本, 万元")] | None = None
    established_on: date | None = None
    valid_until: date | None = None
    papers: PapersBody = PapersBody()
    deployments: Annotated[
        tuple[DeploymentBody, ...], Field(max_length=50, description="none, or at least the first four systems")
    ] = ()
    building: Undertaking | None = None
    builder: Line = ""
    operating: Undertaking | None = None
    operator: Line = ""
    services: ServicesBody = ServicesBody()
    served_industries: Annotated[tuple[ServedIndustryBody, ...], Field(max_length=100)] = ()
    licences: Annotated[tuple[LicenceBody, ...], Field(max_length=100)] = ()

    def profile(self) -> Profile:
        """The domain value."""
        return msgspec.convert(self.model_dump(mode="json"), Profile)


class PersonBody(Body):
    """One person; a masked value as an answer showed it stands for what is stored."""

    name: Annotated[Text, Field(max_length=128)] = ""
    certificate: PersonCertificate | None = None
    certificate_number: Annotated[Text, Field(max_length=32)] = ""
    email: Annotated[Text, Field(max_length=128)] = ""
    phone: Annotated[Text, Field(max_length=32)] = ""
    fax: Line = ""


class PersonalBody(Body):
    contact: PersonBody = PersonBody()
    legal_representative: PersonBody = PersonBody()

    def personal(self) -> Personal:
        """The domain value."""
        return msgspec.convert(self.model_dump(mode="json"), Personal)


def people_of(body: PersonalBody | None, contact: Person, stands: Personal) -> Personal:
    """The people that a request names: in ``personal``, or by the flat fields of the contact alone.

    With the flat fields everything else is as it ``stands``. Raises ``ProfileInvalid`` when both are said and differ.
    """
    if body is None:
        kept = replace(stands.contact, name=contact.name, email=contact.email, phone=contact.phone)
        return replace(stands, contact=kept)
    said = body.personal()
    for name in ("name", "email", "phone"):
        if getattr(contact, name) not in ("", getattr(said.contact, name)):
            message = "联系人信息填写了两次且不一致 / the contact is given twice and differently"
            fault = {"field": f"contact_{name}", "code": "said_twice", "message": message}
            raise ProfileInvalid("the contact is given twice and differently", faults=[fault])
    return said
