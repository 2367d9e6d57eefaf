"""Bodies that must be whole before they are read wait in a temporary file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from node.errors import Unavailable


class NoRoomForBody(Unavailable):
    title_zh = "节点没有空间暂存请求体"


@contextmanager
def room() -> Iterator[None]:
    """Around what writes to the temporary file. Raises ``NoRoomForBody``."""
    try:
        yield
    except OSError as error:
        raise NoRoomForBody(f"the node has no room for the body: {error.strerror}") from error
