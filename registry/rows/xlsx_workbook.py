"""The parts of a workbook that its sheets refer to: the list of sheets, styles, shared texts.

Part of the process that reads a workbook. Namespaces are not looked at: what counts is the local name, as a
workbook may write ``row`` or ``x:row``. Nothing outside the package is ever opened.
"""

from __future__ import annotations

import posixpath
from array import array
from collections.abc import Callable
from typing import NamedTuple
from xml.parsers import expat

from node.errors import Malformed
from registry.rows.xlsx_cells import MAX_CELL, PLAIN, Style, style_of, unescaped
from registry.rows.xlsx_package import DoctypeRefused, NotAWorkbook, Package, WorkbookUnreadable
from registry.rows.xlsx_usual_rows import UsualRows

Attributes = dict[str, str]

LONGEST_TEXT = len("_x0000_") * MAX_CELL
"""Characters of a text as it stands in the XML; of a longer one no more is kept."""

_LONGEST_TAG = 1 << 20
"""Octets that the parser may hold back: it begins with them anew at each piece."""
_NO_MEMORY = expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]


class NoSuchSheet(Malformed):
    title_zh = "没有这个工作表"


class Sheet(NamedTuple):
    """A worksheet; ``number`` is its place among all tabs, from 1."""

    number: int
    name: str
    part: str
    visible: bool


class Workbook:
    """Everything but the rows. Raises ``NotAWorkbook``, ``WorkbookUnreadable`` or ``DoctypeRefused``."""

    def __init__(self, package: Package) -> None:
        self.from_1904 = False
        self.sheets: list[Sheet] = []
        self._package = package
        books = [target for kind, target in _relations(package, "").values() if kind == "officeDocument"]
        if not books or books[0] not in package:
            raise NotAWorkbook("the ZIP holds no workbook")
        if not books[0].endswith(".xml"):
            raise NotAWorkbook("this is a binary workbook (XLSB); save it as XLSX")
        relations = _relations(package, books[0])
        self._read_book(books[0], relations)
        parts = {kind: target for kind, target in relations.values() if target in package}
        self.styles = _styles(package, parts["styles"]) if "styles" in parts else []
        self._texts_part = parts.get("sharedStrings")
        self._texts: SharedTexts | None = None

    @property
    def texts(self) -> SharedTexts:
        """The shared texts, read when the first cell needs one."""
        if self._texts is None:
            self._texts = SharedTexts()
            if self._texts_part is not None:
                self._texts.read(self._package, self._texts_part)
        return self._texts

    def _read_book(self, part: str, relations: dict[str, tuple[str, str]]) -> None:
        tabs: list[Attributes] = []

        def start(name: str, attributes: Attributes) -> None:
            local = name.rpartition(":")[2]
            if local == "workbookPr":
                self.from_1904 = attributes.get("date1904") in ("1", "true", "on")
            elif local == "sheet":
                tabs.append(attributes)
                if not any(key.rpartition(":")[2] == "id" for key in attributes):
                    raise WorkbookUnreadable("a sheet of the workbook has no part", part=part)

        read_part(self._package, part, start)
        for number, tab in enumerate(tabs, 1):
            relation = next(value for key, value in tab.items() if key.rpartition(":")[2] == "id")
            kind, target = relations.get(relation, ("", ""))
            if kind == "worksheet":
                visible = tab.get("state", "visible") == "visible"
                self.sheets.append(Sheet(number, tab.get("name", ""), target, visible))


class SharedTexts:
    """Texts by number, as octets after one another: a million of them take little more than their length."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._ends = array("Q", [0])

    def __getitem__(self, number: int) -> str:
        """Raises ``IndexError``."""
        if number < 0:
            raise IndexError(number)
        end = self._ends[number + 1]
        return self._octets[self._ends[number] : end].decode("utf-8", "surrogatepass")

    def read(self, package: Package, part: str) -> None:
        """Raises ``WorkbookUnreadable`` or ``DoctypeRefused``."""
        octets, ends = self._octets, self._ends
        text = ""
        within = spoken = False

        def start(name: str, attributes: Attributes) -> None:  # noqa: ARG001 - the signature is expat's
            nonlocal text, within, spoken
            local = name.rpartition(":")[2]
            if local == "t":
                within = not spoken
            elif local == "si":
                text = ""
            elif local == "rPh":  # how the text is read aloud
                spoken = True

        def end(name: str) -> None:
            nonlocal within, spoken
            local = name.rpartition(":")[2]
            if local == "t":
                within = False
            elif local == "si":
                octets.extend(unescaped(text).encode("utf-8", "surrogatepass"))
                ends.append(len(octets))
            elif local == "rPh":
                spoken = False

        def characters(data: str) -> None:
            nonlocal text
            if within and len(text) <= LONGEST_TEXT:
                text += data

        read_part(package, part, start, end, characters)


def read_part(
    package: Package,
    part: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    characters: Callable[[str], None] | None = None,
    usual: UsualRows | None = None,
) -> None:
    """Read a part as XML, handing out what stands in it, rows perhaps to ``usual``.

    Raises ``WorkbookUnreadable`` or ``DoctypeRefused``.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters

    def refuse_doctype(*_: object) -> None:
        raise DoctypeRefused("a part declares a document type or entities", part=part)

    # Other encodings than UTF-8 hide these words from the look through the package.
    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.EntityDeclHandler = refuse_doctype
    octets = 0
    try:
        for unpacked in package.pieces(part):
            piece = unpacked if usual is None else usual.feed(unpacked)
            parser.Parse(piece)
            octets += len(piece)
            if octets - parser.CurrentByteIndex > _LONGEST_TAG:
                raise WorkbookUnreadable("a part has an endless tag", part=part)
        parser.Parse(b"" if usual is None else usual.finish(), True)
    except expat.ExpatError as error:
        if error.code == _NO_MEMORY:
            raise MemoryError from None
        raise WorkbookUnreadable(f"a part is no XML: {error}", part=part) from None


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """The parts that a part refers to: kind (the last word of its type) and name, by the reference."""
    folder, name = posixpath.split(part)
    listing = posixpath.join(folder, "_rels", f"{name}.rels")
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, attributes: Attributes) -> None:
        if name.rpartition(":")[2] != "Relationship" or attributes.get("TargetMode") == "External":
            return
        target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
        found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], target.lstrip("/"))

    if listing in package:
        read_part(package, listing, start)
    return found


def _styles(package: Package, part: str) -> list[Style]:
    """The styles of cells by their number."""
    codes: dict[str, str] = {}
    styles: list[Style] = []
    within = False

    def start(name: str, attributes: Attributes) -> None:
        nonlocal within
        local = name.rpartition(":")[2]
        if local == "numFmt":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif local == "cellXfs":
            within = True
        elif local == "xf" and within:
            number = attributes.get("numFmtId", "0")
            styles.append(style_of(int(number), codes.get(number)) if number.isdecimal() else PLAIN)

    def end(name: str) -> None:
        nonlocal within
        if name.rpartition(":")[2] == "cellXfs":
            within = False

    read_part(package, part, start, end)
    return styles
