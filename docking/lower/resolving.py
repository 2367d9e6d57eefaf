"""What the node under test resolves: where it is asked, and a name that it knows."""

from __future__ import annotations

from docking.case import Failed, Skipped
from docking.examiner import Examiner
from docking.handle_port import Address, asked_by_tcp
from resolver.handle.codes import ResponseCode


def port_of(examiner: Examiner) -> Address:
    """Raises ``Skipped`` when it was not said."""
    if examiner.handle is None:
        raise Skipped("未给出节点的 Handle 端口", "no Handle port of the node was named")
    return examiner.handle


async def resolves(examiner: Examiner) -> str:
    """A name that the node resolves: the one given, or one of its standby records. Raises ``Skipped``, ``Failed``."""
    name = examiner.identifier or next(iter(examiner.memory.standby.sample), "")
    if not name:
        raise Skipped("不知道节点上的任何标识（--identifier）", "no identifier of the node is known (--identifier)")
    answer = await asked_by_tcp(port_of(examiner), name)
    examiner.did(f"RESOLVE {name} → {answer.code}")
    if answer.code != ResponseCode.SUCCESS:
        raise Failed(f"{name} 不能解析，应答码 {answer.code}", f"{name} does not resolve: {answer.code}")
    return name
