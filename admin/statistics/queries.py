"""The queries of the statistics, parsed: days, whose, of which form."""

from __future__ import annotations

from datetime import date
from enum import IntEnum, StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from admin.statistics.questions import ResolutionsBy, Span, span_of
from admin.statistics.registrations import RegistrationsBy
from admin.statistics.statistics import TopOf
from node.auth import Account
from node.identifier import PREFIX_LIMIT, Prefix
from node.journal import Interface
from node.resolutions import Outcome
from registry.api.v1.paging import Page

_FIRST, _LAST = date(2000, 1, 1), date(2999, 12, 31)
Day = Annotated[date, Field(ge=_FIRST, le=_LAST)]


def _one_of(words: type[IntEnum]) -> tuple[AfterValidator, Any]:
    """The lower-case names of an enumeration as the words of a query."""
    known = [one.name.lower() for one in words]

    def check(word: str) -> str:
        if word not in known:
            raise PydanticCustomError("enum", "is none of the known words")
        return word

    return AfterValidator(check), Field(json_schema_extra={"enum": [*known]})


InterfaceWord = Annotated[str, *_one_of(Interface)]
OutcomeWord = Annotated[str, *_one_of(Outcome)]


class Form(StrEnum):
    JSON = "json"
    CSV = "csv"


class SpanQuery(BaseModel):
    """Days of China, both included; by default up to today."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Day | None = None
    until: Day | None = None


class WhoseQuery(BaseModel):
    """An enterprise's accounts see their own; the staff see all, or one enterprise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enterprise_id: UUID | None = None


class ScopeQuery(SpanQuery, WhoseQuery):
    """Of which days, and of whom."""

    prefix: Annotated[str | None, Field(None, max_length=PREFIX_LIMIT)]

    def key(self) -> str | None:
        """The comparison key of the prefix. Raises ``InvalidPrefix``."""
        return None if self.prefix is None else Prefix.parse_derived(self.prefix).key


class TableQuery(ScopeQuery):
    """And in which form; without ``format`` the Accept header decides."""

    format: Form | None = None


class ResolutionsQuery(TableQuery):
    """Minutes are told of two days at most, hours of 31, anything else of ten years."""

    by: ResolutionsBy = ResolutionsBy.DAY
    interface: InterfaceWord | None = None
    outcome: OutcomeWord | None = None


class RegistrationsQuery(TableQuery):
    by: RegistrationsBy = RegistrationsBy.DAY
    template_id: Annotated[int | None, Field(None, ge=1, le=2**31 - 1)]


class TopQuery(TableQuery):
    """Identifiers, clients and networks: of 92 days at most and the 30 most asked of each day."""

    of: TopOf = TopOf.IDENTIFIER
    limit: Annotated[int, Field(30, ge=1, le=100)]


class GapsQuery(SpanQuery, Page):
    pass


class Standing(StrEnum):
    """What may be true of an enterprise; the names of the fields that say so."""

    APPROVED = "approved"
    CONNECTED = "connected"
    ACTIVE = "active"
    ENTERPRISE_NODE = "enterprise_node"
    NEW_IN_YEAR = "new_in_year"


class EnterprisesQuery(Page):
    """As of the end of a day, by default today; ``only`` those of whom it is true."""

    at: Day | None = None
    only: Standing | None = None


def whose(account: Account, enterprise_id: UUID | None) -> UUID | None:
    """The enterprise that is meant: an enterprise's account means its own when it names none."""
    return enterprise_id or account.enterprise_id


def days_of(query: SpanQuery, today: date, *, usual: int = 30, most: int) -> Span:
    """The days of a query. Raises ``SpanUnfit``."""
    return span_of(query.since, query.until, today, usual=usual, most=most)
