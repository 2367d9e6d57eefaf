"""``GET /v1/identifiers``: the identifiers of a prefix by everything that can be said of them, page by page."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import replace
from typing import Annotated, Self

from pydantic import Field

from node.auth import Action
from node.errors import Malformed
from node.identifier import PREFIX_LIMIT, InvalidPrefix, Prefix
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Text, View
from registry.api.v1.identifiers import IdentifierList, IdentifierView
from registry.api.v1.paging import CursorBroken, write_cursor
from registry.api.v1.search_fields import FiltersQuery
from registry.prefixes import PrefixUnknown
from registry.search.filters import Condition, Filters
from registry.search.search import ConditionUnfit, Count, Mark, NotListed, OtherSearch, Search
from registry.search.walks import Place
from registry.templates.attributes import LONGEST_INDEXED
from registry.templates.stored import TemplateUnknown

_MOST_CURSOR = 4096
_LAST_PART = 2**32


class QueryIncomplete(Malformed):
    title_zh = "检索条件不完整"


class SearchQuery(FiltersQuery):
    """``attribute`` and ``value`` are the short form of one condition that asks for equality."""

    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT)]
    attribute: Annotated[Text | None, Field(max_length=64)] = None
    value: Annotated[str | None, Field(max_length=LONGEST_INDEXED, pattern="^[^\\x00]*$")] = None
    count: Annotated[bool, Field(description="say how many there are in all")] = False
    limit: Annotated[int, Field(ge=1, le=200, description="most items of one answer")] = 50
    cursor: Annotated[
        str | None,
        Field(max_length=_MOST_CURSOR, description="next_cursor of the answer before; the filters stay the same"),
    ] = None

    def filters(self) -> Filters:
        """The domain value. Raises ``QueryIncomplete``."""
        if (self.attribute is None) != (self.value is None):
            raise QueryIncomplete("attribute and value go together", field="attribute")
        said = super().filters()
        if self.attribute is None:
            return said
        return replace(said, attributes=(*said.attributes, Condition(self.attribute, equal=self.value)))


class CountView(View):
    """How many identifiers meet the filters; not ``exact``: an estimate from a sample."""

    number: int
    exact: bool

    @classmethod
    def of(cls, count: Count) -> Self:
        return cls(number=count.number, exact=count.exact)


class SearchList(IdentifierList):
    """A page. ``examined_all`` is false when the work that one request may cause was done before the page was full;
    then there may be more at ``next_cursor``, even if this page is empty. ``count`` is there if asked for.
    """

    examined_all: bool
    count: CountView | None


def search_routes(search: Search) -> list[Route]:
    """The list of identifiers."""

    async def listing(call: Call, query: SearchQuery) -> Reply:
        page = await search.page(
            call.account, Prefix.parse_derived(query.prefix), query.filters(),
            limit=query.limit, after=read_mark(query.cursor), counted=query.count,
        )  # fmt: skip
        return Reply(
            SearchList(
                items=[IdentifierView.of(found, page.templates[found.template_id]) for found in page.items],
                next_cursor=written_mark(page.following) if page.following else None,
                examined_all=page.examined_all,
                count=CountView.of(page.count) if page.count else None,
            )
        )

    return [
        Route("GET", "/v1/identifiers", listing, action=Action.IDENTIFIER_READ, tag="identifiers",
              summary="Search the identifiers of a prefix", summary_zh="检索标识",
              query=SearchQuery, answers={200: SearchList},
              errors=(InvalidPrefix, PrefixUnknown, TemplateUnknown, NotListed, ConditionUnfit, QueryIncomplete,
                      CursorBroken, OtherSearch)),
    ]  # fmt: skip


def written_mark(mark: Mark) -> str:
    """The cursor after a mark."""
    return write_cursor(json.dumps([mark.walk, *mark.place], ensure_ascii=False, separators=(",", ":")))


def read_mark(cursor: str | None) -> Mark | None:
    """The mark of a cursor. Raises ``CursorBroken``."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        walk, part, position, suffix_key = json.loads(text)
        if not (
            isinstance(walk, str)
            and type(part) is int
            and 0 <= part <= _LAST_PART
            and _storable(position)
            and _storable(suffix_key)
        ):
            raise _broken()
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise _broken() from None
    return Mark(walk, Place(part, position, suffix_key))


def _storable(text: object) -> bool:
    return isinstance(text, str) and not re.search("[\0\ud800-\udfff]", text)


def _broken() -> CursorBroken:
    return CursorBroken("the cursor is not one that this list gave out; begin without a cursor", field="cursor")
