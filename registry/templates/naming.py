"""Names for attributes whose template came from elsewhere, where a column may be called anything."""

from __future__ import annotations

import re
from collections.abc import Iterable

from registry.mappings.mapping import RESERVED, SUFFIX

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^a-z0-9]+")
_LONGEST = 60
_NEVER = frozenset({SUFFIX, *RESERVED, "url"})  # the values of a "url" would have to be addresses


def attribute_name(said: str, taken: Iterable[str]) -> str:
    """A name in the letters that names have: ``productName`` is ``product_name``; one that is taken gets a number."""
    stem = _OTHER.sub("_", _HUMP.sub("_", said).lower()).strip("_")[:_LONGEST].rstrip("_")
    if not stem[:1].isalpha():
        stem = f"item_{stem}".rstrip("_")
    forbidden = {*taken, *_NEVER}
    if stem not in forbidden:
        return stem
    return next(f"{stem}_{number}" for number in range(2, len(forbidden) + 3) if f"{stem}_{number}" not in forbidden)
