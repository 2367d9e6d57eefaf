"""4.4 应急接管: the standby records above, exercises and hand-back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from uuid import UUID, uuid4

import msgspec

from docking.arrivals import LOST_AFTER, Arrival
from docking.case import Case, Failed, Said, Skipped, case
from docking.examiner import Examiner
from docking.handle_port import asked_by_tcp
from docking.lower.deliveries import once
from docking.lower.resolving import port_of
from docking.memory import Standby
from node.identifier import fold
from node.national.bulk import STANDBY, StandbyState
from node.national.instructions import Compared, Order, Outcome, Takeover
from node.record import PUBLIC_READ, decode_values, encode_values
from resolver.handle.codes import ResponseCode

_SAMPLE = 50
_RETURN_SECONDS = 20.0


@case(
    "4.4.1",
    ("备用数据的快照", "the snapshot of standby records"),
    ("按名称次序分页送达，直至完整", "it comes by pages in the order of names until it is whole"),
    "standby",
)
async def snapshot(examiner: Examiner) -> Said:
    state = await _whole(examiner)
    return Said(
        f"position {state.position}，{state.records} 条，{examiner.memory.standby.pages} 页",
        f"position {state.position}, {state.records} records, {examiner.memory.standby.pages} pages",
    )


@case(
    "4.4.2",
    ("备用数据与解析结果一致", "standby records are what the node answers"),
    ("抽样标识的公开值相同", "the public values of some identifiers are the same"),
    "standby",
)
async def same_as_answered(examiner: Examiner) -> Said:
    await _whole(examiner)
    port = port_of(examiner)
    sample = await _sample(examiner)
    for name, record in islice(sample.items(), 10):
        answer = await asked_by_tcp(port, name)
        public = tuple(value for value in decode_values(record) if value.permissions & PUBLIC_READ)
        examiner.did(f"RESOLVE {name} → {answer.code}")
        if answer.code == ResponseCode.SUCCESS and encode_values(answer.values) != encode_values(public):
            raise Failed(f"{name} 的值不同", f"the values of {name} differ")
        if answer.code not in (ResponseCode.SUCCESS, ResponseCode.VALUES_NOT_FOUND):
            raise Failed(f"{name} 应答码 {answer.code}", f"{name} is answered {answer.code}")
    number = min(len(sample), 10)
    return Said(f"{number} 个相同", f"{number} are the same")


@case(
    "4.4.3",
    ("接管演练", "an exercise of a takeover"),
    ("答复中抽样标识的摘要与备用数据相同", "the digests of a sample are those of the standby records"),
    "instructions",
)
async def drill(examiner: Examiner) -> Said:
    await examiner.demand("standby")
    await _sample(examiner)
    compared = await _ordered(examiner, on=True, drill=True)
    return _same(examiner, compared)


@case(
    "4.4.4",
    ("接管与交还", "a takeover and its hand-back"),
    ("两次都答复 done，摘要与备用数据相同", "both done, and the digests are those of the standby records"),
    "instructions",
)
async def taken_over(examiner: Examiner) -> Said:
    await examiner.demand("standby")
    await _sample(examiner)
    takeover_id = uuid4()
    begun = await _ordered(examiner, on=True, drill=False, takeover_id=takeover_id)
    ended = await _ordered(examiner, on=False, drill=False, takeover_id=takeover_id)
    if ended.position < begun.position:
        raise Failed("position 倒退", f"the position went back from {begun.position} to {ended.position}")
    return _same(examiner, ended)


@case(
    "4.4.5",
    ("上级丢失了备用数据", "the node above has lost the standby records"),
    ("再次送来完整快照，演练仍一致", "a whole snapshot comes again, and an exercise agrees with it"),
    "standby",
)
async def lost(examiner: Examiner) -> Said:
    before = list(await _sample(examiner))
    await examiner.demand("instructions")
    _forget(examiner)
    compared = await _ordered(examiner, on=True, drill=True, names=before)
    await _whole(examiner)
    records = len(examiner.memory.standby.digests)
    if not records:
        raise Failed("没有再次送来", "nothing came again")
    _same(examiner, compared)
    return Said(f"再次送来 {records} 条", f"{records} records came again")


@case(
    "4.4.6",
    ("一页的应答丢失", "the answer to a page is lost"),
    ("节点询问状态后从该处继续", "the node asks how far it is and goes on from there"),
    "standby",
)
async def page_lost(examiner: Examiner) -> Said:
    names = list(await _sample(examiner))
    await examiner.demand("instructions")
    _forget(examiner)
    mark = examiner.mark

    def is_page(arrival: Arrival) -> bool:
        return (arrival.method, arrival.path) == ("PUT", STANDBY)

    disturb = once(LOST_AFTER, STANDBY)
    with examiner.disturbing(lambda arrival: disturb(arrival) if is_page(arrival) else None):
        compared = await _ordered(examiner, on=True, drill=True, names=names)
    pages = [each for each in examiner.since(mark) if is_page(each)]
    if not any(each.status == 0 for each in pages):
        raise Skipped("没有页送来", "no page came")
    await _whole(examiner)
    _same(examiner, compared)
    return Said(f"{len(pages)} 页后完整", f"whole after {len(pages)} pages")


async def _whole(examiner: Examiner) -> StandbyState:
    """Wait until a snapshot is whole. Raises ``Failed``."""
    try:
        await examiner.until(lambda: examiner.memory.standby.state.position is not None)
    except TimeoutError:
        pages = examiner.memory.standby.pages
        raise Failed(f"{pages} 页之后仍不完整", f"it is not whole after {pages} pages") from None
    return examiner.memory.standby.state


def _forget(examiner: Examiner) -> None:
    """As an upper whose records were lost."""
    examiner.memory.standby = Standby()
    examiner.did("the standby records are forgotten")


async def _sample(examiner: Examiner) -> dict[str, bytes]:
    """Some records; what was suspended a moment ago is on its way back. Raises ``Skipped`` where there are none."""
    try:
        return await examiner.until(lambda: examiner.memory.standby.sample, min(examiner.patience, _RETURN_SECONDS))
    except TimeoutError:
        raise Skipped("没有备用记录", "there is no standby record") from None


async def _ordered(
    examiner: Examiner, *, on: bool, drill: bool, takeover_id: UUID | None = None, names: Sequence[str] = ()
) -> Compared:
    names = names or list(examiner.memory.standby.sample)
    sample = [*names[:_SAMPLE], f"{examiner.memory.prefix}.999999999/docking-test"]
    takeover = Takeover(takeover_id=takeover_id or uuid4(), on=on, drill=drill, sample=sample)
    answered = await examiner.ordered(Order.TAKEOVER, takeover)
    if answered.outcome is not Outcome.DONE:
        raise Failed(f"答复 {answered.outcome} {answered.detail}", f"{answered.outcome}: {answered.detail}")
    try:
        compared = msgspec.convert(answered.result, Compared)
    except msgspec.ValidationError as error:
        raise Failed("结果不符合接口", f"the result is none of the interface: {error}") from None
    missing = [name for name in sample if name not in compared.digests]
    if missing and (drill or not on):
        raise Failed(f"没有 {missing[0]} 的摘要", f"no digest of {missing[0]} came")
    return compared


def _same(examiner: Examiner, compared: Compared) -> Said:
    """Raises ``Failed`` unless each digest is that of the standby record."""
    standby = examiner.memory.standby
    if compared.position != standby.state.position:
        raise Failed(
            f"position {compared.position}，备用数据在 {standby.state.position}",
            f"it compared at {compared.position}; the standby records are at {standby.state.position}",
        )
    for name, digest in compared.digests.items():
        if digest != standby.digests.get(fold(name), ""):
            raise Failed(f"{name} 的摘要不同", f"the digest of {name} differs from its standby record")
    return Said(f"{len(compared.digests)} 个摘要相同", f"{len(compared.digests)} digests are the same")


CASES: tuple[Case[Examiner], ...] = (snapshot, same_as_answered, drill, taken_over, lost, page_lost)
