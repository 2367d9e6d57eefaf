"""HS_ALIAS: a handle that says "I am called otherwise", followed for whoever wants the values and not the name.

Clients of the protocol follow aliases themselves; the web proxy does it for browsers.
Reference: RFC 3651 section 3.2.6.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from node.errors import Malformed, NotFound
from node.identifier import fold
from node.record import Record, Value, select
from resolver.answer import Found, Missing, Referral
from resolver.names import Name, parse_name

ALIAS = "HS_ALIAS"
MOST_ALIASES = 10


class AliasAimless(NotFound):
    """Aliases that lead in a circle, too far, or to what is no handle. Evidence: ``handle`` that bears the last."""

    title_zh = "别名没有可解析的目标"


class AnswersNames(Protocol):
    """What ``Resolver.resolve_name`` is, for all values of a name."""

    async def resolve_name(self, name: Name, *, anew: bool = False) -> Found | Missing | Referral: ...


async def follow_aliases(
    resolver: AnswersNames,
    name: Name,
    types: tuple[str, ...] = (),
    indexes: tuple[int, ...] = (),
    *,
    anew: bool = False,
) -> tuple[Name, Found | Missing | Referral, Record]:
    """As ``Resolver.resolve_name``, at the end of the handle's aliases: the name there, the answer, the aliases.

    Who asks for HS_ALIAS itself gets it. Raises ``AliasAimless`` beside what resolving raises.
    """
    seen: set[str] = set()
    aliases: list[Value] = []
    wanted = frozenset(map(fold, types))
    while True:
        answer = await resolver.resolve_name(name, anew=anew)
        if not isinstance(answer, Found):
            return name, answer, tuple(aliases)
        alias = next((value for value in answer.values if fold(value.type) == ALIAS), None)
        if alias is None or ALIAS in wanted:
            return name, replace(answer, values=select(answer.values, indexes, types)), tuple(aliases)
        seen.add(fold(name.text))
        aliases.append(alias)
        name = _target(name, alias.data)
        if fold(name.text) in seen or len(seen) > MOST_ALIASES:
            detail = f"the aliases of {name.text} lead in a circle or further than {MOST_ALIASES} handles"
            raise AliasAimless(detail, handle=name.text)


def _target(name: Name, alias: bytes) -> Name:
    try:
        return parse_name(alias.decode())
    except (UnicodeDecodeError, Malformed) as fault:
        raise AliasAimless(f"the alias of {name.text} is no handle", handle=name.text) from fault
