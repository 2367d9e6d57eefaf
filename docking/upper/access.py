"""4.1 接入申请: applying for access, and the key pairs that come of it."""

from __future__ import annotations

import asyncio
import secrets
import time
from uuid import uuid4

import msgspec

from docking.case import Case, Failed, Said, Skipped, case
from docking.node_below import Heard, NodeBelow
from node.national.access import (
    APPLICATIONS,
    KEYS,
    Application,
    ApplicationState,
    ApplicationStatus,
    IssuedKey,
)
from node.national.messages import INTERFACE, MESSAGES, PARTS, Offers, Results
from node.national.signature import KeyPair


@case(
    "4.1.1",
    ("接口说明无需签名", "the interface says what it offers, unsigned"),
    ("版本 1、名称、前缀、提供的部分", "version 1, name, prefix, and the parts it answers"),
)
async def offers(node: NodeBelow) -> Said:
    said = (await node.ask("GET", INTERFACE, keys=None)).shape(Offers)
    if said.version != 1:
        raise Failed(f"版本 {said.version}", f"version {said.version}")
    if not set(said.parts) & set(PARTS):
        raise Failed("没有已知的部分", f"no part of the interface is among {said.parts}")
    parts = ", ".join(said.parts)
    return Said(f"{said.name}，{parts}", f"{said.name}: {parts}")


@case(
    "4.1.2",
    ("提交申请；再次提交相同内容", "an application, and the same one again"),
    ("两次都答同一编号与状态", "its number and state, both times"),
    "applications",
)
async def applied(node: NodeBelow) -> Said:
    first, again = await apply(node, node.application), await apply(node, node.application)
    if first.application_id != node.application.application_id or again.application_id != first.application_id:
        raise Failed("编号不同", "the answer is about another application")
    if first.key or again.key:
        raise Failed("未签名的应答中有密钥", "an unsigned question was answered with a key pair")
    return Said(f"状态 {again.state}", f"state {again.state}")


@case(
    "4.1.3",
    ("同一编号、不同内容", "the same number with other content"),
    ("拒绝，retry 为 false，原申请不变", "refused without retry, and the application stays as it was"),
    "applications",
)
async def differing(node: NodeBelow) -> Said:
    await apply(node, node.application)
    taken_over = msgspec.structs.replace(node.application, secret=_secret())
    for other in (taken_over, msgspec.structs.replace(node.application, prefix=f"{node.prefix}9")):
        if (await _apply(node, other)).refusal().retry:
            raise Failed("retry 为 true", "it may come again, it says")
    status = (await _status(node, node.application)).shape(ApplicationStatus)
    if not ({status.prefix} <= {"", node.prefix}):
        raise Failed(f"前缀变为 {status.prefix}", f"its prefix became {status.prefix}")
    return Said("都被拒绝", "both were refused")


@case(
    "4.1.4",
    ("只有申请者能查询申请", "only the applicant may ask about an application"),
    ("其他人、未签名、未知编号一律 401", "401 for others, without a signature, and for an unknown number"),
    "applications",
)
async def private(node: NodeBelow) -> Said:
    application = node.application
    await apply(node, application)
    (await _status(node, application)).shape(ApplicationStatus)
    path = f"{APPLICATIONS}/{application.application_id}"
    number = str(application.application_id)
    unknown = uuid4()
    for asked, keys in (
        (path, KeyPair(number, _secret())),
        (path, node.keys),
        (path, None),
        (f"{APPLICATIONS}/{unknown}", KeyPair(str(unknown), application.secret)),
        (f"{APPLICATIONS}/{unknown}", KeyPair(number, application.secret)),
    ):
        heard = await node.ask("GET", asked, keys=keys)
        if heard.status not in (401, 403, 404) or heard.refusal().retry:
            raise Failed(f"应答 {heard.status}", f"answered {heard.status}: {heard.excerpt}")
    return Said("其他询问都被拒绝", "all other questions were refused")


@case(
    "4.1.5",
    ("有误的申请", "malformed applications"),
    ("400 或 422，retry 为 false", "400 or 422 without retry"),
    "applications",
)
async def malformed(node: NodeBelow) -> Said:
    site = {"address": "192.0.2.1", "tcp_port": 2641}
    for wrong in ({"secret": "short"}, {"kind": "root"}, {"name": "a\nb"}, {"sites": [site] * 5}, {"prefix": None}):
        content = msgspec.to_builtins(node.application) | {"application_id": str(uuid4())} | wrong
        heard = await node.ask("POST", APPLICATIONS, msgspec.json.encode(content), keys=None)
        if heard.status not in (400, 422) or heard.refusal().retry:
            raise Failed(f"{wrong} 应答 {heard.status}", f"{wrong} was answered {heard.status}: {heard.excerpt}")
    return Said("五种都被拒绝", "all five were refused")


@case(
    "4.1.6",
    ("申请的编号与口令不能代替密钥", "an application's number and secret are no key pair"),
    ("以其签名的上报 401", "a report signed with them is answered 401"),
    "applications",
)
async def no_key_yet(node: NodeBelow) -> Said:
    await apply(node, node.application)
    keys = KeyPair(str(node.application.application_id), node.application.secret)
    heard = await node.ask("POST", MESSAGES, node.delivery(node.probe()), keys=keys)
    if heard.status not in (401, 403):
        raise Failed(f"应答 {heard.status}", f"answered {heard.status}: {heard.excerpt}")
    return Said(f"{heard.status}", f"{heard.status}")


