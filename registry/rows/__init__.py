"""Bytes of a file or a request body into rows, without ever holding more than a few rows.

The readers of text are pure and incremental: ``feed(block)`` returns the rows and rejections that became certain,
``finish()`` the last ones. The result never depends on where the blocks are cut. Reading may start at the
place after any row (``Row.after``) or at ``position``, so that a killed import goes on where it committed.

    form.py         what a sender says about a body
    opening.py      what is no text at all, gunzip.py, encoding.py, delimiter.py: from a body to its text
    lines.py        physical lines out of blocks; an endless line costs no memory
    csv_rows.py     RFC 4180 with its quotes and line breaks, header.py, formula_guard.py
    ndjson_rows.py  one JSON object per line; json_rows.py an array of them; json_objects.py one object
    text_rows.py    all of these in their order
    xlsx_rows.py    a workbook, read by a process of its own: xlsx_child.py and the other xlsx modules
    limits.py       what reading may cost
"""

from registry.rejection import MAX_ROW
from registry.rows.csv_rows import CsvRows
from registry.rows.json_objects import Scalar
from registry.rows.lines import Position, Row
from registry.rows.ndjson_rows import NdjsonRows

__all__ = ["MAX_ROW", "CsvRows", "NdjsonRows", "Position", "Row", "Scalar"]
