"""What may happen to an enterprise, a prefix, a template and what else has states: one table each, verb by verb.

A row says from which states a verb leads to which, what the caller must be allowed to do, and whether a reason is
demanded. ``None`` as a state is a thing that is not there yet; ``None`` as an action is the node itself, acting on
the national node's word. Whatever the tables do not name is refused with ``TransitionRefused``.

Enterprise. ``edit`` changes what no review looked at (contact, address, licences); ``amend`` changes what one was
about (``registry/enterprise_record.reviewed``), and an approved enterprise that amends them is submitted
again: until it is approved once more its identifiers resolve, but none is registered, updated or deleted.
Prefix. The node reviews, the national node verifies, then the prefix is enabled. A derived prefix is allotted by the
administrators of the prefix above, whom the Handle protocol knows and the roles do not.
Hosting. The enterprise asks for it and a reviewer decides, or an administrator grants it at once; an enterprise that
answers for its identifiers itself says where, and is self-hosted.
Transfer. The holder offers, the receiver consents, a reviewer decides.
Template. A published template never changes; ``revise`` makes the next version as a draft of its own.
Document. The same; publishing the next version supersedes the one before it.
Fee plan. What is offered never changes: who orders it keeps its terms. Order. Confirmed by the node, ended by it or
by its last day.
Service request. Whoever filed it closes what was answered, or has it taken up again. Announcement. A published one is
withdrawn, not changed.
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


class Hosting(StrEnum):
    """托管: whether the identifiers of a prefix are kept here, or its enterprise answers for them itself."""

    SELF_HOSTED = "self_hosted"
    APPLIED = "applied"
    REJECTED = "rejected"
    HOSTED = "hosted"


class TransferState(StrEnum):
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    DONE = "done"


class TemplateState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class ServiceState(StrEnum):
    """Of a service request or a complaint."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    CLOSED = "closed"


class AnnouncementState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class DocumentState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class PlanState(StrEnum):
    DRAFT = "draft"
    OFFERED = "offered"
    WITHDRAWN = "withdrawn"


class OrderState(StrEnum):
    PLACED = "placed"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    ENDED = "ended"


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
    HOST = "host"
    SELF_HOST = "self_host"
    OFFER = "offer"
    ACCEPT = "accept"
    DECLINE = "decline"
    CANCEL = "cancel"
    SUPERSEDE = "supersede"
    PLACE = "place"
    CONFIRM = "confirm"
    END = "end"
    FILE = "file"
    TAKE = "take"
    ANSWER = "answer"
    REOPEN = "reopen"


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

_E, _P, _T, _H, _TR = EnterpriseState, PrefixState, TemplateState, Hosting, TransferState
_S, _A = ServiceState, AnnouncementState

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

HOSTING: Rules[Hosting] = {
    Verb.APPLY: Rule(Action.HOSTING_APPLY, {_H.SELF_HOSTED: _H.APPLIED, _H.REJECTED: _H.APPLIED}),
    Verb.APPROVE: Rule(Action.HOSTING_REVIEW, {_H.APPLIED: _H.HOSTED}),
    Verb.REJECT: Rule(Action.HOSTING_REVIEW, {_H.APPLIED: _H.REJECTED}, needs_reason=True),
    Verb.HOST: Rule(Action.HOSTING_GRANT, {_H.SELF_HOSTED: _H.HOSTED, _H.APPLIED: _H.HOSTED, _H.REJECTED: _H.HOSTED}),
    Verb.SELF_HOST: Rule(Action.ROUTE_EDIT, {_H.HOSTED: _H.SELF_HOSTED}),
}

TRANSFER: Rules[TransferState] = {
    Verb.OFFER: Rule(Action.TRANSFER_OFFER, {None: _TR.OFFERED}),
    Verb.ACCEPT: Rule(Action.TRANSFER_ANSWER, {_TR.OFFERED: _TR.ACCEPTED}),
    Verb.DECLINE: Rule(Action.TRANSFER_ANSWER, {_TR.OFFERED: _TR.DECLINED}),
    Verb.CANCEL: Rule(Action.TRANSFER_OFFER, {_TR.OFFERED: _TR.CANCELLED, _TR.ACCEPTED: _TR.CANCELLED}),
    Verb.APPROVE: Rule(Action.TRANSFER_REVIEW, {_TR.ACCEPTED: _TR.DONE}),
    Verb.REJECT: Rule(Action.TRANSFER_REVIEW, {_TR.ACCEPTED: _TR.REJECTED}, needs_reason=True),
}

