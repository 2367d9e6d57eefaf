"""CSV cells that no spreadsheet takes for a formula, and back.

A spreadsheet evaluates a cell that begins with one of these characters, so that a value which came from one
enterprise could run a command on the desk of another (OWASP ASVS 5.0, 1.2.10). An apostrophe before them makes
the cell text. Apostrophes that already stand there get one more, so that nothing is lost on the way back:

    =1+1   ⇄  '=1+1
    '=1+1  ⇄  ''=1+1
    'tis   ⇄  'tis
"""

from __future__ import annotations

import re

_STARTS_A_FORMULA = re.compile(r"'*[=+\-@\t\r\0]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\0]")


def guard(cell: str) -> str:
    """The cell as it is written. ``unguard(guard(cell)) == cell`` for every text."""
    return f"'{cell}" if _STARTS_A_FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """The cell as it is meant: one guarding apostrophe less."""
    return cell[1:] if _GUARDED.match(cell) else cell
