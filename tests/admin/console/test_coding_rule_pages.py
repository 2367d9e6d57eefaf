"""``/console/coding-rules``: a rule made segment by segment, tried, drawn from, and set for a prefix."""

from __future__ import annotations

from multidict import MultiDict

from admin.console.coding_rule_form import SEGMENTS, CodingRuleForm
from admin.console.form import Form
from registry.coding.definition import read_coding_rule
from tests.support.console import Browser, dom_of
from tests.support.node import running_node
from tests.support.samples import CODING_RULE

NEW = "/console/coding-rules/new"


def sent(form: CodingRuleForm) -> dict[str, str]:
    """What a browser sends of a form."""
    fields = {"name": form.name, SEGMENTS: str(len(form.segments))}
    fields |= {"definition.scope.industry": form.industry, "definition.scope.division": form.division}
    return fields | {
        f"{SEGMENTS}[{place}].{key}": text for place, row in enumerate(form.segments) for key, text in row.items()
    }


def test_a_rule_goes_through_its_form_unchanged() -> None:
    choice = {"kind": "choice", "name": "line", "choices": ["A", "B"]}
    dated = {"kind": "date", "format": "YYYY-MM", "name": "made_on"}
    value = {"kind": "value", "name": "gtin", "width": 14, "least": 14, "charset": "digits", "check": "gs1"}
    segments = [{"kind": "literal", "text": "L."}, choice, dated, value, *CODING_RULE["segments"][1:]]
    rule = read_coding_rule({"segments": segments, "scope": {"industry": "39"}})
    form = CodingRuleForm.of_rule("lines", rule.to_json())
    again = CodingRuleForm.of(Form(MultiDict(sent(form))))
    assert again == form
    assert read_coding_rule(again.definition()) == rule


async def test_a_rule_is_made_segment_by_segment_and_tried(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        assert "还没有编码规则" in (await browser.page("/console/coding-rules")).text
        fields = {"name": "lines", SEGMENTS: "0"}
        for number, kind in enumerate(("literal", "value", "serial")):
            answer = await browser.send(NEW, {**fields, "arrange": f"{SEGMENTS}:add:{kind}"})
            page = dom_of(answer)
            assert (answer.status, page.all("input", name=f"{SEGMENTS}[{number}].kind")[0]["value"]) == (200, kind)
            fields |= {SEGMENTS: str(number + 1), f"{SEGMENTS}[{number}].kind": kind}
        fields |= {f"{SEGMENTS}[0].text": "<b>-", f"{SEGMENTS}[1].name": "line", f"{SEGMENTS}[1].width": "x"}
        answer = await browser.send(NEW, fields)
        refused = dom_of(answer)
        assert answer.status == 422
        (wrong,) = refused.all("input", name=f"{SEGMENTS}[1].width")
        assert (wrong["value"], wrong["aria-invalid"]) == ("x", "true")
        fields |= {f"{SEGMENTS}[1].width": "4", f"{SEGMENTS}[2].width": "0"}
        refused = dom_of(answer := await browser.send(NEW, fields))
        assert (answer.status, refused.all("input", name=f"{SEGMENTS}[2].width")[0]["aria-invalid"]) == (422, "true")
        place, page = await browser.done(NEW, {**fields, f"{SEGMENTS}[2].width": "3"})
        assert not page.all("b")
        made = dom_of(await browser.send(f"{place}/preview", {"value.line": "A7", "serial": "12"}))
        assert "会生成：<b>-A7012 （流水号 12）" in " ".join(made.text.split())
        lacking = await browser.send(f"{place}/preview", {"serial": "12"})
        assert (lacking.status, "无法按编码规则生成后缀" in dom_of(lacking).text) == (422, True)
        checked = dom_of(await browser.send(f"{place}/check", {"suffixes": "<b>-A7001\r\nwrong\r\n"}))
        assert "符合规则：1" in checked.text
        assert checked.tables[0][1][0] == "wrong"
        listed = await browser.page("/console/coding-rules?lang=en")
        assert listed.tables[0][1][:3] == ["lines", "<b>-〈line〉001", "ours"]


async def test_suffixes_are_drawn_once_and_a_prefix_obeys_the_rule(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        definition = {"segments": [{"kind": "literal", "text": "P"}, {"kind": "serial", "width": 3}]}
        made = await node("POST", "/v1/coding-rules", by="enterprise_user",
                          json={"name": "plain", "definition": definition})  # fmt: skip
        place = f"/console/coding-rules/{made.json['coding_rule_id']}"
        drawn = dom_of(await browser.send(f"{place}/draw", {"prefix": "88.101.2001", "count": "3"}))
        assert "P001\nP002\nP003" in drawn.text
        again = dom_of(await browser.send(f"{place}/draw", {"prefix": "88.101.2001", "count": "1"}))
        assert "P004" in again.text
        assert (await browser.send(f"{place}/draw", {"prefix": "88.101.2001", "count": "many"})).status == 422
        page = await browser.page(place)
        assert page.tables[0][1][0] == "88.101.2001"
        versions = [one["value"] for one in page.all("input", name="version")]
        _, page = await browser.done(
            f"{place}/suffix-rule", {"prefix": "88.101.2001", "version": versions[-1], "bind": "yes"}
        )
        assert page.tables[0][1][2] == "本规则"
        _, page = await browser.done(f"{place}/delete", {"version": versions[0]})
        assert "编码规则正在使用" in page.text
        versions = [one["value"] for one in page.all("input", name="version")]
        _, page = await browser.done(f"{place}/suffix-rule", {"prefix": "88.101.2001", "version": versions[-1]})
        assert page.tables[0][1][2] == "没有"
        copied, page = await browser.done(f"{place}/copy", {"name": "copied"})
        assert copied != place
        edit = await browser.page(f"{copied}/edit")
        fields = {one["name"] or "": one.get("value") or "" for one in edit.all("input") if one.get("name")}
        fields |= {f"{SEGMENTS}[0].text": "Q", "name": "renamed", f"{SEGMENTS}[1].period": "none"}
        _, page = await browser.done(f"{copied}/edit", fields)
        assert "renamed" in page.text
        _, page = await browser.done(f"{copied}/delete", {"version": "2"})
        assert "编码规则已删除" in page.text


async def test_the_node_has_rules_of_its_own_which_only_administrators_change(database_url: str) -> None:
    async with running_node(database_url) as node:
        async with Browser(node, "administrator") as browser:
            fields = {
                "name": "industry", "enterprise_id": "node", "definition.scope.industry": "nowhere", SEGMENTS: "1",
                f"{SEGMENTS}[0].kind": "random", f"{SEGMENTS}[0].length": "8",
            }  # fmt: skip
            refused = dom_of(await browser.send(NEW, fields))
            assert refused.all("input", name="definition.scope.industry")[0]["aria-invalid"] == "true"
            place, page = await browser.done(NEW, {**fields, "definition.scope.industry": "34"})
            assert "节点规则" in page.text
            assert "行业 34" in page.text
        async with Browser(node, "enterprise_user") as browser:
            seen = await browser.page(place)
            assert f"{place}/edit" not in seen.links
            assert (await browser.send(f"{place}/edit", fields)).status == 422
        async with Browser(node, "auditor") as browser:
            actions = {one["action"] for one in (await browser.page(place)).all("form", method="post")}
            assert actions == {
                "/console/language",
                "/console/sign-out",
                f"{place}/preview#preview",
                f"{place}/check#check",
            }
            assert (await browser.get(NEW)).status == 403
