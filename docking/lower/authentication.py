"""5.2 接入认证: how a node signs, and what it does when it is not believed."""

from __future__ import annotations

from docking.arrivals import Arrival
from docking.case import Case, Failed, Said, Skipped, case
from docking.examiner import Examiner
from docking.lower.deliveries import arrive, messages_of, next_delivery, once, refusal
from node.national.messages import MESSAGES
from node.national.signature import NONCE, TIMESTAMP


@case(
    "5.2.1",
    ("每个请求都正确签名（全程检查）", "every request is rightly signed, over the whole test"),
    ("没有签名有误、时钟偏差或未知密钥", "no wrong signature, no clock that is off, no unknown key"),
)
async def signed(examiner: Examiner) -> Said:
    wrong = [each for each in examiner.since(0) if each.fault]
    if wrong:
        words = f"{wrong[0].method} {wrong[0].path}: {wrong[0].fault}"
        raise Failed(f"{len(wrong)} 个，如 {words}", f"{len(wrong)} of them, as {words}")
    number = sum(bool(each.access_key) for each in examiner.since(0))
    if not number:
        raise Skipped("没有签名的请求", "no signed request came")
    return Said(f"{number} 个请求", f"{number} requests")


@case(
    "5.2.2",
    ("随机数从不重复（全程检查）", "no nonce comes twice, over the whole test"),
    ("每个请求一个新的随机数", "a fresh one for each request"),
)
async def fresh_nonces(examiner: Examiner) -> Said:
    if examiner.desk.nonces_again:
        again = examiner.desk.nonces_again
        raise Failed(f"{len(again)} 次，如 {again[0]}", f"{len(again)} times, as at {again[0]}")
    return Said("没有重复", "none came twice")


@case(
    "5.2.3",
    ("随机数被拒绝", "a nonce is refused"),
    ("以新随机数重新签名，内容相同", "signed anew with another nonce, the content the same"),
    "messages",
)
async def nonce_refused(examiner: Examiner) -> Said:
    return await _again(examiner, "nonce_reused", retry=True)


@case(
    "5.2.4",
    ("签名被拒绝", "a signature is refused"),
    ("不丢弃任何消息，稍后重新签名送达", "nothing is given up: signed anew it comes again later"),
    "messages",
)
async def signature_refused(examiner: Examiner) -> Said:
    return await _again(examiner, "signature_wrong", retry=False)


@case(
    "5.2.5",
    ("时间戳被拒绝", "a timestamp is refused"),
    ("不丢弃任何消息，以当时的时间重新签名", "nothing is given up: it comes again with a later timestamp"),
    "messages",
)
async def timestamp_refused(examiner: Examiner) -> Said:
    return await _again(examiner, "clock_skewed", retry=False)


@case(
    "5.2.6",
    ("请求中从不包含 SecretKey（全程检查）", "the SecretKey is in no request, over the whole test"),
    ("路径、头、正文中都没有", "neither in path nor headers nor body"),
)
async def secret_kept(examiner: Examiner) -> Said:
    if sent := examiner.desk.secrets_sent:
        raise Failed(f"出现在 {sent[0]}", f"it stands in a request to {sent[0]}")
    return Said(f"检查了 {examiner.mark} 个请求", f"{examiner.mark} requests were looked through")


async def _again(examiner: Examiner, code: str, *, retry: bool) -> Said:
    mark = examiner.mark
    examiner.stir()
    with examiner.disturbing(once(refusal(401, code, retry=retry))):
        first = await next_delivery(examiner, mark)
    wanted = {message.message_id: message for message in messages_of([first])}

    def repeats(arrival: Arrival) -> bool:
        return arrival.path == MESSAGES and any(each.message_id in wanted for each in messages_of([arrival]))

    again = await examiner.arrival(first.number, repeats, "delivery signed anew")
    if again.headers[NONCE] == first.headers[NONCE]:
        raise Failed("随机数相同", "the same nonce came again")
    if int(again.headers[TIMESTAMP]) < int(first.headers[TIMESTAMP]):
        raise Failed("时间戳倒退", "the timestamp went back")
    for message in messages_of([again]):
        if message.message_id in wanted and message != wanted[message.message_id]:
            raise Failed("内容不同", "the content differs")
    await arrive(examiner, list(wanted))
    return Said(f"{len(wanted)} 条重新签名后送达", f"{len(wanted)} messages arrived signed anew")


CASES: tuple[Case[Examiner], ...] = (nonce_refused, signature_refused, timestamp_refused)
AT_THE_END: tuple[Case[Examiner], ...] = (signed, fresh_nonces, secret_kept)
