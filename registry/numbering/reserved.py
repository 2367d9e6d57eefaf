"""Numbers that are kept back: reserved for the node (保留号码), or worth choosing (靓号).

An enterprise that asks for one is refused and the plan passes it over; an administrator may give it by name. What
was given before it was kept back stays given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed, NotFound
from node.journal import Act, Actor, record_act
from registry.numbering.allotting import SQL
from registry.numbering.plan import MOST_DIGITS
from registry.store import reading

Clock = Callable[[], datetime]

_NUMBER = re.compile(rf"[0-9]{{1,{MOST_DIGITS}}}", re.ASCII)


class NumberReserved(Conflict):
    """Evidence: ``number``."""

    title_zh = "号码已保留"


class ReservedNumbersUnknown(NotFound):
    title_zh = "保留号码段不存在"


class NumberRangeInvalid(Malformed):
    title_zh = "号码段有误"


class ReservationKind(StrEnum):
    RESERVED = "reserved"
    VANITY = "vanity"


@dataclass(frozen=True, slots=True)
class NumberRange:
    """From ``first`` to ``last``, both included and of one length; without ``last`` a single number."""

    first: str
    last: str

    @classmethod
    def of(cls, first: str, last: str | None = None) -> NumberRange:
        """Raises ``NumberRangeInvalid``."""
        made = cls(first, first if last is None else last)
        if not (_NUMBER.fullmatch(made.first) and _NUMBER.fullmatch(made.last)):
            raise NumberRangeInvalid(f"a number is one to {MOST_DIGITS} digits", field="first_number")
        if len(made.first) != len(made.last) or made.first > made.last:
            raise NumberRangeInvalid(
                "both ends of a range are of one length, and the first is not beyond the last", field="last_number"
            )
        return made


@dataclass(frozen=True, slots=True)
class Reservation:
    reserved_number_id: int
    numbers: NumberRange
    kind: ReservationKind
    reason: str
    created_at: datetime

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "first_number": self.numbers.first,
            "last_number": self.numbers.last,
            "kind": str(self.kind),
            "reason": self.reason,
        }


class ReservedNumbers:
    """The use cases. All raise ``NotAllowed`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def add(
        self, account: Account, actor: Actor, numbers: NumberRange, kind: ReservationKind, reason: str
    ) -> Reservation:
        """Keep a range back from now on."""
        require(account, Action.NUMBERING_EDIT, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            number = await connection.fetchval(
                SQL["add_reserved_numbers"], numbers.first, numbers.last, kind, reason, at
            )
            made = Reservation(number, numbers, kind, reason, at)
            act = Act("numbering.reserve", "reserved_number", str(number), after=made.to_json())
            await record_act(connection, actor, act, at)
        return made

    async def remove(self, account: Account, actor: Actor, reserved_number_id: int) -> None:
        """Give them as any others from now on. Raises ``ReservedNumbersUnknown``."""
        require(account, Action.NUMBERING_EDIT, None)
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(SQL["remove_reserved_numbers"], reserved_number_id)
            if row is None:
                raise ReservedNumbersUnknown(
                    f"there is no range of reserved numbers {reserved_number_id}",
                    reserved_number_id=reserved_number_id,
                )
            act = Act("numbering.release", "reserved_number", str(reserved_number_id), before=_of(row).to_json())
            await record_act(connection, actor, act, self._clock())

    async def list(
        self, account: Account, *, kind: ReservationKind | None = None, after: int = 0, limit: int = 50
    ) -> list[Reservation]:
        """In the order of making, after a ``reserved_number_id``."""
        require(account, Action.NUMBERING_READ, None)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_reserved_numbers"], after, kind, limit)
        return [_of(row) for row in rows]


async def check_not_reserved(connection: Connection, number: str) -> None:
    """Whether an enterprise may ask for this number. Raises ``NumberReserved``."""
    if not _NUMBER.fullmatch(number):
        return
    row = await connection.fetchrow(SQL["reservation_of"], number)
    if row is not None:
        raise NumberReserved(
            f"the number {number} is kept back; ask the operator of the node for it, or for another", number=number
        )


def _of(row: Mapping[str, Any]) -> Reservation:
    return Reservation(
        reserved_number_id=row["reserved_number_id"],
        numbers=NumberRange(row["first_number"], row["last_number"]),
        kind=ReservationKind(row["kind"]),
        reason=row["reason"],
        created_at=row["created_at"],
    )
