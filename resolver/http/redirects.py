"""Where the proxy sends a visitor: how the address steers, the places of the record, one of them as an answer.

The parameters are those of the Handle System's proxy: ``noredirect``, ``auth``, ``cert``, ``type``, ``index``,
``ignore_aliases``, ``urlappend``, ``locatt``, ``country``, ``action`` and ``redirectionHeaders``. None of them names
an address: what is answered is always a place of the record, at most with a suffix below it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from enum import Enum
from urllib.parse import unquote_to_bytes

import structlog
from aiohttp import web

from node.identifier import fold
from node.record import Record, Value
from resolver.answer import Found
from resolver.http import locations
from resolver.http.asking import InvalidQuery
from resolver.http.caching import NOT_KEPT, kept_for
from resolver.http.locations import InvalidLocations, Location, Visitor
from resolver.http.negotiation import by_liking, wants_data
from resolver.http.weblink import address_of
from resolver.lifetime import smallest_ttl

log = structlog.get_logger("resolver")

_APPEND = "urlappend"
_ROLE, _CONNEG = "http_role", "conneg"
_KINDS = ("ctype", "media-type")
_LOCATTS = 32
_LOCATT = 256  # characters
_SUFFIX = 2048  # characters
_COUNTRY = re.compile(r"[A-Za-z]{2}")


class Action(Enum):
    """What is to be done with what is found; USUAL: what Accept and the template say."""

    USUAL = "usual"
    REDIRECT = "redirect"
    RECORD = "showvalues"
    PLACES = "showurls"


@dataclass(frozen=True, slots=True)
class Steering:
    """How a visitor is to be led; ``headers_only``: told where to, and not sent there."""

    action: Action
    follow_aliases: bool
    suffix: str
    visitor: Visitor
    headers_only: bool


@dataclass(frozen=True, slots=True)
class Places:
    """The places of the record of ``handle``; ``choose_by`` as in ``Locations``.

    ``values`` are those that name the places and those that led here: as long as they hold, this does.
    """

    handle: str
    choose_by: tuple[str, ...]
    places: tuple[Location, ...]
    values: tuple[Value, ...]

    def serve(self, kind: str) -> bool:
        """Whether a place is said to have this kind of data, or to settle kinds with the client itself."""
        kinds = [place.attributes.get(name) for place in self.places for name in _KINDS]
        return kind in kinds or any(place.attributes.get(_ROLE) == _CONNEG for place in self.places)


def steering_of(request: web.Request) -> Steering:
    """What the parameters of an address and the headers say. Raises ``InvalidQuery``, naming the parameter."""
    query = request.query
    suffix = _suffix(request.rel_url.raw_query_string)
    country = query.get("country")
    if country is not None and not _COUNTRY.fullmatch(country):
        raise InvalidQuery("A country is two letters (ISO 3166).", parameter="country")
    locatts = [_locatt(text) for text in query.getall("locatt", ())]
    if len(locatts) > _LOCATTS:
        raise InvalidQuery(f"At most {_LOCATTS} locatt parameters are read.", parameter="locatt")
    only_for_redirects = locatts or country or suffix or "redirectionHeaders" in query
    action = Action.REDIRECT if only_for_redirects else Action.USUAL
    if "noredirect" in query:
        action = Action.RECORD
    said = query.get("action", "").lower()
    if said in (Action.REDIRECT.value, Action.RECORD.value, Action.PLACES.value):
        action = Action(said)
    return Steering(
        action=action,
        follow_aliases="ignore_aliases" not in query,
        suffix=suffix,
        visitor=Visitor((*locatts, *_from_headers(request)), country),
        headers_only="redirectionHeaders" in query,
    )


def other_kind(request: web.Request) -> str:
    """The kind of data that a client likes best, when it is neither JSON nor what a browser shows; else empty."""
    accept = _header(request, "Accept")
    best = next(iter(by_liking(accept)), "")
    return best if best != "application/json" and wants_data(accept) else ""


def places_of(handle: str, values: Record, inherited: Record, aliases: Record) -> Places:
    """The places of a record by its 10320/loc values, else by those ``inherited`` from its prefix, and by its URLs.

    Beside places of the record's own a URL is for whom none of them suits (weight 0). Without them the first URL, by
    index, is what the record means, and the other URLs are there to be asked for. ``aliases`` led to the record.
    """
    urls = sorted((value for value in values if fold(value.type) == "URL" and address_of(value)), key=_index)
    read = _read(handle, values)
    first = 0.0 if read.places else 1.0
    if not read.places:
        read = _read(handle, inherited)
    own = [locations.of_url(value, 0.0 if number else first) for number, value in enumerate(urls)]
    return Places(handle, read.choose_by, (*own, *read.places), (*urls, *read.values, *aliases))


def redirect(
    found: Found, places: Places, steering: Steering, chance: Callable[[], float], now: float
) -> web.Response | None:
    """The way to one of the places, ``None`` when no place has an address of the web.

    Raises ``InvalidQuery`` for a suffix that would lead elsewhere than below the place.
    """
    usable = [place for place in places.places if place.address(places.handle)]
    chosen = locations.choose(usable, places.choose_by, steering.visitor, chance)
    if chosen is None:
        return None
    address = chosen.place.address(places.handle, steering.suffix)
    if address is None:
        raise InvalidQuery("What is to be appended would lead elsewhere than below the address.", parameter=_APPEND)
    headers = {"Location": address, "X-Content-Type-Options": "nosniff"}
    if chosen.by_chance:
        headers |= NOT_KEPT  # each visitor draws anew
    else:
        headers |= kept_for(found, places.values, now)
        if found.age is None:
            headers["Expires"] = formatdate(int(now) + smallest_ttl(places.values, now), usegmt=True)
    return web.Response(status=200 if steering.headers_only else 302, headers=headers)


def _index(value: Value) -> int:
    return value.index


def _read(handle: str, values: Iterable[Value]) -> Places:
    """The places of the 10320/loc values; one that cannot be read is passed over with a line in the log."""
    choose_by: tuple[str, ...] = ()
    places: list[Location] = []
    readable: list[Value] = []
    for value in values:
        if fold(value.type) != locations.TYPE:
            continue
        try:
            read = locations.read_locations(value.data)
        except InvalidLocations as error:
            log.warning("locations_unreadable", handle=handle, index=value.index, cause=error.detail)
            continue
        choose_by = choose_by or read.choose_by
        places += read.places
        readable.append(value)
    return Places(handle, choose_by, tuple(places), tuple(readable))


def _from_headers(request: web.Request) -> Iterator[tuple[str, str | None]]:
    """What Accept and Accept-Language ask of a place, behind what the address itself asks for."""
    accept = _header(request, "Accept")
    kinds = by_liking(accept)
    if wants_data(accept):
        for kind in kinds:
            yield from ((name, kind) for name in _KINDS)
        yield _ROLE, _CONNEG
    elif kinds:
        yield _ROLE, "browser"
        yield from ((name, "text/html") for name in _KINDS)
    else:
        yield _ROLE, "no_conneg"
    for language in by_liking(_header(request, "Accept-Language")):
        yield "language", language


def _locatt(text: str) -> tuple[str, str | None]:
    if len(text) > _LOCATT:
        raise InvalidQuery(f"A locatt has at most {_LOCATT} characters.", parameter="locatt")
    name, colon, wanted = text.partition(":")
    return name.strip(), wanted if colon else None


def _suffix(query: str) -> str:
    """``urlappend`` with its plus signs: it is a piece of an address, not a field of a form."""
    given = next((pair for pair in query.split("&") if pair.startswith(_APPEND + "=")), "")
    try:
        suffix = unquote_to_bytes(given.partition("=")[2]).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidQuery("What is to be appended is not UTF-8.", parameter=_APPEND) from None
    if len(suffix) > _SUFFIX:
        raise InvalidQuery(f"At most {_SUFFIX} characters can be appended.", parameter=_APPEND)
    return suffix


def _header(request: web.Request, name: str) -> str:
    return ",".join(request.headers.getall(name, ()))
