"""How values look on pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from node.china_time import CHINA


def iso(at: datetime) -> str:
    """For machines, with the offset from UTC."""
    return at.isoformat(timespec="seconds")


def china(at: datetime) -> str:
    """For people: China's time, to the second."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def without(query: Mapping[str, str], *names: str) -> str:
    """A query without these parameters."""
    return urlencode([(name, value) for name, value in query.items() if name not in names])


def with_cursor(query: Mapping[str, str], cursor: str) -> str:
    """The query of the next page."""
    return urlencode([*((name, value) for name, value in query.items() if name != "cursor"), ("cursor", cursor)])
