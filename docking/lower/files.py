"""4.2 数据同步: log files, as they come."""

from __future__ import annotations

from docking.arrivals import LOST_AFTER, Arrival, Disturbance, Instead
from docking.case import Case, Failed, Said, case
from docking.examiner import Examiner
from docking.lower.deliveries import refusal
from node.national.bulk import FILES


@case(
    "4.2.30",
    ("日志文件", "log files"),
    ("清单与内容相符，同类文件构成链", "they are what their manifests say, and those of a kind are a chain"),
    "files",
)
async def chained(examiner: Examiner) -> Said:
    try:
        await examiner.until(lambda: bool(examiner.memory.files))
    except TimeoutError:
        raise Failed("没有可接受的文件", "none that could be taken came") from None
    faults = [fault for fault in examiner.memory.faults if FILES in fault]
    if faults:
        raise Failed(faults[0], faults[0])
    last = examiner.memory.files[-1]
    return Said(
        f"{len(examiner.memory.files)} 个，最后 {last.kind} {last.number}",
        f"{len(examiner.memory.files)} of them, {last.kind} {last.number} the last",
    )


@case(
    "4.2.31",
    (
        "文件的应答丢失，再次送来时被暂拒",
        "the answer to a file is lost, and it is refused for now when it comes again",
    ),
    ("同一文件再送来，直至有回执", "the same file comes until it gets its receipt"),
    "files",
)
async def again(examiner: Examiner) -> Said:
    first = await examiner.arrival(0, _is_file, "file")  # the disturbance is ``first_file_troubled``
    last = await examiner.arrival(0, lambda each: _is_file(each) and each.status == 200, "file that got its receipt")
    came = [each for each in examiner.since(0) if _is_file(each) and each.number <= last.number]
    if any(each.path != first.path for each in came):
        raise Failed("送来的是另一个文件", "another file came in its place")
    return Said(f"送来 {len(came)} 次", f"it came {len(came)} times")


def first_file_troubled() -> Disturbance:
    """A disturbance for the beginning: the first receipt is lost, and then there is no time for the file."""
    troubles = [LOST_AFTER, refusal(503, "busy", retry=True)]

    def trouble(arrival: Arrival) -> Instead | None:
        return troubles.pop(0) if troubles and _is_file(arrival) and not arrival.fault else None

    return trouble


def _is_file(arrival: Arrival) -> bool:
    return arrival.method == "PUT" and arrival.path.startswith(FILES + "/")


CASES: tuple[Case[Examiner], ...] = (chained, again)
