"""``/v1/templates`` over HTTP beyond its drafts: next editions, copies, grants, previews, removal."""

from __future__ import annotations

from typing import Any

from node.auth import Role
from tests.support.door import Answer, Door

PUMP: dict[str, Any] = {
    "name": "pump",
    "title_zh": "水泵",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True},
        {"name": "photo", "title_zh": "照片", "kind": "file", "media": "image", "suffixes": ["png"]},
        {"name": "made_on", "title_zh": "生产日期", "kind": "date", "date_format": "YYYY年MM月DD日"},
    ],
    "display": {
        "image": "photo",
        "sections": [{"title_zh": "生产", "title_en": "Production", "attributes": ["made_on"]}],
    },
}


async def made(door: Door, *, publish: bool = True, by: str = "admin", **more: Any) -> str:
    """The address of a template."""
    answer = await door("POST", "/v1/templates", {**PUMP, **more}, by=by)
    assert answer.status == 201, answer.json
    place = answer.headers["Location"]
    if publish:
        assert (await door("POST", f"{place}/publish", by=by)).status == 200
    return str(place)


async def users(door: Door) -> list[str]:
    """Two enterprises; their ids. Their users are user0 and user1."""
    owners = []
    for number in range(2):
        owner = (await door.office.enterprise()).enterprise_id
        await door.admit(f"user{number}", Role.ENTERPRISE_USER, owner)
        owners.append(str(owner))
    return owners


async def test_every_member_of_an_attribute_and_the_display_come_back(door: Door) -> None:
    place = await made(door)
    stored = (await door("GET", place)).json
    assert (stored["based_on"], stored["fixed"]) == (None, False)
    definition = stored["definition"]
    assert definition["attributes"][1] == {
        "name": "photo", "title_zh": "照片", "kind": "file", "index": 2001, "type": "PHOTO", "media": "image",
        "suffixes": ["png"],
    }  # fmt: skip
    assert definition["display"] == {
        "title": None, "image": "photo", "hidden": [],
        "sections": [{"title_zh": "生产", "title_en": "Production", "attributes": ["made_on"]}],
    }  # fmt: skip
    refused = await door("POST", "/v1/templates", {**PUMP, "name": "x", "display": {"image": "made_on"}})
    assert (refused.status, refused.code) == (400, "invalid_template")
    assert refused.json["faults"][0]["field"] == "display.image"


async def test_a_change_of_a_published_template_is_its_next_edition(door: Door) -> None:
    place = await made(door)
    changed = await door("PATCH", place, {"attributes": [
        {"name": "colour", "title_zh": "颜色", "code": "c4"},
        {"name": "made_on", "title_zh": "生产日期", "kind": "date", "state": "disabled"},
    ]})  # fmt: skip
    assert (changed.status, changed.json["template_version"], changed.json["state"]) == (200, 2, "published")
    assert [one["name"] for one in changed.json["definition"]["attributes"]] == ["name", "photo", "made_on", "colour"]
    assert changed.json["definition"]["attributes"][2]["state"] == "disabled"
    for body, status, code in (
        ({"attributes": [{"name": "photo", "title_zh": "照片"}]}, 409, "attribute_nature_fixed"),
        ({"attributes": [{"name": "a", "title_zh": "甲", "decimals": 2}]}, 400, "invalid_template"),
        ({"attributes": [{"name": "a"}]}, 400, "invalid_input"),
    ):
        refused = await door("PATCH", place, body)
        assert (refused.status, refused.code) == (status, code)
    await door("POST", f"{place}/revise")
    assert (await door("PATCH", place, {"title_zh": "泵"})).code == "template_draft_exists"


async def test_the_preview_says_what_the_page_shows(door: Door) -> None:
    preview = await door("GET", f"{await made(door, publish=False)}/preview")
    assert preview.status == 200
    assert (preview.json["title"], preview.json["image"], preview.json["title_zh"]) == ("name", "photo", "水泵")
    assert [
        (one["title_zh"], [shown["name"] for shown in one["attributes"]]) for one in preview.json["sections"]
    ] == [("生产", ["made_on"])]


async def test_grants_are_given_listed_and_taken_back(door: Door) -> None:
    owners = await users(door)
    place = await made(door, by="user0")

    async def grants(body: dict[str, Any], by: str = "user0") -> Answer:
        return await door("POST", f"{place}/grants", body, by=by)

    assert (await door("GET", place, by="user1")).status == 403
    granted = await grants({"enterprise_id": owners[1]})
    assert granted.status == 200
    assert [one["enterprise_id"] for one in granted.json["items"]] == [owners[1]]
    assert (await door("GET", place, by="user1")).status == 200
    assert (await grants({"enterprise_id": None}, by="user1")).status == 403
    assert len((await grants({"enterprise_id": None})).json["items"]) == 2
    assert (await door("DELETE", f"{place}/grants", by="user0")).status == 204
    assert (await door("DELETE", f"{place}/grants?enterprise_id={owners[1]}", by="user0")).status == 204
    assert (await door("GET", f"{place}/grants", by="user0")).json == {"items": []}
    assert (await door("GET", place, by="user1")).status == 403
    shared = await made(door)
    refused = await door("POST", f"{shared}/grants", {"enterprise_id": owners[0]})
    assert (refused.status, refused.code) == (409, "template_not_grantable")


async def test_a_copy_is_a_draft_of_one_s_own_and_a_fixed_one_keeps_its_attributes(door: Door) -> None:
    owners = await users(door)
    place = await made(door)
    copy = await door("POST", f"{place}/copy", {"name": "my-pump", "fixed": True}, by="user0")
    assert (copy.status, copy.json["enterprise_id"], copy.json["state"]) == (201, owners[0], "draft")
    assert (copy.json["based_on"], copy.json["fixed"]) == (int(place.rpartition("/")[2]), True)
    refused = await door(
        "PATCH", copy.headers["Location"], {"attributes": [{"name": "a", "title_zh": "甲"}]}, by="user0"
    )
    assert (refused.status, refused.code) == (409, "attributes_fixed")
    again = await door("POST", f"{place}/copy", {"name": "my-pump"}, by="user0")
    assert (again.status, again.code) == (409, "template_name_taken")


async def test_what_nobody_used_is_removed(door: Door) -> None:
    place = await made(door)
    assert (await door("DELETE", place)).status == 204
    assert (await door("GET", place)).status == 404
    used = await made(door, name="valve")
    await door.office.pool.execute("UPDATE template SET used = true")
    refused = await door("DELETE", used)
    assert (refused.status, refused.code) == (409, "template_in_use")
