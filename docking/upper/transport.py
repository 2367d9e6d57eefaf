"""5.1 安全传输: TLS, client certificates, and requests that no client library would send."""

from __future__ import annotations

import asyncio
import ssl
import warnings

from docking.case import Case, Failed, Said, Skipped, case
from docking.node_below import NodeBelow
from docking.raw_http import first_status, request_bytes, send_and_leave
from docking.upper.access import apply, approval
from node.national.messages import MESSAGES, Message, Status

_LARGE = 40 << 20


@case(
    "5.1.1",
    ("TLS 版本与证书", "version of TLS, and the certificate"),
    ("证书可验证，TLS 1.2 或以上", "a certificate that can be verified, TLS 1.2 or later"),
)
async def certificate(node: NodeBelow) -> Said:
    context = node.tls or ssl.create_default_context()
    version = await _handshake(node, context)
    if version is None:
        raise Failed("握手失败：证书不可信、过期或名称不符", "no handshake: the certificate is not to be trusted")
    if version not in ("TLSv1.2", "TLSv1.3"):
        raise Failed(f"协商为 {version}", f"they agreed on {version}")
    return Said(version, version)


@case(
    "5.1.2",
    ("过时的 TLS", "outdated TLS"),
    ("只会 TLS 1.1 的客户端被拒绝", "a client that has no more than TLS 1.1 is refused"),
)
async def outdated(node: NodeBelow) -> Said:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is outdated is what is tested
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    if agreed := await _handshake(node, context):
        raise Failed(f"接受了 {agreed}", f"{agreed} was accepted")
    return Said("被拒绝", "refused")


@case(
    "5.1.3",
    ("绑定客户端证书的密钥（双向 TLS）", "a key pair that is bound to a client certificate (mutual TLS)"),
    ("经该证书可用；不经证书 401 或 403", "it works by that certificate; 401 or 403 without it"),
    "applications",
)
async def mutual(node: NodeBelow) -> Said:
    if not node.certificate_sha256:
        raise Skipped("未给出客户端证书", "no client certificate was given")
    application = node.new_application(node.certificate_sha256)
    await apply(node, application)
    keys = await approval(node, application)
    (message,) = node.probe()
    body = node.delivery([message])
    bare = await node.ask("POST", MESSAGES, body, keys=keys, by=node.bare_tls)
    if bare.status not in (401, 403):
        raise Failed(f"不经证书应答 {bare.status}", f"without the certificate it was answered {bare.status}")
    (await node.ask("POST", MESSAGES, body, keys=keys)).shape(dict)
    return Said("不经证书被拒绝，经证书被接受", "refused without the certificate, accepted by it")


@case(
    "5.1.4",
    ("中途断开的请求", "a request that breaks off"),
    ("没有任何作用", "it has no effect"),
    "messages",
)
async def cut(node: NodeBelow) -> Said:
    messages = node.probe(3)
    body, url = node.delivery(messages), node.target(MESSAGES)
    headers = node.headers(node.keys, "POST", MESSAGES, body) | {"Content-Length": str(len(body))}
    await send_and_leave(url, request_bytes("POST", url, headers, body[:-20]), node.tls)
    node.did(f"POST {MESSAGES} without its last 20 bytes, connection reset")
    await _unknown(node, messages)
    return Said("没有作用", "no effect")


@case(
    "5.1.5",
    ("长度含糊的请求（请求走私）", "requests of ambiguous length (request smuggling)"),
    ("400 或断开，没有任何作用", "400 or an end of the connection, and no effect"),
    "messages",
)
async def ambiguous(node: NodeBelow) -> Said:
    (message,) = node.probe()
    body, url = node.delivery([message]), node.target(MESSAGES)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    length = str(len(body))
    for extra, content in (
        ({"Content-Length": length, "content-length": str(len(body) - 1)}, body),
        ({"Content-Length": str(len(chunked)), "Transfer-Encoding": "chunked"}, chunked),
        ({"Content-Length": f"+{length}"}, body),
        ({"Transfer-Encoding": "chunked, identity"}, chunked),
    ):
        headers = node.headers(node.keys, "POST", MESSAGES, body) | extra
        status = await first_status(url, request_bytes("POST", url, headers, content), node.tls)
        node.did(f"POST {MESSAGES} {extra} → {status or 'closed'}")
        if status == 200:
            raise Failed(f"{extra} 被接受", f"{extra} was accepted")
    await _unknown(node, [message])
    return Said("都被拒绝", "all were refused")


@case(
    "5.1.6",
    ("过大的请求", "a request that is far too large"),
    ("拒绝或断开；其后照常应答", "refused or cut off; answered as usual after it"),
    "messages",
)
async def too_large(node: NodeBelow) -> Said:
    body, url = bytes(_LARGE), node.target(MESSAGES)
    headers = node.headers(node.keys, "POST", MESSAGES, body) | {"Content-Length": str(len(body))}
    status = await first_status(url, request_bytes("POST", url, headers, body), node.tls)
    node.did(f"POST {MESSAGES} ({_LARGE >> 20} MiB) → {status or 'closed'}")
    if status == 200:
        raise Failed("被接受", "it was accepted")
    await node.settle(*node.probe())
    return Said(f"{status or '断开'}，其后照常", f"{status or 'cut off'}, as usual after it")


async def _handshake(node: NodeBelow, context: ssl.SSLContext) -> str | None:
    """The version that was agreed on, ``None`` where there was no agreement. Raises ``Skipped`` without TLS."""
    if node.url.scheme != "https":
        raise Skipped("上级以 http 给出，没有 TLS 可查", "the upper was named by http: there is no TLS to look at")
    try:
        async with asyncio.timeout(10):
            _, writer = await asyncio.open_connection(node.url.host, node.url.port, ssl=context)
    except (OSError, TimeoutError) as error:
        node.did(f"TLS handshake → {error}")
        return None
    version: str = writer.get_extra_info("ssl_object").version()
    writer.transport.abort()
    node.did(f"TLS handshake → {version}")
    return version


async def _unknown(node: NodeBelow, messages: list[Message]) -> None:
    for result in await node.settle(*messages):
        if result.status is not Status.ACCEPTED:
            raise Failed(f"其中消息已是 {result.status}", f"a message of it is already {result.status}")


CASES: tuple[Case[NodeBelow], ...] = (certificate, outdated, mutual, cut, ambiguous, too_large)
