"""``/v1/templates/{template_id}/grants``: which other enterprises may register by a template."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, View
from registry.enterprises import EnterpriseUnknown
from registry.templates.grants import TemplateGrant, TemplateGrants, TemplateNotGrantable
from registry.templates.stored import TemplateUnknown

_TAG = "templates"
_ALL = "/v1/templates/{template_id}/grants"


class GrantBody(Body):
    """Whom: an enterprise, or with null every one."""

    enterprise_id: UUID | None


class TemplateGrantQuery(BaseModel):
    """Whose grant to take back; left out: the one for every enterprise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enterprise_id: Annotated[UUID | None, Field(description="left out: the grant for every enterprise")] = None


class GrantView(View):
    """``enterprise_id`` is null for a grant to every enterprise."""

    enterprise_id: UUID | None
    granted_at: datetime


class GrantList(View):
    items: list[GrantView]

    @classmethod
    def of(cls, grants: list[TemplateGrant]) -> Self:
        """All of them, the oldest first."""
        return cls(items=[GrantView(enterprise_id=one.grantee, granted_at=one.created_at) for one in grants])


def template_grant_routes(grants: TemplateGrants) -> list[Route]:
    """Every route of the grants of templates."""

    async def listing(call: Call) -> Reply:
        return Reply(GrantList.of(await grants.list(call.account, call.number("template_id"))))

    async def grant(call: Call, body: GrantBody) -> Reply:
        standing = await grants.grant(call.account, call.actor, call.number("template_id"), body.enterprise_id)
        return Reply(GrantList.of(standing))

    async def revoke(call: Call, query: TemplateGrantQuery) -> Reply:
        await grants.revoke(call.account, call.actor, call.number("template_id"), query.enterprise_id)
        return Reply(status=204)

    return [
        Route("GET", _ALL, listing, action=Action.TEMPLATE_READ, tag=_TAG,
              summary="Who may use a template besides its owner", summary_zh="数据模板授权列表",
              answers={200: GrantList}, errors=(TemplateUnknown,)),
        Route("POST", _ALL, grant, action=Action.TEMPLATE_GRANT, tag=_TAG,
              summary="Let another enterprise, or every one, use a template", summary_zh="授权数据模板",
              body=GrantBody, answers={200: GrantList},
              errors=(TemplateUnknown, TemplateNotGrantable, EnterpriseUnknown)),
        Route("DELETE", _ALL, revoke, action=Action.TEMPLATE_GRANT, tag=_TAG,
              summary="Take the grant of a template back", summary_zh="收回数据模板授权",
              query=TemplateGrantQuery, answers={204: None}, errors=(TemplateUnknown, TemplateNotGrantable)),
    ]  # fmt: skip
