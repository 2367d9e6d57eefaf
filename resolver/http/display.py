"""How the values of an identifier stand on its page: as its display template says, else in the template's order.

A value outside the template comes after all others; the Handle System's own have a place of their own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from node.record import Record, Value
from resolver.http.meaning import Item, items_of
from resolver.http.page_texts import CHINESE, ENGLISH
from resolver.http.page_values import Line, is_handle_systems, references
from resolver.local import AttributeFace, DisplayFace, TemplateFace

_TITLE_ATTRIBUTE = "name"
_SHOWN_CHARACTERS = 20_000  # of one value; the record itself is one link away
_NO_DISPLAY = DisplayFace()


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Display:
    """What stands on the page, ready to be shown; ``image`` is the address of a file of this node."""

    title: str
    image: str | None
    sections: tuple[Section, ...]


def display_of(values: Record, face: TemplateFace, english: bool) -> Display:
    """The values as plain text, in their sections; a section without values is left out."""
    display = face.display or _NO_DISPLAY
    attributes = {attribute.name: attribute for attribute in face.attributes}
    standing = {value.index: value for value in values if not is_handle_systems(value)}
    by_name = {name: standing[one.index] for name, one in attributes.items() if one.index in standing}
    titled = display.title or _TITLE_ATTRIBUTE
    title = _title(by_name.get(titled), attributes.get(titled), english)
    image = _image(by_name.get(display.image or ""), attributes.get(display.image or ""))
    shown = {titled, *display.hidden, *([display.image] if image and display.image else [])}
    sections = []
    for section in display.sections:
        lines = _lines([by_name[name] for name in section.attributes if name in by_name], face, english)
        shown |= set(section.attributes)
        sections.append(Section(shown_text((section.title_en if english else "") or section.title_zh), lines))
    left_out = {attributes[name].index for name in shown if name in attributes}
    rest = [value for index, value in standing.items() if index not in left_out]
    said = ENGLISH if english else CHINESE
    rest_title = said["other_details"] if display.sections else said["details"]
    sections.append(Section(rest_title, _lines(_in_order(rest, face), face, english)))
    return Display(title, image, tuple(section for section in sections if section.lines))


def title_of(attribute: AttributeFace | None, value: Value, english: bool) -> str:
    """What a value is called: by its template, else by its type."""
    if attribute is None:
        return value.type
    return (attribute.title_en or attribute.title_zh) if english else attribute.title_zh


def entries_of(value: Value, attribute: AttributeFace | None, english: bool) -> tuple[Item, ...]:
    """The data as people read it, with its unit; what is no text is described, what is too long is cut."""
    said = ENGLISH if english else CHINESE
    items = items_of(value.data, attribute)
    if items is None:
        return (Item(said["binary"].format(bytes=len(value.data)), None),)
    room = _SHOWN_CHARACTERS
    entries = []
    for item in items:
        if room <= 0:
            entries.append(Item("…", None))
            break
        text = item.text if len(item.text) <= room else item.text[:room] + "…"
        room -= len(text)
        if attribute is not None and attribute.unit is not None:
            text = f"{text} {attribute.unit}"
        elif attribute is not None and attribute.date_format is not None:
            text = _date(text, attribute.date_format)
        elif attribute is not None and attribute.kind == "file" and item.href is not None:
            text = f"{said['file']} {text[:15]}…"
        entries.append(Item(text, item.href))
    return tuple(entries)


def shown_line(line: Line) -> Line:
    """The line with nothing in it that a browser would obey."""
    return Line(shown_text(line.title), tuple(Item(shown_text(item.text), item.href) for item in line.entries))


def shown_text(text: str) -> str:
    """The text with every character that a browser would obey rather than show replaced by U+FFFD."""
    if text.isprintable():
        return text
    return "".join("\ufffd" if _obeyed(character) else character for character in text)


def _title(value: Value | None, attribute: AttributeFace | None, english: bool) -> str:
    if value is None:
        return ""
    return shown_text(", ".join(entry.text for entry in entries_of(value, attribute, english)))


def _image(value: Value | None, attribute: AttributeFace | None) -> str | None:
    """Only a file of this node is a picture on its pages."""
    items = items_of(value.data, attribute) if value is not None else None
    return items[0].href if items and attribute is not None and attribute.kind == "file" else None


def _in_order(values: Iterable[Value], face: TemplateFace) -> list[Value]:
    place = {attribute.index: number for number, attribute in enumerate(face.attributes)}
    return sorted(values, key=lambda value: (place.get(value.index, len(place)), value.index))


def _lines(values: Iterable[Value], face: TemplateFace, english: bool) -> tuple[Line, ...]:
    attributes = {attribute.index: attribute for attribute in face.attributes}
    return tuple(_each_line(values, attributes, english))


def _each_line(values: Iterable[Value], attributes: Mapping[int, AttributeFace], english: bool) -> Iterator[Line]:
    for value in values:
        attribute = attributes.get(value.index)
        entries = (*entries_of(value, attribute, english), *references(value, english))
        yield shown_line(Line(title_of(attribute, value, english), entries))


def _date(text: str, form: str) -> str:
    """``YYYY-MM-DD`` in another form; anything else as it is."""
    parts = text.split("-")
    if len(parts) != 3:
        return text
    year, month, day = parts
    return form.replace("YYYY", year).replace("MM", month).replace("DD", day)


def _obeyed(character: str) -> bool:
    if character in "\n\t\u200c\u200d":  # line ends are shown; joiners belong to some scripts
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")
