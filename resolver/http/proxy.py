"""``/{prefix}/{suffix}`` and ``/0.NA/{prefix}``: the address that is printed on things.

A program that accepts JSON gets the record, with what its arrays, units, references and files stand for; a browser
gets the page or, where the template says so, the product's own site; anybody else is led to a place of the record,
or gets the record when it has none. What the parameters of the Handle System's proxy ask for goes before all that.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from aiohttp import web

from node.errors import NotFound, TooMany, Unavailable
from node.journal import Interface
from node.record import Record, select
from resolver.aliases import ALIAS, AliasAimless, follow_aliases
from resolver.answer import Found, NotResponsible, RecordDamaged, ResolverAway
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.http import locations, showurls
from resolver.http.asking import Dress, InvalidQuery, question_of
from resolver.http.caching import kept_for
from resolver.http.json_api import json_response
from resolver.http.meaning import told_attributes
from resolver.http.negotiation import Wish, wish
from resolver.http.onward import Everywhere, Onward
from resolver.http.page import Pages
from resolver.http.redirects import Action, Steering, other_kind, places_of, redirect, steering_of
from resolver.http.verdict import Verdict, count, judge, resolved
from resolver.local import Landing
from resolver.names import PREFIX_SPACE, parse_name
from resolver.recursion.beyond import Beyond

# The first segment contains a dot, and the slash behind it may be written as an escape.
PATH = "/{handle:[^/]*\\.[^/]*(?:/|%2[Ff])(?s:.*)}"


def add_routes(
    router: web.UrlDispatcher,
    resolver: Resolver,
    counter: ResolutionCounter,
    pages: Pages,
    clock: Callable[[], float],
    beyond: Beyond | None = None,
    chance: Callable[[], float] = random.random,
) -> None:
    """GET and HEAD, and the style of the pages; ``clock`` is Unix time, ``chance`` draws one of several places.

    By ``beyond`` others are asked for names of theirs.
    """
    router.add_get(PATH, _Proxy(resolver, counter, pages, clock, chance, Onward(beyond)).land)
    router.add_get(pages.STYLE_PATH, pages.style)


@dataclass(frozen=True, slots=True)
class _Proxy:
    resolver: Resolver
    counter: ResolutionCounter
    pages: Pages
    clock: Callable[[], float]
    chance: Callable[[], float]
    onward: Onward

    async def land(self, request: web.Request) -> web.Response:
        asked_for = await judge(request, self.resolver, request.rel_url.raw_path.removeprefix("/"), self.onward)
        wanted = wish(",".join(request.headers.getall("Accept", ())))
        aliases: Record = ()
        try:
            steering = steering_of(request)
            verdict, aliases = await self._behind_aliases(request, asked_for, steering)
            if steering.action is Action.RECORD and wanted is Wish.ANY:
                wanted = Wish.PAGE
            response = await self._lead(request, verdict, aliases, steering, wanted)
        except InvalidQuery as error:
            verdict, response = Verdict(asked_for.handle, None, error), None
        if response is None:
            response = await self._show(request, verdict, wanted, asked_for.handle if aliases else "")
            if aliases and verdict.found is not None and verdict.found.values:
                response.headers.update(kept_for(verdict.found, (*verdict.found.values, *aliases), self.clock()))
        response.headers["Vary"] = "Accept, Accept-Language"
        count(self.counter, request, Interface.PAGE, verdict, revalidated=response.status == 304)
        return response

    async def _behind_aliases(
        self, request: web.Request, asked_for: Verdict, steering: Steering
    ) -> tuple[Verdict, Record]:
        """The verdict of the handle where the aliases end, and these; it counts for the one that was asked for."""
        found = asked_for.found
        if found is None or not steering.follow_aliases or not select(found.entry.public_values(), types=(ALIAS,)):
            return asked_for, ()
        question = question_of(request.query)
        aliases: Record = ()
        try:
            everywhere = Everywhere(self.resolver, self.onward, request, question)
            name, _, aliases = await follow_aliases(
                everywhere, parse_name(asked_for.handle), question.types, question.indexes, anew=question.anew
            )
            verdict = asked_for
            if aliases:
                verdict = await resolved(request, self.resolver, name.text, name, question, self.onward)
        except (AliasAimless, NotFound, TooMany, Unavailable, RecordDamaged) as error:
            verdict = Verdict(asked_for.handle, None, error)
        return replace(verdict, key=asked_for.key, counts=asked_for.counts, recursed=asked_for.recursed), aliases

    async def _lead(
        self, request: web.Request, verdict: Verdict, aliases: Record, steering: Steering, wanted: Wish
    ) -> web.Response | None:
        """The way to a place of the record, for whom it is meant; or the list of all places."""
        found = verdict.found
        if found is None or not found.values or steering.action is Action.RECORD:
            return None
        usual = steering.action is Action.USUAL
        if usual and wanted is Wish.PAGE:
            face = await self.resolver.face(found.entry.template_id)
            if face.landing is not Landing.REDIRECT:
                return None
        if usual and wanted is Wish.JSON and not other_kind(request):
            return None
        places = places_of(found.entry.text, found.values, await self._inherited(request, found), aliases)
        if steering.action is Action.PLACES:
            return showurls.listed(found, places, self.clock()) if places.places else None
        if usual and wanted is Wish.JSON and not places.serve(other_kind(request)):
            return None
        return redirect(found, places, steering, self.chance, self.clock())

    async def _inherited(self, request: web.Request, found: Found) -> Record:
        """The places that the prefix names for its identifiers; not asked for where the record names its own."""
        of_systems = found.entry.prefix.startswith("0.")
        if of_systems or found.elsewhere is not None or select(found.values, types=(locations.TYPE,)):
            return ()
        name = parse_name(f"{PREFIX_SPACE}/{found.entry.prefix}")
        anew = question_of(request.query).anew
        try:
            answered = await self.resolver.resolve_name(name, (locations.TYPE,), referrals=False, anew=anew)
        except (NotResponsible, ResolverAway, RecordDamaged):
            return ()  # what the identifier's own record says stands for itself
        return answered.values if isinstance(answered, Found) else ()

    async def _show(self, request: web.Request, verdict: Verdict, wanted: Wish, alias: str) -> web.Response:
        """The record or the refusal, as a page or for programs."""
        found = verdict.found if verdict.found is not None and verdict.found.values else None
        face = await self.resolver.face(found.entry.template_id) if found else None
        if wanted is Wish.PAGE:
            return self.pages.respond(request, verdict, face, self.clock(), alias=alias)
        told = told_attributes(found.values, face) if found and face else None
        return json_response(request, verdict, Dress(), self.clock(), told)
