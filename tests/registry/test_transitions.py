"""The three tables against a truth list that was written down independently of them."""

from __future__ import annotations

from itertools import product
from typing import Any
from uuid import UUID

import pytest

from node.auth import MAY, Account, Action, NotAllowed, Role, may
from registry import transitions
from registry.transitions import (
    ANNOUNCEMENT,
    DOCUMENT,
    ENTERPRISE,
    HOSTING,
    ORDER,
    PLAN,
    PREFIX,
    SERVICE_REQUEST,
    TEMPLATE,
    TRANSFER,
    AnnouncementState,
    DocumentState,
    EnterpriseState,
    Hosting,
    OrderState,
    PlanState,
    PrefixState,
    ReasonMissing,
    ServiceState,
    TemplateState,
    TransferState,
    TransitionRefused,
    Verb,
)

NEW = "-"

# verb, who, from, to; an exclamation mark: not without a reason. A administrator, R reviewer, E enterprise, N node.
ENTERPRISE_TRUTH = """
create   A   -          draft
edit     AE  draft      draft
edit     AE  returned   returned
edit     AE  approved   approved
amend    AE  draft      draft
amend    AE  returned   returned
amend    AE  approved   submitted
submit   AE  draft      submitted
submit   AE  returned   submitted
approve  R   submitted  approved
return!  R   submitted  returned
reject!  R   submitted  rejected
suspend! A   approved   suspended
resume   A   suspended  approved
close!   A   draft      closed
close!   A   returned   closed
close!   A   approved   closed
close!   A   suspended  closed
"""
PREFIX_TRUTH = """
apply     AE  -          applied
allot     N   -          enabled
approve   R   applied    reviewed
reject!   R   applied    rejected
verify    N   reviewed   verified
refuse    N   reviewed   refused
enable    A   verified   enabled
suspend!  A   enabled    suspended
resume    A   suspended  enabled
withdraw! A   verified   withdrawn
withdraw! A   enabled    withdrawn
withdraw! A   suspended  withdrawn
"""
HOSTING_TRUTH = """
apply     AE  self_hosted applied
apply     AE  rejected    applied
approve   R   applied     hosted
reject!   R   applied     rejected
host      A   self_hosted hosted
host      A   applied     hosted
host      A   rejected    hosted
self_host AE  hosted      self_hosted
"""
TRANSFER_TRUTH = """
offer    AE  -          offered
accept   E   offered    accepted
decline  E   offered    declined
cancel   AE  offered    cancelled
cancel   AE  accepted   cancelled
approve  R   accepted   done
reject!  R   accepted   rejected
"""
TEMPLATE_TRUTH = """
create   AEP -          draft
edit     AEP draft      draft
publish  AEP draft      published
withdraw AEP published  withdrawn
revise   AEP published  draft
revise   AEP withdrawn  draft
"""
SERVICE_REQUEST_TRUTH = """
file    AE  -            open
take    A   open         in_progress
answer  A   open         answered
answer  A   in_progress  answered
close   AE  answered     closed
reopen! AE  answered     in_progress
reopen! AE  closed       in_progress
"""
ANNOUNCEMENT_TRUTH = """
create   A  -          draft
edit     A  draft      draft
publish  A  draft      published
withdraw A  published  withdrawn
"""
DOCUMENT_TRUTH = """
create    A   -          draft
edit      A   draft      draft
publish   A   draft      published
supersede N   published  superseded
withdraw  A   draft      withdrawn
withdraw  A   published  withdrawn
"""
PLAN_TRUTH = """
create   A   -        draft
edit     A   draft    draft
offer    A   draft    offered
withdraw A   draft    withdrawn
withdraw A   offered  withdrawn
"""
ORDER_TRUTH = """
place    AE  -          placed
confirm  A   placed     confirmed
cancel   AE  placed     cancelled
end!     A   confirmed  ended
"""

OWNER = UUID(int=7)
STRANGER = UUID(int=8)
LETTERS = {
    "A": Role.ADMINISTRATOR,
    "R": Role.REVIEWER,
    "U": Role.AUDITOR,
    "E": Role.ENTERPRISE_USER,
    "P": Role.APPLICATION,
}


def account(role: Role, enterprise_id: UUID | None = OWNER) -> Account:
    own = enterprise_id if role in (Role.ENTERPRISE_USER, Role.APPLICATION) else None
    return Account(UUID(int=1), "somebody", role, own)


def rows(truth: str) -> list[tuple[str, bool, str, str, str]]:
    split = [line.split() for line in truth.strip().splitlines()]
    return [(verb.rstrip("!"), verb.endswith("!"), who, start, end) for verb, who, start, end in split]


TABLES: list[tuple[str, Any, Any, str]] = [
    ("enterprise", ENTERPRISE, EnterpriseState, ENTERPRISE_TRUTH),
    ("prefix", PREFIX, PrefixState, PREFIX_TRUTH),
    ("hosting", HOSTING, Hosting, HOSTING_TRUTH),
    ("transfer", TRANSFER, TransferState, TRANSFER_TRUTH),
    ("template", TEMPLATE, TemplateState, TEMPLATE_TRUTH),
    ("service request", SERVICE_REQUEST, ServiceState, SERVICE_REQUEST_TRUTH),
    ("announcement", ANNOUNCEMENT, AnnouncementState, ANNOUNCEMENT_TRUTH),
    ("document", DOCUMENT, DocumentState, DOCUMENT_TRUTH),
    ("fee plan", PLAN, PlanState, PLAN_TRUTH),
    ("order", ORDER, OrderState, ORDER_TRUTH),
]
CASES = [
    pytest.param(rules, verb, state, truth, id=f"{name}-{verb}-{state or NEW}")
    for name, rules, states, truth in TABLES
    for verb, state in product(rules, [None, *states])
]


