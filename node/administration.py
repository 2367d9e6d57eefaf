"""What the Handle System's administrators may ask of this node, and every way in which it is refused.

The fronts (the native protocol and ``/api/handles``) make an ``Operation`` of a request, find out whose ``Identity``
asks, and hand both to an ``Administration``, which the registry implements. Handles are written as they came:
``88.101.2001/Pump-1``, or ``0.NA/88.101.2001`` for the record of a prefix itself.
Reference: RFC 3652 sections 2.2.2 (response codes) and 3.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from node.errors import Conflict, Forbidden, Malformed, NotFound, TooMany, Unauthenticated, Unavailable
from node.record import Record

if TYPE_CHECKING:  # the journal brings the database along, which programs that only read codes do without
    from node.journal import Interface

PUBLIC_KEY = "HS_PUBKEY"
SECRET_KEY = "HS_SECKEY"  # noqa: S105 - the name of a value type


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody by the value that holds his key: ``300:0.NA/88.101.2001``. Index 0: any key of that handle."""

    handle: str
    index: int

    def __str__(self) -> str:
        return f"{self.index}:{self.handle}"


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """A key that proves an identity: ``type`` is HS_PUBKEY or HS_SECKEY, ``data`` the value's data."""

    index: int
    type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CreateHandle:
    """With ``overwrite`` one that stands is replaced; with ``mint`` the node completes the suffix by the prefix's
    coding rule, or by chance, behind what ``handle`` says of it.
    """

    handle: str
    values: Record
    overwrite: bool = False
    mint: bool = False


@dataclass(frozen=True, slots=True)
class DeleteHandle:
    handle: str


@dataclass(frozen=True, slots=True)
class AddValues:
    """With ``overwrite`` a value that stands at an index gives way."""

    handle: str
    values: Record
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class RemoveValues:
    handle: str
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModifyValues:
    """Values that stand are replaced, by their indexes."""

    handle: str
    values: Record


@dataclass(frozen=True, slots=True)
class HomePrefix:
    """Serve a prefix of this node again; ``handle`` is its prefix handle."""

    handle: str


@dataclass(frozen=True, slots=True)
class UnhomePrefix:
    """Serve it no longer."""

    handle: str


Change = CreateHandle | DeleteHandle | AddValues | RemoveValues | ModifyValues | HomePrefix | UnhomePrefix


@dataclass(frozen=True, slots=True)
class ReadValues:
    """Values that not everybody may read: those with a listed index or type, all when none is listed."""

    handle: str
    indexes: tuple[int, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """``handle`` as it is stored, ``overwritten``: something stood there before."""

    handle: str
    overwritten: bool = False


class Administration(Protocol):
    """What the registry does for an identity that has been proved; ``None`` is nobody.

    Everything may raise ``PrefixElsewhere``, ``InvalidHandle`` and ``DatabaseAway``. What nobody in particular may
    do is refused to ``None`` with ``ProofNeeded``.
    """

    async def keys_of(self, identity: Identity) -> Sequence[IdentityKey]:
        """The keys that prove the identity; empty when this node knows none."""

    async def check(self, change: Change) -> None:
        """Everything that is wrong before it matters who asks (the order of Handle.Net: responsible, well-formed,
        there or not). Raises ``InvalidValue``, ``ValueExists``, ``HandleExists``, ``HandleUnknown``, …
        """

    async def perform(self, change: Change, identity: Identity | None, interface: Interface) -> Done:
        """Do it in one transaction, with all its traces. Raises the refusals of this module."""

    async def read(self, asked: ReadValues, identity: Identity | None) -> Record:
        """The values with those that administrators may read; secret keys never. Raises ``HandleUnknown``."""

    def handles(self, prefix_handle: str, identity: Identity | None, *, page: int) -> AsyncIterator[list[str]]:
        """The handles under a prefix as they are listed, upper case, ``page`` at a time."""

    async def count_handles(self, prefix_handle: str, identity: Identity | None) -> int:
        """How many ``handles`` lists."""

    async def homed_prefixes(self, identity: Identity | None) -> list[str]:
        """The prefix handles that this node serves, for its own administrators."""

    async def is_node_administrator(self, identity: Identity | None) -> bool:
        """Whether the identity administers the node itself."""


# Refusals; behind each the response code of the Handle protocol ---------------------------------------------------


class InvalidHandle(Malformed):  # 102
    title_zh = "标识有误"


class InvalidValue(Malformed):
    """202. Evidence: ``index`` where one value is at fault, ``faults`` of the template."""

    title_zh = "标识值有误"


class OperationUnsupported(Malformed):  # 5
    title_zh = "不支持的操作"


class HandleUnknown(NotFound):  # 100
    title_zh = "标识不存在"


class ValueUnknown(NotFound):
    """200. Evidence: ``index``."""

    title_zh = "标识值不存在"


class PrefixElsewhere(NotFound):
    """301. Evidence: ``prefix``."""

    title_zh = "前缀不由本节点管理"


class HandleExists(Conflict):  # 101
    title_zh = "标识已存在"


class ValueExists(Conflict):
    """201. Evidence: ``index``."""

    title_zh = "标识值已存在"


class InvalidAdministrator(Forbidden):  # 400
    title_zh = "不是该标识的管理员"


class NotPermitted(Forbidden):  # 401
    title_zh = "管理权限不足"


class ProofNeeded(Unauthenticated):  # 402
    title_zh = "需要身份验证"


class ProofFailed(Unauthenticated):  # 403
    title_zh = "身份验证失败"


class InvalidProof(Unauthenticated):  # 404
    title_zh = "身份凭证有误"


class ProofLate(Unauthenticated):  # 405
    title_zh = "身份验证超时"


class ProofUnsupported(Unauthenticated):  # 406
    title_zh = "不支持的身份验证方式"


class RegistryElsewhere(Unavailable):  # 5
    """The process only resolves; others of the node register, administer and check proofs."""

    title_zh = "本服务只提供解析"


class DailyRequestLimit(TooMany):  # 603 to those who know it
    title_zh = "超出每日请求限额"


class RegistrationCountLimit(TooMany):  # 604
    title_zh = "超出标识注册数量限额"


class PrefixLimit(TooMany):  # 605
    title_zh = "超出前缀数量限额"
