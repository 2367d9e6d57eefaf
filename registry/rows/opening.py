"""The first octets of a text: what is no text at all is told by name instead of row by row."""

from __future__ import annotations

import codecs

from node.errors import Malformed
from registry.rows.form import Format
from registry.rows.gunzip import MAGIC as GZIP_MAGIC

LENGTH = 8
"""Octets that are needed to tell."""

ZIP_MAGIC = b"PK\x03\x04"
OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")


class OtherFormat(Malformed):
    title_zh = "文件内容与声明的格式不符"


class WideText(Malformed):
    title_zh = "不支持 UTF-16 编码"


def check_opening(head: bytes, form: Format) -> None:
    """``head`` is the first ``LENGTH`` octets, or all there are. Raises ``OtherFormat`` or ``WideText``."""
    if head.startswith(GZIP_MAGIC):
        raise OtherFormat(
            f"this is a gzip (perhaps packed twice), not {form.upper()}: unpack it or say so", found="gzip"
        )
    if head.startswith(ZIP_MAGIC):
        raise OtherFormat(f"this is a workbook (XLSX) or another ZIP, not {form.upper()}", found="zip")
    if head.startswith(OLE_MAGIC):
        raise OtherFormat(f"this is an Office document of the old kind (XLS), not {form.upper()}", found="ole")
    # UTF-32 in little-endian order begins with the mark of UTF-16.
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise WideText("this is UTF-16 or UTF-32; save it as UTF-8")
