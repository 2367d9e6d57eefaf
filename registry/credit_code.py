"""The unified social credit code (统一社会信用代码), GB 32100-2015.

18 characters of ``0-9 A-H J-N P-R T U W X Y`` (no I, O, S, V, Z): registering department, kind of body, six digits
of the registering authority's division, nine characters of the body itself, one check character.

- Character 18 (clause 4.5): 31 - (sum of value x weight mod 31), weights 3^i mod 31 for i = 0 … 16.
- Characters 9 to 17 are an organisation code of GB 11714-1997 and carry their own check character: 11 - (sum of
  value x weight mod 11), weights 3 7 9 10 5 8 4 2, where 10 is written X and 11 is written 0.

A code is accepted as written or refused; lower case is not repaired.
"""

from __future__ import annotations

import re

from node.errors import Malformed

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_FORM = re.compile(rf"[{ALPHABET}]{{2}}[0-9]{{6}}[{ALPHABET}]{{10}}", re.ASCII)
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


class CreditCodeInvalid(Malformed):
    title_zh = "统一社会信用代码有误"


def check(code: str) -> str:
    """The code itself. Raises ``CreditCodeInvalid`` whose ``fault`` is ``form``, ``organisation`` or ``check``."""
    _check_form(code)
    if check_character(code[:17]) != code[17]:
        raise CreditCodeInvalid(
            "the last character of the credit code does not fit the others", field="credit_code", fault="check"
        )
    if organisation_check(code[8:16]) != code[16]:
        raise CreditCodeInvalid(
            "the 17th character of the credit code does not fit the organisation code before it",
            field="credit_code",
            fault="organisation",
        )
    return code


def check_character(first17: str) -> str:
    """Character 18 for the 17 before it (GB 32100-2015)."""
    total = sum(ALPHABET.index(character) * weight for character, weight in zip(first17, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def organisation_check(first8: str) -> str:
    """The ninth character of an organisation code for the eight before it (GB 11714-1997)."""
    total = sum(int(character, 36) * weight for character, weight in zip(first8, _ORGANISATION_WEIGHTS, strict=True))
    return "0123456789X"[-total % 11]


def complete(first16: str) -> str:
    """A valid code made of its first 16 characters, for samples and tests. Raises ``CreditCodeInvalid``."""
    _check_form(f"{first16}00")
    first17 = first16 + organisation_check(first16[8:])
    return check(first17 + check_character(first17))


def _check_form(code: str) -> None:
    if not _FORM.fullmatch(code):
        raise CreditCodeInvalid(
            "a credit code has 18 characters of 0-9 and A-Y without I, O, S, V, Z, the third to eighth being digits",
            field="credit_code",
            fault="form",
        )
