"""Filters as requests say them: nested in a JSON body, or flat in a query with the conditions as JSON text."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    model_validator,
)
from pydantic_core import PydanticCustomError

from registry.api.v1.fields import Body, Text
from registry.search.filters import MOST_CONDITIONS, Condition, Filters, StateFilter
from registry.templates.attributes import LONGEST_INDEXED

_MOST_BITS = 1024  # of a JSON integer: more digits than an attribute takes are refused with its name later


def _visible(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError("not_printable", "contains a control, format or other invisible character")
    if not unicodedata.is_normalized("NFC", text):
        raise PydanticCustomError("not_nfc", "is not in Unicode normal form C")
    return text


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("not_storable", "contains NUL or half of a surrogate pair")
    return text


def _as_text(value: object) -> object:
    """A JSON number or truth value as the text that it would be in a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() <= _MOST_BITS:
        return str(value)
    if isinstance(value, float) and isfinite(value):
        return format(Decimal(repr(value)), "f")
    return value


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("time_out_of_range", "is no time of the years 1 to 9999 in UTC") from None


_Words = Annotated[str, Field(min_length=1, max_length=LONGEST_INDEXED), AfterValidator(_storable)]
_Operand = Annotated[
    str,
    Field(max_length=LONGEST_INDEXED),
    BeforeValidator(_as_text, json_schema_input_type=str | int | float | bool),
    AfterValidator(_storable),
]
_SuffixPart = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_visible)]
_Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
_TemplateId = Annotated[int, Field(ge=1, le=2**31 - 1, description="one version of a template")]
_TemplateName = Annotated[Text, Field(max_length=128, description="all versions of the templates of this name")]


class ConditionBody(Body):
    """A condition on a listed or unique attribute; what it names must hold together, both ends are included."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra={"minProperties": 2})

    attribute: Annotated[Text, Field(min_length=1, max_length=64, examples=["power"])]
    equal: _Operand | None = None
    low: Annotated[_Operand | None, Field(alias="from", examples=["5"])] = None
    high: Annotated[_Operand | None, Field(alias="to", examples=["7.5"])] = None
    begins: _Words | None = None
    contains: _Words | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.equal, self.low, self.high, self.begins, self.contains) == (None,) * 5:
            raise PydanticCustomError("condition_empty", "names none of equal, from, to, begins and contains")
        return self

    def condition(self) -> Condition:
        """The domain value."""
        return Condition(self.attribute, self.equal, self.low, self.high, self.begins, self.contains)


Conditions = Annotated[
    tuple[ConditionBody, ...],
    Field(max_length=MOST_CONDITIONS, description="conditions on listed or unique attributes; all must hold"),
]


class FiltersBody(Body):
    """Which identifiers of a prefix: all that is named must hold."""

    template_id: _TemplateId | None = None
    template: _TemplateName | None = None
    suffix_begins: _SuffixPart | None = None
    suffix_contains: _SuffixPart | None = None
    state: Annotated[StateFilter, Field(strict=False)] = StateFilter.LIVE
    registered_from: Annotated[_Moment | None, Field(strict=False)] = None
    registered_to: Annotated[_Moment | None, Field(strict=False)] = None
    updated_from: Annotated[_Moment | None, Field(strict=False)] = None
    updated_to: Annotated[_Moment | None, Field(strict=False)] = None
    attributes: Conditions = ()

    def filters(self) -> Filters:
        """The domain value."""
        return _filters(self, self.attributes)


class FiltersQuery(BaseModel):
    """The same in a query; ``where`` is the JSON text of the conditions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    template_id: _TemplateId | None = None
    template: _TemplateName | None = None
    suffix_begins: _SuffixPart | None = None
    suffix_contains: _SuffixPart | None = None
    state: StateFilter = StateFilter.LIVE
    registered_from: _Moment | None = None
    registered_to: _Moment | None = None
    updated_from: _Moment | None = None
    updated_to: _Moment | None = None
    where: Annotated[
        Json[Conditions],
        Field(description='conditions on attributes: [{"attribute": "power", "from": "5", "to": "7.5"}, …]'),
    ] = ()

    def filters(self) -> Filters:
        """The domain value."""
        return _filters(self, self.where)


def _filters(said: FiltersBody | FiltersQuery, conditions: tuple[ConditionBody, ...]) -> Filters:
    return Filters(
        template_id=said.template_id,
        template=said.template,
        suffix_begins=said.suffix_begins or "",
        suffix_contains=said.suffix_contains or "",
        state=said.state,
        registered_from=said.registered_from,
        registered_to=said.registered_to,
        updated_from=said.updated_from,
        updated_to=said.updated_to,
        attributes=tuple(one.condition() for one in conditions),
    )
