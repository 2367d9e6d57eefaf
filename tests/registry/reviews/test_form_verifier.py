"""The local verifier looks at the form, and says that it does no more."""

from __future__ import annotations

from dataclasses import replace

from registry import credit_code
from registry.profiles.personal import Person, PersonCertificate
from registry.profiles.profile import Licence, LicenceKind
from registry.reviews.form_verifier import FormVerifier
from registry.reviews.verifiers import IdentitySubject, Outcome

CARD = PersonCertificate.IDENTITY_CARD
GOOD = IdentitySubject(
    name="示例阀门有限公司",
    credit_code=credit_code.complete("91330212MA000001"),
    other_certificate="",
    legal_representative=Person("示例法人", CARD, "11010519491231002X", phone="13800000000"),
    contact=Person("示例联系人", PersonCertificate.PASSPORT, "E12345678", phone="0574-87654321"),
    licences=(Licence("合字B2-20260001", LicenceKind.VALUE_ADDED_TELECOM),),
)


async def faults(subject: IdentitySubject) -> list[str]:
    result = await FormVerifier().check(subject)
    assert result.findings[0].message.startswith("仅核对形式")
    assert result.outcome is (Outcome.FAILED if len(result.findings) > 1 else Outcome.FORM_ONLY)
    return [finding.field for finding in result.findings[1:]]


async def test_a_good_form_is_never_called_passed() -> None:
    assert await faults(GOOD) == []


async def test_what_was_not_given_is_not_wrong_in_its_form() -> None:
    empty = replace(GOOD, legal_representative=Person(), contact=Person(), licences=())
    assert await faults(empty) == []


async def test_each_wrong_form_is_found_at_its_field() -> None:
    wrong = IdentitySubject(
        name="",
        credit_code=GOOD.credit_code[:-1] + ("0" if GOOD.credit_code[-1] != "0" else "1"),
        other_certificate="",
        legal_representative=Person("示例法人", CARD, "110105194912310021", phone="12800000000"),
        contact=Person("示例联系人", PersonCertificate.OTHER, "证件", phone="138"),
        licences=(Licence("B2", LicenceKind.VALUE_ADDED_TELECOM),),
    )
    assert await faults(wrong) == [
        "name", "credit_code", "legal_representative.certificate_number", "legal_representative.phone",
        "contact.certificate_number", "contact.phone", "licences.0.number",
    ]  # fmt: skip


async def test_another_certificate_stands_for_the_credit_code() -> None:
    assert await faults(replace(GOOD, credit_code="", other_certificate="DJ-2026-0001")) == []
    assert await faults(replace(GOOD, credit_code="", other_certificate="DJ 1")) == ["other_certificate"]


async def test_no_finding_repeats_what_a_person_gave() -> None:
    subject = replace(GOOD, contact=Person("示例联系人", CARD, "11010519491231", phone="99999"))
    result = await FormVerifier().check(subject)
    assert not any("11010519491231" in finding.message or "99999" in finding.message for finding in result.findings)
