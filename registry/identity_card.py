"""The citizen's identity number (公民身份号码), GB 11643-1999.

17 digits and a check character: six of the division where it was first given, eight of the date of birth, three of
order. Character 18 (ISO/IEC 7064 MOD 11-2): the weighted sum of all eighteen is 1 modulo 11, where X stands for 10.
"""

from __future__ import annotations

import re
from datetime import date

_FORM = re.compile(r"[1-9][0-9]{16}[0-9X]", re.ASCII)


def well_formed(number: str) -> bool:
    """Whether it has the form, a day of birth that there was, and the check character of its digits."""
    if not _FORM.fullmatch(number):
        return False
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return check_character(number[:17]) == number[17]


def check_character(first17: str) -> str:
    """Character 18 for the 17 before it."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(first17))
    return "0123456789X"[(1 - total) % 11]
