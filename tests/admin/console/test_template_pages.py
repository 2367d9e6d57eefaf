"""``/console/templates``: a template made row by row, published, revised, copied, granted, in both languages."""

from __future__ import annotations

from typing import Any

from multidict import MultiDict

from admin.console.form import Form
from admin.console.rows import arranged, rows_of
from admin.console.template_form import TemplateForm
from registry.templates.template import Template
from tests.support.console import Browser, Dom, dom_of
from tests.support.node import running_node

NEW = "/console/templates/new"
DEFINITION: dict[str, Any] = {
    "name": "valve", "version": 1, "title_zh": "阀门", "title_en": "Valve", "ttl": 3600, "landing": "redirect",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True, "max_length": 40},
        {"name": "link", "title_zh": "网址", "type": "URL"},
        {"name": "grade", "title_zh": "等级", "kind": "enum", "choices": ["A", "B"], "many": True, "max_items": 2},
        {"name": "photo", "title_zh": "照片", "kind": "file", "media": "image", "suffixes": ["png", "jpg"]},
        {"name": "weight", "title_zh": "重量", "kind": "number", "minimum": "0", "maximum": "9.5", "decimals": 1,
         "unit": "kg", "listed": True, "state": "pending", "code": "W1", "definition": "净重", "comment": "无"},
    ],
    "display": {"title": "name", "image": "photo", "hidden": ["link"],
                "sections": [{"title_zh": "性能", "title_en": "Performance", "attributes": ["grade", "weight"]}]},
}  # fmt: skip


def filled(page: Dom) -> dict[str, str]:
    """The fields of the form as they stand, ticked boxes and chosen options among them."""
    fields = {}
    for one in page.all("input"):
        if one.get("type") == "checkbox" and "checked" not in one:
            continue
        if name := one.get("name"):
            fields[name] = one.get("value") or ""
    return fields


def sent(form: TemplateForm) -> dict[str, str]:
    """What a browser sends of a form."""
    fields = {**form.head, "display.title": form.title, "display.image": form.image, "display.hidden": form.hidden}
    for name, rows in (("attributes", form.attributes), ("display.sections", form.sections)):
        fields[name] = str(len(rows))
        fields |= {f"{name}[{place}].{key}": text for place, row in enumerate(rows) for key, text in row.items()}
    return fields


def test_a_definition_goes_through_its_form_unchanged() -> None:
    template = Template.from_json(DEFINITION)
    form = TemplateForm.of_definition(template.to_json())
    again = TemplateForm.of(Form(MultiDict(sent(form))))
    assert again == form
    assert Template.from_json({**again.definition(), "version": 1}) == template


def test_rows_are_added_moved_and_taken_out_and_nothing_else() -> None:
    form = Form(MultiDict({"rows": "3", **{f"rows[{place}].x": str(place) for place in range(5)}}))
    rows = rows_of(form, "rows", ("x",), 10)

    def after(pressed: str, most: int = 10) -> list[str]:
        return [row.get("x", "") for row in arranged(rows, "rows", pressed, most)]

    assert after("") == ["0", "1", "2"]
    assert after("rows:add") == ["0", "1", "2", ""]
    assert after("rows:add", most=3) == ["0", "1", "2"]
    assert after("rows:remove:1") == ["0", "2"]
    assert after("rows:up:2") == ["0", "2", "1"]
    assert after("rows:up:0") == after("rows:down:2") == ["0", "1", "2"]
    assert after("rows:down:0") == ["1", "0", "2"]
    for odd in (
        "rows:remove:3",
        "rows:remove:-1",
        "rows:remove:x",
        "rows:",
        "rows:spin:1",
        "other:remove:0",
        "rows:9999",
    ):
        assert after(odd) == ["0", "1", "2"]
    assert rows_of(Form(MultiDict({"rows": "9" * 30})), "rows", ("x",), 4) == [{"x": ""}] * 4
    assert rows_of(Form(MultiDict({"rows": "many"})), "rows", ("x",), 4) == []


