"""What settings are made of: their kinds of values, parsed and bounded, and the group they stand in."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from node.identifier import InvalidPrefix, Prefix

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_of(value: object) -> object:
    """Networks from a list, or from a text with commas between."""
    texts = [text for text in value.split(",") if text.strip()] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        return value
    return tuple(ipaddress.ip_network(text.strip() if isinstance(text, str) else text) for text in texts)


def texts_of(value: object) -> object:
    """Texts from a list, or from one with commas between."""
    return tuple(text.strip() for text in value.split(",") if text.strip()) if isinstance(value, str) else value


def each_once(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts without repetitions, in their order."""
    return tuple(dict.fromkeys(texts))


def never_counts(text: str) -> str:
    """A network, ``account:NAME`` or ``handle:IDENTITY``. Raises ValueError."""
    kind, colon, name = text.partition(":")
    if colon and kind in ("account", "handle"):
        if not name:
            raise ValueError(f"{text!r} names nobody")
        return text
    return str(ipaddress.ip_network(text))


def prefix_text(text: str) -> str:
    """A prefix as it was written. Raises ValueError."""
    try:
        Prefix.parse(text)
    except InvalidPrefix as error:
        raise ValueError(error.detail) from None
    return text


Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(networks_of)]
Rate = Annotated[float, Field(ge=1, le=100_000)]
Share = Annotated[float, Field(gt=0, le=1)]
NeverCounts = Annotated[str, AfterValidator(never_counts)]
PrefixText = Annotated[str, AfterValidator(prefix_text)]
Texts = Annotated[tuple[str, ...], BeforeValidator(texts_of)]
Servers = Annotated[
    tuple[Annotated[str, Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+):[0-9]{1,5}$")], ...],
    BeforeValidator(texts_of),
]
DatabaseUrl = Annotated[str, Field(pattern="^postgres(ql)?://")]


class Group(BaseModel):
    """Settings of one table of the file; a name that is none of them is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)
