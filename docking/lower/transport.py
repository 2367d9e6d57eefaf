"""5.1 安全传输: certificates, redirects, answers without end."""

from __future__ import annotations

import asyncio
import time

from docking.arrivals import Arrival, Instead
from docking.case import Case, Failed, Said, Skipped, case
from docking.doors import Doors
from docking.examiner import Examiner
from docking.lower.deliveries import arrive, messages_of, next_delivery, once
from node.national.messages import MESSAGES

_MOMENT = 2.0
_LONGEST_DEADLINE = 75.0


@case(
    "5.1.1",
    ("不可信的证书", "certificates that are not to be trusted"),
    (
        "他人签发、过期、名称不符时没有请求",
        "no request by one of another authority, expired, of another name",
    ),
)
async def untrusted(examiner: Examiner) -> Said:
    if examiner.doors is None:
        raise Skipped("节点以 http 联系考官", "the examiner is met by http: there is no TLS to look at")
    await examiner.demand("heartbeats")
    for words, door in examiner.doors.wrong():
        examiner.did(f"certificate: {words}")
        mark, before = examiner.mark, examiner.doors.handshakes
        with door:
            await _tried(examiner, examiner.doors, before)
            await asyncio.sleep(_MOMENT)
            came = examiner.since(mark)
        if came:
            path = came[0].path
            raise Failed(f"{words} 的证书下仍有 {path}", f"{path} came by a certificate that is {words}")
        examiner.did(f"{examiner.doors.handshakes - before} handshakes, no request")
    mark = examiner.mark
    back = await examiner.arrival(mark, lambda _: True, "request after the right certificate is back")
    return Said(f"没有请求；恢复后 {back.path}", f"none came; {back.path} when the right one was back")


@case(
    "5.1.2",
    ("重定向", "redirects"),
    ("不跟随：签名的请求不发往别处", "they are not followed: what is signed goes nowhere else"),
    "messages",
)
async def redirected(examiner: Examiner) -> Said:
    for status in (301, 307, 308):
        mark = examiner.mark
        examiner.stir()
        elsewhere = Instead(status, b"", {"Location": f"/elsewhere/{status}"})
        with examiner.disturbing(once(elsewhere)):
            first = await next_delivery(examiner, mark)
        await arrive(examiner, [message.message_id for message in messages_of([first])])
        if followed := [each for each in examiner.since(mark) if each.path.startswith("/elsewhere")]:
            followed[0].malformed = ""  # told here, not again as an unknown path
            raise Failed(f"{status} 被跟随", f"{status} was followed")
    return Said("没有跟随，消息随后送达", "none was followed, and the messages arrived")


@case(
    "5.1.3",
    ("没有尽头的应答", "an answer without end"),
    ("节点中断读取，其后消息再次送达", "the node stops reading, and the messages come again"),
    "messages",
)
async def endless(examiner: Examiner) -> Said:
    mark = examiner.mark
    examiner.stir()
    with examiner.disturbing(once(Instead(200, endless=True))):
        first = await next_delivery(examiner, mark)
    await arrive(examiner, [message.message_id for message in messages_of([first])])
    if first.read_to_the_end:
        raise Failed("读取了 64 MiB", "it read 64 MiB")
    return Said("中断并再次送达", "it stopped reading and sent them again")


@case(
    "5.1.4",
    ("不应答的上级", "an upper that does not answer"),
    (
        f"{_LONGEST_DEADLINE:.0f} 秒内放弃并再次送达，其间其他请求照常",
        f"it gives up within {_LONGEST_DEADLINE:.0f} s and sends again; other requests go on meanwhile",
    ),
    "messages",
)
async def silent(examiner: Examiner) -> Said:
    mark, began = examiner.mark, time.monotonic()
    examiner.stir()
    with examiner.disturbing(once(Instead(200, silent_seconds=_LONGEST_DEADLINE))):
        first = await next_delivery(examiner, mark)
    wanted = {message.message_id for message in messages_of([first])}

    def repeats(arrival: Arrival) -> bool:
        return arrival.path == MESSAGES and bool(wanted & {each.message_id for each in messages_of([arrival])})

    try:
        again = await examiner.until(
            lambda: next((each for each in examiner.since(first.number) if repeats(each)), None), _LONGEST_DEADLINE
        )
    except TimeoutError:
        raise Failed("没有放弃", "it did not give up") from None
    others = [each for each in examiner.since(first.number) if each.path != MESSAGES and each.number < again.number]
    seconds = time.monotonic() - began
    if not others:
        raise Failed("其间没有其他请求", "nothing else came meanwhile")
    return Said(
        f"{seconds:.0f} 秒后再次送达，其间 {len(others)} 个其他请求",
        f"it came again after {seconds:.0f} s, with {len(others)} other requests meanwhile",
    )


async def _tried(examiner: Examiner, doors: Doors, before: int) -> None:
    """Wait until the node has tried to connect. Raises ``Skipped``."""
    try:
        await examiner.until(lambda: doors.handshakes > before)
    except TimeoutError:
        raise Skipped("节点没有尝试连接", "the node did not try to connect") from None


CASES: tuple[Case[Examiner], ...] = (untrusted, redirected, endless, silent)
