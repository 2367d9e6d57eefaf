"""Display templates (展示模板): how the public page of an identifier shows its attributes.

It is about looks only: what the page hides stands in the record as before, for everybody who may read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.templates.attributes import Attribute, Kind
from registry.templates.definition_faults import Finding, title_findings
from registry.templates.media import Media

MAX_SECTIONS = 20
TITLE = "name"
"""The attribute that heads a page where no display template names another."""
REMAINING = ("其他信息", "Other details")
"""The title of the section with what no other section names."""


@dataclass(frozen=True, slots=True)
class Section:
    """Attributes that stand together under a title, in this order."""

    title_zh: str
    title_en: str = ""
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Display:
    """All by the names of attributes. ``title`` heads the page, ``image`` is a picture beside it.

    What neither stands in a section nor is hidden is shown behind the sections, in the template's order.
    """

    title: str | None = None
    image: str | None = None
    sections: tuple[Section, ...] = ()
    hidden: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """In JSON's own types."""
        return {
            "title": self.title,
            "image": self.image,
            "sections": [
                {"title_zh": one.title_zh, "title_en": one.title_en, "attributes": list(one.attributes)}
                for one in self.sections
            ],
            "hidden": list(self.hidden),
        }


def display_findings(display: Display, attributes: Sequence[Attribute]) -> Iterator[Finding]:
    """What is wrong with a display template for these attributes."""
    known = {attribute.name: attribute for attribute in attributes}
    for place, name in _named(display):
        if name not in known:
            yield f"display.{place}", "unknown_attribute", f"没有属性 {name}", f"there is no attribute {name}"
    image = known.get(display.image or "")
    if image is not None and (image.kind is not Kind.FILE or image.media is not Media.IMAGE or image.many):
        zh, en = "图片须为单个图片文件属性", "a picture is one file of the media image"
        yield "display.image", "not_an_image", zh, en
    if len(display.sections) > MAX_SECTIONS:
        zh, en = f"最多 {MAX_SECTIONS} 个分区", f"there are at most {MAX_SECTIONS} sections"
        yield "display.sections", "too_many_sections", zh, en
    for number, section in enumerate(display.sections):
        for member, code, zh, en in title_findings(section.title_zh, section.title_en):
            yield f"display.sections[{number}].{member}", code, zh, en
    seen: set[str] = set()
    for place, name in _placed(display):
        if name in seen:
            zh, en = f"属性 {name} 出现两次", f"the attribute {name} has two places"
            yield f"display.{place}", "duplicate_attribute", zh, en
        seen.add(name)


def layout(display: Display | None, attributes: Sequence[Attribute]) -> Mapping[str, Any]:
    """What the page will look like, as data: ``title``, ``image`` and ``sections`` of whole attributes."""
    display = display or Display()
    known = {attribute.name: attribute for attribute in attributes}
    title = display.title or (TITLE if TITLE in known else None)
    placed = {name for _, name in _placed(display)} | {title, display.image}
    sections = [(one.title_zh, one.title_en, [known[name] for name in one.attributes]) for one in display.sections]
    rest = [attribute for attribute in attributes if attribute.name not in placed]
    if rest:
        sections.append((*REMAINING, rest))
    return {
        "title": title,
        "image": display.image,
        "sections": [
            {"title_zh": zh, "title_en": en, "attributes": [_shown(attribute) for attribute in shown]}
            for zh, en, shown in sections
        ],
        "hidden": list(display.hidden),
    }


def _shown(attribute: Attribute) -> dict[str, Any]:
    return {
        "name": attribute.name,
        "title_zh": attribute.title_zh,
        "title_en": attribute.title_en,
        "kind": attribute.kind.value,
        "many": attribute.many,
        "unit": attribute.unit,
        "state": attribute.state.value,
    }


def _named(display: Display) -> Iterator[tuple[str, str]]:
    """Every name with the member that says it."""
    for member, name in (("title", display.title), ("image", display.image)):
        if name is not None:
            yield member, name
    yield from _placed(display)


def _placed(display: Display) -> Iterator[tuple[str, str]]:
    for number, section in enumerate(display.sections):
        for name in section.attributes:
            yield f"sections[{number}].attributes", name
    for name in display.hidden:
        yield "hidden", name