@case(
    "4.1.7",
    ("批准后得到密钥", "approval brings a key pair"),
    ("使用前反复询问得到同一密钥；密钥可用", "the same pair as often as asked before its use; it works"),
    "applications",
)
async def approved(node: NodeBelow) -> Said:
    await apply(node, node.application)
    keys = await approval(node, node.application)
    again = (await _status(node, node.application)).shape(ApplicationStatus)
    if again.key is None or KeyPair(again.key.access_key, again.key.secret_key) != keys:
        raise Failed("再次询问没有得到同一密钥", "asked again before its use, another key pair or none came")
    if again.prefix != node.prefix:
        raise Failed(f"授权前缀为 {again.prefix}", f"{again.prefix} was delegated instead of {node.prefix}")
    (await node.ask("POST", MESSAGES, node.delivery(node.probe()), keys=keys)).shape(Results)
    node.own_keys = keys
    return Said(f"AccessKey {keys.access_key}", f"AccessKey {keys.access_key}")


@case(
    "4.1.8",
    ("使用后不再给出密钥", "after its first use the key pair is told no more"),
    ("状态为 approved，没有 key", "approved, without a key"),
    "applications",
)
async def told_no_more(node: NodeBelow) -> Said:
    if node.own_keys is None:
        raise Skipped("没有申请到密钥", "no key pair came of the application")
    status = (await _status(node, node.application)).shape(ApplicationStatus)
    if status.key is not None:
        raise Failed("仍给出密钥", "the key pair is still told")
    return Said(status.state, status.state)


@case(
    "4.1.9",
    ("密钥轮换不间断", "a key pair is replaced without a gap"),
    (
        "使用前再问得到同一后继；新旧密钥在过渡期都可用；使用后旧密钥不再更换",
        "the same successor until it is used; both hold for a while; used, the old pair gets no other",
    ),
    "keys",
)
async def rotated(node: NodeBelow) -> Said:
    if node.own_keys is None:
        raise Skipped(
            "没有自己申请到的密钥；给定的密钥不轮换，以免失效",
            "no key pair came of an application; the one given is not replaced, lest it be lost",
        )
    old = node.own_keys
    first, again = [(await node.ask("POST", KEYS, b"{}", keys=old)).shape(IssuedKey) for _ in range(2)]
    if (first.access_key, first.secret_key) != (again.access_key, again.secret_key):
        raise Failed("两次得到不同的后继", "asked again before its use, another successor came")
    new = KeyPair(first.access_key, first.secret_key)
    if new == old:
        raise Failed("后继就是原密钥", "the successor is the old key pair")
    if first.previous_expires_at is None or first.previous_expires_at <= node.clock():
        raise Failed("没有说明旧密钥何时失效", "it does not say until when the old key pair holds")
    for keys in (old, new, old, new):
        (await node.ask("POST", MESSAGES, node.delivery(node.probe()), keys=keys)).shape(Results)
    node.own_keys = new
    late = await node.ask("POST", KEYS, b"{}", keys=old)
    if late.status != 409 or late.refusal().retry:
        raise Failed(f"后继使用后，旧密钥再问应答 {late.status}", f"asked by the old pair then: {late.status}")
    return Said(f"旧密钥至 {first.previous_expires_at}", f"the old one holds until {first.previous_expires_at}")


async def apply(node: NodeBelow, application: Application) -> ApplicationStatus:
    """Raises ``Failed`` unless it is taken."""
    return (await _apply(node, application)).shape(ApplicationStatus)


async def approval(node: NodeBelow, application: Application) -> KeyPair:
    """The key pair, as soon as there is one. Raises ``Skipped`` when nobody decides, ``Failed`` on rejection."""
    ends = time.monotonic() + node.patience
    while True:
        status = (await _status(node, application)).shape(ApplicationStatus)
        if status.key is not None:
            return KeyPair(status.key.access_key, status.key.secret_key)
        if status.state is ApplicationState.APPROVED:
            raise Failed("已批准但没有密钥", "it is approved, and no key pair came with it")
        if status.state is ApplicationState.REJECTED:
            raise Skipped(f"申请被驳回：{status.reason}", f"the application was rejected: {status.reason}")
        if time.monotonic() > ends:
            raise Skipped(
                f"{node.patience:.0f} 秒内无人批准申请 {application.application_id}",
                f"nobody approved the application {application.application_id} within {node.patience:.0f} s",
            )
        await asyncio.sleep(0.5)


async def _apply(node: NodeBelow, application: Application) -> Heard:
    return await node.ask("POST", APPLICATIONS, msgspec.json.encode(application), keys=None)


async def _status(node: NodeBelow, application: Application) -> Heard:
    keys = KeyPair(str(application.application_id), application.secret)
    return await node.ask("GET", f"{APPLICATIONS}/{application.application_id}", keys=keys)


def _secret() -> str:
    return secrets.token_urlsafe(32)


CASES: tuple[Case[NodeBelow], ...] = (
    offers, applied, differing, private, malformed, no_key_yet, approved, told_no_more, rotated,
)  # fmt: skip
