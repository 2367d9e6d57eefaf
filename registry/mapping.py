"""Which column of the input becomes the suffix and which become attributes.

A mapping is written ``column=attribute``, once per column; ``column=suffix`` names the suffix. One column may
serve several targets (a GTIN is the suffix and an attribute). Without a mapping the columns carry the names of
the attributes, and one is called ``suffix``.

``table`` and ``objects`` compile a mapping into a function from the fields of a row to a ``Mapped``, which
``registry.encoder`` takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Object
from dataclasses import dataclass
from operator import itemgetter

from node.errors import Malformed
from registry.rejection import Code, Fault, shown
from registry.rows import Scalar

SUFFIX = "suffix"
"""The target that is not an attribute; no attribute may be called so."""

Mapped = tuple[Scalar, Sequence[Scalar], Sequence[Fault]]
"""The suffix, the values by the position of their attribute in the template, faults found while mapping."""


class InvalidMapping(Malformed):
    """The columns do not fit the template; ``faults`` lists everything wrong with them."""

    title_zh = "列映射有误"

    def __init__(self, faults: Sequence[Fault]) -> None:
        sentences = "; ".join(fault.message for fault in faults)
        super().__init__(f"the columns do not fit: {sentences}", faults=[fault.to_json() for fault in faults])


@dataclass(frozen=True, slots=True)
class Mapping:
    """Pairs of a column (or JSON key) and its target, as the sender gave them."""

    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Mapping:
        """``column=target`` texts, split at the last ``=`` because columns may contain anything.

        Raises ``InvalidMapping`` when a text has no ``=`` or nothing on one side of it.
        """
        pairs = []
        faults = []
        for text in texts:
            column, _, target = text.rpartition("=")
            if column and target:
                pairs.append((column, target))
            else:
                place = shown(text)
                message = f"应写成“列名=属性”：{place} / not of the form column=attribute: {place}"
                faults.append(Fault(place, "not_a_pair", message))
        if faults:
            raise InvalidMapping(faults)
        return cls(tuple(pairs))

    @classmethod
    def by_name(cls, header: Iterable[str]) -> Mapping:
        """Every column to the target of the same name."""
        return cls(tuple((column, column) for column in header))

    def table(self, header: Sequence[str], attributes: Sequence[str]) -> Callable[[list[str]], Mapped]:
        """For rows of a table with these columns. ``attributes`` are the names in the template's order.

        Raises ``InvalidMapping``.
        """
        sources = self._sources(attributes, header)
        place = {column: position for position, column in enumerate(header)}
        suffix_at = place[sources[SUFFIX]]
        nowhere = len(header)
        places = [place[sources[name]] if name in sources else nowhere for name in attributes]
        # One more place than needed: itemgetter of a single place would not return a tuple.
        pick = itemgetter(*places, suffix_at)
        if nowhere in places:
            return lambda fields: (fields[suffix_at], pick([*fields, ""]), ())
        return lambda fields: (fields[suffix_at], pick(fields), ())

    def objects(self, attributes: Sequence[str]) -> Callable[[Object[str, Scalar]], Mapped]:
        """For JSON objects; keys that the mapping does not name are ignored. Raises ``InvalidMapping``."""
        sources = self._sources(attributes, None)
        suffix_key = sources[SUFFIX]
        keys = tuple(sources.get(name) for name in attributes)

        def mapped(fields: Object[str, Scalar]) -> Mapped:
            get = fields.get
            return get(suffix_key), [None if key is None else get(key) for key in keys], ()

        return mapped

    def _sources(self, attributes: Sequence[str], header: Sequence[str] | None) -> dict[str, str]:
        """The column of each target."""
        faults = [*_target_faults(self.pairs, attributes)]
        if header is not None:
            found = ", ".join(header)
            faults.extend(
                Fault(shown(column), "missing_column", f"表头中没有“{shown(column)}”列 / the header has: {found}")
                for column, _ in self.pairs
                if column not in header
            )
        if faults:
            raise InvalidMapping(faults)
        return {target: column for column, target in self.pairs}


def objects_by_name(attributes: Sequence[str]) -> Callable[[Object[str, Scalar]], Mapped]:
    """For JSON objects whose keys are the attributes' names and ``suffix``; another key is a fault of its row."""
    known = frozenset((*attributes, SUFFIX))
    pick = itemgetter(*attributes, SUFFIX)

    def mapped(fields: Object[str, Scalar]) -> Mapped:
        if len(fields) == len(known):
            try:
                return fields[SUFFIX], pick(fields), ()
            except KeyError:
                pass
        get = fields.get
        values = [get(name) for name in attributes]
        if fields.keys() <= known:
            return get(SUFFIX), values, ()
        unknown = [Code.UNKNOWN_ATTRIBUTE.fault(key) for key in fields if key not in known]
        return get(SUFFIX), values, unknown

    return mapped


def _target_faults(pairs: Sequence[tuple[str, str]], attributes: Sequence[str]) -> Iterable[Fault]:
    known = {*attributes, SUFFIX}
    times = Counter(target for _, target in pairs)
    for target, count in times.items():
        place = shown(target)
        if target not in known:
            names = ", ".join((SUFFIX, *attributes))
            message = f"模板中没有属性“{place}” / the template has no attribute {place}; it has: {names}"
            yield Fault(place, "unknown_attribute", message)
        if count > 1:
            message = f"“{place}”对应了 {count} 列 / {place} is given {count} columns"
            yield Fault(place, "target_twice", message)
    if SUFFIX not in times:
        yield Fault(SUFFIX, "no_suffix", "没有一列对应后缀 / no column is the suffix")
