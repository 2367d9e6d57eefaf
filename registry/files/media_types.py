"""Which media types a file may have, and whether its first octets bear them out.

A list of what is allowed: nothing that a browser would run (HTML, SVG, XML, script) is on it. Signatures: the IANA
registrations of the types, PDF 32000-1 section 7.5.2, PNG section 5.2, RFC 2046 (text), ISO/IEC 14496-12 (MP4,
QuickTime), ISO 10303-21 (STEP), APPNOTE 4.3.7 (ZIP, and with it OOXML), MS-CFB section 2.2, ISO/IEC 11172-3 and ID3
(MP3), RFC 2361 (WAVE, AVI), ASF specification section 2.1 (WMV), TIFF 6.0 section 2, RAR 5.0 archive format.
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


def _is_mp3(content: bytes) -> bool:
    # A tag before the sound, or the eleven set bits of a frame with a layer that is not reserved.
    frame = len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0 and content[1] & 0x06 != 0
    return frame or content.startswith(b"ID3")


def _riff(form: bytes) -> _Borne:
    return lambda content: content[:4] == b"RIFF" and content[8:12] == form


_ZIP = _begins(b"PK\x03\x04")
_CFB = _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_TIFF = _begins(b"II*\x00", b"MM\x00*")
_ASF = _begins(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"))

MEDIA_TYPES: Mapping[str, _Borne] = {
    "application/pdf": _begins(b"%PDF-"),
    "image/png": _begins(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": _begins(b"\xff\xd8\xff"),
    "image/gif": _begins(b"GIF87a", b"GIF89a"),
    "image/webp": _riff(b"WEBP"),
    "image/tiff": _TIFF,
    "image/bmp": _begins(b"BM"),
    "image/jxr": _begins(b"II\xbc"),
    "audio/wav": _riff(b"WAVE"),
    "audio/mpeg": _is_mp3,
    "video/mp4": lambda content: content[4:8] == b"ftyp",
    "video/quicktime": lambda content: content[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"),
    "video/x-msvideo": _riff(b"AVI "),
    "video/x-ms-wmv": _ASF,
    "video/x-flv": _begins(b"FLV\x01"),
    "model/step": _begins(b"ISO-10303-21;"),
    "application/zip": _ZIP,
    "application/vnd.rar": _begins(b"Rar!\x1a\x07"),
    "application/vnd.ms-xpsdocument": _ZIP,
    _OOXML + "wordprocessingml.document": _ZIP,
    _OOXML + "spreadsheetml.sheet": _ZIP,
    _OOXML + "presentationml.presentation": _ZIP,
    "application/msword": _CFB,
    "application/vnd.ms-excel": _CFB,
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": _ZIP,
    "application/vnd.ms-excel.sheet.macroenabled.12": _ZIP,
    "application/json": _is_json,
    "text/csv": _is_text,
    "text/plain": _is_text,
}

SUFFIXES: Mapping[str, str] = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpe": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "jxr": "image/jxr",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "wmv": "video/x-ms-wmv",
    "flv": "video/x-flv",
    "stp": "model/step",
    "step": "model/step",
    "zip": "application/zip",
    "rar": "application/vnd.rar",
    "xps": "application/vnd.ms-xpsdocument",
    "docx": _OOXML + "wordprocessingml.document",
    "xlsx": _OOXML + "spreadsheetml.sheet",
    "pptx": _OOXML + "presentationml.presentation",
    "xlsb": "application/vnd.ms-excel.sheet.binary.macroenabled.12",
    "xlsm": "application/vnd.ms-excel.sheet.macroenabled.12",
    "doc": "application/msword",
    "dot": "application/msword",
    "xls": "application/vnd.ms-excel",
    "json": "application/json",
    "csv": "text/csv",
    "txt": "text/plain",
}
"""Which type a file is by the end of its name, for senders that declare none."""


def suffix_of(name: str) -> str:
    """What stands behind the last dot of a file's name, in lower case; empty without a dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def media_type_of(name: str) -> str | None:
    """The listed type that a file's name promises, if any."""
    return SUFFIXES.get(suffix_of(name))


def check_media_type(declared: str, content: bytes) -> None:
    """Raises ``MediaTypeMismatch`` when the content is not what a listed type promises, or the type is not listed."""
    borne = MEDIA_TYPES.get(declared)
    if borne is None or not borne(content):
        raise MediaTypeMismatch(f"the file does not begin as {declared} does", media_type=declared)
