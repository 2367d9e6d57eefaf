"""Which column of the input becomes the suffix and which become attributes, and what is done to them on the way.

The short form is texts ``column=attribute``, once per column; ``column=suffix`` names the suffix. One column may
serve several targets (a GTIN is the suffix and an attribute). The rich form is an object, see
``registry/mappings/definition.py``. Without a mapping the columns carry the names of the attributes, and one
is called ``suffix``.

A mapping is compiled into a function from the fields of a row: ``table`` and ``objects`` for registrations,
``table_changes`` and ``object_changes`` for changes, where what a row does not have stays as it is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as Object
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

from node.errors import Malformed
from registry.mappings.definition import SUFFIX, FromRule, Target, read_definition
from registry.mappings.rows import (
    VERSION,
    Mapped,
    RowChange,
    cells_changed,
    changed_by,
    key_getter,
    taker,
    version_of,
    working,
)
from registry.mappings.transforms import Source
from registry.rejection import Code, Fault, shown

__all__ = [
    "RESERVED", "SUFFIX", "VERSION", "InvalidMapping", "Mapped", "Mapping", "RowChange", "object_changes_by_name",
    "objects_by_name",
]  # fmt: skip

_OBJECT = re.compile(r'\s*\{\s*["}]')
"""How the JSON text of a mapping begins; a column of a pair would hardly."""

RESERVED = frozenset(
    {
        "biaoshi_sheet", "biaoshi_line", "biaoshi_field", "biaoshi_code", "biaoshi_message", VERSION,
        "biaoshi_state", "biaoshi_template", "biaoshi_registered_at", "biaoshi_updated_at", "biaoshi_written_at",
        "biaoshi_values",
    }
)  # fmt: skip
"""Columns that rejections and exports add. They are no attributes, and are passed over when rows come back."""


class InvalidMapping(Malformed):
    """The columns do not fit the template; ``faults`` lists everything wrong with them."""

    title_zh = "列映射有误"

    def __init__(self, faults: Sequence[Fault]) -> None:
        sentences = "; ".join(fault.message for fault in faults)
        super().__init__(f"the columns do not fit: {sentences}", faults=[fault.to_json() for fault in faults])


@dataclass(frozen=True, slots=True)
class Mapping:
    """Targets and their sources, as the sender gave them: a target given twice is told when it is compiled."""

    targets: tuple[Target, ...]

    @classmethod
    def parse(cls, said: Iterable[str] | Object[str, Any]) -> Mapping:
        """The rich form as an object, or ``column=target`` texts, or one text that is the JSON of the rich form.

        Texts are split at the last ``=``, because columns may contain anything. Raises ``InvalidMapping`` with
        everything that is wrong with the mapping by itself.
        """
        if isinstance(said, Object):
            targets, faults = read_definition(said)
        else:
            texts = list(said)
            rich = len(texts) == 1 and _OBJECT.match(texts[0])
            targets, faults = _from_text(texts[0]) if rich else _pairs(texts)
        if faults:
            raise InvalidMapping(faults)
        return cls(targets)

    @classmethod
    def by_name(cls, header: Iterable[str]) -> Mapping:
        """Every column to the target of the same name; the reserved ones to none."""
        return cls(tuple((column, Source(columns=(column,))) for column in header if column not in RESERVED))

    def to_json(self) -> Any:
        """What ``parse`` takes back: the rich form; texts where a target is given twice, which only texts can say."""
        if len({target for target, _ in self.targets}) < len(self.targets):
            return [f"{source.to_json()}={target}" for target, source in self.targets]
        said: dict[str, Any] = {}
        for target, source in self.targets:
            if target == SUFFIX:
                said[SUFFIX] = source.to_json()
        said["attributes"] = {target: source.to_json() for target, source in self.targets if target != SUFFIX}
        return said

    @property
    def coding_rule(self) -> str | None:
        """The name of the coding rule that makes the suffixes, if one does."""
        return next((source.rule for _, source in self.targets if isinstance(source, FromRule)), None)

    @property
    def rule_values(self) -> tuple[str, ...]:
        """The names of the further values that the coding rule is given."""
        return tuple(name for _, source in self.targets if isinstance(source, FromRule) for name, _ in source.values)

    @property
    def columns(self) -> frozenset[str]:
        """Every column that a source takes."""
        return frozenset(chain.from_iterable(source.columns for source in _sources(self.targets)))

    def completed(self, names: Iterable[str]) -> Mapping:
        """With the column of the same name for every one of these targets that the mapping does not name."""
        named = {target for target, _ in self.targets}
        added = (name for name in names if name not in named)
        return Mapping((*self.targets, *((name, Source(columns=(name,))) for name in added)))

    def table(self, header: Sequence[str], attributes: Sequence[str]) -> Callable[[list[str]], Mapped]:
        """For rows of a table with these columns. ``attributes`` are the names in the template's order.

        Raises ``InvalidMapping``.
        """
        needed = [column for source in _sources(self.targets) for column in source.columns]
        targets = self._checked(attributes, _missing(needed, header))
        places = {column: position for position, column in enumerate(header)}
        nowhere = len(header)
        plain = {
            name: places[source.columns[0]]
            for name, source in targets.items()
            if isinstance(source, Source) and source.is_plain
        }
        picked = [plain.get(name, nowhere) for name in attributes]
        # One more place than needed: itemgetter of a single place would not return a tuple.
        suffix_at = plain.get(SUFFIX, nowhere)
        pick = itemgetter(*picked, suffix_at)
        if len(plain) == len(targets):
            if nowhere in picked:
                return lambda fields: (fields[suffix_at], pick([*fields, ""]), ())
            return lambda fields: (fields[suffix_at], pick(fields), ())
        return working(targets, attributes, lambda fields: pick([*fields, ""]), lambda name: itemgetter(places[name]))

    def objects(self, attributes: Sequence[str]) -> Callable[[Object[str, Any]], Mapped]:
        """For JSON objects; keys that the mapping does not name are ignored. Raises ``InvalidMapping``."""
        targets = self._checked(attributes, ())
        keys = [
            source.columns[0] if isinstance(source := targets.get(name), Source) and source.is_plain else None
            for name in (*attributes, SUFFIX)
        ]
        *attribute_keys, suffix_key = keys

        def picked(fields: Object[str, Any]) -> list[Any]:
            get = fields.get
            return [None if key is None else get(key) for key in keys]

        def mapped(fields: Object[str, Any]) -> Mapped:
            get = fields.get
            return get(suffix_key), [None if key is None else get(key) for key in attribute_keys], ()  # type: ignore[arg-type]  # a plain suffix has a key

        if all(isinstance(source, Source) and source.is_plain for source in targets.values()):
            return mapped
        return working(targets, attributes, picked, key_getter)

    def table_changes(self, header: Sequence[str], attributes: Sequence[str]) -> Callable[[list[str]], RowChange]:
        """As ``table``, for changes: attributes whose columns the header does not have are left alone.

        An empty cell clears its value. Raises ``InvalidMapping``.
        """
        places = {column: position for position, column in enumerate(header)}
        needed = [
            column
            for target, source in self.targets
            if isinstance(source, Source) and (target == SUFFIX or any(column in places for column in source.columns))
            for column in source.columns
        ]
        targets = self._changing(attributes, _missing(needed, header))
        present = {
            name: source for name, source in targets.items() if all(column in places for column in source.columns)
        }
        takes = {
            name: taker(source, lambda column: itemgetter(places[column]), whole=name == SUFFIX)
            for name, source in present.items()
        }
        version = itemgetter(places[VERSION]) if VERSION in places else None
        if all(source.is_plain for source in present.values()) and version is None:
            return cells_changed(
                places[targets[SUFFIX].columns[0]],
                {name: places[source.columns[0]] for name, source in present.items() if name != SUFFIX},
            )
        return lambda fields: changed_by(fields, takes, version, [])

    def object_changes(self, attributes: Sequence[str]) -> Callable[[Object[str, Any]], RowChange]:
        """As ``objects``, for changes: an attribute none of whose keys an object has is left alone, null clears it.

        An object that has only some of the keys to join is faulty. Raises ``InvalidMapping``.
        """
        targets = self._changing(attributes)
        takes = {name: taker(source, key_getter, whole=name == SUFFIX) for name, source in targets.items()}
        needed = {name: source.columns for name, source in targets.items()}

        def changed(fields: Object[str, Any]) -> RowChange:
            present = {}
            faults = []
            for name, take in takes.items():
                columns = needed[name]
                held = sum(column in fields for column in columns)
                if held == len(columns) or name == SUFFIX:
                    present[name] = take
                elif held:
                    missing = next(column for column in columns if column not in fields)
                    faults.append(Code.JOIN_INCOMPLETE.fault(name, column=missing))
            return changed_by(fields, present, key_getter(VERSION), faults)

        return changed

    def values(
        self, attributes: Sequence[str]
    ) -> Callable[[Object[str, Any]], tuple[Sequence[Any], Sequence[Fault]]]:
        """For what is registered already (a migration): attributes by their old names into the values of a template.

        The mapping names no suffix. Raises ``InvalidMapping``.
        """
        fixed = Mapping((*self.targets, (SUFFIX, Source(columns=(SUFFIX,)))))
        mapped = fixed.objects(attributes)

        def valued(fields: Object[str, Any]) -> tuple[Sequence[Any], Sequence[Fault]]:
            _, values, faults = mapped(fields)
            return values, faults

        return valued

    def _changing(self, attributes: Sequence[str], columns: Sequence[Fault] = ()) -> dict[str, Source]:
        ruled = []
        if self.coding_rule is not None:
            message = "变更不能由编码规则生成后缀 / a change says which identifier it means; no coding rule can"
            ruled = [Fault(SUFFIX, "coding_rule_for_change", message)]
        targets = self._checked(attributes, [*ruled, *columns])
        return {name: source for name, source in targets.items() if isinstance(source, Source)}

    def _checked(self, attributes: Sequence[str], more: Sequence[Fault]) -> dict[str, Source | FromRule]:
        """The source of each target. Raises ``InvalidMapping`` with what the targets lack, and the rest known."""
        if faults := [*_target_faults(self.targets, attributes), *more]:
            raise InvalidMapping(faults)
        return dict(self.targets)


def objects_by_name(attributes: Sequence[str]) -> Callable[[Object[str, Any]], Mapped]:
    """For JSON objects whose keys are the attributes' names and ``suffix``; another key is a fault of its row.

    Reserved keys are passed over.
    """
    known = frozenset((*attributes, SUFFIX))
    pick = itemgetter(*attributes, SUFFIX)

    def mapped(fields: Object[str, Any]) -> Mapped:
        if len(fields) == len(known):
            try:
                return fields[SUFFIX], pick(fields), ()
            except KeyError:
                pass
        get = fields.get
        values = [get(name) for name in attributes]
        if fields.keys() <= known:
            return get(SUFFIX), values, ()
        return get(SUFFIX), values, _unknown_keys(fields, known)

    return mapped


def object_changes_by_name(attributes: Sequence[str]) -> Callable[[Object[str, Any]], RowChange]:
    """As ``objects_by_name``, for changes: keys that an object does not have are left alone, null clears."""
    known = frozenset((*attributes, SUFFIX))

    def changed(fields: Object[str, Any]) -> RowChange:
        values = {name: None if fields[name] == "" else fields[name] for name in attributes if name in fields}
        faults = [] if fields.keys() <= known else _unknown_keys(fields, known)
        return RowChange(fields.get(SUFFIX), values, faults, version_of(fields.get(VERSION), faults))

    return changed


def _unknown_keys(fields: Object[str, Any], known: frozenset[str]) -> list[Fault]:
    return [Code.UNKNOWN_ATTRIBUTE.fault(key) for key in fields if key not in known and key not in RESERVED]


def _pairs(texts: Iterable[str]) -> tuple[tuple[Target, ...], list[Fault]]:
    targets: list[Target] = []
    faults = []
    for text in texts:
        column, _, target = text.rpartition("=")
        if column and target:
            targets.append((target, Source(columns=(column,))))
        else:
            place = shown(text)
            message = f"应写成“列名=属性”：{place} / not of the form column=attribute: {place}"
            faults.append(Fault(place, "not_a_pair", message))
    return tuple(targets), faults


def _from_text(text: str) -> tuple[tuple[Target, ...], list[Fault]]:
    """The rich form out of its JSON text."""
    twice: list[Fault] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for name, times in Counter(name for name, _ in pairs).items():
            if times > 1:
                twice.append(Fault(shown(name), "member_twice", "同一成员出现两次 / the member stands twice"))
        return dict(pairs)

    try:
        said = json.loads(text, object_pairs_hook=members)
    except (ValueError, RecursionError) as error:
        reason = shown(str(error))
        return (), [Fault(None, "bad_json", f"不是有效的 JSON：{reason} / not valid JSON: {reason}")]
    targets, faults = read_definition(said)
    return targets, [*twice, *faults]


def _sources(targets: Iterable[Target]) -> Iterator[Source]:
    """Every source of the targets, those of a coding rule's values too."""
    for _, source in targets:
        if isinstance(source, Source):
            yield source
        else:
            yield from (given for _, given in source.values)


def _target_faults(targets: Sequence[Target], attributes: Sequence[str]) -> Iterator[Fault]:
    known = {*attributes, SUFFIX}
    times = Counter(target for target, _ in targets)
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


def _missing(columns: Sequence[str], header: Sequence[str]) -> list[Fault]:
    """A fault for each of the columns that the header does not have."""
    found = ", ".join(header)
    return [
        Fault(shown(column), "missing_column", f"表头中没有“{shown(column)}”列 / the header has: {found}")
        for column in dict.fromkeys(columns)
        if column not in header
    ]
