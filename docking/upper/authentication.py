"""5.2 接入认证: who speaks, and that nobody else speaks for them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import timedelta

from docking.case import Case, Failed, Said, case
from docking.node_below import Heard, NodeBelow
from node.national.messages import MESSAGES, Message, Results, Status
from node.national.signature import ACCESS_KEY, NONCE, SIGNATURE, TIMESTAMP, KeyPair

_AT_ONCE = 8


@case(
    "5.2.1",
    ("正确签名的请求被接受", "a rightly signed request is accepted"),
    ("应答 200，消息被接受", "200, and its message accepted"),
)
async def right_signature(node: NodeBelow) -> Said:
    (message,) = node.probe()
    heard = await node.say("POST", MESSAGES, node.delivery([message]))
    heard.shape(Results)
    return Said("应答 200", "answered 200")


@case(
    "5.2.2",
    ("SecretKey 不符", "a wrong SecretKey"),
    ("401 signature_wrong，请求无任何作用", "401 signature_wrong, and no effect"),
)
async def wrong_secret(node: NodeBelow) -> Said:
    (message,) = node.probe()
    keys = KeyPair(node.keys.access_key, secrets.token_urlsafe(32))
    heard = await node.ask("POST", MESSAGES, node.delivery([message]), keys=keys)
    _refused(heard, "signature_wrong")
    await _had_no_effect(node, message)
    return Said("被拒绝，且未留下任何作用", "refused, without any effect")


@case(
    "5.2.3",
    ("未知 AccessKey 与签名错误不可区分", "an unknown AccessKey is not told apart from a wrong signature"),
    ("两者应答相同：401 signature_wrong", "the same answer to both: 401 signature_wrong"),
)
async def unknown_key(node: NodeBelow) -> Said:
    body = node.delivery(node.probe())
    known = KeyPair(node.keys.access_key, secrets.token_urlsafe(32))
    unknown = KeyPair(f"nobody-{secrets.token_hex(8)}", secrets.token_urlsafe(32))
    told = [
        _refused(await node.ask("POST", MESSAGES, body, keys=keys), "signature_wrong") for keys in (known, unknown)
    ]
    if told[0] != told[1]:
        raise Failed(f"应答不同：{told}", f"the answers differ: {told}")
    return Said("应答相同", "the same answer")


@case(
    "5.2.4",
    ("签名头缺失或格式有误", "a header of the signature is missing or malformed"),
    ("每一种都是 401 signature_missing", "401 signature_missing for each"),
)
async def missing_header(node: NodeBelow) -> Said:
    malformed = {ACCESS_KEY: "a b", TIMESTAMP: "soon", NONCE: "short", SIGNATURE: "0" * 63}
    (message,) = node.probe()
    body = node.delivery([message])
    for name, wrong in malformed.items():
        right = node.headers(node.keys, "POST", MESSAGES, body)
        without = {header: value for header, value in right.items() if header != name}
        for headers in (without, {**without, name: wrong}):
            _refused(await node.send("POST", node.target(MESSAGES), body, headers), "signature_missing")
    await _had_no_effect(node, message)
    return Said("8 种都被拒绝", "all 8 were refused")


@case(
    "5.2.5",
    ("签名后被改动的请求", "a request changed after it was signed"),
    ("正文、路径、方法任一改动都是 401 signature_wrong", "401 signature_wrong for a changed body, path or method"),
)
async def changed_request(node: NodeBelow) -> Said:
    signed, sent = node.probe(2)
    body = node.delivery([signed])
    headers = node.headers(node.keys, "POST", MESSAGES, body)
    _refused(await node.send("POST", node.target(MESSAGES), node.delivery([sent]), headers), "signature_wrong")
    headers = node.headers(node.keys, "POST", MESSAGES, body)
    _refused(await node.send("POST", node.target(f"{MESSAGES}?a=1"), body, headers), "signature_wrong")
    headers = node.headers(node.keys, "GET", MESSAGES, body)
    _refused(await node.send("POST", node.target(MESSAGES), body, headers), "signature_wrong")
    headers = node.headers(node.keys, "POST", MESSAGES, body)
    later = {**headers, TIMESTAMP: str(int(headers[TIMESTAMP]) + 1)}
    _refused(await node.send("POST", node.target(MESSAGES), body, later), "signature_wrong")
    headers = node.headers(node.keys, "POST", MESSAGES, body)
    other = {**headers, NONCE: secrets.token_urlsafe(24)}
    _refused(await node.send("POST", node.target(MESSAGES), body, other), "signature_wrong")
    await _had_no_effect(node, signed, sent)
    return Said("五种改动都被拒绝", "all five changes were refused")


@case(
    "5.2.6",
    ("原样重放的请求", "a request replayed as it was"),
    ("401 nonce_reused，retry 为 true", "401 nonce_reused, with retry"),
)
async def replay(node: NodeBelow) -> Said:
    body = node.delivery(node.probe())
    headers = node.headers(node.keys, "POST", MESSAGES, body)
    first = await node.send("POST", node.target(MESSAGES), body, headers)
    first.shape(Results)
    _replayed(await node.send("POST", node.target(MESSAGES), body, headers))
    return Said("重放被拒绝", "the replay was refused")


@case(
    "5.2.7",
    (f"{_AT_ONCE} 个相同请求同时到达", f"{_AT_ONCE} equal requests at the same time"),
    ("只有一个被接受", "one of them is accepted"),
)
async def replay_at_once(node: NodeBelow) -> Said:
    body = node.delivery(node.probe())
    headers = node.headers(node.keys, "POST", MESSAGES, body)
    heard = await asyncio.gather(*(node.send("POST", node.target(MESSAGES), body, headers) for _ in range(_AT_ONCE)))
    accepted = sum(each.status == 200 for each in heard)
    if accepted != 1:
        raise Failed(f"{accepted} 个被接受", f"{accepted} of them were accepted")
    return Said("恰好一个被接受", "exactly one was accepted")


@case(
    "5.2.8",
    ("同一随机数用于另一请求", "a nonce that comes again with another request"),
    ("401 nonce_reused，请求无任何作用", "401 nonce_reused, and no effect"),
)
async def nonce_again(node: NodeBelow) -> Said:
    first, second = node.probe(2)
    nonce = secrets.token_urlsafe(24)
    heard = await node.ask("POST", MESSAGES, node.delivery([first]), keys=node.keys, nonce=nonce)
    heard.shape(Results)
    _replayed(await node.ask("POST", MESSAGES, node.delivery([second]), keys=node.keys, nonce=nonce))
    await _had_no_effect(node, second)
    return Said("第二次被拒绝，且无作用", "the second was refused, without effect")


@case(
    "5.2.9",
    ("时间戳超出 300 秒", "a timestamp more than 300 s off"),
    (
        "相差 330 秒 401 clock_skewed；相差 240 秒接受",
        "401 clock_skewed 330 s early and late; accepted 240 s early and late",
    ),
)
async def clock_skew(node: NodeBelow) -> Said:
    for seconds in (-330, 330):
        at = node.clock() + timedelta(seconds=seconds)
        (message,) = node.probe()
        heard = await node.ask("POST", MESSAGES, node.delivery([message]), keys=node.keys, at=at)
        _refused(heard, "clock_skewed")
        await _had_no_effect(node, message)
    for seconds in (-240, 240):
        at = node.clock() + timedelta(seconds=seconds)
        body = node.delivery(node.probe())
        (await node.ask("POST", MESSAGES, body, keys=node.keys, at=at)).shape(Results)
    return Said("窗口符合约定", "the window is as agreed")


@case(
    "5.2.10",
    ("应答从不包含 SecretKey（全程检查）", "no answer contains the SecretKey, over the whole test"),
    ("本次测试的全部应答中都没有", "not in any answer of this test"),
)
async def secret_kept(node: NodeBelow) -> Said:
    secret = node.keys.secret_key.encode()
    found = [heard.asked for heard in node.heard if secret in heard.body]
    if found:
        raise Failed(f"出现在 {found[0]} 的应答中", f"it stands in the answer to {found[0]}")
    return Said(f"检查了 {len(node.heard)} 个应答", f"{len(node.heard)} answers were looked through")


def _refused(heard: Heard, code: str) -> Mapping[str, object]:
    """What a sender can see of a refusal. Raises ``Failed`` unless it is a 401 with this code."""
    refusal = heard.refusal()
    if (heard.status, refusal.code) != (401, code):
        came = f"{heard.status} {refusal.code}"
        raise Failed(f"应答 {came}，应为 401 {code}", f"answered {came} instead of 401 {code}")
    return {"status": heard.status, "code": refusal.code, "retry": refusal.retry, "reason": refusal.reason}


def _replayed(heard: Heard) -> None:
    if not _refused(heard, "nonce_reused")["retry"]:
        raise Failed("retry 为 false", "retry is false: the same content signed anew would be welcome")


async def _had_no_effect(node: NodeBelow, *messages: Message) -> None:
    """Whether messages that were refused are still unknown: sent rightly they are accepted, not duplicates."""
    for result in await node.settle(*messages):
        if result.status is not Status.ACCEPTED:
            raise Failed(
                f"被拒绝请求中的消息已是 {result.status}", f"a message of the refused request is {result.status}"
            )


CASES: tuple[Case[NodeBelow], ...] = (
    right_signature, wrong_secret, unknown_key, missing_header, changed_request, replay, replay_at_once, nonce_again,
    clock_skew,
)  # fmt: skip
AT_THE_END: tuple[Case[NodeBelow], ...] = (secret_kept,)
