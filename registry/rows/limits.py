"""What the reading of one body may cost."""

from __future__ import annotations

from dataclasses import dataclass

from node.errors import Malformed

SLACK = 1 << 20
"""Octets that may come out before the ratio counts: small inputs pack well without meaning harm."""


class RatioExceeded(Malformed):
    title_zh = "展开比例过高"


class TooLargeUnpacked(Malformed):
    title_zh = "解压后过大"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of packed and of XLSX bodies; the rows of every format are bounded by ``MAX_ROW`` besides.

    A million rows of eight columns make a workbook of 60 MB with 400 MB in it.
    """

    ratio: int = 100
    """What is unpacked, by what was sent: gzip and workbooks, and cells that share one text."""
    unpacked_bytes: int = 8 << 30
    """Of a gzip, in octets. Its memory does not grow with it."""
    workbook_bytes: int = 100 << 20
    """Of a workbook as a file, in octets: it is kept in a temporary file while it is read."""
    workbook_unpacked_bytes: int = 600 << 20
    """Of all parts of a workbook together, in octets."""
    workbook_entries: int = 100
    """Parts of a workbook."""
    child_bytes: int = 256 << 20
    """Address space of the process that reads a workbook, in octets."""
    child_seconds: int = 120
    """CPU time of that process; the reader waits as long for it, all its waits together."""


class Meter:
    """Counts what comes out of something packed, named ``what`` in the errors, against what went in."""

    def __init__(self, what: str, *, ratio: int, most: int) -> None:
        self.taken = 0
        """Octets that went in; its user counts them."""
        self.given = 0
        self._what = what
        self._ratio = ratio
        self._most = most

    def count(self, octets: int) -> None:
        """Raises ``TooLargeUnpacked`` or ``RatioExceeded``."""
        self.given += octets
        if self.given > self._most:
            raise TooLargeUnpacked(f"{self._what} is larger than {self._most} octets when unpacked", limit=self._most)
        if self.given > SLACK + self._ratio * self.taken:
            raise RatioExceeded(
                f"{self._what} grows to more than {self._ratio} times the octets that were sent", limit=self._ratio
            )
