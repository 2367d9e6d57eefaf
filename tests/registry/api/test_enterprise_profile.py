"""The full record of an enterprise over HTTP: given, masked, given back, in clear, by flat fields."""

from __future__ import annotations

from typing import Any

from node.auth import Role
from registry import credit_code
from tests.support.door import Door
from tests.support.record import FULL, PEOPLE

FACTS: dict[str, Any] = {
    "credit_code": credit_code.complete("91330212MAD01001"),
    "name": "示例阀门有限公司",
    "division_code": "330212",
    "industry_code": "3443",
}
FLAT = {"contact_name": "示例联系人", "contact_phone": "13800000000", "contact_email": "ops@example.com"}
CLEAR = ("示例联系人", "13800000000", "ops@example.com", "TEST-0001", "11010519491231002X", "13700000000")


async def test_a_full_record_is_given_and_shown_masked_everywhere_but_in_one_answer(door: Door) -> None:
    record = {**FACTS, "profile": FULL.to_json(), "personal": PEOPLE.to_json()}
    made = await door("POST", "/v1/enterprises", record)
    assert made.status == 201, made.json
    one = made.headers["Location"]
    await door.admit("valves", Role.ENTERPRISE_USER, made.json["enterprise_id"])
    assert made.json["profile"] == FULL.to_json()
    assert made.json["personal"] == PEOPLE.masked().to_json()
    assert made.json["contact_phone"] == "138****0000"
    for answer in (
        made, await door("GET", one), await door("GET", "/v1/enterprises", by="auditor"),
        await door("GET", f"{one}/history"), await door("POST", f"{one}/submit"),
    ):  # fmt: skip
        assert not [word for word in CLEAR if word in str(answer.json)]
    for by in ("admin", "reviewer", "valves"):
        assert (await door("GET", f"{one}/personal", by=by)).json == PEOPLE.to_json()
    assert (await door("GET", f"{one}/personal", by="auditor")).code == "not_allowed"
    looks = [act["action"] for act in (await door("GET", f"{one}/history")).json["items"]]
    assert looks.count("enterprise.read_personal") == 3


async def test_what_an_answer_showed_can_be_given_back_and_changes_nothing(door: Door) -> None:
    made = await door("POST", "/v1/enterprises", {**FACTS, "profile": FULL.to_json(), "personal": PEOPLE.to_json()})
    one = made.headers["Location"]
    names = (*FACTS, "name_en", "address", "website", "other_certificate", "profile", "personal", *FLAT, "version")
    back = {name: made.json[name] for name in names}
    assert (await door("PUT", one, back)).json == made.json
    kept = await door(
        "PUT", one, {**FACTS, **{name: made.json[name] for name in FLAT}, "address": "新1号", "version": 1}
    )
    assert (kept.json["version"], kept.json["profile"]) == (2, made.json["profile"])
    assert (await door("GET", f"{one}/personal")).json == PEOPLE.to_json()


async def test_the_flat_fields_of_the_contact_are_taken_and_replaced_as_ever(door: Door) -> None:
    made = await door("POST", "/v1/enterprises", {**FACTS, **FLAT})
    one = made.headers["Location"]
    assert [made.json[name] for name in FLAT] == ["示****", "138****0000", "o***@example.com"]
    changed = await door("PUT", one, {**FACTS, "contact_phone": "13900000000", "version": 1})
    assert changed.status == 200, changed.json
    contact = (await door("GET", f"{one}/personal")).json["contact"]
    assert (contact["name"], contact["phone"], contact["email"]) == ("", "13900000000", "")
    twice = {**FACTS, "contact_phone": "1", "personal": {"contact": {"phone": "2"}}, "version": 2}
    refused = await door("PUT", one, twice)
    assert (refused.status, refused.code, refused.json["faults"][0]["code"]) == (400, "profile_invalid", "said_twice")


async def test_faults_of_a_record_are_told_together_and_odd_codes_are_warnings(door: Door) -> None:
    profile = {
        "province": "440000", "city": "330200", "county": "330299",
        "served_industries": [{"category": "A", "division": "34", "group": "344", "subclass": "3443"}],
    }  # fmt: skip
    refused = await door("POST", "/v1/enterprises", {**FACTS, "division_code": "330299", "profile": profile})
    assert (refused.status, refused.code) == (400, "profile_invalid")
    assert [(fault["field"], fault["code"]) for fault in refused.json["faults"]] == [
        ("profile.city", "contradicts_province"),
        ("profile.served_industries.0.division", "contradicts_category"),
    ]
    odd = await door("POST", "/v1/enterprises", {**FACTS, "division_code": "330299", "profile": {"county": "330299"}})
    assert [(warning["field"], warning["code"]) for warning in odd.json["warnings"]] == [
        ("division_code", "division_unknown"), ("profile.county", "division_unknown"),
    ]  # fmt: skip


async def test_a_list_is_narrowed_by_name_and_time(door: Door) -> None:
    made = (await door("POST", "/v1/enterprises", FACTS)).json
    for query, found in [
        ("name=阀门", 1), ("name=水泵", 0), ("since=2026-03-02T09:00:00%2B08:00", 1),
        ("since=2026-03-02T09:00:01%2B08:00", 0), ("until=2026-03-02T01:00:00Z&name=示例", 1),
    ]:  # fmt: skip
        items = (await door("GET", f"/v1/enterprises?{query}")).json["items"]
        assert [one["enterprise_id"] for one in items] == [made["enterprise_id"]] * found, query
    for unclear in ("2026-03-02T09:00:00", "2026-03-02", "1772413200", "0.5"):
        assert (await door("GET", f"/v1/enterprises?since={unclear}")).code == "invalid_input"


async def test_another_certificate_stands_for_the_credit_code(door: Door) -> None:
    foreign = {**FACTS, "credit_code": "", "other_certificate": "HRB-4711"}
    made = await door("POST", "/v1/enterprises", foreign)
    assert (made.json["credit_code"], made.json["other_certificate"]) == ("", "HRB-4711")
    assert (await door("POST", "/v1/enterprises", foreign)).code == "certificate_taken"
    assert (await door("POST", "/v1/enterprises", {**FACTS, "credit_code": ""})).code == "one_certificate_needed"
