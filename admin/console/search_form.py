"""The filters of a search (检索条件) as a form says them: field by field, and as the operation is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from multidict import MultiMapping

from node.china_time import CHINA

PLAIN = ("prefix", "template", "suffix_begins", "suffix_contains", "state")
MOMENTS = ("registered_from", "registered_to", "updated_from", "updated_to")
HOWS = ("equal", "begins", "contains", "from", "to")
CONDITIONS = 3
"""Rows of the form; whoever asks for more asks the operation."""


@dataclass(frozen=True, slots=True)
class ConditionRow:
    attribute: str = ""
    how: str = "equal"
    operand: str = ""

    @property
    def said(self) -> bool:
        return bool(self.attribute and self.operand)


@dataclass(frozen=True, slots=True)
class SearchForm:
    """What was filled in; ``texts`` by the names of the operation's parameters."""

    texts: Mapping[str, str]
    conditions: tuple[ConditionRow, ...]

    @classmethod
    def of(cls, query: MultiMapping[str]) -> SearchForm:
        """What an address says; moments of a form are in China's time."""
        texts = {name: query.get(name, "").strip() for name in (*PLAIN, *MOMENTS)}
        columns = [query.getall(name, [])[:CONDITIONS] for name in ("attribute", "how", "operand")]
        rows = [
            ConditionRow(attribute.strip(), how if how in HOWS else "equal", operand.strip())
            for attribute, how, operand in zip(*columns, strict=False)
        ]
        return cls({name: text for name, text in texts.items() if text}, tuple(rows))

    @property
    def rows(self) -> list[ConditionRow]:
        """The conditions, and empty ones up to as many as the form shows."""
        said = [row for row in self.conditions if row.said]
        return [*said, *(CONDITIONS - len(said)) * [ConditionRow()]]

    def asked(self) -> dict[str, str]:
        """The parameters of the operation."""
        asked = {name: _moment(text) if name in MOMENTS else text for name, text in self.texts.items()}
        said = [{"attribute": row.attribute, row.how: row.operand} for row in self.conditions if row.said]
        if said and "template" in asked:
            asked["where"] = json.dumps(said, ensure_ascii=False)
        return asked

    def address(self, **more: str) -> str:
        """The query of a page that is asked the same."""
        said = [pair for row in self.conditions if row.said for pair in _pairs(row)]
        return urlencode([*self.texts.items(), *said, *more.items()])


def _pairs(row: ConditionRow) -> list[tuple[str, str]]:
    return [("attribute", row.attribute), ("how", row.how), ("operand", row.operand)]


def _moment(text: str) -> str:
    """A moment of a form with its offset; what is none stays, for the operation to refuse by name."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (at if at.tzinfo else at.replace(tzinfo=CHINA)).isoformat()
