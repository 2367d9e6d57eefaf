"""``/v1/prefixes/{prefix}/handle-policy``: what the Handle protocol may register under a prefix."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self

from pydantic import Field

from node.auth import Action
from node.identifier import InvalidPrefix, Prefix
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.mappings import Name, RemovalQuery
from registry.coding.rules import CodingRuleElsewhere, CodingRuleUnknown
from registry.handle.policy import CodingRuleUnfit, HandlePolicies, HandlePolicy, HandlePolicyUnknown, Terms
from registry.prefixes import PrefixUnknown
from registry.store import VersionChanged
from registry.templates.stored import TemplateNotPublished, TemplateUnknown

_TAG = "prefixes"
_ONE = "/v1/prefixes/{prefix}/handle-policy"
_Count = Annotated[int, Field(ge=1, le=2**63 - 1)]
_DerivedPrefixes = Annotated[int, Field(ge=0, le=2**31 - 1)]


class HandlePolicyBody(Body):
    """A policy anew; ``version`` is that which was read, none for the first. A limit that is left out is none."""

    version: Version | None = None
    template: Annotated[Text, Field(min_length=1, max_length=128, examples=["pump"])]
    coding_rule: Annotated[Name, Field(description="makes the suffixes that clients ask to be minted")] | None = None
    free_values: Annotated[bool, Field(description="values that the template does not know are kept")] = False
    daily_requests: _Count | None = None
    identifiers: _Count | None = None
    derived_prefixes: _DerivedPrefixes | None = None

    def terms(self) -> Terms:
        """The domain value."""
        return Terms(
            template=self.template,
            coding_rule=self.coding_rule,
            free_values=self.free_values,
            daily_requests=self.daily_requests,
            identifiers=self.identifiers,
            derived_prefixes=self.derived_prefixes,
        )


class HandlePolicyView(View):
    """A policy, and what was counted: ``requests`` on ``request_day`` (Asia/Shanghai), ``registered`` so far."""

    template: str
    template_id: int
    template_version: int
    coding_rule: str | None
    free_values: bool
    daily_requests: int | None
    identifiers: int | None
    derived_prefixes: int | None
    request_day: date | None
    requests: int
    registered: int
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, policy: HandlePolicy) -> Self:
        """The answer about one policy."""
        return cls(
            **policy.terms.to_json(),
            template_id=policy.template_id,
            template_version=policy.template_version,
            request_day=policy.request_day,
            requests=policy.requests,
            registered=policy.registered,
            version=policy.version,
            created_at=policy.created_at,
            updated_at=policy.updated_at,
        )


def handle_policy_routes(policies: HandlePolicies) -> list[Route]:
    """Every route of handle policies."""

    def named(call: Call) -> Prefix:
        return Prefix.parse_derived(call.text("prefix"))

    async def read(call: Call) -> Reply:
        return Reply(HandlePolicyView.of(await policies.get(call.account, named(call))))

    async def replace(call: Call, body: HandlePolicyBody) -> Reply:
        policy = await policies.set(call.account, call.actor, named(call), body.terms(), body.version)
        return Reply(HandlePolicyView.of(policy))

    async def remove(call: Call, query: RemovalQuery) -> Reply:
        await policies.remove(call.account, call.actor, named(call), query.version)
        return Reply(status=204)

    return [
        Route("GET", _ONE, read, action=Action.HANDLE_POLICY_READ, tag=_TAG,
              summary="What the Handle protocol may register under a prefix, and how much it has",
              summary_zh="查看 Handle 协议注册策略", answers={200: HandlePolicyView},
              errors=(InvalidPrefix, PrefixUnknown, HandlePolicyUnknown)),
        Route("PUT", _ONE, replace, action=Action.HANDLE_POLICY_EDIT, tag=_TAG,
              summary="Say what the Handle protocol may register under a prefix",
              summary_zh="设置 Handle 协议注册策略", body=HandlePolicyBody, answers={200: HandlePolicyView},
              errors=(InvalidPrefix, PrefixUnknown, TemplateUnknown, TemplateNotPublished, CodingRuleUnknown,
                      CodingRuleElsewhere, CodingRuleUnfit, VersionChanged)),
        Route("DELETE", _ONE, remove, action=Action.HANDLE_POLICY_EDIT, tag=_TAG,
              summary="Let the Handle protocol register nothing more under a prefix",
              summary_zh="删除 Handle 协议注册策略", query=RemovalQuery, answers={204: None},
              errors=(InvalidPrefix, PrefixUnknown, HandlePolicyUnknown, VersionChanged)),
    ]  # fmt: skip
