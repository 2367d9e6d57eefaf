"""``GET /v1/identifiers`` over HTTP: every filter by its parameter, every fault by its name."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from registry.api.v1.paging import write_cursor
from registry.api.v1.search_fields import FiltersBody, FiltersQuery
from registry.identifiers.state import IdentifierState
from registry.search.filters import Condition, Filters
from tests.support.catalogue import Thing, shelve
from tests.support.node import Answer, Node, running_node

PREFIX = "88.101.2001"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MOTOR: dict[str, Any] = {
    "name": "motor",
    "version": 1,
    "title_zh": "电机",
    "attributes": [
        {"name": "name", "title_zh": "名称"},
        {"name": "serial", "title_zh": "编号", "unique": True},
        {"name": "model", "title_zh": "型号", "listed": True},
        {"name": "power", "title_zh": "功率", "kind": "number", "listed": True},
        {"name": "made_on", "title_zh": "日期", "kind": "date", "listed": True},
    ],
}


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    """Sixty motors, one a day: M-00 … M-59; every fifth suspended, every seventh deleted."""
    async with running_node(database_url, log={"requests": False}) as node:
        template = await node.world.template(MOTOR)
        async with node.world.pool.acquire() as connection:
            prefix_id = await connection.fetchval("SELECT prefix_id FROM prefix WHERE prefix = $1", PREFIX)
            await shelve(connection, prefix_id, [motor(number, template) for number in range(60)])
        yield node


def motor(number: int, template: Any) -> Thing:
    state = IdentifierState.LIVE
    if number % 7 == 6:
        state = IdentifierState.DELETED
    elif number % 5 == 4:
        state = IdentifierState.SUSPENDED
    at = BEGAN + timedelta(days=number)
    values = {
        "name": f"电机 {number}", "serial": f"S-{number}", "model": f"YE{number % 3}-{number % 4}_100%",
        "power": f"{number / 4:.2f}", "made_on": f"2026-{number // 28 + 1:02d}-{number % 28 + 1:02d}",
    }  # fmt: skip
    return Thing(f"M-{number:02d}", template, state, at, at + timedelta(hours=number), values)


async def asked(node: Node, **query: Any) -> Answer:
    return await node("GET", "/v1/identifiers", query={"prefix": PREFIX, **query})


async def numbers(node: Node, **query: Any) -> list[int]:
    """The numbers of the motors that a search finds in one page."""
    answer = await asked(node, limit=200, **query)
    assert answer.status == 200, answer.body
    assert (answer.json["next_cursor"], answer.json["examined_all"]) == (None, True)
    return sorted(int(item["suffix"][2:]) for item in answer.json["items"])


LIVE = [number for number in range(60) if number % 7 != 6 and number % 5 != 4]


def live(meant: Any) -> list[int]:
    return [number for number in LIVE if meant(number)]


def where(*conditions: dict[str, Any]) -> str:
    return json.dumps(conditions)


async def test_every_filter_has_its_parameter(node: Node) -> None:
    assert await numbers(node) == LIVE
    assert await numbers(node, suffix_begins="m-1") == live(lambda n: 10 <= n < 20)
    assert await numbers(node, suffix_contains="3") == live(lambda n: "3" in f"{n:02d}")
    assert await numbers(node, state="suspended") == [n for n in range(60) if n % 7 != 6 and n % 5 == 4]
    assert await numbers(node, state="deleted") == [n for n in range(60) if n % 7 == 6]
    assert await numbers(node, state="all") == list(range(60))
    assert await numbers(node, template="motor") == LIVE
    window = {"registered_from": "2026-01-05T00:00:00Z", "registered_to": "2026-01-08T08:00:00+08:00"}
    assert await numbers(node, **window) == live(lambda n: 4 <= n <= 7)
    assert await numbers(node, updated_from="2026-02-20T00:00:00Z") == live(lambda n: n * 25 >= 50 * 24)
    assert await numbers(node, updated_to="2026-01-03T02:00:00Z") == live(lambda n: n <= 2)


async def test_conditions_on_attributes_are_a_json_array(node: Node) -> None:
    async def of(*conditions: dict[str, Any]) -> list[int]:
        return await numbers(node, template="motor", where=where(*conditions))

    assert await of({"attribute": "power", "from": "5", "to": 7.5}) == live(lambda n: 20 <= n <= 30)
    assert await of({"attribute": "power", "equal": "5.0"}) == live(lambda n: n == 20)
    assert await of({"attribute": "model", "equal": "YE1-1_100%"}) == live(lambda n: n % 12 == 1)
    assert await of({"attribute": "model", "begins": "YE2"}) == live(lambda n: n % 3 == 2)
    assert await of({"attribute": "model", "contains": "2_1"}) == live(lambda n: n % 4 == 2)
    assert await of({"attribute": "model", "contains": "%"}) == LIVE
    assert await of({"attribute": "made_on", "begins": "2026-02"}) == live(lambda n: 28 <= n < 56)
    both = ({"attribute": "power", "from": 5}, {"attribute": "model", "begins": "YE2"})
    assert await of(*both) == live(lambda n: n >= 20 and n % 3 == 2)
    assert await of() == LIVE
    short = await numbers(node, template="motor", attribute="serial", value="S-30", where=where(both[0]))
    assert short == [30]


async def test_identifiers_of_every_state_say_which(node: Node) -> None:
    answer = await asked(node, state="all", suffix_begins="M-0", limit=7)
    assert [item["state"] for item in answer.json["items"]] == ["live"] * 4 + ["suspended", "live", "deleted"]
    assert [bool(item["attributes"]) for item in answer.json["items"]] == [True] * 6 + [False]


async def test_pages_follow_each_other_in_every_order(node: Node) -> None:
    for query in (
        {}, {"state": "suspended"}, {"template": "motor"}, {"updated_from": "2026-01-01T00:00:00Z"},
        {"template": "motor", "where": where({"attribute": "model", "begins": "YE"})},
        {"template": "motor", "where": where({"attribute": "power", "from": "1"})},
        {"template": "motor", "where": where({"attribute": "serial", "begins": "S-"})},
    ):  # fmt: skip
        every = await numbers(node, **query)
        seen: list[int] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await asked(node, limit=7, **query, **cursor)
            seen += [int(item["suffix"][2:]) for item in answer.json["items"]]
            if answer.json["next_cursor"] is None:
                break
            cursor = {"cursor": answer.json["next_cursor"]}
        assert sorted(seen) == every, query


async def test_a_count_comes_if_asked_for(node: Node) -> None:
    assert (await asked(node, limit=2)).json["count"] is None
    answer = await asked(
        node, limit=2, count="true", template="motor", where=where({"attribute": "power", "from": "5"})
    )
    assert answer.json["count"] == {"number": len(live(lambda n: n >= 20)), "exact": True}
    assert len(answer.json["items"]) == 2
    again = await asked(node, limit=2, count="true", cursor=(await asked(node, limit=2)).json["next_cursor"])
    assert again.json["count"] == {"number": len(LIVE), "exact": True}


async def test_a_cursor_of_the_longest_suffix_is_taken_back(node: Node) -> None:
    suffixes = [f"{'号' * 230}{number}" for number in range(3)]
    template = await node.world.template({**MOTOR, "name": "long"})
    things = [
        Thing(suffix, template, IdentifierState.LIVE, BEGAN, BEGAN, {"model": "值" * 254 + str(number)})
        for number, suffix in enumerate(suffixes)
    ]
    async with node.world.pool.acquire() as connection:
        prefix_id = await connection.fetchval("SELECT prefix_id FROM prefix WHERE prefix = $1", PREFIX)
        await shelve(connection, prefix_id, things)
    query = {"template": "long", "limit": 1, "where": where({"attribute": "model", "begins": "值"})}
    cursor: dict[str, str] = {}
    for suffix in suffixes:
        answer = await asked(node, **query, **cursor)
        assert [item["suffix"] for item in answer.json["items"]] == [suffix]
        cursor = {"cursor": answer.json["next_cursor"] or ""}
    assert cursor == {"cursor": ""}


async def test_another_enterprise_s_prefix_is_not_searched(node: Node) -> None:
    for by, status in (("other", 403), (None, 401), ("application", 200), ("auditor", 200)):
        answer = await node("GET", "/v1/identifiers", by=by, query={"prefix": PREFIX})
        assert answer.status == status


BAD_QUESTIONS: list[tuple[dict[str, Any], str, str]] = [
    ({"where": "["}, "invalid_input", "where"),
    ({"where": "{}"}, "invalid_input", "where"),
    ({"where": "[" * 900}, "invalid_input", "where"),
    ({"where": '["power"]'}, "invalid_input", "where.0"),
    ({"where": where({"attribute": "power"})}, "invalid_input", "where.0"),
    ({"where": where({"attribute": "power", "equal": None})}, "invalid_input", "where.0"),
    ({"where": where({"attribute": "power", "is": "5"})}, "invalid_input", "where.0.is"),
    ({"where": where({"attribute": "power", "from": ["5"]})}, "invalid_input", "where.0.from"),
    ({"where": '[{"attribute": "model", "equal": "a\\u0000b"}]'}, "invalid_input", "where.0.equal"),
    ({"where": '[{"attribute": "model", "begins": ""}]'}, "invalid_input", "where.0.begins"),
    ({"where": '[{"attribute": "model", "equal": "\\ud800"}]'}, "invalid_input", "where"),
    ({"where": '[{"attribute": "power", "from": 1e999}]'}, "invalid_input", "where.0.from"),
    ({"where": f'[{{"attribute": "power", "from": {"9" * 2000}}}]'}, "invalid_input", "where.0.from"),
    ({"where": where(*({"attribute": "power", "from": "1"},) * 9)}, "invalid_input", "where"),
    ({"state": "gone"}, "invalid_input", "state"),
    ({"registered_from": "yesterday"}, "invalid_input", "registered_from"),
    ({"registered_from": "2026-01-01T00:00:00"}, "invalid_input", "registered_from"),
    ({"updated_to": "0001-01-01T00:00:00+14:00"}, "invalid_input", "updated_to"),
    ({"updated_to": "99999-01-01T00:00:00Z"}, "invalid_input", "updated_to"),
    ({"suffix_begins": "a\0"}, "invalid_input", "suffix_begins"),
    ({"suffix_contains": "a\u0308"}, "invalid_input", "suffix_contains"),
    ({"suffix_contains": ""}, "invalid_input", "suffix_contains"),
    ({"suffix_contains": "x" * 256}, "invalid_input", "suffix_contains"),
    ({"count": "perhaps"}, "invalid_input", "count"),
    ({"template": "a\0"}, "invalid_input", "template"),
    ({"where": where({"attribute": "power", "from": 1e300})}, "invalid_input", "where.0.from"),
    ({"where": where({"attribute": "power", "from": 1e40})}, "condition_unfit", "attributes.0.from"),
    ({"where": where({"attribute": "power", "from": "5; DROP"})}, "condition_unfit", "attributes.0.from"),
    ({"where": where({"attribute": "model", "from": "a\x07"})}, "condition_unfit", "attributes.0.from"),
]


async def test_a_bad_question_is_refused_by_name_and_place(node: Node) -> None:
    for query, code, field in BAD_QUESTIONS:
        answer = await asked(node, **{"template": "motor", **query})
        assert (answer.status, answer.code) == (400, code), (query, answer.body)
        assert field in {fault["field"] for fault in answer.json["faults"]}, (query, answer.body)


CURSORS = [
    "[]", "{}", "1", "null", '["suffixes",0,"",1]', '["suffixes",-1,"",""]', '["suffixes",1e9,"",""]',
    '["suffixes",99999999999,"",""]', '["suffixes",true,"",""]', '["suffixes",0,"","\\u0000"]',
    '["suffixes",0,"\\ud800",""]', '["suffixes",0,""]', "[" * 1500,
]  # fmt: skip


async def test_a_cursor_that_was_never_given_out_is_refused(node: Node) -> None:
    for text in CURSORS:
        answer = await asked(node, cursor=write_cursor(text))
        assert (answer.status, answer.code) == (400, "cursor_broken"), text
    for text in ('["values.0",1,"a","b"]', '["state",0,"a","b"]', '["",0,"",""]'):
        answer = await asked(node, cursor=write_cursor(text))
        assert (answer.status, answer.code) == (400, "other_search"), text


async def test_what_is_unknown_is_said(node: Node) -> None:
    unknown = {"attribute": "colour", "equal": "red"}
    for query, status, code in [
        ({"template": "gauge"}, 404, "template_unknown"),
        ({"template_id": 999}, 404, "template_unknown"),
        ({"template": "motor", "where": where(unknown)}, 400, "not_listed"),
        ({"template": "motor", "where": where({"attribute": "name", "equal": "x"})}, 400, "not_listed"),
        ({"where": where({"attribute": "model", "equal": "x"})}, 400, "not_listed"),
    ]:
        answer = await asked(node, **query)
        assert (answer.status, answer.code) == (status, code), query


# The same filters in a body -----------------------------------------------------------------------------


def test_a_body_and_a_query_mean_the_same_filters() -> None:
    conditions = [{"attribute": "power", "from": 5, "to": "7.5"}, {"attribute": "passed", "equal": True}]
    said = {
        "template": "motor",
        "suffix_begins": "M",
        "state": "suspended",
        "registered_from": "2026-01-01T08:00:00+08:00",
    }
    nested = FiltersBody.model_validate_json(json.dumps({**said, "attributes": conditions})).filters()
    flat = FiltersQuery.model_validate({**said, "where": json.dumps(conditions)}).filters()
    assert nested == flat
    assert nested.registered_from == BEGAN
    assert nested.attributes == (Condition("power", low="5", high="7.5"), Condition("passed", equal="true"))
    assert Filters.from_json(nested.to_json()) == nested


def test_a_body_says_nothing_that_is_not_known() -> None:
    for text in ('{"prefix": "88.1"}', '{"where": "[]"}', '{"attributes": [{"attribute": "a", "low": "1"}]}'):
        with pytest.raises(ValidationError):
            FiltersBody.model_validate_json(text)
