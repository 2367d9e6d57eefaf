"""Every refusal of the node, as a tree that fronts translate and nobody else formats.

    NodeError
    ├── Malformed        the input cannot be what it claims to be
    ├── Unauthenticated  nobody we know
    ├── Forbidden        known, but not allowed
    ├── NotFound         there is no such thing
    ├── Conflict         the thing is in another state than the request needs
    ├── TooMany          a limit is reached; later may work
    ├── Unavailable      a part we need is away; later may work
    └── Internal         our fault

A subclass is the name of one fact and carries its evidence: ``PrefixTaken(prefix=…, holder=…)``.
It is raised where the fact is known. ``code`` is the subclass's name in snake case and is what programs
compare; ``detail`` is one English sentence; ``title_zh`` is the Chinese heading shown to people.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class NodeError(Exception):
    """Root of the tree; never raised itself."""

    title_zh: ClassVar[str] = "错误"

    def __init__(self, detail: str, **evidence: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.evidence = evidence

    @property
    def code(self) -> str:
        """The subclass's name in snake case, for example ``prefix_taken``."""
        return code_of(type(self))


def code_of(kind: type[NodeError]) -> str:
    """The stable code of an error class: its name in snake case."""
    return _WORD.sub("_", kind.__name__).lower()


class Malformed(NodeError):
    title_zh = "请求有误"


class Unauthenticated(NodeError):
    title_zh = "未登录或凭证无效"


class Forbidden(NodeError):
    title_zh = "没有权限"


class NotFound(NodeError):
    title_zh = "不存在"


class Conflict(NodeError):
    title_zh = "状态冲突"


class TooMany(NodeError):
    title_zh = "超出限额"


class Unavailable(NodeError):
    title_zh = "暂时不可用"


class Internal(NodeError):
    title_zh = "内部错误"


CATEGORIES: tuple[type[NodeError], ...] = (
    Malformed,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    TooMany,
    Unavailable,
    Internal,
)


def category_of(error: NodeError) -> type[NodeError]:
    """Which of the eight categories an error belongs to."""
    return next(category for category in CATEGORIES if isinstance(error, category))