TEMPLATE: Rules[TemplateState] = {
    Verb.CREATE: Rule(Action.TEMPLATE_EDIT, {None: _T.DRAFT}),
    Verb.EDIT: Rule(Action.TEMPLATE_EDIT, {_T.DRAFT: _T.DRAFT}),
    Verb.PUBLISH: Rule(Action.TEMPLATE_PUBLISH, {_T.DRAFT: _T.PUBLISHED}),
    Verb.WITHDRAW: Rule(Action.TEMPLATE_PUBLISH, {_T.PUBLISHED: _T.WITHDRAWN}),
    Verb.REVISE: Rule(Action.TEMPLATE_EDIT, {_T.PUBLISHED: _T.DRAFT, _T.WITHDRAWN: _T.DRAFT}),
}

DOCUMENT: Rules[DocumentState] = {
    Verb.CREATE: Rule(Action.DOCUMENT_EDIT, {None: DocumentState.DRAFT}),
    Verb.EDIT: Rule(Action.DOCUMENT_EDIT, {DocumentState.DRAFT: DocumentState.DRAFT}),
    Verb.PUBLISH: Rule(Action.DOCUMENT_EDIT, {DocumentState.DRAFT: DocumentState.PUBLISHED}),
    Verb.SUPERSEDE: Rule(None, {DocumentState.PUBLISHED: DocumentState.SUPERSEDED}),
    Verb.WITHDRAW: Rule(
        Action.DOCUMENT_EDIT,
        {DocumentState.DRAFT: DocumentState.WITHDRAWN, DocumentState.PUBLISHED: DocumentState.WITHDRAWN},
    ),
}

PLAN: Rules[PlanState] = {
    Verb.CREATE: Rule(Action.PLAN_EDIT, {None: PlanState.DRAFT}),
    Verb.EDIT: Rule(Action.PLAN_EDIT, {PlanState.DRAFT: PlanState.DRAFT}),
    Verb.OFFER: Rule(Action.PLAN_EDIT, {PlanState.DRAFT: PlanState.OFFERED}),
    Verb.WITHDRAW: Rule(
        Action.PLAN_EDIT, {PlanState.DRAFT: PlanState.WITHDRAWN, PlanState.OFFERED: PlanState.WITHDRAWN}
    ),
}

ORDER: Rules[OrderState] = {
    Verb.PLACE: Rule(Action.ORDER_PLACE, {None: OrderState.PLACED}),
    Verb.CONFIRM: Rule(Action.ORDER_CONFIRM, {OrderState.PLACED: OrderState.CONFIRMED}),
    Verb.CANCEL: Rule(Action.ORDER_PLACE, {OrderState.PLACED: OrderState.CANCELLED}),
    Verb.END: Rule(Action.ORDER_CONFIRM, {OrderState.CONFIRMED: OrderState.ENDED}, needs_reason=True),
}

SERVICE_REQUEST: Rules[ServiceState] = {
    Verb.FILE: Rule(Action.SERVICE_REQUEST_FILE, {None: _S.OPEN}),
    Verb.TAKE: Rule(Action.SERVICE_REQUEST_HANDLE, {_S.OPEN: _S.IN_PROGRESS}),
    Verb.ANSWER: Rule(Action.SERVICE_REQUEST_HANDLE, {_S.OPEN: _S.ANSWERED, _S.IN_PROGRESS: _S.ANSWERED}),
    Verb.CLOSE: Rule(Action.SERVICE_REQUEST_CLOSE, {_S.ANSWERED: _S.CLOSED}),
    Verb.REOPEN: Rule(
        Action.SERVICE_REQUEST_FILE, {_S.ANSWERED: _S.IN_PROGRESS, _S.CLOSED: _S.IN_PROGRESS}, needs_reason=True
    ),
}

ANNOUNCEMENT: Rules[AnnouncementState] = {
    Verb.CREATE: Rule(Action.ANNOUNCEMENT_EDIT, {None: _A.DRAFT}),
    Verb.EDIT: Rule(Action.ANNOUNCEMENT_EDIT, {_A.DRAFT: _A.DRAFT}),
    Verb.PUBLISH: Rule(Action.ANNOUNCEMENT_EDIT, {_A.DRAFT: _A.PUBLISHED}),
    Verb.WITHDRAW: Rule(Action.ANNOUNCEMENT_EDIT, {_A.PUBLISHED: _A.WITHDRAWN}),
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
