"""One resolution from question to answer: remembered, or looked up, or with somebody else; stale when nothing else.

``async with Resolver(reader_url, listen_url=url, …) as resolver: await resolver.resolve(Query(identifier))``
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Self

import asyncpg
import structlog

from node.database import Listener
from node.identifier import Identifier, Prefix, fold
from node.notices import CHANNEL, Notice, NoticeKind
from node.record import select
from node.servers import PRIMARY
from node.site import OwnSite
from resolver import metrics
from resolver.answer import (
    Absence,
    Answer,
    Entry,
    Found,
    Key,
    Loaded,
    Missing,
    NotResponsible,
    Query,
    Referral,
    ResolverAway,
    answer,
)
from resolver.cache import Cache
from resolver.connection import ReaderConnection
from resolver.hearing import Hearing
from resolver.local import Faces, TemplateFace, look_up
from resolver.names import Name, PrefixHandle
from resolver.prefix_handles import key_of, look_up_prefix_handles
from resolver.recall import Recall
from resolver.referrals import line_of, prefix_referral, service_referral, site_entry
from resolver.replica import LookUp, Replica
from resolver.second_chance import Slot

log = structlog.get_logger("resolver")

_REFUSED_PAUSE = 1.0  # seconds
_TELL_SECONDS = 1.0
_REFERRING = 10_000  # prefixes of which it is remembered whether they name another service
_PREFIX_HANDLE_BYTES = 16 << 20  # remembered, 10,000 as a rule; there are as many as the node has prefixes


class Resolver:
    """Answers from the cache and the database behind ``reader_url``; hears the writer at ``listen_url``.

    A reader that is not the writer's own server is a replica and may lag behind the notices (``replica.py`` beside);
    after ``replica_seconds`` without notices its answers are marked as stale. ``site`` is what prefix handles name as
    the service of prefixes answered here.
    """

    def __init__(
        self,
        reader_url: str,
        *,
        listen_url: str,
        site: OwnSite,
        cache_bytes: int,
        missing_bytes: int,
        missing_seconds: float,
        stale_seconds: float,
        lookup_seconds: float,
        replica_seconds: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        # What is kept as fresh has to be the primary's word, whichever of several servers that is now.
        primary = ReaderConnection(listen_url, seconds=lookup_seconds, target=PRIMARY)
        self._connections = [primary]
        self._replica: Replica | None = None
        if reader_url != listen_url:
            reader = ReaderConnection(reader_url, seconds=lookup_seconds)
            self._connections = [reader, primary]
            self._replica = Replica(reader, primary, marked_seconds=replica_seconds, monotonic=monotonic)

        def recall(found_bytes: int, look_up: LookUp) -> Recall:
            replica = self._replica
            cache = Cache(
                found_bytes=found_bytes,
                missing_bytes=missing_bytes,
                missing_seconds=missing_seconds,
                stale_seconds=stale_seconds,
            )
            if replica is None:
                return Recall(cache, lambda keys: look_up(primary, keys), monotonic)
            return Recall(
                cache,
                lambda keys: replica.look_up(keys, look_up),
                monotonic,
                lambda keys: replica.last_word(keys, look_up),
            )

        self._identifiers = recall(cache_bytes, look_up)
        self._prefixes = recall(_PREFIX_HANDLE_BYTES, lambda asked, keys: look_up_prefix_handles(asked, keys, site))
        self._kinds = (self._identifiers, self._prefixes)
        self._site = site
        self._faces = Faces(self._connections)
        self._referring: dict[str, tuple[Entry, bool]] = {}
        self._hearing = Hearing(self._hear, self._hear_unknown)
        self._listener = Listener(
            listen_url, CHANNEL, on_notice=self._on_notice, on_lost=self._on_lost, on_resumed=self._on_resumed
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = asyncio.Event()
        self._patience = lookup_seconds

    @property
    def listening(self) -> bool:
        """Whether the writer's notices are heard."""
        return self._heard.is_set()

    async def resolve(self, query: Query, *, anew: bool = False) -> Answer:
        """The answer to a query; ``anew``: by a question to the database that begins now, and never stale.

        Raises ``NotResponsible``, ``ResolverAway``, ``RecordDamaged``.
        """
        key = query.key
        loaded = None if anew else self._identifiers.fresh(key)
        if loaded is not None:
            metrics.CACHE_HITS.inc()
            return answer(query, loaded)
        found, age = await self._look_up(self._identifiers, key, anew=anew)
        return answer(query, found, age)

    async def resolve_name(
        self,
        name: Name,
        types: tuple[str, ...] = (),
        indexes: tuple[int, ...] = (),
        *,
        referrals: bool = True,
        anew: bool = False,
    ) -> Found | Missing | Referral:
        """As ``resolve``, for any name; where another service answers for it, a referral to that one.

        Without ``referrals`` such a name raises ``NotResponsible``, as every name does that nobody here knows a
        service for.
        """
        if isinstance(name, Identifier):
            return await self._resolve_identifier(Query(name, types, indexes), referrals=referrals, anew=anew)
        if isinstance(name, PrefixHandle):
            loaded, age = await self._prefix_handle(name.prefix, anew=anew)
            if loaded is Absence.UNKNOWN:
                return await self._refer_below(name.prefix, referrals=referrals) or Missing(loaded)
            if loaded is Absence.ELSEWHERE:
                raise _elsewhere(name.prefix)
        else:
            loaded, age = site_entry(self._site) if name.name == self._site.handle else Absence.UNKNOWN, None
        if isinstance(loaded, Absence):
            return Missing(loaded)
        return Found(loaded, select(loaded.public_values(), indexes, types), age)

    async def blocks(self, handle: str) -> bool:
        """Whether the node above forbids to resolve a handle of whatever part of the Handle System.

        Of identifiers every answer says so itself. Raises ``ResolverAway``.
        """
        prefix, _, suffix = handle.partition("/")
        key = fold(prefix), fold(suffix)
        loaded = self._identifiers.fresh(key)
        if loaded is None:
            loaded, _ = await self._look_up(self._identifiers, key)
        return loaded is Absence.BLOCKED

    @property
    def epoch(self) -> int:
        """While it is the same, every entry stands that stood before."""
        return self._identifiers.cache.epoch

    @property
    def remembered(self) -> Cache:
        """What is remembered of identifiers; whoever keeps copies goes by its ``epoch``."""
        return self._identifiers.cache

    def standing(self, key: Key) -> Entry | None:
        """The entry of an identifier that may be answered now without asking anybody."""
        loaded = self._identifiers.fresh(key)
        return loaded if isinstance(loaded, Entry) else None

    # What fronts ask that must not wait: what is known now, and to be called when more is known.

    def known(self, key: Key) -> Loaded | None:
        """What is known to hold of an identifier without asking anybody."""
        return self._identifiers.fresh(key)

    def expect(self, key: Key, landed: Callable[[asyncio.Future[Loaded]], object]) -> None:
        """``landed`` is called with what the database says of an identifier, or with ``ResolverAway``.

        With that too when it would have to be marked as stale: ``resolve`` does so.
        """
        self._expect(self._identifiers, key, landed)

    def known_prefix(self, prefix: Prefix) -> Loaded | None:
        """As ``known``, of a prefix handle."""
        return self._prefixes.fresh(key_of(prefix))

    def expect_prefix(self, prefix: Prefix, landed: Callable[[asyncio.Future[Loaded]], object]) -> None:
        """As ``expect``, of a prefix handle."""
        self._expect(self._prefixes, key_of(prefix), landed)

    def _expect(self, kind: Recall, key: Key, landed: Callable[[asyncio.Future[Loaded]], object]) -> None:
        if self._replica is None or self._replica.age is None:
            kind.expect(key, landed)
            return
        refused: asyncio.Future[Loaded] = asyncio.get_running_loop().create_future()
        refused.add_done_callback(landed)
        refused.set_exception(ResolverAway())

    def refers(self, prefix: Prefix, loaded: Loaded) -> bool:
        """Whether a prefix handle, as it was loaded, names another service for the identifiers that are not here."""
        if not isinstance(loaded, Entry):
            return False
        verdict = self._referring.get(prefix.key)
        if verdict is None or verdict[0] is not loaded:
            if len(self._referring) >= _REFERRING:
                self._referring.clear()
            verdict = self._referring[prefix.key] = loaded, service_referral(loaded, self._site) is not None
        return verdict[1]

    # What keeps the cache warm.

    @property
    def fullness(self) -> float:
        """How much of ``cache_bytes`` is in use, as a share."""
        return self._identifiers.cache.found.fullness

    def kept(self) -> Iterator[Mapping[str, Slot[Entry]]]:
        """The entries that are kept, by joined key, a small part at a time."""
        return self._identifiers.cache.found.shards()

    async def warm(self, keys: Iterable[Key]) -> int:
        """Load what is not known yet, before somebody asks; returns how many. Raises ``ResolverAway``."""
        if not self.listening:
            raise ResolverAway  # what is loaded now would not count as fresh later
        unknown = [key for key in keys if self._identifiers.fresh(key) is None]
        loads = await asyncio.gather(*map(self._identifiers.look_up, unknown), return_exceptions=True)
        for failed in (load for load in loads if isinstance(load, BaseException)):
            raise failed
        return len(unknown)

    def changed(self, name: Name) -> None:
        """This process has just changed what a name says: who reads it here at once need not wait for the notice."""
        if isinstance(name, Identifier):
            self._hear(Notice(NoticeKind.IDENTIFIERS, name.prefix.key, (name.key,)))
        elif isinstance(name, PrefixHandle):
            self._hear(Notice(NoticeKind.PREFIX, name.prefix.key))

    async def face(self, template_id: int) -> TemplateFace:
        """How a template wants its values shown; unknown while the database is away."""
        return await self._faces.of(template_id)

    async def probe(self) -> None:
        """Whether look-ups are answered now. Raises ``ResolverAway``."""
        for connection in self._connections[:-1]:
            with contextlib.suppress(ResolverAway):
                await connection.fetch("SELECT 1")
                return
        await self._connections[-1].fetch("SELECT 1")

    async def start(self) -> None:
        """Begin to answer. Waits a moment for the writer's voice, but not for a database that is away."""
        for kind in self._kinds:
            kind.start()
        listening = asyncio.create_task(self._listen(), name="listen to the writer")
        self._tasks = [listening, asyncio.create_task(self._tell_often(), name="tell what is kept")]
        if self._replica is not None:
            self._tasks.append(asyncio.create_task(self._replica.follow(), name="follow the replica"))
        await asyncio.wait({listening, waiting := asyncio.create_task(self._heard.wait())},
                           timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        waiting.cancel()

    async def stop(self) -> None:
        """End all tasks and connections; whoever still waits is told ``ResolverAway``."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for kind in self._kinds:
            await kind.stop()
        for connection in self._connections:
            await connection.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _listen(self) -> None:
        while True:
            try:
                await self._listener.run()
            except asyncpg.PostgresError as error:
                # A server that refuses: restoring, or a replica. Until it does not, every question is looked up.
                log.warning("listener_refused", cause=type(error).__name__, message=str(error)[:200])
                await asyncio.sleep(_REFUSED_PAUSE)

    async def _tell_often(self) -> None:
        while True:
            metrics.CACHE_ENTRIES.set(len(self._identifiers.cache))
            metrics.CACHE_BYTES.set(self._identifiers.cache.weight)
            await asyncio.sleep(_TELL_SECONDS)

    async def _resolve_identifier(self, query: Query, *, referrals: bool, anew: bool) -> Found | Missing | Referral:
        prefix = query.identifier.prefix
        try:
            answered = await self.resolve(query, anew=anew)
        except NotResponsible:
            referral = await self._refer_below(prefix, referrals=referrals)
            if referral is None:
                raise
            return referral
        if isinstance(answered, Found) or answered.reason is not Absence.UNKNOWN:
            return answered
        loaded, _ = await self._prefix_handle(prefix)
        referral = service_referral(loaded, self._site) if isinstance(loaded, Entry) else None
        if referral is not None and not referrals:
            raise _elsewhere(prefix)
        return referral or answered

    async def _refer_below(self, prefix: Prefix, *, referrals: bool) -> Referral | None:
        """Where the nearest prefix above that is in use here sends those who ask for prefixes that it does not know.

        Raises ``NotResponsible`` instead of a referral that is not wanted.
        """
        above = [line for line in line_of(prefix) if line.is_under(self._site.prefix)]
        for loaded, _ in await asyncio.gather(*(self._prefix_handle(each) for each in above)):
            if loaded is Absence.SUSPENDED:
                return None
            referral = prefix_referral(loaded, self._site) if isinstance(loaded, Entry) else None
            if referral is not None and not referrals:
                raise _elsewhere(prefix)
            if referral is not None:
                return referral
        return None

    async def _prefix_handle(self, prefix: Prefix, *, anew: bool = False) -> tuple[Loaded, float | None]:
        key = key_of(prefix)
        loaded = None if anew else self._prefixes.fresh(key)
        return (loaded, None) if loaded is not None else await self._look_up(self._prefixes, key, anew=anew)

    async def _look_up(self, kind: Recall, key: Key, *, anew: bool = False) -> tuple[Loaded, float | None]:
        """As ``Recall.look_up``; what a replica says is stale, too, when nobody could tell for long what changed."""
        replica = self._replica
        if replica is not None and anew:
            replica.doubt(key)
        loaded, age = await kind.look_up(key, anew=anew)
        return loaded, replica.age if age is None and replica is not None else age

    def _on_notice(self, payload: str) -> None:
        try:
            notice = Notice.decode(payload)
        except ValueError:
            log.warning("notice_unknown", payload=payload[:200])
            self._hear_unknown()
            return
        self._hearing.take(notice)

    def _hear(self, notice: Notice) -> None:
        for kind in self._kinds:
            kind.cache.hear(notice)
        if self._replica is not None:
            self._replica.hear(notice)

    def _hear_unknown(self) -> None:
        for kind in self._kinds:
            kind.cache.hear_unknown()
        if self._replica is not None:
            self._replica.hear_unknown()

    def _on_lost(self) -> None:
        for kind in self._kinds:
            kind.cache.lost()
        if self._replica is not None:
            self._replica.lost()
        self._heard.clear()
        metrics.LISTENING.set(0)

    def _on_resumed(self) -> None:
        for kind in self._kinds:
            kind.cache.resumed()
        if self._replica is not None:
            self._replica.resumed()
        self._heard.set()
        metrics.LISTENING.set(1)


def _elsewhere(prefix: Prefix) -> NotResponsible:
    return NotResponsible(f"the prefix {prefix.text} is not served by this node", prefix=prefix.text)
