"""What verifiers are asked and what is kept of their answers."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest

from registry.profiles.personal import Person, Personal, PersonCertificate
from registry.reviews.cases import ReviewDecided
from registry.reviews.form_verifier import FormVerifier
from registry.reviews.verifiers import CheckResult, Finding, IdentitySubject, Outcome, VerifierAway
from registry.transitions import Verb
from tests.support.office import Office, acting
from tests.support.reviewing import ReviewDesk

PEOPLE = Personal(
    contact=Person("示例联系人", PersonCertificate.OTHER, "TEST-0001", "ops@example.com", "13800000000"),
    legal_representative=Person("示例法人", PersonCertificate.IDENTITY_CARD, "11010519491231002X"),
)


class Register:
    """A service with a register of its own, which knows one name."""

    name = "register"

    def __init__(self, known: str) -> None:
        self._known = known

    async def check(self, subject: IdentitySubject) -> CheckResult:
        if subject.legal_representative.name == self._known:
            return CheckResult(Outcome.PASSED, ())
        return CheckResult(Outcome.FAILED, (Finding("legal_representative.name", "differs", "不一致 / differs"),))


class Silent:
    name = "silent"

    async def check(self, _: IdentitySubject) -> CheckResult:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits so long")


class Away:
    name = "away"

    async def check(self, _: IdentitySubject) -> CheckResult:
        raise VerifierAway("the service answers nothing")


async def test_every_verifier_is_asked_and_its_answer_kept(office: Office) -> None:
    desk = ReviewDesk(office, verifiers=[FormVerifier(), Register("示例法人"), Away(), Silent()])
    await desk.submitted(PEOPLE)
    review = await desk.waiting()
    async with office.leaving(None, None, None, None):
        checks = await desk.reviews.check(office.reviewer, acting(office.reviewer), review.review_id)
    assert {check.verifier: check.outcome for check in checks} == {
        "form": "form_only", "register": "passed", "away": "unavailable", "silent": "unavailable",
    }  # fmt: skip
    assert checks[0].account_id == office.reviewer.account_id
    again = await desk.reviews.check(office.reviewer, acting(office.reviewer), review.review_id)
    assert again[4:] == checks


async def test_nothing_of_the_people_is_kept_with_a_check_or_in_history(office: Office) -> None:
    desk = ReviewDesk(office, verifiers=[FormVerifier(), Register("somebody else")])
    await desk.submitted(PEOPLE)
    review = await desk.waiting()
    await desk.reviews.check(office.reviewer, acting(office.reviewer), review.review_id)
    kept = await office.pool.fetch("SELECT findings FROM identity_check")
    acts = await office.pool.fetch("SELECT after FROM act_history")
    text = json.dumps([str(row["findings"]) for row in kept] + [str(row["after"]) for row in acts])
    for secret in ("示例法人", "11010519491231002X", "13800000000", "ops@example.com"):
        assert secret not in text
        assert json.dumps(secret) not in text


async def test_what_a_verifier_said_cannot_be_rewritten(office: Office) -> None:
    desk = ReviewDesk(office)
    await desk.submitted()
    review = await desk.waiting()
    await desk.reviews.check(office.reviewer, acting(office.reviewer), review.review_id)
    for statement in ("UPDATE identity_check SET outcome = 'passed'", "DELETE FROM identity_check"):
        with pytest.raises(asyncpg.PostgresError):
            await office.pool.execute(statement)


async def test_a_decided_review_is_not_checked_any_more(office: Office) -> None:
    desk = ReviewDesk(office)
    await desk.submitted()
    review = await desk.waiting()
    await desk.decide(office.reviewer, review, Verb.APPROVE)
    with pytest.raises(ReviewDecided):
        await desk.reviews.check(office.reviewer, acting(office.reviewer), review.review_id)
