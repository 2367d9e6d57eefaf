"""``/v1/divisions`` and ``/v1/industries``: codes of GB/T 2260 and GB/T 4754 by a part of the code or of the name."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Text, View
from registry.reference_data import find_divisions, find_industries

_TAG = "codes"


class CodeQuery(BaseModel):
    """``q`` begins the code, or is a part of the name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Annotated[Text, Field(min_length=1, max_length=64)]
    limit: Annotated[int, Field(ge=1, le=100, description="most items of one answer")] = 20


class CodeView(View):
    """``name`` is the whole of it: a county with its city and province, an industry alone."""

    code: str
    name: str


class CodeList(View):
    items: list[CodeView]


def code_routes() -> list[Route]:
    """The two tables."""

    async def divisions(_: Call, query: CodeQuery) -> Reply:
        return _answer(find_divisions(query.q, query.limit))

    async def industries(_: Call, query: CodeQuery) -> Reply:
        return _answer(find_industries(query.q, query.limit))

    return [
        Route("GET", "/v1/divisions", divisions, action=Action.ENTERPRISE_READ, tag=_TAG,
              summary="Find administrative divisions by code or name", summary_zh="查行政区划代码",
              query=CodeQuery, answers={200: CodeList}),
        Route("GET", "/v1/industries", industries, action=Action.ENTERPRISE_READ, tag=_TAG,
              summary="Find industries by code or name", summary_zh="查行业代码",
              query=CodeQuery, answers={200: CodeList}),
    ]  # fmt: skip


def _answer(found: list[tuple[str, str]]) -> Reply:
    return Reply(CodeList(items=[CodeView(code=code, name=name) for code, name in found]))
