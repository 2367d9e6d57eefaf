"""``/v1/references``: references that lead nowhere, and who points at an identifier."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import Field

from node.auth import Action
from node.identifier import PREFIX_LIMIT, Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix
from node.routes import Call, Reply, Route
from registry.api.v1.fields import View
from registry.api.v1.paging import CursorBroken, Page, text_cursor, write_cursor
from registry.prefixes import PrefixUnknown
from registry.references import (
    BEGINNING,
    FIRST_REFERRER,
    Dangling,
    DanglingPage,
    Place,
    References,
    Referrer,
    TargetState,
)

_TAG = "references"
_LAST = 2**31 - 1  # of the numbers of prefixes and attributes


class ReferencePage(Page):
    """As every page; the cursors hold suffixes, which may be long."""

    cursor: Annotated[str | None, Field(None, max_length=4096, description="next_cursor of the answer before")]


class DanglingQuery(ReferencePage):
    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT)]


class DanglingView(View):
    """A reference that leads nowhere, or to an identifier of another template than its attribute names; ``target`` is
    the identifier in its comparison form, in capitals."""

    suffix: str
    attribute: str
    target: str
    target_state: TargetState

    @classmethod
    def of(cls, found: Dangling) -> Self:
        """The answer about one reference."""
        return cls(
            suffix=found.suffix, attribute=found.attribute, target=found.target, target_state=found.target_state
        )


class DanglingList(View):
    """``looked_at`` references were looked at for this page; ``foreign`` of them lie under other nodes and cannot be
    checked. A page may be empty and still have a ``next_cursor``."""

    items: list[DanglingView]
    looked_at: int
    foreign: int
    next_cursor: str | None

    @classmethod
    def of(cls, page: DanglingPage) -> Self:
        """The answer about one page."""
        return cls(
            items=[DanglingView.of(found) for found in page.items],
            looked_at=page.looked_at,
            foreign=page.foreign,
            next_cursor=None if page.after is None else _cursor(page.after),
        )


class ReferrerView(View):
    """An identifier that refers to the one asked for, through this attribute."""

    identifier: str
    prefix: str
    suffix: str
    attribute: str
    state: Literal["live", "deleted", "suspended"]

    @classmethod
    def of(cls, found: Referrer) -> Self:
        """The answer about one referrer."""
        return cls.model_validate(
            {
                "identifier": found.text,
                "prefix": found.prefix,
                "suffix": found.suffix,
                "attribute": found.attribute,
                "state": found.state.word,
            }
        )


class ReferrerList(View):
    items: list[ReferrerView]
    next_cursor: str | None


def reference_routes(references: References) -> list[Route]:
    """Every route of references."""

    async def dangling(call: Call, query: DanglingQuery) -> Reply:
        after = _place(query.cursor)
        page = await references.dangling(
            call.account, Prefix.parse_derived(query.prefix), after=after, limit=query.limit
        )
        return Reply(DanglingList.of(page))

    async def referrers(call: Call, query: ReferencePage) -> Reply:
        identifier = Identifier.of(Prefix.parse_derived(call.text("prefix")), call.text("suffix"))
        found = await references.referrers(
            call.account, identifier, after=_referrer(query.cursor), limit=query.limit + 1
        )
        shown = found[: query.limit]
        cursor = _cursor(shown[-1].place) if len(found) > query.limit else None
        return Reply(ReferrerList(items=[ReferrerView.of(one) for one in shown], next_cursor=cursor))

    return [
        Route("GET", "/v1/references/dangling", dangling, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="References of a prefix whose target should be here and is not", summary_zh="悬空的标识引用",
              query=DanglingQuery, answers={200: DanglingList}, errors=(InvalidPrefix, PrefixUnknown, CursorBroken)),
        Route("GET", "/v1/references/referrers/{prefix}/{suffix:(?s:.+)}", referrers,
              action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="Identifiers that refer to this one: an enterprise sees its own",
              summary_zh="引用该标识的标识", query=ReferencePage, answers={200: ReferrerList},
              errors=(InvalidPrefix, InvalidSuffix, InvalidIdentifier, CursorBroken)),
    ]  # fmt: skip


def _cursor(place: tuple[object, ...]) -> str:
    return write_cursor(json.dumps(place, ensure_ascii=False))


def _place(cursor: str | None) -> Place:
    key = text_cursor(cursor)
    return BEGINNING if key is None else Place(*_decoded(key, tuple[str, int, str, str]))


def _referrer(cursor: str | None) -> tuple[int, str, int]:
    key = text_cursor(cursor)
    return FIRST_REFERRER if key is None else _decoded(key, tuple[int, str, int])


def _decoded(key: str, form: Any) -> Any:
    try:
        parts = msgspec.json.decode(key, type=form)
    except (msgspec.DecodeError, RecursionError):
        parts = ()
    numbers = [part for part in parts if isinstance(part, int)]
    if not parts or "\0" in "".join(map(str, parts)) or any(not 0 <= number <= _LAST for number in numbers):
        raise CursorBroken("the cursor is not one that this list gave out; begin without a cursor", field="cursor")
    return parts
