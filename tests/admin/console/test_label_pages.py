"""``/console/labels``: from identifiers, a search or a batch to a code and a PDF, in both languages."""

from __future__ import annotations

import base64
import json
import re

from tests.support.console import Browser, Dom, dom_of
from tests.support.node import Node, running_node
from tests.support.pictures import code_in

PREFIX = "88.101.2001"
LABELS = "/console/labels"


async def register(node: Node, suffix: str, name: str) -> None:
    holder = node.holder
    await node.world.identifiers.register(
        holder.account, holder.actor, holder.identifier(suffix), node.template.template_id, {"name": name}
    )


def first_code(page: Dom) -> str:
    (picture,) = [found["src"] or "" for found in page.all("img") if (found["src"] or "").startswith("data:")]
    return base64.b64decode(picture.removeprefix("data:image/svg+xml;base64,")).decode()


async def test_one_identifier_is_looked_at_and_taken_as_svg_png_and_pdf(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        await register(node, "泵/../1 <b>", "不锈钢<b>离心泵")
        page = await browser.page(f"{LABELS}?identifier={PREFIX}/%E6%B3%B5/../1%20%3Cb%3E")
        assert page.tables[-1][1][:2] == [f"{PREFIX}/泵/../1 <b>", "不锈钢<b>离心泵"]
        assert "共 1 张标签，1 页" in page.text
        assert not page.all("b")
        assert "<title>http" in first_code(page)
        taken = {
            link.rpartition("format=")[2][:3]: await browser.get(link) for link in page.links if "/code?" in link
        }
        assert code_in(taken["png"].body).text == f"{node.url}/{PREFIX}/%E6%B3%B5%2F..%2F1%20%3Cb%3E"
        assert taken["svg"].headers["Content-Disposition"] == 'attachment; filename="label.svg"'
        form = {
            "source": "list",
            "identifier": f"{PREFIX}/泵/../1 <b>",
            "layout": "roll-50x30",
            "content": "identifier",
        }
        sheet = await browser.send(f"{LABELS}/sheet", form)
        assert (sheet.status, sheet.headers["Content-Type"]) == (200, "application/pdf")
        assert sheet.headers["Content-Disposition"] == 'attachment; filename="labels-roll-50x30.pdf"'
        assert sheet.body.startswith(b"%PDF-")


async def test_what_cannot_be_printed_is_told_and_what_was_filled_in_stays(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        await register(node, "A", "离心泵")
        form = {"source": "list", "identifier": f"{PREFIX}/A\r\n\r\n{PREFIX}/B\r\nx", "kind": "datamatrix"}
        answer = await browser.send(f"{LABELS}/sheet", form)
        page = dom_of(answer)
        assert answer.status == 422
        assert "部分标识无法生成标签" in page.text
        assert "identifiers[1]：标识不存在" in page.text
        assert f"{PREFIX}/A\n\n{PREFIX}/B\nx" in page.text
        assert [one["value"] for one in page.all("option") if "selected" in one] == [
            "datamatrix",
            "address",
            "a4-70x37",
        ]
        refused = await browser.send(
            LABELS, {"source": "list", "identifier": f"{PREFIX}/A", "content": "digital_link"}
        )
        assert (refused.status, "没有有效的 GTIN" in dom_of(refused).text) == (422, True)
        foreign = await browser.send(LABELS, {"source": "list", "identifier": "88.101.2002/A"})
        assert (foreign.status, "没有权限" in dom_of(foreign).text) == (422, True)


async def test_labels_of_a_search_and_of_a_batch(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        assert "还没有批次" in (await browser.page(f"{LABELS}?source=batch")).text
        rows = "".join(json.dumps({"suffix": f"S-{number:04}", "name": "泵"}) + "\n" for number in range(1003))
        done = await node(
            "POST", "/v1/batches", by="enterprise_user", query={"prefix": PREFIX, "template": "pump"},
            data=rows.encode(), headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": "labels"},
        )  # fmt: skip
        listed = await browser.page(f"{LABELS}?source=batch")
        assert [row[3] for row in listed.tables[0][1:]] == ["1,003"]
        (link,) = [link for link in listed.links if "batch_id=" in link]
        assert link == f"{LABELS}?batch_id={done.json['batch_id']}"
        for place in (link, f"{LABELS}?prefix={PREFIX}&suffix_begins=S-"):
            page = await browser.page(place)
            assert "共 1,000 张标签，42 页" in page.text
            assert page.tables[-1][1][0] == f"{PREFIX}/S-0000"
            (behind,) = [link for link in page.links if "cursor=" in link]
            rest = await browser.page(behind)
            assert "共 3 张标签，1 页" in rest.text
            assert [row[0] for row in rest.tables[-1][1:]] == [
                f"{PREFIX}/S-{number:04}" for number in range(1000, 1003)
            ]
            hidden = {
                one["name"]: one["value"] for one in rest.all("input", type="hidden") if one.get("name") != "csrf"
            }
            sheet = await browser.send(f"{LABELS}/sheet", {**hidden, "kind": "qr", "layout": "roll-50x30"})
            assert len(re.findall(rb"/Type\s*/Page\b", sheet.body)) == 3


async def test_the_page_speaks_english_and_is_for_whoever_reads_identifiers(database_url: str) -> None:
    async with running_node(database_url) as node:
        await register(node, "A", "离心泵")
        for name in ("auditor", "reviewer", "administrator"):
            async with Browser(node, name) as browser:
                page = await browser.page(
                    f"{LABELS}?lang=en&identifier={PREFIX}/A&kind=datamatrix&content=identifier"
                )
                assert "Labels: 1, pages: 1" in page.text
                assert f"<title>{PREFIX}/A</title>" in first_code(page)
