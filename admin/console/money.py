"""Amounts as people write them: yuan with two decimals; operations take whole 分, a hundredth of a yuan."""

from __future__ import annotations

import re
from decimal import Decimal


def fen_of(text: str) -> int | str | None:
    """The amount of "99", "99.5" or "99.00"; ``None`` where empty; what is none stays text, to be refused by name."""
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", text, re.ASCII) is None:
        return text
    return int(Decimal(text) * 100)


def yuan_of(fen: int) -> str:
    """The amount for a field of a form."""
    return f"{fen // 100}.{fen % 100:02}"
