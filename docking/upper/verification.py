"""4.2 数据同步: verification (核验) of prefixes and what comes back of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

from docking import reports
from docking.case import Case, Failed, Said, Skipped, case
from docking.node_below import NodeBelow
from node.national.messages import LONGEST_WAIT, MOST_VERDICTS, VERDICTS, Verdict, Verdicts


@case(
    "4.2.20",
    ("企业与前缀上报后给出核验结果", "a reported enterprise and its prefix are verified"),
    ("核验通过，带上报的 application 编号", "a verdict that it passed, with the application's number"),
    "verdicts",
)
async def verified(node: NodeBelow) -> Said:
    after = await newest(node)
    name = await apply_for(node, node.prefix if node.is_enterprise else node.fresh_prefix(), application=41)
    # One on an earlier application for the same prefix may come first.
    verdict = await verdict_on(node, after, lambda verdict: (verdict.prefix, verdict.application) == (name, 41))
    if not verdict.passed:
        raise Failed(f"未通过：{verdict.reason}", f"it did not pass: {verdict.reason}")
    return Said(f"通过：{verdict.reason}", f"passed: {verdict.reason}")


@case(
    "4.2.21",
    ("授权范围之外的前缀", "a prefix outside of what was delegated"),
    ("从不通过", "it never passes"),
    "verdicts",
)
async def foreign(node: NodeBelow) -> Said:
    after = await newest(node)
    # The end of one is the beginning of the other, but a prefix ends at a dot.
    names = [await apply_for(node, name, application=n) for n, name in enumerate((f"{node.prefix}9.2001", "88.1"), 1)]
    sentinel = None if node.is_enterprise else await apply_for(node, node.fresh_prefix(), application=9)
    try:
        verdict = await verdict_on(node, after, lambda verdict: verdict.prefix in names, passes_on=sentinel)
    except Failed:
        return Said("没有结果", "no verdict came")
    if verdict.passed:
        raise Failed(f"{verdict.prefix} 通过了核验", f"{verdict.prefix} passed")
    return Said(f"未通过：{verdict.reason}", f"did not pass: {verdict.reason}")


@case(
    "4.2.22",
    ("已由其他企业持有的前缀", "a prefix that another enterprise holds"),
    ("后一企业不通过", "the later enterprise does not pass"),
    "verdicts",
)
async def held(node: NodeBelow) -> Said:
    name, after = node.fresh_prefix(), await newest(node)
    await apply_for(node, name, application=1)
    first = await verdict_on(node, after, lambda verdict: verdict.prefix == name)
    if not first.passed:
        raise Skipped("第一个企业未通过核验", "not even the first enterprise passed")
    await apply_for(node, name, application=2, credit_code=reports.OTHER_CREDIT_CODE)
    second = await verdict_on(node, first.sequence, lambda verdict: verdict.prefix == name)
    if second.passed:
        raise Failed("两个企业都通过了", "both enterprises passed")
    return Said(f"未通过：{second.reason}", f"did not pass: {second.reason}")


@case(
    "4.2.23",
    ("核验结果按 sequence 给出，可反复询问", "verdicts come by sequence, as often as asked"),
    (
        "只有大于 after 的；次序与上报相同；再问相同",
        "only those after N, in the order of the reports, the same again",
    ),
    "verdicts",
)
async def in_order(node: NodeBelow) -> Said:
    after = await newest(node)
    names = [await apply_for(node, node.fresh_prefix(), application=n) for n in range(1, 4)]
    await verdict_on(node, after, lambda verdict: verdict.prefix == names[-1])
    first, again = [await _ask(node, after) for _ in range(2)]
    ours = [verdict.prefix for verdict in first if verdict.prefix in names]
    if ours != names:
        raise Failed(f"次序不同：{ours}", f"in another order: {ours} instead of {names}")
    if again != first:
        raise Failed("再次询问得到不同结果", "asked again, something else came")
    return Said("三个结果次序相同", "three verdicts in the order of their reports")


@case(
    "4.2.24",
    ("等待中的询问（wait）", "a question that waits (wait=)"),
    ("无新结果时等到期满，有新结果时立即应答", "held to the end when nothing comes, answered when something does"),
    "verdicts",
)
async def waiting(node: NodeBelow) -> Said:
    after = await newest(node)
    idle = await node.say("GET", f"{VERDICTS}?after={after}&wait=2")
    if idle.shape(Verdicts).verdicts or not 1.5 <= idle.seconds <= 5:
        raise Failed(f"{idle.seconds:.1f} 秒后应答", f"wait=2 was answered after {idle.seconds:.1f} s")
    question = asyncio.create_task(node.say("GET", f"{VERDICTS}?after={after}&wait={LONGEST_WAIT}"))
    try:
        await asyncio.sleep(0.5)
        began = time.monotonic()
        name = await apply_for(node, node.prefix if node.is_enterprise else node.fresh_prefix(), application=5)
        came = (await question).shape(Verdicts).verdicts
        seconds = time.monotonic() - began
    finally:
        question.cancel()
    if not any(verdict.prefix == name for verdict in came):
        raise Failed(f"{seconds:.1f} 秒后应答中没有结果", f"the answer after {seconds:.1f} s has no verdict of it")
    return Said(f"上报 {seconds:.1f} 秒后得到结果", f"the verdict came {seconds:.1f} s after the report")


@case(
    "4.2.25",
    ("有误的询问", "malformed questions"),
    ("after 缺失、为负、非数字：400，retry 为 false", "after missing, negative or no number: 400 without retry"),
    "verdicts",
)
async def malformed(node: NodeBelow) -> Said:
    for query in ("", "?after=", "?after=-1", "?after=x", "?after=1e3"):
        heard = await node.say("GET", f"{VERDICTS}{query}")
        refusal = heard.refusal()
        if heard.status != 400 or refusal.retry:
            raise Failed(f"{query} 应答 {heard.status}", f"{query!r} was answered {heard.status} {refusal.code}")
    return Said("全部 400", "400 to all")


async def apply_for(node: NodeBelow, name: str, *, application: int, credit_code: str = "") -> str:
    """Report an enterprise, by default that of the node, and a prefix of it as reviewed; the prefix."""
    enterprise_id, code = uuid4(), credit_code or node.credit_code
    body = reports.prefix(name, enterprise_id, code, "reviewed", application=application)
    await node.settle(
        node.message("enterprise.approved", reports.enterprise(enterprise_id, code)),
        node.message("prefix.reviewed", body),
    )
    return name


async def _ask(node: NodeBelow, after: int, wait: int = 0) -> list[Verdict]:
    """Verdicts after a sequence. Raises ``Failed`` when they do not ascend from there."""
    heard = await node.say("GET", f"{VERDICTS}?after={after}" + (f"&wait={wait}" if wait else ""))
    verdicts = heard.shape(Verdicts).verdicts
    sequences = [after, *(verdict.sequence for verdict in verdicts)]
    if sorted(set(sequences)) != sequences:
        raise Failed(f"sequence 不递增：{sequences[:9]}", f"the sequences do not ascend: {sequences[:9]}")
    if len(verdicts) > MOST_VERDICTS:
        raise Failed(f"一次 {len(verdicts)} 个结果", f"{len(verdicts)} verdicts in one answer")
    return verdicts


async def newest(node: NodeBelow) -> int:
    """The sequence of the last verdict there is."""
    after = 0
    while verdicts := await _ask(node, after):
        after = verdicts[-1].sequence
    return after


async def verdict_on(
    node: NodeBelow, after: int, wanted: Callable[[Verdict], bool], *, passes_on: str | None = None
) -> Verdict:
    """The first verdict that is wanted; ``passes_on``: none comes any more once this prefix has its own."""
    ends = time.monotonic() + node.patience
    while (left := ends - time.monotonic()) > 0:
        for verdict in await _ask(node, after, wait=max(1, min(5, int(left)))):
            if wanted(verdict):
                return verdict
            if verdict.prefix == passes_on:
                ends = min(ends, time.monotonic() + 1)
            after = verdict.sequence
        await asyncio.sleep(0.1)  # an upper that does not hold questions is not asked all the time
    raise Failed(f"{node.patience:.0f} 秒内没有核验结果", f"no verdict within {node.patience:.0f} s")


CASES: tuple[Case[NodeBelow], ...] = (verified, foreign, held, in_order, waiting, malformed)
