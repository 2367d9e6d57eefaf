"""How many different texts there were, roughly: HyperLogLog with 2^14 registers.

A sketch is bytes, grows never beyond 16 KiB and is the same whatever the order in which its texts came. Two sketches
make that of their union, so that a month's is made from its days'. Flajolet et al., "HyperLogLog", AOFA 2007; the
estimate is the improved one of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017, which
needs no correction by ranges (his other term is for registers that are full: with 64 bits they never are).

A sketch is kept as its registers, one byte each; or, while three bytes for each that is set are fewer, as these:
place (two bytes, little-endian) and register, by rising place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from hashlib import blake2b

_PLACE_BITS = 14
REGISTERS = 1 << _PLACE_BITS
STANDARD_ERROR = 1.04 / math.sqrt(REGISTERS)
"""Relative: 0.81 %."""
BOUND = 0.02
"""Relative, printed with every estimate: two and a half standard errors."""
_RANK_BITS = 64 - _PLACE_BITS
_MARK_BITS = 6
_MARK_MASK = (1 << _MARK_BITS) - 1
_ENTRY = 3
_SET = re.compile(rb"[^\0]")


def mark_of(text: bytes) -> int:
    """What a text leaves in a sketch: the place of its register, and how far it raises it."""
    hashed = int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
    rank = _RANK_BITS + 1 - (hashed >> _PLACE_BITS).bit_length()
    return (hashed & REGISTERS - 1) << _MARK_BITS | rank


def sketch_of(marks: Iterable[int]) -> bytes:
    """The sketch of the texts that left these marks."""
    registers = bytearray(REGISTERS)
    for mark in marks:
        place, rank = mark >> _MARK_BITS, mark & _MARK_MASK
        if rank > registers[place]:
            registers[place] = rank
    return _kept(registers)


def union(sketches: Iterable[bytes]) -> bytes:
    """The sketch of all texts of these sketches; without any, that of no text."""
    registers = bytearray(REGISTERS)
    for sketch in sketches:
        if len(sketch) == REGISTERS:
            registers = bytearray(map(max, registers, sketch))
            continue
        for at in range(0, len(sketch), _ENTRY):
            place = sketch[at] | sketch[at + 1] << 8
            if sketch[at + 2] > registers[place]:
                registers[place] = sketch[at + 2]
    return _kept(registers)


def estimate(sketch: bytes) -> int:
    """How many different texts a sketch has seen, to within ``BOUND``."""
    counts = [0] * (_RANK_BITS + 2)
    if len(sketch) == REGISTERS:
        for rank in range(_RANK_BITS + 2):
            counts[rank] = sketch.count(rank)
    else:
        for rank in sketch[2::_ENTRY]:
            counts[rank] += 1
        counts[0] = REGISTERS - len(sketch) // _ENTRY
    weight = 0.0
    for count in reversed(counts[1:]):
        weight = (weight + count) / 2
    weight += REGISTERS * _sigma(counts[0] / REGISTERS)
    return round(REGISTERS * REGISTERS / (2 * math.log(2) * weight))


def _kept(registers: bytearray) -> bytes:
    if (REGISTERS - registers.count(0)) * _ENTRY >= REGISTERS:
        return bytes(registers)
    return b"".join(
        bytes((found.start() & 255, found.start() >> 8, found[0][0])) for found in _SET.finditer(registers)
    )


def _sigma(share: float) -> float:
    """Ertl's correction for registers that nothing reached: Σ share^(2^k) 2^(k-1), and share itself."""
    if share == 1:
        return math.inf
    factor, total, before = 1.0, share, -1.0
    while total != before:
        share *= share
        before, total, factor = total, total + share * factor, factor * 2
    return total
