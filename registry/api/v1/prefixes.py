"""``/v1/prefixes``: application, review, use, suspension, withdrawal, history."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from node.auth import Action
from node.errors import Malformed
from node.identifier import PREFIX_LIMIT, InvalidPrefix, Prefix
from node.routes import Call, Handler, Reply, Route
from registry.api.v1.fields import Body, Reason, Text, View
from registry.api.v1.history import HistoryView
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.enterprises import EnterpriseNotApproved, EnterpriseUnknown
from registry.numbering.allotting import NumbersExhausted
from registry.numbering.reserved import NumberReserved
from registry.prefix_grant import PrefixAboveSuspended, PrefixSuspendedFromAbove
from registry.prefixes import Prefixes, PrefixGrant, PrefixOutsideNode, PrefixTaken, PrefixUnknown
from registry.reviews.cases import ReviewClaimedByOther, SecondPersonNeeded
from registry.transitions import PREFIX, Hosting, PrefixState, TransitionRefused, Verb

_TAG = "prefixes"
_ONE = "/v1/prefixes/{prefix}"
_MOVES: dict[Verb, tuple[str, str]] = {
    Verb.APPROVE: ("Approve here and send up for verification", "审核通过并上报核验"),
    Verb.REJECT: ("Reject", "驳回"),
    Verb.ENABLE: ("Put a verified prefix to use", "启用"),
    Verb.SUSPEND: ("Suspend: nothing under it resolves", "停用"),
    Verb.RESUME: ("Resume", "恢复"),
    Verb.WITHDRAW: ("Withdraw for ever", "收回"),
}


class EnterpriseNotNamed(Malformed):
    title_zh = "未指明企业"


class PrefixApplicationBody(Body):
    """``enterprise_id`` may be left out by the enterprise's own account, ``prefix`` for the plan's next number.

    Where identifiers are not hosted here, ``hosting`` is self_hosted: the enterprise answers for them itself.
    """

    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT, examples=["88.101.2001"])] | None = None
    enterprise_id: UUID | None = None
    purpose: Annotated[Text, Field(max_length=500)] = ""
    hosting: Literal["hosted", "self_hosted"] = "hosted"


class PrefixQuery(Page):
    state: PrefixState | None = None
    enterprise_id: UUID | None = None


class PrefixView(View):
    """A prefix in the hands of an enterprise; ``prefix`` is upper case.

    Identifiers are registered under hosted prefixes only. ``with_enterprise``: applied for with its enterprise and
    reviewed with it. ``suffix_rule_id``: the coding rule that every new suffix obeys. ``suspended_from_above``: the
    node above keeps it suspended, and nobody here resumes it.
    """

    prefix: str
    enterprise_id: UUID
    enterprise_name: str
    state: PrefixState
    suspended_from_above: bool
    purpose: str
    reason: str
    hosting: Hosting
    hosting_reason: str
    with_enterprise: bool
    suffix_rule_id: int | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, grant: PrefixGrant) -> Self:
        """The answer about one prefix."""
        return cls(
            prefix=grant.prefix.key,
            enterprise_id=grant.enterprise_id,
            enterprise_name=grant.enterprise_name,
            state=grant.state,
            suspended_from_above=grant.suspended_from_above,
            purpose=grant.purpose,
            reason=grant.reason,
            hosting=grant.hosting,
            hosting_reason=grant.hosting_reason,
            with_enterprise=grant.with_enterprise,
            suffix_rule_id=grant.suffix_rule_id,
            version=grant.version,
            created_at=grant.created_at,
            updated_at=grant.updated_at,
        )


class PrefixList(View):
    items: list[PrefixView]
    next_cursor: str | None


def prefix_routes(prefixes: Prefixes) -> list[Route]:
    """Every route of prefixes."""

    async def apply(call: Call, body: PrefixApplicationBody) -> Reply:
        prefix = None if body.prefix is None else Prefix.parse(body.prefix)
        owner = body.enterprise_id or call.account.enterprise_id
        if owner is None:
            raise EnterpriseNotNamed("say which enterprise the prefix is for", field="enterprise_id")
        grant = await prefixes.apply(call.account, call.actor, owner, prefix, body.purpose, Hosting(body.hosting))
        location = f"/v1/prefixes/{grant.prefix.key}"
        return Reply(PrefixView.of(grant), status=201, headers={"Location": location})

    async def listing(call: Call, query: PrefixQuery) -> Reply:
        found = await prefixes.list(
            call.account,
            enterprise_id=query.enterprise_id,
            state=query.state,
            after=number_cursor(query.cursor) or 0,
            limit=query.limit + 1,
        )
        shown, cursor = cut(found, query.limit, lambda grant: grant.prefix_id)
        return Reply(PrefixList(items=[PrefixView.of(grant) for grant in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(PrefixView.of(await prefixes.get(call.account, Prefix.parse_derived(call.text("prefix")))))

    async def history(call: Call, query: Page) -> Reply:
        acts = await prefixes.history(
            call.account,
            Prefix.parse_derived(call.text("prefix")),
            before_act=number_cursor(query.cursor),
            limit=query.limit + 1,
        )
        return Reply(HistoryView.of(acts, query.limit))

    return [
        Route("POST", "/v1/prefixes", apply, action=Action.PREFIX_APPLY, tag=_TAG,
              summary="Apply for a prefix, or for the next number of the plan", summary_zh="申请前缀",
              body=PrefixApplicationBody, answers={201: PrefixView},
              errors=(InvalidPrefix, EnterpriseNotNamed, PrefixOutsideNode, EnterpriseUnknown, EnterpriseNotApproved,
                      PrefixTaken, NumberReserved, NumbersExhausted)),
        Route("GET", "/v1/prefixes", listing, action=Action.PREFIX_READ, tag=_TAG,
              summary="List prefixes in the order of application", summary_zh="前缀列表",
              query=PrefixQuery, answers={200: PrefixList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.PREFIX_READ, tag=_TAG,
              summary="Read a prefix", summary_zh="查看前缀",
              answers={200: PrefixView}, errors=(InvalidPrefix, PrefixUnknown)),
        *(_move_route(prefixes, verb) for verb in _MOVES),
        Route("GET", f"{_ONE}/history", history, action=Action.HISTORY_READ, tag=_TAG,
              summary="Acts on a prefix, newest first", summary_zh="前缀变更历史",
              query=Page, answers={200: HistoryView}, errors=(InvalidPrefix, PrefixUnknown, CursorBroken)),
    ]  # fmt: skip


def _move_route(prefixes: Prefixes, verb: Verb) -> Route:
    async def move(call: Call, body: Reason | None = None) -> Reply:
        reason = body.reason if body else ""
        prefix = Prefix.parse_derived(call.text("prefix"))
        return Reply(PrefixView.of(await prefixes.move(call.account, call.actor, prefix, verb, reason)))

    handler: Handler = move
    summary, summary_zh = _MOVES[verb]
    rule = PREFIX[verb]
    return Route(
        "POST", f"{_ONE}/{verb}", handler, action=rule.action, tag=_TAG, summary=summary, summary_zh=summary_zh,
        body=Reason if rule.needs_reason else None, answers={200: PrefixView},
        errors=(InvalidPrefix, PrefixUnknown, TransitionRefused, EnterpriseNotApproved, PrefixAboveSuspended,
                PrefixSuspendedFromAbove, ReviewClaimedByOther, SecondPersonNeeded),
    )  # fmt: skip
