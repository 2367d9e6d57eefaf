"""What a form sent: texts by name, and what was wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from multidict import MultiMapping

from admin.console.faults import bilingual, spoken, together
from admin.console.language import Language
from node.errors import NodeError


class Form:
    """The fields of a form; browsers send line ends as CR LF, the node keeps LF."""

    def __init__(self, fields: MultiMapping[Any]) -> None:
        self._fields = {
            name: [value.replace("\r\n", "\n").strip() for value in fields.getall(name) if isinstance(value, str)]
            for name in fields
        }

    def text(self, name: str) -> str:
        """Its text, "" where it was left empty or out."""
        return next(iter(self._fields.get(name, ())), "")

    def texts(self, name: str) -> list[str]:
        """All its texts that are not empty: of boxes, of repeated fields."""
        return [text for text in self._fields.get(name, ()) if text]

    def all_texts(self, name: str) -> list[str]:
        """All its texts in order, the empty ones too: columns of a table of fields."""
        return list(self._fields.get(name, ()))

    def has(self, name: str) -> bool:
        """Whether a box is ticked, or a field filled."""
        return bool(self.text(name))

    def number(self, name: str) -> int | str | None:
        """A whole number; ``None`` where empty; what is none stays text, for the operation to refuse by name."""
        text = self.text(name)
        try:
            return int(text) if text else None
        except ValueError:
            return text

    def given(self, *names: str) -> dict[str, str]:
        """Those fields that were filled, as they are."""
        return {name: self.text(name) for name in names if self.text(name)}


EMPTY: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an operation refused, for the page that asked: the whole, and each field by its name."""

    title_zh: str
    code: str
    detail: str
    fields: Mapping[str, str]

    @classmethod
    def of(cls, error: NodeError) -> Refusal:
        """What an error says of fields: its ``faults`` (field, message), or the one ``field`` it names."""
        faults: Iterable[Any] = error.evidence.get("faults") or ()
        fields: dict[str, str] = {}
        for fault in faults:
            if isinstance(fault, Mapping):
                name = str(fault["field"])
                fields[name] = together(fields[name], bilingual(fault)) if name in fields else bilingual(fault)
        if not fields and "field" in error.evidence:
            fields = {str(error.evidence["field"]): f"{error.title_zh} / {error.detail}"}
        return cls(error.title_zh, error.code, error.detail, fields)

    def spoken(self, language: Language) -> Refusal:
        """The same with its messages in one language, where they have two."""
        return replace(self, fields={name: spoken(message, language) for name, message in self.fields.items()})