@pytest.mark.parametrize(("rules", "verb", "state", "truth"), CASES)
def test_every_verb_in_every_state_does_what_the_truth_list_says(
    rules: Any, verb: Verb, state: Any, truth: str
) -> None:
    expected = {(its, start): (end, needs) for its, needs, _, start, end in rows(truth)}
    wanted = expected.get((str(verb), str(state) if state else NEW))
    if wanted is None:
        with pytest.raises(TransitionRefused) as refusal:
            transitions.step(rules, verb, state, "because")
        assert refusal.value.evidence["verb"] == verb
        listed = {
            its for its, _, who, start, _ in rows(truth) if start == (str(state) if state else NEW) and who != "N"
        }
        assert set(refusal.value.evidence["allowed"]) == listed
        return
    end, needs_reason = wanted
    assert transitions.step(rules, verb, state, "because") == end
    if needs_reason:
        with pytest.raises(ReasonMissing):
            transitions.step(rules, verb, state)
    else:
        assert transitions.step(rules, verb, state) == end


@pytest.mark.parametrize(("name", "rules", "states", "truth"), TABLES, ids=[table[0] for table in TABLES])
def test_the_tables_hold_nothing_beyond_the_truth_list(name: str, rules: Any, states: Any, truth: str) -> None:
    listed = {(verb, start) for verb, _, _, start, _ in rows(truth)}
    assert listed == {(str(verb), str(state) if state else NEW) for verb, rule in rules.items() for state in rule.to}
    assert {str(state) for state in states} <= {end for *_, end in rows(truth)}


@pytest.mark.parametrize(
    ("rules", "verb", "who", "role"),
    [
        pytest.param(rules, Verb(verb), who, letter, id=f"{name}-{verb}-{letter}")
        for name, rules, _, truth in TABLES
        for verb, who in sorted({(verb, who) for verb, _, who, _, _ in rows(truth)})
        for letter in LETTERS
    ],
)
def test_a_verb_is_open_to_the_listed_roles_and_to_strangers_of_none(
    rules: Any, verb: Verb, who: str, role: str
) -> None:
    if role in who:
        transitions.permit(rules, verb, account(LETTERS[role]), OWNER)
    else:
        with pytest.raises((NotAllowed, TransitionRefused)):
            transitions.permit(rules, verb, account(LETTERS[role]), OWNER)
    if role in "EP":
        for owner in (STRANGER, None):
            with pytest.raises((NotAllowed, TransitionRefused)):
                transitions.permit(rules, verb, account(LETTERS[role]), owner)


# Which roles may do what: the letters of the staff, and of the enterprise's on what is their own.
RIGHTS_TRUTH = """
account.create A            account.read AU             account.change A            account.change_password ARUE
token.create ARUEP          token.read ARUEP            token.revoke ARUEP
access_key.create AEP       access_key.read AEP         access_key.revoke AEP       onboarding.enter A
enterprise.create A         enterprise.read ARUEP       enterprise.edit AE          enterprise.submit AE
enterprise.review R         enterprise.suspend A        enterprise.close A          enterprise.read_personal ARE
prefix.apply AE             prefix.read ARUEP           prefix.review R             prefix.enable A
prefix.suspend A            prefix.withdraw A           numbering.read ARU          numbering.edit A
hosting.apply AE            hosting.review R            hosting.grant A
route.edit AE               route.check ARE
transfer.read ARUEP         transfer.offer AE           transfer.answer E           transfer.review R
template.read ARUEP         template.edit AEP           template.edit_shared A      template.publish AEP
template.grant AEP
identifier.read ARUEP       identifier.register AEP     identifier.update AEP       identifier.delete AEP
identifier.suspend AEP      identifier.export AUEP      identifier.restore A
mapping.read ARUEP          mapping.edit AE             coding_rule.read ARUEP      coding_rule.edit AE
coding_rule.draw AEP        suffix_rule.edit AE         document.read ARU           document.edit A
quota.read ARUEP            quota.edit A                plan.read ARUEP             plan.edit A
order.place AE              order.read AUE              order.confirm A
statement.read AUE          statement.draw_up A
handle_policy.read ARUEP    handle_policy.edit A        file.read ARUEP             file.add AEP
attachment.add AE           attachment.read ARE
identity.read ARUEP         identity.edit AE            group.read ARUEP            group.edit AE
grant.read ARUEP            grant.edit AEP              notification.read ARUEP
review.read ARU             review.claim R              review.check R
service_request.file AE     service_request.read ARUE   service_request.handle A    service_request.close AE
announcement.read ARU       announcement.edit A
statistics.read ARUEP       node_statistics.read ARU
history.read ARUEP          node.read ARU               acceptance.read ARU
national.read ARU           docking.read ARU            docking.review R
docking.edit A              upload.read AU              upload.make A
audit.read AU               statistics.recount AU       report.read ARUE            report.make AU
report.schedule A           settings.read AU            account.second_factor ARUE
statistics.correct A
"""


@pytest.mark.parametrize("role", LETTERS)
def test_each_role_may_do_exactly_what_is_listed_to_own_foreign_and_ownerless_things(role: str) -> None:
    words = RIGHTS_TRUTH.split()
    truth = dict(zip(words[::2], words[1::2], strict=True))
    assert set(truth) == {str(action) for action in Action} == {str(action) for action in MAY}
    somebody = account(LETTERS[role])
    for action in Action:
        listed = role in truth[action]
        assert may(somebody, action, OWNER) is listed, action
        assert may(somebody, action, STRANGER) is (listed and role not in "EP"), action
        assert may(somebody, action, None) is (listed and role not in "EP"), action
