"""The states of a prefix as the SNMS interface shows them: whole numbers.

Reference: sections 15.2 (status) and 15.3 (proxyState) of the description of SNMS. A prefix that the national node
has verified is not in use yet, so it shows as 停用, as a suspended one does.
"""

from __future__ import annotations

from registry.prefix_grant import PrefixGrant
from registry.transitions import Hosting, PrefixState

_STATUS: dict[PrefixState, int] = {
    PrefixState.VERIFIED: 0,
    PrefixState.SUSPENDED: 0,  # 停用
    PrefixState.ENABLED: 1,  # 启用
    PrefixState.WITHDRAWN: 2,  # 待删除
    PrefixState.REJECTED: 3,
    PrefixState.REFUSED: 3,  # 被驳回
    PrefixState.APPLIED: 4,  # 待审核
    PrefixState.REVIEWED: 5,  # 审核中
}
_PROXY_STATE: dict[Hosting, int] = {
    Hosting.SELF_HOSTED: 1,  # 未托管
    Hosting.APPLIED: 2,  # 托管申请中
    Hosting.REJECTED: 3,  # 托管被驳回
    Hosting.HOSTED: 4,  # 已托管
}


def snms_status(grant: PrefixGrant) -> int:
    """``status`` of prefix/query: 0 to 5."""
    return _STATUS[grant.state]


def snms_page_state(grant: PrefixGrant) -> int:
    """``state`` of prefix/page: 1 in use, 0 not."""
    return int(grant.state is PrefixState.ENABLED)


def snms_proxy_state(grant: PrefixGrant) -> int:
    """``proxyState``: 1 to 4."""
    return _PROXY_STATE[grant.hosting]
