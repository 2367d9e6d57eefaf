"""The definition of a template as a form, and the form as a definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from admin.console.form import Form
from admin.console.rows import Row, arranged, lines_of, number_of, rows_of
from node.record import DEFAULT_TTL
from registry.templates.attributes import AttributeState, Kind
from registry.templates.display import MAX_SECTIONS
from registry.templates.template import MAX_ATTRIBUTES, Landing

_HEADS = ("name", "title_zh", "title_en", "ttl", "landing")
_TEXTS = (
    "name", "title_zh", "title_en", "kind", "type", "pattern", "minimum", "maximum", "unit", "state", "media",
    "template", "date_format", "code", "definition", "comment",
)  # fmt: skip
_NUMBERS = ("index", "min_length", "max_length", "max_items", "decimals")
_TICKS = ("required", "unique", "listed", "many")
_LINES = ("choices", "suffixes")
_ATTRIBUTE = (*_TEXTS, *_NUMBERS, *_TICKS, *_LINES)
_SECTION = ("title_zh", "title_en", "attributes")
ATTRIBUTES = "attributes"
SECTIONS = "display.sections"


@dataclass(frozen=True, slots=True)
class TemplateForm:
    """Texts as they stand in the fields: ``head`` by name, attributes and sections as rows; lists one a line."""

    head: Mapping[str, str] = field(default_factory=lambda: {"ttl": str(DEFAULT_TTL), "landing": Landing.PAGE})
    attributes: tuple[Row, ...] = ({},)
    title: str = ""
    image: str = ""
    sections: tuple[Row, ...] = ()
    hidden: str = ""

    @classmethod
    def of(cls, form: Form) -> Self:
        """What was filled in, after the button that was pressed has arranged its rows."""
        pressed = form.text("arrange")
        attributes = rows_of(form, ATTRIBUTES, _ATTRIBUTE, MAX_ATTRIBUTES)
        sections = rows_of(form, SECTIONS, _SECTION, MAX_SECTIONS)
        return cls(
            head={name: form.text(name) for name in _HEADS},
            attributes=tuple(arranged(attributes, ATTRIBUTES, pressed, MAX_ATTRIBUTES)),
            title=form.text("display.title"),
            image=form.text("display.image"),
            sections=tuple(arranged(sections, SECTIONS, pressed, MAX_SECTIONS)),
            hidden=form.text("display.hidden"),
        )

    @classmethod
    def of_definition(cls, said: Mapping[str, Any]) -> Self:
        """What a stored definition says."""
        display = said.get("display") or {}
        return cls(
            head={name: _text(said.get(name)) for name in _HEADS},
            attributes=tuple({name: _text(one.get(name)) for name in _ATTRIBUTE} for one in said["attributes"]),
            title=_text(display.get("title")),
            image=_text(display.get("image")),
            sections=tuple({name: _text(one.get(name)) for name in _SECTION} for one in display.get("sections", ())),
            hidden=_text(display.get("hidden")),
        )

    def definition(self) -> dict[str, Any]:
        """The body of the operations; what was left empty is left out."""
        said: dict[str, Any] = {name: text for name, text in self.head.items() if text or name != "landing"}
        said["ttl"] = number_of(self.head.get("ttl", "")) if self.head.get("ttl") else DEFAULT_TTL
        said[ATTRIBUTES] = [_attribute(row) for row in self.attributes]
        display = {
            **({"title": self.title} if self.title else {}),
            **({"image": self.image} if self.image else {}),
            "sections": [
                {"title_zh": row.get("title_zh", ""), "title_en": row.get("title_en", ""),
                 "attributes": lines_of(row.get("attributes", ""))}
                for row in self.sections
            ],
            "hidden": lines_of(self.hidden),
        }  # fmt: skip
        if any(display.values()):
            said["display"] = display
        return said

    def with_an_attribute(self) -> Self:
        """With one empty row where there is none to fill in."""
        return self if self.attributes else replace(self, attributes=({},))


KINDS = tuple(Kind)
STATES = tuple(AttributeState)


def _attribute(row: Row) -> dict[str, Any]:
    said: dict[str, Any] = {"name": row.get("name", ""), "title_zh": row.get("title_zh", "")}
    said |= {name: row[name] for name in _TEXTS if row.get(name)}
    said |= {name: number_of(row[name]) for name in _NUMBERS if row.get(name)}
    said |= {name: True for name in _TICKS if row.get(name)}
    return said | {name: lines_of(row[name]) for name in _LINES if row.get(name)}


def _text(value: object) -> str:
    match value:
        case None | False:
            return ""
        case True:
            return "yes"
        case list() | tuple():
            return "\n".join(map(str, value))
    return str(value)
