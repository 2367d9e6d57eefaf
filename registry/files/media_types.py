"""Which media types a file may have, and whether its first octets bear them out.

A list of what is allowed: nothing that a browser would run (HTML, SVG, XML, script) is on it. Signatures: the IANA
registrations of the types, PDF 32000-1 section 7.5.2, PNG section 5.2, RFC 2046 (text), ISO/IEC 14496-12 (MP4),
ISO 10303-21 (STEP), APPNOTE 4.3.7 (ZIP, and with it OOXML), MS-CFB section 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from node.errors import Malformed


class MediaTypeMismatch(Malformed):
    title_zh = "文件内容与声明的类型不符"


_OOXML = "application/vnd.openxmlformats-officedocument."
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")

_Borne = Callable[[bytes], bool]


def _begins(*signatures: bytes) -> _Borne:
    return lambda content: content.startswith(signatures)


def _is_text(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not _NOT_TEXT.search(content)


def _is_json(content: bytes) -> bool:
    return _is_text(content) and content.lstrip(b" \t\r\n")[:1] in (b"{", b"[")


_ZIP = _begins(b"PK\x03\x04")

MEDIA_TYPES: Mapping[str, _Borne] = {
    "application/pdf": _begins(b"%PDF-"),
    "image/png": _begins(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": _begins(b"\xff\xd8\xff"),
    "image/gif": _begins(b"GIF87a", b"GIF89a"),
    "image/webp": lambda content: content[:4] == b"RIFF" and content[8:12] == b"WEBP",
    "video/mp4": lambda content: content[4:8] == b"ftyp",
    "model/step": _begins(b"ISO-10303-21;"),
    "application/zip": _ZIP,
    _OOXML + "wordprocessingml.document": _ZIP,
    _OOXML + "spreadsheetml.sheet": _ZIP,
    _OOXML + "presentationml.presentation": _ZIP,
    "application/msword": _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    "application/vnd.ms-excel": _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    "application/json": _is_json,
    "text/csv": _is_text,
    "text/plain": _is_text,
}


def check_media_type(declared: str, content: bytes) -> None:
    """Raises ``MediaTypeMismatch`` when the content is not what a listed type promises, or the type is not listed."""
    borne = MEDIA_TYPES.get(declared)
    if borne is None or not borne(content):
        raise MediaTypeMismatch(f"the file does not begin as {declared} does", media_type=declared)
