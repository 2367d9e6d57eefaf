"""The local verifier: it looks at the form of what was given, asks no register, and says so.

Credit code: GB 32100-2015. Identity card: GB 11643-1999. Mobile telephone: eleven digits from 13 to 19. Passports and
other certificates: letters, digits and hyphens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry import credit_code, identity_card
from registry.profiles.personal import Person, PersonCertificate
from registry.reviews.verifiers import CheckResult, Finding, IdentitySubject, Outcome

_MOBILE = re.compile(r"(\+86|0086)?1[3-9][0-9]{9}", re.ASCII)
_LANDLINE = re.compile(r"(\+86-?)?0[0-9]{2,3}-?[0-9]{7,8}", re.ASCII)
_CERTIFICATE = re.compile(r"[0-9A-Za-z-]{4,32}", re.ASCII)
_LICENCE = re.compile(r"[0-9A-Za-z\u4e00-\u9fff〔〕\[\]()（）.号-]{4,255}")

ONLY_THE_FORM = Finding(
    "", "form_only", "仅核对形式，未与任何登记机关核对 / only the form was checked; no register was asked"
)


class FormVerifier:
    name = "form"

    async def check(self, subject: IdentitySubject) -> CheckResult:
        """``failed`` when the form of something is wrong, otherwise ``form_only``; never ``passed``."""
        faults = tuple(_faults(subject))
        return CheckResult(Outcome.FAILED if faults else Outcome.FORM_ONLY, (ONLY_THE_FORM, *faults))


def _faults(subject: IdentitySubject) -> Iterator[Finding]:
    if not subject.name:
        yield Finding("name", "missing", "缺少单位名称 / the name of the enterprise is missing")
    if subject.credit_code:
        try:
            credit_code.check(subject.credit_code)
        except credit_code.CreditCodeInvalid:
            message = "统一社会信用代码形式或校验码有误 / form or check character of the credit code is wrong"
            yield Finding("credit_code", "form", message)
    elif not _CERTIFICATE.fullmatch(subject.other_certificate):
        yield Finding("other_certificate", "form", "单位证件号码形式有误 / the certificate number has a wrong form")
    yield from _of_person("legal_representative", subject.legal_representative)
    yield from _of_person("contact", subject.contact)
    for place, licence in enumerate(subject.licences):
        if not _LICENCE.fullmatch(licence.number):
            yield Finding(
                f"licences.{place}.number", "form", "许可证编号形式有误 / the licence number has a wrong form"
            )


def _of_person(role: str, person: Person) -> Iterator[Finding]:
    """What is not given is not wrong in its form."""
    number = person.certificate_number
    if number and person.certificate is PersonCertificate.IDENTITY_CARD:
        if not identity_card.well_formed(number):
            message = "公民身份号码形式或校验码有误 / form or check character of the identity number is wrong"
            yield Finding(f"{role}.certificate_number", "form", message)
    elif number and not _CERTIFICATE.fullmatch(number):
        yield Finding(
            f"{role}.certificate_number", "form", "证件号码形式有误 / the certificate number has a wrong form"
        )
    phone = person.phone.replace(" ", "")
    if phone and not _MOBILE.fullmatch(phone) and not _LANDLINE.fullmatch(phone):
        yield Finding(f"{role}.phone", "form", "电话号码形式有误 / the telephone number has a wrong form")
