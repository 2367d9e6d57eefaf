"""A stock (库存) of identifiers under many prefixes: which stand, what each says, whether an answer says just that.

Nothing is kept: everything follows from a number, so that any client can ask for any of millions and judge answers.
Numbers go round the prefixes; the suffixes of a prefix have one of four shapes that enterprises use. ``stocking.py``
puts the same rows into a database.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from typing import Any

from resolver.handle.codes import ResponseCode

TEMPLATE = "pump"
"""The published template of ``loadtest/corpus.py``."""
TYPES = ("NAME", "MODEL", "WEIGHT_KG", "MADE_ON", "PASSED")
_FIRST_DAY = date(2024, 1, 1)
_A_DAY = 2_000
_LENGTH = struct.Struct(">I")
_CODE = struct.Struct(">i")


def _sequential(serial: int) -> str:
    return f"PUMP-{serial:09d}"


def _dated(serial: int) -> str:
    """Day of manufacture and a number within it."""
    return f"{_FIRST_DAY + timedelta(days=serial // _A_DAY):%Y%m%d}{serial % _A_DAY:06d}"


def _trade_item(serial: int) -> str:
    """A GTIN-14 and a serial number."""
    item = f"0690{serial // 1000:09d}"
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(item))
    return f"{item}{-weighted % 10}.{serial % 1000:06d}"


def _drawn(serial: int) -> str:
    """As random as a UUID."""
    return blake2b(serial.to_bytes(8, "big"), digest_size=12).hexdigest().upper()


SHAPES: Sequence[Callable[[int], str]] = (_sequential, _dated, _trade_item, _drawn)


@dataclass(frozen=True, slots=True)
class Stock:
    """``rows`` identifiers, numbered from 0, under ``prefixes``."""

    prefixes: Sequence[str]
    rows: int

    def place_of(self, number: int) -> tuple[str, str]:
        """Prefix and suffix; of a number from ``rows`` on those of an identifier that may still be registered."""
        serial, at = divmod(number, len(self.prefixes))
        return self.prefixes[at], SHAPES[at % len(SHAPES)](serial)

    def identifier(self, number: int) -> str:
        """As a client asks for it."""
        return "/".join(self.place_of(number))

    def unknown(self, number: int) -> str:
        """One that nobody registered, shaped as the others are."""
        prefix, suffix = self.place_of(number)
        return f"{prefix}/{suffix}-X"

    def popular(self, chance: random.Random) -> int:
        """A number as people ask: the n-th most wanted is wanted 1/n as often as the first (zipf, exponent 1)."""
        return min(int(self.rows ** chance.random()), self.rows - 1)

    def registration(self, number: int) -> dict[str, Any]:
        """The body that registers it, as ``POST /v1/identifiers`` takes it."""
        prefix, suffix = self.place_of(number)
        name, model, weight, made_on, passed = texts(number)
        attributes = {
            "name": name, "model": model, "weight_kg": int(weight), "made_on": made_on, "passed": passed == "true",
        }  # fmt: skip
        return {"prefix": prefix, "suffix": suffix, "template": TEMPLATE, "attributes": attributes}

    # Judging an answer ----------------------------------------------------------------------------

    def fault_of_json(self, number: int, status: int, body: bytes | str) -> str | None:
        """Why the answer to ``GET /api/handles/IDENTIFIER`` is wrong; ``None``: it says what was registered."""
        if status != 200:
            return f"status {status}"
        return self.fault_of_values(number, json.loads(body))

    def fault_of_values(self, number: int, answer: Mapping[str, Any]) -> str | None:
        """The same of a decoded body."""
        if answer.get("responseCode") != 1 or answer.get("handle") != self.identifier(number):
            return f"responseCode {answer.get('responseCode')}, handle {answer.get('handle')}"
        said = {value["type"]: value["data"]["value"] for value in answer["values"]}
        wanted = dict(zip(TYPES, texts(number), strict=True))
        return None if said == wanted else f"values {said}, not {wanted}"

    def fault_of_message(self, number: int, message: bytes) -> str | None:
        """Why the reply of the native protocol is wrong: each type and text must be in it as encoded."""
        if len(message) < 28 or _CODE.unpack_from(message, 24)[0] != ResponseCode.SUCCESS:
            return f"message {message[:28].hex()}"
        wanted = [self.identifier(number)] + [
            text for pair in zip(TYPES, texts(number), strict=True) for text in pair
        ]
        missing = [text for text in wanted if _field(text) not in message]
        return f"without {missing}" if missing else None


def unknown_in_json(status: int, body: bytes | str) -> bool:
    """Whether an answer says that there is no such identifier."""
    return status == 404 and json.loads(body).get("responseCode") == ResponseCode.HANDLE_NOT_FOUND


def unknown_in_message(message: bytes) -> bool:
    """The same by the native protocol."""
    return len(message) >= 28 and _CODE.unpack_from(message, 24)[0] == ResponseCode.HANDLE_NOT_FOUND


def texts(number: int) -> tuple[str, ...]:
    """What the record says, by ``TYPES``."""
    return (
        f"离心泵 {number % 97} 型",
        f"CP-{number % 1000:04d}",
        f"{number % 500 + 1}",
        f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        "true" if number % 7 else "false",
    )


def _field(text: str) -> bytes:
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded
