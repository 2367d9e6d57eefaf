"""The use case: which profiles there are, and one of them judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from admin.acceptance.evaluation import Evaluation, evaluate
from admin.acceptance.profiles import Profile, find_profile
from node.auth import Account, Action, require
from node.china_time import day_of
from node.database import Pool
from node.errors import Malformed
from registry.store import reading

Clock = Callable[[], datetime]


EARLIEST = date(2018, 1, 1)
"""Before there was any node."""


class DayNotTold(Malformed):
    """Evidence: ``at``, ``earliest``, ``latest``."""

    title_zh = "日期不在可评估范围内"


class Acceptance:
    """``profiles`` by their ids; ``default`` is the one that is meant when none is named."""

    def __init__(self, pool: Pool, clock: Clock, profiles: Mapping[str, Profile], default: str) -> None:
        """Raises ``ProfileUnknown`` when there is no such default."""
        find_profile(profiles, default)
        self._pool = pool
        self._clock = clock
        self._profiles = profiles
        self._default = default

    def profiles(self, account: Account) -> list[Profile]:
        """All of them. Raises ``NotAllowed``."""
        require(account, Action.ACCEPTANCE_READ, None)
        return list(self._profiles.values())

    async def evaluation(self, account: Account, profile_id: str | None = None, at: date | None = None) -> Evaluation:
        """``judge`` for somebody. Raises ``NotAllowed`` too."""
        require(account, Action.ACCEPTANCE_READ, None)
        return await self.judge(profile_id, at)

    async def judge(self, profile_id: str | None = None, at: date | None = None) -> Evaluation:
        """A profile at a date, by default today: the whole days before it. Tomorrow takes in today so far.

        Raises ``ProfileUnknown``, ``DayNotTold``, ``DatabaseAway``.
        """
        profile = find_profile(self._profiles, profile_id or self._default)
        as_of = self._clock()
        today = day_of(as_of)
        latest = today + timedelta(days=1)
        day = at or today
        if not EARLIEST <= day <= latest:
            raise DayNotTold(
                f"{day} is not a day from {EARLIEST} to {latest}",
                at=str(day), earliest=str(EARLIEST), latest=str(latest),
            )  # fmt: skip
        async with reading(self._pool) as connection:
            return await evaluate(connection, profile, day, as_of)
