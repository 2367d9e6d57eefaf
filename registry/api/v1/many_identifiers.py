"""``/v1/identifiers/many``: up to two thousand identifiers in one call, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Self, TypeVar

import msgspec
from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from node.auth import Action
from node.errors import NodeError
from node.identifier import IDENTIFIER_LIMIT, Identifier, Prefix
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.identifiers import Values
from registry.identifiers.many import MOST_ROWS, ManyIdentifiers, Outcome, Wanted

_TAG = "identifiers"
_MANY = "/v1/identifiers/many"
_DELETIONS = "/v1/identifier-deletions"
Name = Annotated[str, Field(min_length=1, max_length=IDENTIFIER_LIMIT, examples=["88.101.2001/PUMP-000123"])]


class RowBody(Body):
    """An identifier to be registered, by which template, with which data."""

    identifier: Name
    template: Annotated[Text, Field(min_length=1, max_length=128)]
    attributes: Values


class ChangeRowBody(RowBody):
    """Whole new data, by the newest edition of the template; with ``version``, for what was read."""

    version: Version | None = None


class _SentRow(msgspec.Struct):
    attributes: dict[str, Any]


class _Sent(msgspec.Struct):
    rows: list[_SentRow]


_EXACT = msgspec.json.Decoder(_Sent, float_hook=Decimal)
_R = TypeVar("_R", bound=RowBody)


def _exact(rows: list[_R], info: ValidationInfo[bytes]) -> list[_R]:
    """Digits as they were sent, as in a single registration."""
    if not any(isinstance(value, float | list) for row in rows for value in row.attributes.values()):
        return rows
    try:
        sent = _EXACT.decode(info.context).rows
    except (msgspec.DecodeError, InvalidOperation):
        raise PydanticCustomError("number_out_of_range", "holds a number that is out of range") from None
    return [row.model_copy(update={"attributes": one.attributes}) for row, one in zip(rows, sent, strict=True)]


class ManyBody(Body):
    """Registrations."""

    rows: Annotated[list[RowBody], Field(max_length=MOST_ROWS), AfterValidator(_exact)]


class ManyChangesBody(Body):
    """Changes."""

    rows: Annotated[list[ChangeRowBody], Field(max_length=MOST_ROWS), AfterValidator(_exact)]


class ManyNamesBody(Body):
    identifiers: Annotated[list[Name], Field(max_length=MOST_ROWS)]


class OutcomeView(View):
    """What became of one row; ``code`` and ``title`` are null where it is done."""

    identifier: str
    code: str | None
    title: str | None
    detail: str | None
    evidence: dict[str, Any]

    @classmethod
    def of(cls, identifier: str, outcome: Outcome) -> Self:
        """The answer about one row."""
        if outcome is None:
            return cls(identifier=identifier, code=None, title=None, detail=None, evidence={})
        return cls(
            identifier=identifier,
            code=outcome.code,
            title=outcome.title_zh,
            detail=outcome.detail,
            evidence=outcome.evidence,
        )


class OutcomeList(View):
    """In the order of the rows."""

    done: int
    items: list[OutcomeView]


def many_identifier_routes(many: ManyIdentifiers) -> list[Route]:
    """Register, change and delete."""

    async def register(call: Call, body: ManyBody) -> Reply:
        return await _each(body.rows, _wanted, lambda rows: many.register(call.account, call.actor, rows))

    async def update(call: Call, body: ManyChangesBody) -> Reply:
        return await _each(body.rows, _wanted_change, lambda rows: many.update(call.account, call.actor, rows))

    async def delete(call: Call, body: ManyNamesBody) -> Reply:
        return await _each(body.identifiers, _named, lambda rows: many.delete(call.account, call.actor, rows))

    return [
        Route("POST", _MANY, register, action=Action.IDENTIFIER_REGISTER, tag=_TAG,
              summary="Register up to 2,000 identifiers; each row has its outcome", summary_zh="一次注册多个标识",
              body=ManyBody, answers={200: OutcomeList}),
        Route("PUT", _MANY, update, action=Action.IDENTIFIER_UPDATE, tag=_TAG,
              summary="Replace the data of up to 2,000 identifiers", summary_zh="一次变更多个标识",
              body=ManyChangesBody, answers={200: OutcomeList}),
        Route("POST", _DELETIONS, delete, action=Action.IDENTIFIER_DELETE, tag=_TAG,
              summary="Delete up to 2,000 identifiers in whatever version; their history stays",
              summary_zh="一次注销多个标识", body=ManyNamesBody, answers={200: OutcomeList}),
    ]  # fmt: skip


_Row = TypeVar("_Row")
_Read = TypeVar("_Read")


async def _each(
    sent: Sequence[_Row],
    read: Callable[[_Row], _Read],
    write: Callable[[list[_Read]], Awaitable[list[Outcome]]],
) -> Reply:
    """Every row by itself; a name that is none does not stop the others."""
    outcomes: list[Outcome] = [None] * len(sent)
    sound: dict[int, _Read] = {}
    for number, row in enumerate(sent):
        try:
            sound[number] = read(row)
        except NodeError as error:
            outcomes[number] = error
    for number, outcome in zip(sound, await write(list(sound.values())), strict=True):
        outcomes[number] = outcome
    items = [
        OutcomeView.of(row.identifier if isinstance(row, RowBody) else str(row), outcome)
        for row, outcome in zip(sent, outcomes, strict=True)
    ]
    return Reply(OutcomeList(done=sum(outcome is None for outcome in outcomes), items=items))


def _wanted(row: RowBody) -> Wanted:
    return Wanted(_named(row.identifier), row.template, row.attributes)


def _wanted_change(row: ChangeRowBody) -> Wanted:
    return _wanted(row)._replace(version=row.version)


def _named(text: str) -> Identifier:
    prefix, _, suffix = text.partition("/")
    return Identifier.of(Prefix.parse_derived(prefix), suffix)
