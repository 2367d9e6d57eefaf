"""10320/loc: the places where one identifier's resource may be had, and which of them a visitor is sent to.

    <locations chooseby="locatt,country,weighted">
      <location id="0" href="https://a.example/" country="gb" weight="0"/>
      <location id="1" href_template="https://b.example/?id={hdl}" weight="1"/>
    </locations>

The value is somebody else's XML: it is read by expat with handlers of our own, as UTF-8, within bounds, and a
document type, which alone could name entities or other files, ends the reading. The methods of ``chooseby`` narrow
the places down one after the other; one that would leave none is passed over; what is left is drawn by weight.
Reference: the Handle System's overview of the type 10320/loc.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from urllib.parse import quote
from xml.parsers import expat

from node.errors import Malformed
from node.identifier import fold
from node.record import Value
from resolver.http.weblink import appended, web_address

TYPE = "10320/LOC"
"""The value type, folded."""

WEIGHTED = "weighted"
_CHOOSE_BY = ("locatt", "country", WEIGHTED)

_MOST_BYTES = 65_536
_MOST_ELEMENTS = 512
_MOST_ATTRIBUTES = 32  # of one element
_DEEPEST = 8
_HEAVIEST = 1_000_000.0
_NAME = re.compile(r"(?!xml)[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.IGNORECASE)


class InvalidLocations(Malformed):
    """A 10320/loc value that cannot be read. Evidence: ``reason``, ``line`` where known."""

    title_zh = "10320/loc 的内容有误"


@dataclass(frozen=True, slots=True)
class Location:
    """One place by its attributes; every attribute may be asked for by ``locatt``."""

    attributes: Mapping[str, str]

    @property
    def country(self) -> str | None:
        country = self.attributes.get("country")
        return fold(country.strip()) if country is not None else None

    @property
    def weight(self) -> float:
        """From 0 to a million; 1 when nothing is said, 0 when it cannot be read."""
        try:
            weight = float(self.attributes.get("weight", "1"))
        except ValueError:
            return 0.0
        return min(max(weight, 0.0), _HEAVIEST) if math.isfinite(weight) else 0.0

    def target(self, handle: str) -> str | None:
        """What the place says its address is, for this handle; checked by ``address``."""
        if "href" in self.attributes:
            return self.attributes["href"].strip()
        template = self.attributes.get("href_template")
        if template is None:
            return None
        path = quote(handle, safe="/")
        return template.strip().replace("{hdl:path}", path).replace("{hdl}", quote(handle, safe=""))

    def address(self, handle: str, suffix: str = "") -> str | None:
        """The web address for this handle, with the visitor's suffix behind it; ``None`` when it is none."""
        target = self.target(handle)
        if target is None:
            return None
        return appended(target, suffix) if suffix else web_address(target)


@dataclass(frozen=True, slots=True)
class Locations:
    """The places of one value and the methods, in order, by which one is chosen."""

    choose_by: tuple[str, ...]
    places: tuple[Location, ...]


@dataclass(frozen=True, slots=True)
class Visitor:
    """What choosing goes by: attributes asked for, the dearest first (``None``: any value), and the country."""

    locatts: tuple[tuple[str, str | None], ...] = ()
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """``by_chance``: another draw might have ended elsewhere, so the choice is not for others to keep."""

    place: Location
    by_chance: bool


def read_locations(data: bytes) -> Locations:
    """The places in a value's data. Raises InvalidLocations."""
    if len(data) > _MOST_BYTES:
        raise InvalidLocations(f"the value has {len(data)} bytes; {_MOST_BYTES} are read", reason="too_long")
    try:
        text = data.decode("utf-8")  # first: expat itself would believe the mark of UTF-16
        return _Reader().read(text)
    except UnicodeDecodeError as error:
        raise InvalidLocations("the value is not UTF-8", reason="encoding") from error
    except expat.ExpatError as error:
        detail = f"line {error.lineno} is no XML: {expat.errors.messages.get(error.code, 'unknown fault')}"
        raise InvalidLocations(detail, reason="xml", line=error.lineno) from error


def of_url(value: Value, weight: float) -> Location:
    """A URL value as a place among others; what is no text has no address."""
    return Location({"href": value.data.decode("utf-8", "replace"), "weight": f"{weight:g}", "mode": "legacy"})


def choose(
    places: Sequence[Location], choose_by: Iterable[str], visitor: Visitor, chance: Callable[[], float]
) -> Chosen | None:
    """One of the places, ``None`` only when there are none; ``chance`` gives numbers from 0 up to 1."""
    left = list(places)
    for method in choose_by:
        if method == "locatt":
            for name, wanted in visitor.locatts:
                left = _with_attribute(left, name, wanted) or left
        elif method == "country":
            left = _in_country(left, visitor.country) or left
        elif method == WEIGHTED:
            break
    if not left:
        return None
    if len(left) == 1:
        return Chosen(left[0], by_chance=False)
    weighing = [place for place in left if place.weight > 0] or left  # weight 0: only when nothing else is left
    ends = list(accumulate(place.weight or 1.0 for place in weighing))
    drawn = chance() * ends[-1]
    place = next((place for place, end in zip(weighing, ends, strict=True) if drawn < end), weighing[-1])
    return Chosen(place, by_chance=len(weighing) > 1)


def _with_attribute(places: list[Location], name: str, wanted: str | None) -> list[Location]:
    return [
        place
        for place in places
        if (found := place.attributes.get(name)) is not None and (wanted is None or fold(found) == fold(wanted))
    ]


def _in_country(places: list[Location], country: str | None) -> list[Location]:
    """Those of the country, else those of none in particular."""
    same = [place for place in places if country is not None and place.country == fold(country)]
    return same or [place for place in places if place.country is None]


class _Reader:
    """Builds ``Locations`` from expat's events; raising in an event ends the reading at once."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate("utf-8")  # whatever the XML declares
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._depth = 0
        self._elements = 0
        self._choose_by: tuple[str, ...] = _CHOOSE_BY
        self._places: list[Location] = []

    def read(self, text: str) -> Locations:
        self._parser.Parse(text, True)
        return Locations(self._choose_by, tuple(self._places))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._elements > _MOST_ELEMENTS or self._depth > _DEEPEST or len(attributes) > _MOST_ATTRIBUTES:
            raise self._fault("too_much", f"there is more than {_MOST_ELEMENTS} places need")
        kind = fold(name.rpartition(":")[2])
        if self._depth == 1:
            if kind != "LOCATIONS":
                raise self._fault("root", "the outermost element is not locations")
            methods = [method.strip().lower() for method in attributes.get("chooseby", "").split(",")]
            self._choose_by = tuple(method for method in methods if method) or _CHOOSE_BY
        elif kind == "LOCATION":
            self._places.append(Location({key: text for key, text in attributes.items() if _NAME.fullmatch(key)}))

    def _end(self, _: str) -> None:
        self._depth -= 1

    def _doctype(self, *_: object) -> None:
        raise self._fault("doctype", "a document type is not read")

    def _fault(self, reason: str, what: str) -> InvalidLocations:
        line = self._parser.CurrentLineNumber
        return InvalidLocations(f"{what} (line {line})", reason=reason, line=line)
