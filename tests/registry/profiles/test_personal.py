"""People of an enterprise: masked for those who look, sealed where they lie."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from node.sealing import Seal, SealBroken
from registry.profiles.personal import (
    Person,
    Personal,
    PersonCertificate,
    changed_fields,
    mask_email,
    mask_name,
    mask_number,
    mask_phone,
    opened,
)

SEAL = Seal(bytes(32))
CONTACT = Person("张三", PersonCertificate.IDENTITY_CARD, "330212199003071236", "ops@example.com", "13800000000")
PEOPLE = Personal(CONTACT, Person("Wu", PersonCertificate.OTHER, "TEST-0002", fax="0574-87654321"))


def test_masks_leave_what_a_person_knows_again_and_no_more() -> None:
    assert [mask_name(name) for name in ("张三", "欧阳小明", "张", "")] == ["张*", "欧***", "*", ""]
    assert [mask_phone(phone) for phone in ("13800000000", "0574-87654321", "110110", "110", "")] == [
        "138****0000", "057****4321", "****10", "****", "",
    ]  # fmt: skip
    assert [mask_email(address) for address in ("ops@example.com", "nobody", "")] == ["o***@example.com", "***", ""]
    assert [mask_number(number) for number in ("330212199003071236", "TEST-0002", "123", "")] == [
        "3302**********1236", "T*******2", "***", "",
    ]  # fmt: skip


def test_a_mask_that_comes_back_stands_for_what_is_stored() -> None:
    assert PEOPLE.masked() != PEOPLE
    assert PEOPLE.masked().resolved(PEOPLE) == PEOPLE
    moved = replace(PEOPLE.masked(), contact=replace(PEOPLE.masked().contact, phone="13900000000"))
    assert moved.resolved(PEOPLE) == replace(PEOPLE, contact=replace(CONTACT, phone="13900000000"))


def test_the_mask_of_something_else_stays_what_it_is() -> None:
    foreign = Personal(contact=Person(phone="138****0001"))
    assert foreign.resolved(PEOPLE).contact.phone == "138****0001"


def test_what_is_sealed_opens_for_its_enterprise_alone() -> None:
    enterprise_id = uuid4()
    sealed = PEOPLE.sealed(SEAL, enterprise_id)
    assert sealed is not None
    assert "张三".encode() not in sealed
    assert opened(sealed, SEAL, enterprise_id) == PEOPLE
    with pytest.raises(SealBroken):
        opened(sealed, SEAL, uuid4())


def test_nobody_is_not_sealed_at_all() -> None:
    assert Personal().sealed(SEAL, UUID(int=1)) is None
    assert opened(None, SEAL, UUID(int=1)) == Personal()


def test_history_learns_which_fields_changed_and_not_to_what() -> None:
    after = replace(PEOPLE, contact=replace(CONTACT, phone="13810000000", email=""))
    assert list(changed_fields(PEOPLE, after)) == ["contact.email", "contact.phone"]


def test_printing_people_shows_nothing_of_them() -> None:
    assert not any(word in f"{PEOPLE!r} {CONTACT!r}" for word in ("张三", "3302", "ops", "138"))
