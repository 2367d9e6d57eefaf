"""``/v1/second-factor``: one's own second factor, and somebody's who has lost it; ``/v1/password-policy``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.accounts.accounts import Accounts
from registry.accounts.second_factor import (
    Enrolment,
    SecondFactorMissing,
    SecondFactorState,
    SecondFactorThere,
    SecondFactorWrong,
)
from registry.accounts.stored import AccountUnknown
from registry.api.v1.fields import Body, Text, View

_TAG = "accounts"
Code = Annotated[
    Text, Field(min_length=1, max_length=32, description="of the authenticator, or a recovery code; each once")
]


class CodeBody(Body):
    code: Code


class SecondFactorView(View):
    """``since`` is null where none is asked for; ``demanded`` is what the node asks of its staff."""

    since: datetime | None
    recovery_codes: int
    demanded: bool

    @classmethod
    def of(cls, state: SecondFactorState, *, demanded: bool) -> Self:
        """The answer about one's own."""
        return cls(since=state.since, recovery_codes=state.recovery_codes, demanded=demanded)


class EnrolmentView(View):
    """Told this once: the secret (base 32), and the address that a QR code carries to an authenticator."""

    secret: str
    address: str

    @classmethod
    def of(cls, enrolment: Enrolment) -> Self:
        """The answer to a beginning."""
        return cls(secret=enrolment.secret, address=enrolment.address)


class RecoveryCodesView(View):
    """Told this once: each stands in for a code of the authenticator, once."""

    recovery_codes: list[str]


class PasswordPolicyView(View):
    """``days`` is null where passwords do not end."""

    policy: str
    least_length: int
    kinds: int
    remembered: int
    days: int | None


def second_factor_routes(accounts: Accounts) -> list[Route]:
    """Every route of second factors, and what passwords have to be like."""
    factors = accounts.second_factors

    async def read(call: Call) -> Reply:
        state = await factors.state(call.account)
        return Reply(SecondFactorView.of(state, demanded=accounts.rules.demands_second_factor(call.account.role)))

    async def begin(call: Call) -> Reply:
        return Reply(EnrolmentView.of(await factors.begin(call.account)), status=201)

    async def confirm(call: Call, body: CodeBody) -> Reply:
        codes = await factors.confirm(call.account, call.actor, body.code)
        return Reply(RecoveryCodesView(recovery_codes=list(codes)))

    async def remove(call: Call, body: CodeBody) -> Reply:
        await factors.remove(call.account, call.actor, body.code)
        return Reply(status=204)

    async def remove_of(call: Call) -> Reply:
        await factors.remove_of(call.account, call.actor, call.uuid("account_id"))
        return Reply(status=204)

    async def policy(call: Call) -> Reply:  # noqa: ARG001 - the same for everybody
        asked = accounts.rules.policy
        days = asked.life.days if asked.life else None
        return Reply(
            PasswordPolicyView(
                policy=asked.name, least_length=asked.least, kinds=asked.kinds, remembered=asked.remembered, days=days
            )
        )

    own = Action.SECOND_FACTOR_EDIT
    return [
        Route("GET", "/v1/password-policy", policy, action=Action.TOKEN_READ, tag=_TAG,
              summary="What passwords have to be like", summary_zh="口令策略", answers={200: PasswordPolicyView}),
        Route("GET", "/v1/second-factor", read, action=own, tag=_TAG,
              summary="Whether one's own sign-in asks for a second factor", summary_zh="查看我的动态验证码状态",
              answers={200: SecondFactorView}),
        Route("POST", "/v1/second-factor", begin, action=own, tag=_TAG,
              summary="Begin to set up a second factor", summary_zh="开始启用动态验证码",
              answers={201: EnrolmentView}, errors=(SecondFactorThere,)),
        Route("POST", "/v1/second-factor/confirm", confirm, action=own, tag=_TAG,
              summary="Confirm it by its first code; answers ten recovery codes", summary_zh="确认启用，取得恢复码",
              body=CodeBody, answers={200: RecoveryCodesView},
              errors=(SecondFactorMissing, SecondFactorThere, SecondFactorWrong, AccountUnknown)),
        Route("POST", "/v1/second-factor/remove", remove, action=own, tag=_TAG,
              summary="Remove one's own second factor, proved by a code", summary_zh="停用动态验证码",
              body=CodeBody, answers={204: None},
              errors=(SecondFactorMissing, SecondFactorWrong, AccountUnknown)),
        Route("DELETE", "/v1/accounts/{account_id}/second-factor", remove_of, action=Action.ACCOUNT_CHANGE, tag=_TAG,
              summary="Remove the second factor of somebody who has lost it", summary_zh="移除账号的动态验证码",
              answers={204: None}, errors=(AccountUnknown, SecondFactorMissing)),
    ]  # fmt: skip
