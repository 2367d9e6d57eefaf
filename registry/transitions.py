"""What may happen to an enterprise, a prefix and a template: one table each, verb by verb.

A row says from which states a verb leads to which, what the caller must be allowed to do, and whether a reason is
demanded. ``None`` as a state is a thing that is not there yet; ``None`` as an action is the node itself, acting on
the national node's word. Whatever the tables do not name is refused with ``TransitionRefused``.

Enterprise. ``edit`` changes facts that no review looked at (contacts, address, website); ``amend`` changes the
reviewed ones (name, credit code, division, industry), and an approved enterprise that amends them is submitted
again: until it is approved once more its identifiers resolve, but none is registered, updated or deleted.
Prefix. The node reviews, the national node verifies, then the prefix is enabled. A derived prefix is allotted by the
administrators of the prefix above, whom the Handle protocol knows and the roles do not.
Template. A published template never changes; ``revise`` makes the next version as a draft of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from node.auth import Account, Action, require
from node.errors import Conflict, Malformed


class EnterpriseState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    RETURNED = "returned"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class PrefixState(StrEnum):
    APPLIED = "applied"
    REVIEWED = "reviewed"
    VERIFIED = "verified"
    ENABLED = "enabled"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    REFUSED = "refused"


class TemplateState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Verb(StrEnum):
    """The value is the last word of the act's name in history: ``enterprise.approve``."""

    CREATE = "create"
    EDIT = "edit"
    AMEND = "amend"
    SUBMIT = "submit"
    APPROVE = "approve"
    RETURN = "return"
    REJECT = "reject"
    SUSPEND = "suspend"
    RESUME = "resume"
    CLOSE = "close"
    APPLY = "apply"
    ALLOT = "allot"
    VERIFY = "verify"
    REFUSE = "refuse"
    ENABLE = "enable"
    WITHDRAW = "withdraw"
    PUBLISH = "publish"
    REVISE = "revise"


class TransitionRefused(Conflict):
    title_zh = "当前状态不允许此操作"


class ReasonMissing(Malformed):
    title_zh = "缺少理由"


S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Rule(Generic[S]):
    """One verb: who may, from where to where, and whether a reason is demanded."""

    action: Action | None
    to: Mapping[S | None, S]
    needs_reason: bool = False


Rules = Mapping[Verb, Rule[S]]

_E, _P, _T = EnterpriseState, PrefixState, TemplateState

ENTERPRISE: Rules[EnterpriseState] = {
    Verb.CREATE: Rule(Action.ENTERPRISE_CREATE, {None: _E.DRAFT}),
    Verb.EDIT: Rule(
        Action.ENTERPRISE_EDIT,
        {_E.DRAFT: _E.DRAFT, _E.RETURNED: _E.RETURNED, _E.APPROVED: _E.APPROVED},
    ),
    Verb.AMEND: Rule(
        Action.ENTERPRISE_EDIT,
        {_E.DRAFT: _E.DRAFT, _E.RETURNED: _E.RETURNED, _E.APPROVED: _E.SUBMITTED},
    ),
    Verb.SUBMIT: Rule(Action.ENTERPRISE_SUBMIT, {_E.DRAFT: _E.SUBMITTED, _E.RETURNED: _E.SUBMITTED}),
    Verb.APPROVE: Rule(Action.ENTERPRISE_REVIEW, {_E.SUBMITTED: _E.APPROVED}),
    Verb.RETURN: Rule(Action.ENTERPRISE_REVIEW, {_E.SUBMITTED: _E.RETURNED}, needs_reason=True),
    Verb.REJECT: Rule(Action.ENTERPRISE_REVIEW, {_E.SUBMITTED: _E.REJECTED}, needs_reason=True),
    Verb.SUSPEND: Rule(Action.ENTERPRISE_SUSPEND, {_E.APPROVED: _E.SUSPENDED}, needs_reason=True),
    Verb.RESUME: Rule(Action.ENTERPRISE_SUSPEND, {_E.SUSPENDED: _E.APPROVED}),
    Verb.CLOSE: Rule(
        Action.ENTERPRISE_CLOSE,
        {_E.DRAFT: _E.CLOSED, _E.RETURNED: _E.CLOSED, _E.APPROVED: _E.CLOSED, _E.SUSPENDED: _E.CLOSED},
        needs_reason=True,
    ),
}

PREFIX: Rules[PrefixState] = {
    Verb.APPLY: Rule(Action.PREFIX_APPLY, {None: _P.APPLIED}),
    Verb.ALLOT: Rule(None, {None: _P.ENABLED}),
    Verb.APPROVE: Rule(Action.PREFIX_REVIEW, {_P.APPLIED: _P.REVIEWED}),
    Verb.REJECT: Rule(Action.PREFIX_REVIEW, {_P.APPLIED: _P.REJECTED}, needs_reason=True),
    Verb.VERIFY: Rule(None, {_P.REVIEWED: _P.VERIFIED}),
    Verb.REFUSE: Rule(None, {_P.REVIEWED: _P.REFUSED}),
    Verb.ENABLE: Rule(Action.PREFIX_ENABLE, {_P.VERIFIED: _P.ENABLED}),
    Verb.SUSPEND: Rule(Action.PREFIX_SUSPEND, {_P.ENABLED: _P.SUSPENDED}, needs_reason=True),
    Verb.RESUME: Rule(Action.PREFIX_SUSPEND, {_P.SUSPENDED: _P.ENABLED}),
    Verb.WITHDRAW: Rule(
        Action.PREFIX_WITHDRAW,
        {_P.VERIFIED: _P.WITHDRAWN, _P.ENABLED: _P.WITHDRAWN, _P.SUSPENDED: _P.WITHDRAWN},
        needs_reason=True,
    ),
}

TEMPLATE: Rules[TemplateState] = {
    Verb.CREATE: Rule(Action.TEMPLATE_EDIT, {None: _T.DRAFT}),
    Verb.EDIT: Rule(Action.TEMPLATE_EDIT, {_T.DRAFT: _T.DRAFT}),
    Verb.PUBLISH: Rule(Action.TEMPLATE_PUBLISH, {_T.DRAFT: _T.PUBLISHED}),
    Verb.WITHDRAW: Rule(Action.TEMPLATE_PUBLISH, {_T.PUBLISHED: _T.WITHDRAWN}),
    Verb.REVISE: Rule(Action.TEMPLATE_EDIT, {_T.PUBLISHED: _T.DRAFT, _T.WITHDRAWN: _T.DRAFT}),
}


def permit(rules: Rules[S], verb: Verb, account: Account, owner: UUID | None) -> None:
    """Whether the account may ever do this to a thing of that enterprise. Raises ``NotAllowed``."""
    action = rules[verb].action
    if action is None:
        raise TransitionRefused(f"nobody but the node itself may {verb}", verb=str(verb))
    require(account, action, owner)


def step(rules: Rules[S], verb: Verb, state: S | None, reason: str = "") -> S:
    """The state that the verb leads to. Raises ``TransitionRefused``, ``ReasonMissing``."""
    rule = rules[verb]
    reached = rule.to.get(state)
    if reached is None:
        allowed = [str(other) for other, its in rules.items() if state in its.to and its.action is not None]
        raise TransitionRefused(
            f"{verb} is not possible in the state {state}", state=str(state), verb=str(verb), allowed=allowed
        )
    if rule.needs_reason and not reason:
        raise ReasonMissing(f"{verb} needs a reason", field="reason", verb=str(verb))
    return reached
