"""The collector of cyclic garbage, told what a process of this program is like: it stands for days, and rows come and
go by the thousand."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG = 5_000
"""Objects between two looks at the youngest, each of which takes 0.1 ms. At Python's 700 they find rows that are
still needed, for a tenth of the CPU of a bulk registration and of what it sends upward."""


@contextmanager
def importing() -> Iterator[None]:
    """What modules are made of is no garbage: looking for some among it takes a tenth of the CPU of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def collect_seldom() -> None:
    """Called when everything is set up: what stands now stays to the end, and is never looked through again, which
    took an eighth of the CPU of bulk registration."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
