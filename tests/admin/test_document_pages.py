"""The public pages of documents: what is in force, and nothing in it is markup."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from admin.documents import Block, blocks_of
from registry.documents.documents import DocumentKind, Draft
from tests.support.dom import Dom
from tests.support.node import Answer, Node, running_node
from tests.support.world import actor

BODY = """# 一、总则

第一段，
接着的一行。
- 甲 <script>alert(1)</script>
- 乙 & {{ 7 * 7 }}
尾段 **不是标记** [链接](javascript:alert(1))
## 二、"引号"
####### 不是标题
#也不是
"""


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


def dom_of(answer: Answer) -> Dom:
    dom = Dom()
    dom.feed(answer.body.decode())
    return dom


async def publish(node: Node, name: str, title: str, body: str) -> None:
    admin, documents = node.world.administrator, node.world.documents
    made = await documents.create(admin, actor(admin), name, Draft(DocumentKind.OPERATION, title, "Rules", body))
    await documents.publish(admin, actor(admin), made.document_id)


def test_a_text_is_made_of_headings_paragraphs_and_lists() -> None:
    assert list(blocks_of(BODY)) == [
        Block("heading", ("一、总则",), 1),
        Block("paragraph", ("第一段，", "接着的一行。")),
        Block("list", ("甲 <script>alert(1)</script>", "乙 & {{ 7 * 7 }}")),
        Block("paragraph", ("尾段 **不是标记** [链接](javascript:alert(1))",)),
        Block("heading", ('二、"引号"',), 2),
        Block("paragraph", ("####### 不是标题", "#也不是")),
    ]
    assert list(blocks_of("")) == []


async def test_a_document_is_shown_with_everything_escaped(node: Node) -> None:
    await publish(node, "operation-rules", "运营<b>规范</b>", BODY)
    answer = await node("GET", "/documents/operation-rules", by=None)
    assert answer.status == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    dom = dom_of(answer)
    tags = [tag for tag, _ in dom.elements]
    assert "script" not in tags
    assert "b" not in tags
    assert (tags.count("h2"), tags.count("h3"), tags.count("li")) == (1, 1, 2)
    for text in ("运营<b>规范</b>", "<script>alert(1)</script>", "{{ 7 * 7 }}", "javascript:alert(1)", "第 1 版"):
        assert text in dom.text
    assert all("javascript" not in (attributes.get("href") or "") for _, attributes in dom.elements)


async def test_the_list_shows_what_is_in_force_by_kind(node: Node) -> None:
    empty = dom_of(await node("GET", "/documents", by=None))
    assert "尚未发布文件" in empty.text
    await publish(node, "operation-rules", "运营规范甲", "一")
    admin = node.world.administrator
    await node.world.documents.create(
        admin, actor(admin), "secret", Draft(DocumentKind.MANAGEMENT, "草稿", "Draft", "未发布")
    )
    dom = dom_of(await node("GET", "/documents", by=None))
    assert "运营规范甲" in dom.text
    assert "草稿" not in dom.text
    assert ("a", {"href": "/documents/operation-rules"}) in dom.elements


async def test_what_is_not_in_force_is_not_found(node: Node) -> None:
    admin = node.world.administrator
    await node.world.documents.create(
        admin, actor(admin), "secret", Draft(DocumentKind.MANAGEMENT, "草稿", "Draft", "未发布")
    )
    for name in ("secret", "nothing", "%3Cscript%3E", "x" * 300):
        answer = await node("GET", f"/documents/{name}", by=None)
        assert answer.status == 404
        assert "没有此文件" in dom_of(answer).text
