"""4.2 数据同步: messages, each with an effect once, in the order of its stream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import uuid4

import msgspec

from docking.case import Case, Failed, Said, case
from docking.node_below import Heard, NodeBelow
from docking.raw_http import request_bytes, send_and_leave
from docking.reports import every_kind, route
from node.national.messages import MESSAGES, MOST_MESSAGES, Result, Results, Status

_MALFORMED = (400, 413, 422)


@case(
    "4.2.1",
    ("消息到达两次，只生效一次", "a message that comes twice has one effect"),
    ("先 accepted，后 duplicate", "accepted, then duplicate"),
    "messages",
)
async def once(node: NodeBelow) -> Said:
    messages = node.probe(3)
    _all(await node.settle(*messages), Status.ACCEPTED)
    _all(await node.settle(*messages), Status.DUPLICATE)
    return Said("第二次全部是 duplicate", "all were duplicates the second time")


@case(
    "4.2.2",
    ("一次交付 200 条、四个流，每条有自己的结果", "200 messages of four streams, each with its own result"),
    ("全部 accepted；再次交付全部 duplicate", "all accepted; all duplicates when they come again"),
    "messages",
)
async def full_delivery(node: NodeBelow) -> Said:
    messages = [node.probe(stream=f"docking_test:{n % 4}")[0] for n in range(MOST_MESSAGES)]
    _all(await node.settle(*messages), Status.ACCEPTED)
    _all(await node.settle(*reversed(messages)), Status.DUPLICATE)
    return Said(f"{MOST_MESSAGES} 条结果齐全", f"{MOST_MESSAGES} results, none missing")


@case(
    "4.2.3",
    ("同一消息在一次交付中出现两次", "a message that stands twice in one delivery"),
    ("只 accepted 一次", "accepted once"),
    "messages",
)
async def twice_in_one(node: NodeBelow) -> Said:
    (message,) = node.probe()
    heard = await node.say("POST", MESSAGES, node.delivery([message, message]))
    results = heard.shape(Results).results
    accepted = sum(result.status is Status.ACCEPTED for result in results)
    if accepted != 1 or any(result.message_id != message.message_id for result in results):
        raise Failed(f"accepted {accepted} 次", f"accepted {accepted} times in {len(results)} results")
    _all(await node.settle(message), Status.DUPLICATE)
    return Said("只接受了一次", "accepted once")


@case(
    "4.2.4",
    ("同一 message_id、不同内容", "the same message_id with other content"),
    ("duplicate：以 message_id 为准", "duplicate: the id decides"),
    "messages",
)
async def same_id(node: NodeBelow) -> Said:
    first = node.message("docking_test.probe", {"n": 1})
    second = node.message("docking_test.probe", {"n": 2}, message_id=first.message_id)
    _all(await node.settle(first), Status.ACCEPTED)
    _all(await node.settle(second), Status.DUPLICATE)
    return Said("第二个是 duplicate", "the second was a duplicate")


@case(
    "4.2.5",
    ("各种上报都被接受", "every kind of report is accepted"),
    ("企业、前缀、路由、模板、注册汇总等全部 accepted", "enterprise, prefix, route, template, summary: all accepted"),
    "messages",
)
async def kinds(node: NodeBelow) -> Said:
    messages = every_kind(node)
    results = await node.settle(*messages)
    for message, result in zip(messages, results, strict=True):
        if result.status is not Status.ACCEPTED:
            raise Failed(
                f"{message.kind} 是 {result.status} {result.reason}",
                f"{message.kind} is {result.status}: {result.reason}",
            )
    return Said(f"{len(messages)} 种都被接受", f"all {len(messages)} kinds were accepted")


@case(
    "4.2.6",
    ("内容有误的消息单独被拒绝", "a message with a malformed body is refused alone"),
    ("它 refused 且 retry 为 false；前后消息 accepted", "refused without retry; those before and after it accepted"),
    "messages",
)
async def malformed_alone(node: NodeBelow) -> Said:
    before, after = node.probe(2, stream="enterprise")
    wrong = node.message("enterprise.approved", {"enterprise_id": 7})
    results = await node.settle(before, wrong, after)
    if (results[1].status, results[1].retry) != (Status.REFUSED, False):
        raise Failed(
            f"有误的消息是 {results[1].status}，retry {results[1].retry}",
            f"the malformed message is {results[1].status}, retry {results[1].retry}",
        )
    _all([results[0], results[2]], Status.ACCEPTED)
    return Said("只有它被拒绝", "it alone was refused")


@case(
    "4.2.7",
    ("未知的成员和未知的 kind", "members and kinds that the upper does not know"),
    ("忽略未知成员，接受并保存未知 kind", "unknown members ignored, the unknown kind accepted"),
    "messages",
)
async def unknown_members(node: NodeBelow) -> Said:
    (message,) = node.probe()
    content = msgspec.json.decode(node.delivery([message]))
    content["of_a_later_version"] = {"a": [1, 2]}
    content["messages"][0]["of_a_later_version"] = "yes"
    heard = await node.say("POST", MESSAGES, msgspec.json.encode(content))
    _all(heard.shape(Results).results, Status.ACCEPTED)
    return Said("被接受", "accepted")


@case(
    "4.2.8",
    ("整个请求有误", "a request that is malformed as a whole"),
    (
        "400、413 或 422，retry 为 false，其中消息未生效",
        "400, 413 or 422 without retry, and no effect of its messages",
    ),
    "messages",
)
async def malformed_request(node: NodeBelow) -> Said:
    messages = node.probe(MOST_MESSAGES + 1)
    too_many = node.delivery(messages)
    content = msgspec.json.decode(node.delivery(messages[:2]))
    del content["messages"][1]["sequence"]
    naive = msgspec.json.decode(node.delivery(messages[:1]))
    naive["messages"][0]["created_at"] = "2026-03-02T09:00:00"
    for body in (too_many, msgspec.json.encode(content), msgspec.json.encode(naive), b"{", b"[]", b"\xff\xfe"):
        _malformed(await node.say("POST", MESSAGES, body))
    _all(await node.settle(*messages[:MOST_MESSAGES]), Status.ACCEPTED)
    return Said("六种都被整体拒绝，消息未生效", "all six were refused as a whole, without effect")


@case(
    "4.2.9",
    ("超过 512 KiB 的消息内容", "a body of more than 512 KiB"),
    ("该消息或整个请求被拒绝，retry 为 false", "the message or its request refused without retry"),
    "messages",
)
async def oversized(node: NodeBelow) -> Said:
    large = node.message("docking_test.probe", {"padding": "0" * (600 << 10)})
    heard = await node.say("POST", MESSAGES, node.delivery([large]))
    if heard.status != 200:
        _malformed(heard)
        return Said("整个请求被拒绝", "the request was refused")
    (result,) = heard.shape(Results).results
    if (result.status, result.retry) != (Status.REFUSED, False):
        raise Failed(f"结果是 {result.status}", f"it is {result.status}, retry {result.retry}")
    return Said("该消息被拒绝", "the message was refused")


@case(
    "4.2.10",
    ("应答之前连接中断", "the connection is lost before the answer"),
    (
        "再次交付：accepted 或 duplicate；第三次必为 duplicate",
        "again: accepted or duplicate; the third time duplicate",
    ),
    "messages",
)
async def lost_answer(node: NodeBelow) -> Said:
    messages = node.probe(20)
    body, url = node.delivery(messages), node.target(MESSAGES)
    headers = node.headers(node.keys, "POST", MESSAGES, body) | {"Content-Length": str(len(body))}
    await send_and_leave(url, request_bytes("POST", url, headers, body), node.tls)
    node.did(f"POST {MESSAGES} ({len(body)} B), connection reset before the answer")
    results = await node.settle(*messages)
    if any(result.status is Status.REFUSED for result in results):
        raise Failed("有消息被拒绝", "some were refused")
    if len({result.status for result in results}) != 1:
        raise Failed("同一请求只有一部分生效", "a part of one request had an effect, the rest had none")
    _all(await node.settle(*messages), Status.DUPLICATE)
    return Said(f"中断的请求：{results[0].status}", f"the lost request's messages were {results[0].status}")


@case(
    "4.2.11",
    ("相同消息从两个连接同时到达", "the same messages by two connections at once"),
    ("每条恰好 accepted 一次", "each accepted exactly once"),
    "messages",
)
async def two_at_once(node: NodeBelow) -> Said:
    messages = node.probe(50)
    body = node.delivery(messages)
    both = await asyncio.gather(*(node.say("POST", MESSAGES, body) for _ in range(2)))
    accepted = [
        result.message_id
        for heard in both
        if heard.status == 200
        for result in heard.shape(Results).results
        if result.status is Status.ACCEPTED
    ]
    # One of the two may have been put off as a whole; what is then still new is accepted now.
    accepted += [result.message_id for result in await node.settle(*messages) if result.status is Status.ACCEPTED]
    if sorted(accepted) != sorted(message.message_id for message in messages):
        raise Failed(f"accepted {len(accepted)} 次", f"{len(messages)} messages were accepted {len(accepted)} times")
    return Said("每条恰好一次", "each exactly once")


@case(
    "4.2.12",
    ("不属于接口的路径", "a path that is not of the interface"),
    ("404，正文为 code、reason、retry", "404 with code, reason and retry"),
)
async def unknown_path(node: NodeBelow) -> Said:
    heard = await node.ask("POST", f"/v1/{uuid4().hex}", b"{}", keys=node.keys)
    refusal = heard.refusal()
    if heard.status != 404:
        raise Failed(f"应答 {heard.status} {refusal.code}", f"answered {heard.status} {refusal.code}")
    return Said(f"404 {refusal.code}", f"404 {refusal.code}")


@case(
    "4.2.13",
    ("他人前缀的路由", "a route for the prefix of others"),
    ("该消息 refused，retry 为 false", "the message is refused without retry"),
    "messages",
)
async def foreign_route(node: NodeBelow) -> Said:
    message = node.message("route.node", route(node, "192.0.2.9") | {"prefix": f"{node.prefix}9"})
    (result,) = await node.settle(message)
    if (result.status, result.retry) != (Status.REFUSED, False):
        raise Failed(f"结果是 {result.status}", f"it is {result.status}, retry {result.retry}")
    return Said(result.reason, result.reason)


@case(
    "4.2.14",
    ("流内次序（全程检查）", "order within the streams, over the whole test"),
    ("暂缓一条消息之后，同流后续消息在该请求中也被暂缓", "what follows a message that was put off is put off too"),
)
async def order(node: NodeBelow) -> Said:
    if node.disorder:
        raise Failed(f"越过了暂缓的消息：{node.disorder[0]}", f"accepted behind one put off: {node.disorder[0]}")
    return Said("未见越序", "nothing overtook")


def _all(results: Iterable[Result], status: Status) -> None:
    for result in results:
        if result.status is not status:
            words = f"{result.status} {result.reason}".rstrip()
            raise Failed(f"有消息是 {words}，应为 {status}", f"a message is {words} instead of {status}")


def _malformed(heard: Heard) -> None:
    refusal = heard.refusal()
    if heard.status not in _MALFORMED or refusal.retry:
        came = f"{heard.status} {refusal.code}, retry {refusal.retry}"
        raise Failed(f"应答 {came}", f"answered {came}")


CASES: tuple[Case[NodeBelow], ...] = (
    once, full_delivery, twice_in_one, same_id, kinds, malformed_alone, unknown_members, malformed_request, oversized,
    lost_answer, two_at_once, unknown_path, foreign_route,
)  # fmt: skip
AT_THE_END: tuple[Case[NodeBelow], ...] = (order,)
