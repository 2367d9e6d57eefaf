"""Databases of the tests' own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

Clone = Callable[[], AbstractContextManager[str]]
"""Makes a fresh database with the newest schema and says its URL; it is dropped when the context ends."""
