"""``/v1/acceptance``: how far the node is with what a place asks for (验收指标)."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from admin.acceptance.acceptance import Acceptance, DayNotTold
from admin.acceptance.profiles import ProfileUnknown
from admin.acceptance.views import EvaluationView, ProfileList
from node.auth import Action
from node.routes import Call, Reply, Route

_TAG = "acceptance"


class AcceptanceQuery(BaseModel):
    """Without a profile the one of the settings, without a day today."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: Annotated[str, Field(min_length=1, max_length=64, examples=["ningbo"])] | None = None
    at: Annotated[date, Field(description="a day of China; what counts are the whole days before it")] | None = None


def acceptance_routes(acceptance: Acceptance) -> list[Route]:
    """Every route of acceptance."""

    async def judged(call: Call, query: AcceptanceQuery) -> Reply:
        return Reply(EvaluationView.of(await acceptance.evaluation(call.account, query.profile, query.at)))

    async def profiles(call: Call) -> Reply:
        return Reply(ProfileList(items=acceptance.profiles(call.account)))

    return [
        Route("GET", "/v1/acceptance", judged, action=Action.ACCEPTANCE_READ, tag=_TAG,
              summary="The criteria of a profile, judged at a day", summary_zh="验收指标评估",
              query=AcceptanceQuery, answers={200: EvaluationView}, errors=(ProfileUnknown, DayNotTold)),
        Route("GET", "/v1/acceptance/profiles", profiles, action=Action.ACCEPTANCE_READ, tag=_TAG,
              summary="Profiles of acceptance criteria, by place", summary_zh="验收指标方案",
              answers={200: ProfileList}),
    ]  # fmt: skip
