"""Sources compiled into functions that take the fields of a row: what runs once per row.

``fields`` are the cells of a table's row or the members of a JSON object; a ``Getter`` takes one column out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Object
from typing import Any, NamedTuple

from registry.mappings.definition import SUFFIX, FromRule
from registry.mappings.transforms import Source, Unfit, joiner, transform
from registry.rejection import Code, Fault

Getter = Callable[[Any], Any]

VERSION = "biaoshi_version"
"""The column of the version that a change expects."""

Mapped = tuple[Any, Sequence[Any], Sequence[Fault]]
"""The suffix, the values by the position of their attribute in the template, faults found while mapping.

There may be one value more than attributes. Values are what a row may hold: text, numbers, booleans, None, or a
list of these. Where a coding rule makes the suffix, the first member is the dictionary of its further values
until ``registry.coding.rules.with_suffixes`` has made it a text.
"""


class RowChange(NamedTuple):
    """What a row says of a change: only the attributes that it names; None clears a value.

    ``version`` is the version that the row expects (its column ``biaoshi_version``), if it says so.
    """

    suffix: Any
    values: dict[str, Any]
    faults: Sequence[Fault]
    version: int | None


def working(
    targets: Object[str, Source | FromRule],
    attributes: Sequence[str],
    pick: Callable[[Any], Sequence[Any]],
    getter: Callable[[str], Getter],
) -> Callable[[Any], Mapped]:
    """Rows with something to do: ``pick`` takes the plain values and, last, a plain suffix."""
    suffix_place = len(attributes)
    worked = [
        (place, name, taker(source, getter, whole=name == SUFFIX))
        for place, name in enumerate((*attributes, SUFFIX))
        if isinstance(source := targets.get(name), Source) and not source.is_plain
    ]
    coded = isinstance(suffix_source := targets[SUFFIX], FromRule)
    extra = suffix_source.values if isinstance(suffix_source, FromRule) else ()
    further = [(name, taker(source, getter, whole=False)) for name, source in extra]

    def mapped(fields: Any) -> Mapped:
        values = list(pick(fields))
        faults: list[Fault] = []
        for place, name, take in worked:
            try:
                values[place] = take(fields)
            except Unfit as unfit:
                faults.append(unfit.fault(name))
        if not coded:
            return values[suffix_place], values, faults
        for_rule = {}
        for name, take in further:
            try:
                for_rule[name] = take(fields)
            except Unfit as unfit:
                faults.append(unfit.fault(SUFFIX))
        return for_rule, values, faults

    return mapped


def taker(source: Source, getter: Callable[[str], Getter], *, whole: bool) -> Getter:
    """The value of one source out of the fields of a row; it raises ``Unfit``."""
    take: Getter
    if source.constant is not None:
        constant = source.constant
        return lambda _: constant
    if source.join is None:
        take = getter(source.columns[0])
    else:
        getters = [getter(column) for column in source.columns]
        join = joiner(source, whole=whole)

        def take(fields: Any) -> Any:
            return join([get(fields) for get in getters])

    change = transform(source)
    if change is None:
        return take
    return lambda fields: change(take(fields))


def changed_by(fields: Any, takes: Object[str, Getter], version: Getter | None, faults: list[Fault]) -> RowChange:
    """One row of changes; ``faults`` are those that were found before."""
    values: dict[str, Any] = {}
    for name, take in takes.items():
        try:
            value = take(fields)
        except Unfit as unfit:
            faults.append(unfit.fault(name))
        else:
            values[name] = None if value == "" or value == [] else value
    suffix = values.pop(SUFFIX, None)
    return RowChange(suffix, values, faults, None if version is None else version_of(version(fields), faults))


def cells_changed(suffix_at: int, places: Object[str, int]) -> Callable[[list[str]], RowChange]:
    """Rows of a table whose cells are taken as they are: the names with the places of their columns."""
    taken = list(places.items())

    def changed(cells: list[str]) -> RowChange:
        return RowChange(cells[suffix_at], {name: cells[place] or None for name, place in taken}, (), None)

    return changed


def key_getter(key: str) -> Getter:
    """The member of an object; None when it has none."""
    return lambda fields: fields.get(key)


def version_of(said: Any, faults: list[Fault]) -> int | None:
    """What the column ``biaoshi_version`` says; what is no version becomes a fault."""
    if said is None or said == "":
        return None
    text = said.strip() if isinstance(said, str) else str(said) if type(said) is int and said < 2**31 else ""
    if text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) < 2**31:
        return int(text)
    told = said if isinstance(said, str) else f"<{type(said).__name__}>"
    faults.append(Code.NOT_A_VERSION.fault(VERSION, value=told))
    return None
