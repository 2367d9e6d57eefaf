"""Why a name that others answer could not be resolved."""

from __future__ import annotations

from node.errors import Unavailable
from resolver.handle.codes import ResponseCode


class FarSideSilent(Unavailable):
    """Nobody who could know the answer gave one in time. Evidence: ``name``, ``retry_after`` in seconds."""

    title_zh = "对方节点没有应答"


class AnswerNotBelieved(FarSideSilent):
    """What came is not the answer to the question: another's, unsigned, too large, or no message at all."""

    title_zh = "对方节点的应答不可信"


class TooManyHops(Unavailable):
    """Evidence: ``name``, ``hops``."""

    title_zh = "递归解析跳数过多"


class LoopDetected(Unavailable):
    """The delegation leads back to where it was. Evidence: ``name``, ``server``."""

    title_zh = "递归解析出现环路"


class DelegationUnusable(Unavailable):
    """A delegation to no server that may be asked, or of what is not the delegating side's to give away.

    Evidence: ``name``.
    """

    title_zh = "委派信息不可用"


class RecursionBusy(Unavailable):
    """As many resolutions at other nodes are under way as this process allows. Evidence: ``retry_after``."""

    title_zh = "递归解析繁忙"


class RecursionTooDeep(Unavailable):
    """Too many servers ask for one another already. Evidence: ``depth``."""

    title_zh = "递归层数过多"
    response_code = ResponseCode.RECURSION_TOO_HIGH


class FarSideRefused(Unavailable):
    """Whoever answers for the name refused. Evidence: ``server``, ``answered``, its response code."""

    title_zh = "对方节点拒绝解析"
