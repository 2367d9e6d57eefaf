"""What a reader of a PDF sees, page by page: the texts that its pages show, by the characters its fonts stand for.

It reads what our typesetting writes: plain objects, streams packed with zlib, composite fonts of two-octet codes.
"""

from __future__ import annotations

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\s(.*?)endobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_SHOWN = re.compile(rb"/(\w+) [\d.]+ Tf|<([0-9A-Fa-f]+)>|\(", re.DOTALL)
_PARENTHESIS = re.compile(rb"\\.|[()]", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_CHARACTERS = re.compile(rb"beginbfchar(.*?)endbfchar", re.DOTALL)
_RANGES = re.compile(rb"beginbfrange(.*?)endbfrange", re.DOTALL)

Objects = dict[int, bytes]


def pages_of(pdf: bytes) -> list[str]:
    """The text of each page in the order in which it is drawn."""
    objects = {int(found[1]): found[2] for found in _OBJECT.finditer(pdf)}
    (kids,) = (re.search(rb"/Kids\s*\[(.*?)\]", one) for one in objects.values() if b"/Type/Pages" in one)
    assert kids is not None
    return [_text(objects, objects[int(number)]) for number in re.findall(rb"(\d+) 0 R", kids[1])]


def _text(objects: Objects, page: bytes) -> str:
    fonts = _fonts(objects, objects[_reference(page, b"Resources")])
    shown: list[str] = []
    font: dict[bytes, str] = {}
    drawn, at = _stream(objects[_reference(page, b"Contents")]), 0
    while found := _SHOWN.search(drawn, at):
        at = found.end()
        if found[1]:
            font = fonts[found[1]]
            continue
        if found[2]:
            codes = bytes.fromhex(found[2].decode())
        else:
            begin, at = at, _end_of_text(drawn, at)
            codes = _ESCAPE.sub(_unescaped, drawn[begin : at - 1])
        shown += [font.get(codes[one : one + 2], "\ufffd") for one in range(0, len(codes), 2)]
    return "".join(shown)


def _end_of_text(drawn: bytes, begin: int) -> int:
    """Behind the parenthesis that ends a text; pairs inside it belong to it."""
    depth = 1
    for found in _PARENTHESIS.finditer(drawn, begin):
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    raise AssertionError("a text has no end")


def _fonts(objects: Objects, resources: bytes) -> dict[bytes, dict[bytes, str]]:
    found = re.search(rb"/Font\s*<<(.*?)>>", resources, re.DOTALL)
    assert found is not None
    return {
        name: _characters(_stream(objects[_reference(objects[int(number)], b"ToUnicode")]))
        for name, number in re.findall(rb"/(\w+) (\d+) 0 R", found[1])
    }


def _characters(table: bytes) -> dict[bytes, str]:
    known = {}
    for part in _CHARACTERS.findall(table):
        for code, text in re.findall(rb"<(\w+)>\s*<(\w+)>", part):
            known[bytes.fromhex(code.decode())] = bytes.fromhex(text.decode()).decode("utf-16-be")
    assert known, "a font says what its codes mean"
    assert not _RANGES.search(table)
    return known


def _reference(thing: bytes, name: bytes) -> int:
    found = re.search(rb"/" + name + rb" (\d+) 0 R", thing)
    assert found is not None, name
    return int(found[1])


def _stream(thing: bytes) -> bytes:
    found = _STREAM.search(thing)
    assert found is not None
    return zlib.decompressobj().decompress(found[1])


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[1].isdigit():
        return bytes([int(found[1], 8)])
    return _LETTERS.get(found[1], found[1])
