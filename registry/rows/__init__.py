"""Bytes of a file or a request body into rows, without ever holding more than a few rows.

Both readers are pure and incremental: ``feed(block)`` returns the rows and rejections that became certain,
``finish()`` the last ones. The result never depends on where the blocks are cut. Reading may start at the
place after any row (``Row.after``) or at ``position``, so that a killed import goes on where it committed.

    lines.py        physical lines out of blocks; an endless line costs no memory
    csv_rows.py     RFC 4180 with its quotes and line breaks
    ndjson_rows.py  one JSON object per line
"""

from registry.rows.csv_rows import CsvRows
from registry.rows.lines import MAX_ROW, Position, Row
from registry.rows.ndjson_rows import NdjsonRows, Scalar

__all__ = ["MAX_ROW", "CsvRows", "NdjsonRows", "Position", "Row", "Scalar"]
