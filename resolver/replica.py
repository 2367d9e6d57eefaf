"""Reading from a replica that lags behind the writer's notices: what it may not have yet is asked at the primary.

A notice comes from the primary at its commit; the replica applies that commit a moment later. Until it has, the keys
that changed are looked up at the primary, all others at the replica, which says of them what the primary would say.
So what was looked up may be kept, whoever said it.

How far they are is told by their positions in the log: the primary is asked for its own after a notice was heard, so
that position lies behind the commit; when the replica has applied it, it has everything that was heard until then.
``pg_last_wal_replay_lsn`` moves after a commit has become visible, and look-ups go over the connection that said it.

Three cases begin with a doubt about everything: the notices are heard (again), the reader connected (anew), a notice
is unreadable. While the primary is away the replica is asked alone.

What it may lack is then *unproven*: nobody can say how far the log of a silent primary goes. ``last_word`` is what
the replica says of it as soon as it has applied all that it had received when asked, marked as stale, and never kept.
A primary that acknowledges what its standby has on disk has sent it before the notice, so it is in there. All is
proven again once nothing more can come from that primary (its stream has ended and all that was received is applied),
or once everything is marked as stale anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from node.notices import Notice
from resolver import metrics
from resolver.answer import Key, Loaded, ResolverAway
from resolver.connection import ReaderConnection
from resolver.local import SQL
from resolver.unapplied import Unapplied

LookUp = Callable[[ReaderConnection, Sequence[Key]], Awaitable[Sequence[Loaded]]]

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.002, 0.1  # seconds between questions for positions
_BREATH = 0.005  # seconds between two rounds: a storm of notices costs two hundred questions a second at most
_LEFT_ALONE = 1.0  # seconds for which nobody waits for a primary that was silent


class _Position(NamedTuple):
    """``log``, and what a standby has ``received`` of it, in bytes since it began; ``ended``: nothing more comes."""

    log: int
    received: int
    ended: bool


class _Goal(NamedTuple):
    """A replica that has applied the log up to ``log`` has everything up to ``number``, that is, until ``at``."""

    number: int
    log: int
    at: float


class Replica:
    """``reader`` lags, ``primary`` does not; after ``marked_seconds`` without notices answers are marked as stale.

    No look-up waits for the primary longer than a quarter of its time: it is silent then and left alone for a moment.
    """

    def __init__(
        self,
        reader: ReaderConnection,
        primary: ReaderConnection,
        *,
        marked_seconds: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._primary = primary
        self._marked_seconds = marked_seconds
        self._patience = primary.seconds / 4
        self._monotonic = monotonic
        self._unapplied = Unapplied()
        self._goal: _Goal | None = None
        self._news = asyncio.Event()
        self._heard = False
        self._turns = 0
        self._began = monotonic()
        self._certain_until = self._began
        self._silent_until = self._began
        self._alone_since: float | None = None
        reader.on_connected = self._doubt_all
        self._doubt_all()

    @property
    def age(self) -> float | None:
        """The seconds for which changes may have gone unheard, when that is too long to be passed over."""
        if self._heard:
            return None
        if self._alone_since is None:
            return self._monotonic() - self._began
        alone = self._monotonic() - self._alone_since
        return alone if alone > self._marked_seconds else None

    # Looking up -----------------------------------------------------------------------------------

    async def look_up(self, keys: Sequence[Key], look_up: LookUp) -> list[Loaded | None]:
        """What holds of each key, in order; ``None`` for what nobody can prove now. Raises ``ResolverAway``."""
        # As of now: who asked before something changed may be told what was there before.
        lacks = self._unapplied.may_lack if self._heard else self._unapplied.lacks
        late = [key for key in keys if lacks(key)]
        rest = [key for key in keys if not lacks(key)]
        held: dict[Key, Loaded] = {}
        if late and (self._heard or not self._reader.works):
            held = await self._at_primary(late, look_up)
        if rest:
            held |= await self._at_replica(rest, look_up)
        return [held.get(key) for key in keys]

    async def last_word(self, keys: Sequence[Key], look_up: LookUp) -> list[tuple[Loaded, float]]:
        """What the replica says of keys of which nobody can prove it, and the seconds since it was known to have all.

        Raises ``ResolverAway``, also when the replica does not apply what it has received.
        """
        position = await _position(self._reader)
        received, late = position.received, asyncio.get_running_loop().time() + self._patience
        while position.log < received:
            if asyncio.get_running_loop().time() > late:
                raise ResolverAway
            await asyncio.sleep(_SHORTEST_PAUSE)
            position = await _position(self._reader)
        loaded = await look_up(self._reader, keys)
        age = self._monotonic() - self._certain_until
        return [(each, age) for each in loaded]

    async def _at_primary(self, keys: Sequence[Key], look_up: LookUp) -> dict[Key, Loaded]:
        """Nothing where it is away or silent."""
        if self._monotonic() < self._silent_until:
            return {}
        metrics.LOOKUPS_AT_PRIMARY.inc(len(keys))
        try:
            async with asyncio.timeout(self._patience):
                return await _by_key(look_up, self._primary, keys)
        except TimeoutError:
            self._silent_until = self._monotonic() + _LEFT_ALONE
        except ResolverAway:
            pass
        return {}

    async def _at_replica(self, keys: Sequence[Key], look_up: LookUp) -> dict[Key, Loaded]:
        connected = self._reader.connected
        try:
            held = await _by_key(look_up, self._reader, keys)
        except ResolverAway:
            return await _by_key(look_up, self._primary, keys)
        if self._reader.connected != connected and self._heard:
            # Another server perhaps, further behind: what it said proves nothing yet.
            return await self._at_primary(keys, look_up)
        return held

    # Hearing --------------------------------------------------------------------------------------

    def hear(self, notice: Notice) -> None:
        """Something changed, and the replica does not have it before it has applied the log so far."""
        self._news_come()
        self._unapplied.hear(notice)

    def hear_unknown(self) -> None:
        """Something changed, and nobody here can say what."""
        self._news_come()
        self._unapplied.hear_unknown()

    def doubt(self, key: Key) -> None:
        """Somebody wants to know what the writer itself would say."""
        self._news_come()
        self._unapplied.doubt(key)

    def lost(self) -> None:
        """Notices may be missed from now on."""
        self._note_certainty()
        self._heard = False
        self._turns += 1
        self._alone_since = self._monotonic()
        self._primary.renew()  # it goes the same way

    def resumed(self) -> None:
        """Notices are heard from now on; what came before may have been missed."""
        self._doubt_all()
        self._heard = True
        self._turns += 1
        self._goal = None
        self._silent_until = self._monotonic()

    def _doubt_all(self) -> None:
        self._news_come()
        self._unapplied.doubt_all()

    def _news_come(self) -> None:
        self._note_certainty()
        self._news.set()

    def _note_certainty(self) -> None:
        """To be called before it may end."""
        if self._heard and not self._unapplied:
            self._certain_until = self._monotonic()

    # Following ------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Find out what the replica has applied, whenever it matters, until cancelled."""
        pause, behind_since = _SHORTEST_PAUSE, self._monotonic()
        while True:
            if not self._unapplied:
                self._news.clear()
                metrics.REPLICA_BEHIND.set(0)
                await self._news.wait()
                behind_since = self._monotonic()
            try:
                settled = await self._compare()
            except ResolverAway:  # one of them is away
                settled = False
            if settled:
                pause, behind_since = _SHORTEST_PAUSE, self._monotonic()
            else:
                pause = min(2 * pause, _LONGEST_PAUSE)
                metrics.REPLICA_BEHIND.set(self._monotonic() - behind_since)
            await asyncio.sleep(_BREATH if settled else pause)

    async def _compare(self) -> bool:
        """Whether something was found applied."""
        if self._goal is None and self._heard:
            number, turns, began = self._unapplied.number, self._turns, self._monotonic()
            log = (await _position(self._primary)).log
            if turns != self._turns:  # lost, or heard again and perhaps from another primary
                return False
            self._goal = _Goal(number, log, began)
        number = self._unapplied.number
        replica = await _position(self._reader)
        if self._goal is not None:
            number = self._goal.number
            if replica.log < self._goal.log:
                return False
            self._certain_until = self._goal.at
            self._goal = None
        elif not replica.ended and self.age is None:
            return False
        self._unapplied.applied(number)
        return True


async def _by_key(look_up: LookUp, connection: ReaderConnection, keys: Sequence[Key]) -> dict[Key, Loaded]:
    return dict(zip(keys, await look_up(connection, keys), strict=True))


async def _position(connection: ReaderConnection) -> _Position:
    (row,) = await connection.fetch(SQL["position"])
    return _Position(row["log"], row["received"], row["ended"])
