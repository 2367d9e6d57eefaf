"""How the rows of a body are written: what its sender said, and nothing that was found out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from node.errors import Malformed

_GZIP_SUFFIX = ".gz"


class Format(StrEnum):
    """The ways to write rows. ``JSON`` is one array of objects, ``NDJSON`` one object per line."""

    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"
    XLSX = "xlsx"

    @property
    def media_type(self) -> str:
        """The media type without parameters, for example ``text/csv`` (RFC 7111)."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Format.CSV: "text/csv",
    Format.NDJSON: "application/x-ndjson",
    Format.JSON: "application/json",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
FORMATS = {media_type: form for form, media_type in _MEDIA_TYPES.items()}
"""The format of each media type."""

ENCODINGS = ("utf-8", "gb18030")
"""Of text; every character of GBK and GB 2312 is written the same way in GB 18030."""

_EXTENSIONS = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".json": Format.JSON,
    ".xlsx": Format.XLSX,
    ".xlsm": Format.XLSX,
}


class UnknownForm(Malformed):
    title_zh = "文件格式未知"


@dataclass(frozen=True, slots=True)
class Form:
    """What the sender said about a body; None is to be found out.

    ``encoding`` is one of ``ENCODINGS``, ``delimiter`` one of ``registry.rows.header.DELIMITERS`` (CSV only).
    ``sheet`` names one worksheet; without it every visible worksheet that is not empty is read.
    """

    format: Format
    gzip: bool = False
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


def form_of_name(name: str) -> Form:
    """What the name of a file says: ``products.csv.gz`` is CSV in gzip. Raises ``UnknownForm``."""
    lower = name.lower()
    packed = lower.endswith(_GZIP_SUFFIX)
    plain = lower.removesuffix(_GZIP_SUFFIX)
    for extension, found in _EXTENSIONS.items():
        if plain.endswith(extension):
            return Form(found, gzip=packed)
    known = ", ".join(_EXTENSIONS)
    raise UnknownForm(f"the name says no format; one of {known} was expected, {_GZIP_SUFFIX} may follow", name=name)
