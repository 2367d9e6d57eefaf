"""What the fields of all /v1 requests and answers have in common."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from registry.accounts.password_policy import MOST_LENGTH


class Body(BaseModel):
    """A request: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class View(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


def _clean(text: str) -> str:
    # str.isprintable refuses control, format (all bidi controls), private and unassigned characters and every
    # space but U+0020. Nothing is repaired: what is stored is what was sent.
    if not text.isprintable():
        raise PydanticCustomError("not_printable", "contains a control, format or other invisible character")
    if text != text.strip(" "):
        raise PydanticCustomError("edge_space", "begins or ends with a space")
    if not unicodedata.is_normalized("NFC", text):
        raise PydanticCustomError("not_nfc", "is not in Unicode normal form C")
    return text


Text = Annotated[str, AfterValidator(_clean)]
"""One line of visible text in NFC; every use bounds its length."""


def _clean_lines(text: str) -> str:
    for line in text.split("\n"):
        if not line.isprintable():
            raise PydanticCustomError("not_printable", "contains a control, format or other invisible character")
    if text != text.strip(" \n"):
        raise PydanticCustomError("edge_space", "begins or ends with a space or an empty line")
    if not unicodedata.is_normalized("NFC", text):
        raise PydanticCustomError("not_nfc", "is not in Unicode normal form C")
    return text


Lines = Annotated[str, AfterValidator(_clean_lines)]
"""Visible text in NFC whose lines end with a line feed; every use bounds its length."""


def _written_out(value: object) -> object:
    # pydantic would take a bare number for seconds since 1970.
    if isinstance(value, str) and "T" not in value.upper():
        raise PydanticCustomError("not_rfc3339", "is not a date, a T and a time with an offset (RFC 3339)")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""A time of a query, with its offset from UTC."""

Password = Annotated[SecretStr, Field(min_length=1, max_length=MOST_LENGTH)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="the version that was read")]


class Reason(Body):
    """Why; shown to the enterprise and kept in history."""

    reason: Annotated[Text, Field(min_length=1, max_length=500)]


class WarningView(View):
    """Something odd about an accepted field; the message is Chinese, a slash, English."""

    field: str
    code: str
    message: str
