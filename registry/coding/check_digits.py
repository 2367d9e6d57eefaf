"""Check characters over a text: GS1 modulo 10, ISO/IEC 7064 MOD 37,36 and MOD 97-10.

Letters count in upper case, and punctuation and spaces are passed over, as printed identifiers are read. A letter
that a method does not know is ``Unfit``, because a check that leaves it out would check nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from registry.mappings.transforms import Unfit
from registry.rejection import Code

DIGITS = "0123456789"
LETTERS_AND_DIGITS = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Check(StrEnum):
    GS1 = "gs1"
    MOD_37_36 = "mod_37_36"
    MOD_97_10 = "mod_97_10"

    @property
    def alphabet(self) -> str:
        """The characters that it is computed over."""
        return DIGITS if self is Check.GS1 else LETTERS_AND_DIGITS

    @property
    def width(self) -> int:
        """How many characters it adds."""
        return 2 if self is Check.MOD_97_10 else 1


def check_characters(method: Check, text: str) -> str:
    """What is written behind the text. Raises ``Unfit``."""
    return _METHODS[method](_counted(text, method.alphabet))


def fits(method: Check, text: str) -> bool:
    """Whether a text ends in the check characters over what stands before them. Raises ``Unfit``."""
    body, check = text[: -method.width], text[-method.width :]
    return bool(body) and check_characters(method, body) == check.upper()


def _counted(text: str, alphabet: str) -> Iterable[int]:
    for character in text:
        found = alphabet.find(character.upper() if character.isascii() else character)
        if found >= 0:
            yield found
        elif character.isalnum() or not character.isascii():
            raise Unfit(Code.NOT_FOR_CHECK_DIGIT, character=character)


def _gs1(values: Iterable[int]) -> str:
    # GS1 General Specifications, section 7.9: weights 3 and 1 in turn, 3 at the digit beside the check digit.
    total = sum(value * (1 if place % 2 else 3) for place, value in enumerate(reversed(list(values))))
    return str(-total % 10)


def _mod_37_36(values: Iterable[int]) -> str:
    # ISO/IEC 7064, hybrid system: P = 36 at first, S = P + a, P = 2 * (S mod 36, or 36 for 0) mod 37; and in the end
    # P + check = 1 mod 36.
    product = 36
    for value in values:
        product = ((product + value) % 36 or 36) * 2 % 37
    return LETTERS_AND_DIGITS[(37 - product) % 36]


def _mod_97_10(values: Iterable[int]) -> str:
    # ISO/IEC 7064, pure system; letters are two digits (A is 10), as ISO 13616 and ISO 17442 use it.
    remainder = 0
    for value in values:
        remainder = (remainder * (100 if value > 9 else 10) + value) % 97
    return f"{98 - remainder * 100 % 97:02d}"


_METHODS: dict[Check, Callable[[Iterable[int]], str]] = {
    Check.GS1: _gs1,
    Check.MOD_37_36: _mod_37_36,
    Check.MOD_97_10: _mod_97_10,
}