async def test_a_template_is_made_row_by_row_without_scripts(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        fields = {**filled(await browser.page(NEW)), "name": "valve", "title_zh": "阀门<b>"}
        fields |= {"attributes[0].name": "name", "attributes[0].title_zh": "名称", "attributes[0].required": "yes"}
        answer = await browser.send(NEW, {**fields, "arrange": "attributes:add"})
        page = dom_of(answer)
        assert (answer.status, page.all("input", name="attributes")[0]["value"]) == (200, "2")
        assert page.all("input", name="attributes[0].name")[0]["value"] == "name"
        fields |= {"attributes": "2", "attributes[1].name": "Bad Name", "attributes[1].title_zh": "坏"}
        refused = dom_of(answer := await browser.send(NEW, fields))
        assert answer.status == 422
        assert "attributes[1].name" in refused.text
        (wrong,) = refused.all("input", name="attributes[1].name")
        assert (wrong["value"], wrong["aria-invalid"]) == ("Bad Name", "true")
        place, page = await browser.done(NEW, {**fields, "attributes[1].name": "colour"})
        assert "已保存为草稿" in page.text
        assert not page.all("b")
        rows = {row[2].split()[0]: row for row in page.tables[1][1:]}
        assert list(rows) == ["name", "colour"]
        assert rows["name"][4] == "必填"
        _, page = await browser.done(f"{place}/publish")
        assert "已发布" in page.tables[0][1][1]
        listed = await browser.page("/console/templates?state=published")
        assert ["阀门<b>", "valve", "1", "已发布", "本企业", "2"] in [row[:6] for row in listed.tables[0]]


async def test_an_edition_is_revised_edited_and_compared(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        first = f"/console/templates/{node.template.template_id}"
        place, page = await browser.done(f"{first}/revise")
        assert place.endswith("/edit")
        version = page.all("input", name="version")[0]["value"]
        fields = {**filled(page), "version": version or ""}
        assert fields["attributes"] == "7"
        kinds = [one["value"] for one in page.all("option") if "selected" in one]
        for number, kind in enumerate(("string", "string", "string", "number", "date", "boolean", "enum")):
            assert kind in kinds
            fields |= {f"attributes[{number}].kind": kind}
        fields |= {"attributes[6].choices": "A\r\nB\r\nC", "landing": "page", "title_zh": "离心泵"}
        shown, page = await browser.done(place, fields)
        assert [row[:2] for row in page.tables[0][1:]] == [["2", "草稿"], ["1", "已发布"]]
        assert "可选 A、B、C" in page.tables[1][-1][5]
        stale = await browser.send(place, {**fields, "title_zh": "又改"})
        assert (stale.status, "内容已被他人修改" in dom_of(stale).text) == (422, True)
        _, page = await browser.done(f"{first}/attributes/grade", {"state": "disabled"})
        assert "草稿" in page.text
        _, page = await browser.done(f"{shown}/delete")
        assert "模板已删除" in page.text
        place, page = await browser.done(f"{first}/attributes/grade", {"state": "disabled"})
        assert place != first
        assert page.tables[1][-1][6].startswith("禁用")


async def test_a_template_is_copied_granted_and_taken_back(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        other = str(node.other.account.enterprise_id)
        shared = f"/console/templates/{node.template.template_id}"
        refused = await browser.send(f"{shared}/copy", {"name": "bad name"})
        assert (refused.status, "bad name" in (dom_of(refused).all("input", name="name")[0]["value"] or "")) == (
            422,
            True,
        )
        place, page = await browser.done(f"{shared}/copy", {"name": "my-pump"})
        assert "已复制为草稿" in page.text
        await browser.done(f"{place}/publish")
        _, page = await browser.done(f"{place}/grants", {"whom": "one", "enterprise_id": other})
        assert [row[0] for row in page.tables[2][1:]] == [other]
        async with Browser(node, "other") as guest:
            seen = await guest.page(place)
            assert "他企授权" in seen.text
            assert f"{place}/edit" not in seen.links
            assert (await guest.send(f"{place}/publish")).status == 303
        _, page = await browser.done(f"{place}/grants/revoke", {"enterprise_id": other})
        assert "授权已收回" in page.text
        assert (await browser.send(f"{place}/grants", {"whom": "one", "enterprise_id": "x"})).status == 422
        _, page = await browser.done(f"{place}/grants", {"whom": "everybody"})
        assert page.tables[2][1][0] == "所有企业"


async def test_the_preview_shows_the_layout_of_the_page(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        made = await node("POST", "/v1/templates", by="enterprise_user",
                          json={key: value for key, value in DEFINITION.items() if key != "version"})  # fmt: skip
        assert made.status == 201, made.body
        page = await browser.page(f"/console/templates/{made.json['template_id']}/preview?lang=en")
        assert "Performance" in page.text
        assert "Not on the page: link" in " ".join(page.text.split()).replace(
            "Not on the page: link link", "Not on the page: link"
        )
        assert (await browser.get("/console/templates/9999")).status == 404


async def test_categories_are_a_tree(database_url: str) -> None:
    path = "/console/templates/categories"
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        await browser.done(path, {"code": "machines", "name": "机械", "sort": "1"})
        page = await browser.page(path)
        (number,) = [one["value"] for one in page.all("option") if (one["value"] or "").isdigit()][-1:]
        _, page = await browser.done(path, {"code": "pumps", "name": "泵", "parent_id": number or ""})
        names = [row[0] for row in page.tables[0][1:]]
        assert names[names.index("机械") + 1] == "泵"
        refused = await browser.send(path, {"code": "pumps", "name": "泵二"})
        assert (refused.status, dom_of(refused).all("input", id="f-name")[0]["value"]) == (422, "泵二")
        _, page = await browser.done(f"{path}/{number}", {"name": "机器", "parent_id": "", "sort": "2"})
        assert "机器" in page.text
        _, page = await browser.done(f"{path}/{number}/delete")
        assert page.all("p", role="alert")
        async with Browser(node, "auditor") as auditor:
            assert "先选企业" in (await auditor.page(path)).text
            seen = await auditor.page(f"{path}?enterprise_id={node.holder.account.enterprise_id}")
            assert "机器" in seen.text
            assert not seen.all("form", method="post", action=path)


async def test_who_only_looks_has_no_buttons(database_url: str) -> None:
    async with running_node(database_url) as node:
        place = f"/console/templates/{node.template.template_id}"
        for name in ("auditor", "reviewer"):
            async with Browser(node, name) as browser:
                page = await browser.page(place)
                actions = {one["action"] for one in page.all("form", method="post")}
                assert actions == {"/console/language", "/console/sign-out"}
                assert (await browser.get(f"{NEW}")).status == 403
        async with Browser(node, "enterprise_user") as browser:
            page = await browser.page(f"{place}?lang=en")
            actions = {one["action"] for one in page.all("form", method="post")}
            assert actions == {"/console/language", "/console/sign-out", f"{place}/copy"}
            assert "Whose" in page.text
