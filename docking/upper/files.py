"""4.2 数据同步: log files and escrow parts, each once, in a chain, with a receipt."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

import msgspec

from docking.case import Case, Failed, Said, case
from docking.node_below import Heard, NodeBelow
from node.national.bulk import FILES, FileManifest, FileReceipt
from node.packing import digest_unpacked, packed


@case(
    "4.2.30",
    ("日志文件得到回执，重复上传不再生效", "a log file gets a receipt, a second upload has no effect"),
    ("先 known 为 false，后为 true，回执相同", "known false, then true, with the same receipt"),
    "files",
)
async def receipt(node: NodeBelow) -> Said:
    content = _log(3)
    first = _receipt(await _put(node, content, _manifest(node, content)), content)
    second = _receipt(await _put(node, content, _manifest(node, content)), content)
    if (first.known, second.known) != (False, True):
        raise Failed(f"known 是 {first.known}、{second.known}", f"known was {first.known}, then {second.known}")
    if not first.receipt or first.receipt != second.receipt:
        raise Failed("两次回执不同", f"the receipts differ: {first.receipt!r}, {second.receipt!r}")
    return Said(f"回执 {first.receipt}", f"receipt {first.receipt}")


@case(
    "4.2.31",
    ("内容与摘要不符的文件", "a file that is not what its manifest says"),
    ("拒绝，retry 为 false，且不占用链中位置", "refused without retry, and its place in the chain stays free"),
    "files",
)
async def wrong_digest(node: NodeBelow) -> Said:
    content, other = _log(2), _log(2)
    right = _manifest(node, content, kind="log.resolution")
    for sent, manifest in (
        (other, right),
        (content, msgspec.structs.replace(right, content_sha256=hashlib.sha256(other).hexdigest())),
        (content[:-9], right),
        (b"", right),
    ):
        refusal = (await _put(node, sent, manifest)).refusal()
        if refusal.retry:
            raise Failed(f"{refusal.code} 的 retry 为 true", f"{refusal.code} may come again, it says")
    heard = await node.say("PUT", f"{FILES}/{right.sha256}?manifest=e30", content)
    heard.refusal()
    _receipt(await _put(node, content, right), content)
    return Said("五种都被拒绝，正确的随后被接受", "all five were refused; the right one was taken after them")


@case(
    "4.2.32",
    ("同类文件构成链", "the files of a kind are a chain"),
    ("衔接的被接受；跳号或前一摘要不符被拒绝", "the next one taken; a gap or another predecessor refused"),
    "files",
)
async def chain(node: NodeBelow) -> Said:
    contents = [_log(n + 1) for n in range(4)]
    manifests = [_manifest(node, content, kind="escrow", number=n + 1) for n, content in enumerate(contents)]
    for n in range(1, 4):
        manifests[n] = msgspec.structs.replace(manifests[n], previous_sha256=manifests[n - 1].sha256)
    for n in (0, 1):
        _receipt(await _put(node, contents[n], manifests[n]), contents[n])
    gap = await _put(node, contents[3], manifests[3])
    gap.refusal()
    other = msgspec.structs.replace(manifests[2], previous_sha256=manifests[0].sha256)
    (await _put(node, contents[2], other)).refusal()
    for n in (2, 3):
        _receipt(await _put(node, contents[n], manifests[n]), contents[n])
    return Said("链完整，断链被拒绝", "the chain was kept, what broke it was refused")


def _log(rows: int) -> bytes:
    """A log file as it travels: lines of JSON, zstd."""
    lines = (msgspec.json.encode({"identifier": f"docking-test/{secrets.token_hex(4)}"}) for _ in range(rows))
    return packed(b"\n".join(lines) + b"\n")


def _manifest(node: NodeBelow, content: bytes, *, kind: Any = "log.registration", number: int = 1) -> FileManifest:
    return FileManifest(
        node=node.node,
        laboratory=True,
        kind=kind,
        number=number,
        rows=1,
        sha256=hashlib.sha256(content).hexdigest(),
        content_sha256=digest_unpacked(content, 1 << 20).hex(),
        made_at=node.clock(),
    )


async def _put(node: NodeBelow, content: bytes, manifest: FileManifest) -> Heard:
    said = base64.urlsafe_b64encode(msgspec.json.encode(manifest)).decode()
    return await node.say("PUT", f"{FILES}/{manifest.sha256}?manifest={said.rstrip('=')}", content)


def _receipt(heard: Heard, content: bytes) -> FileReceipt:
    receipt = heard.shape(FileReceipt)
    if (receipt.sha256, receipt.bytes) != (hashlib.sha256(content).hexdigest(), len(content)):
        raise Failed("回执不是该文件的", "the receipt is of another file")
    return receipt


CASES: tuple[Case[NodeBelow], ...] = (receipt, wrong_digest, chain)
