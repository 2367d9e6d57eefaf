"""``/v1/batches`` over HTTP: bodies of every kind, keys that replay, rejections that come back."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.node import Answer, Node, running_node

PREFIX = "88.101.2001"
HEADER = "suffix,name,serial,model,weight_kg"


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    http = {"body_seconds": 1, "body_bytes": 4096}
    async with running_node(
        database_url, log={"requests": False}, http=http, registry={"batch_bytes": 1 << 20}
    ) as node:
        yield node


def rows(count: int, start: int = 0) -> str:
    lines = [f"PUMP-{n:05d},离心泵 {n},S-{n},CP-{n % 7},{n}.50" for n in range(start, start + count)]
    return "\n".join([HEADER, *lines]) + "\n"


async def send(
    node: Node, body: str | bytes | AsyncIterator[bytes], key: str | None = "key-1", *, by: str = "application",
    media: str = "text/csv", headers: dict[str, str] | None = None, **query: Any,
) -> Answer:  # fmt: skip
    sent = {"Content-Type": media, **({"Idempotency-Key": key} if key is not None else {}), **(headers or {})}
    asked = {"prefix": PREFIX, "template": "pump", **query}
    data = io.BytesIO(body.encode() if isinstance(body, str) else body) if isinstance(body, str | bytes) else body
    return await node("POST", "/v1/batches", by=by, query=asked, headers=sent, data=data)


async def registered(node: Node) -> int:
    return int(await node.world.pool.fetchval("SELECT count(*) FROM identifier"))


async def rejections(node: Node, batch: Answer, form: str = "ndjson", by: str = "application") -> Answer:
    return await node("GET", f"/v1/batches/{batch.json['batch_id']}/rejections", by=by, query={"format": form})


# Bodies -------------------------------------------------------------------------------------------------


async def test_a_csv_is_registered_and_its_batch_can_be_read(node: Node) -> None:
    batch = await send(node, rows(1234))
    assert batch.status == 200, batch.body
    counts = {name: batch.json[name] for name in ("state", "registered", "unchanged", "rejected", "failure")}
    assert counts == {"state": "finished", "registered": 1234, "unchanged": 0, "rejected": 0, "failure": None}
    assert (batch.json["read_line"], batch.json["read_offset"]) == (1236, len(rows(1234).encode()))
    assert "Idempotency-Replayed" not in batch.headers
    found = await node("GET", batch.headers["Location"], by="application")
    assert found.json == batch.json
    listed = await node("GET", "/v1/batches", by="application")
    assert listed.json == {"items": [batch.json], "next_cursor": None}


async def test_ndjson_is_registered_with_every_digit(node: Node) -> None:
    lines = [
        '{"suffix": "A", "name": "泵", "weight_kg": 1.10, "passed": true}',
        '{"suffix": "B", "name": "泵", "weight_kg": 12345678901234567890.50, "passed": null}',
    ]
    batch = await send(node, "\n".join(lines), media="application/x-ndjson")
    assert batch.json["registered"] == 2
    weights = [
        (await node("GET", f"/v1/identifiers/{PREFIX}/{suffix}")).json["attributes"]["weight_kg"] for suffix in "AB"
    ]
    assert weights == ["1.10", "12345678901234567890.50"]


async def test_a_body_in_chunks_is_the_same_body(node: Node) -> None:
    body = rows(60).encode()

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    assert (await send(node, chunks(1))).json["registered"] == 60
    for again in (body, chunks(7), chunks(4096)):
        assert (await send(node, again)).headers["Idempotency-Replayed"] == "true"


async def test_a_packed_body_is_unpacked(node: Node) -> None:
    batch = await send(node, gzip.compress(rows(200).encode()), headers={"Content-Encoding": "gzip"})
    assert batch.json["registered"] == 200


async def test_a_body_beyond_the_bound_is_refused_and_the_worker_is_free_again(node: Node) -> None:
    for _ in range(4):
        announced = await send(node, b"x" * ((1 << 20) + 1), str(uuid4()))
        assert (announced.status, announced.code) == (413, "body_too_large")
    long = f"A,{'x' * 2000},,,\n"  # the ratio is what is refused: long rows reach it before many are told as bad
    packed = gzip.compress((HEADER + "\n" + long * 14_000).encode())
    swollen = await send(node, packed, headers={"Content-Encoding": "gzip"})
    assert (swollen.status, swollen.code, swollen.json["reason"]) == (400, "batch_failed", "ratio_exceeded")
    assert (await send(node, rows(3), "after")).status == 200


async def test_another_content_type_is_not_read(node: Node) -> None:
    for media in ("application/xml", "text/plain", "application/vnd.ms-excel", ""):
        answer = await send(node, rows(3), media=media)
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), media
    packed = await send(node, rows(3), headers={"Content-Encoding": "br"})
    assert (packed.status, packed.code) == (415, "unsupported_media_type")
    assert await registered(node) == 0


async def test_a_charset_does_not_change_the_content_type(node: Node) -> None:
    assert (await send(node, rows(3), media="Text/CSV; charset=utf-8")).json["registered"] == 3


async def test_columns_are_mapped_and_delimited_as_asked(node: Node) -> None:
    mapping = json.dumps(["编号=suffix", "编号=serial", "名 称=name", "a=b=model"], ensure_ascii=False)
    batch = await send(node, "编号|名 称|a=b|more\nA-1|离心泵|CP-1|x\n", mapping=mapping, delimiter="|")
    assert batch.json["registered"] == 1, batch.body
    found = await node("GET", f"/v1/identifiers/{PREFIX}/A-1")
    assert found.json["attributes"] == {"name": "离心泵", "serial": "A-1", "model": "CP-1"}


async def test_a_mapping_as_long_as_allowed_fits_into_the_address(node: Node) -> None:
    column = "号" * 4_900
    mapping = json.dumps([f"{column}=suffix", "name=name"], ensure_ascii=False)
    assert 4_900 < len(mapping) <= 5_000
    assert (await send(node, f"{column},name\nA,x\n", mapping=mapping)).json["registered"] == 1


NO_MAPPINGS = [
    "", "nonsense", "[1]", '["a=suffix"', '["a\\u0000=suffix"]', '["\\ud800=suffix"]', "[" * 4000, "null",
]  # fmt: skip


async def test_a_mapping_that_is_none_is_refused_by_name(node: Node) -> None:
    for mapping in NO_MAPPINGS:
        answer = await send(node, rows(3), mapping=mapping)
        assert (answer.status, answer.code) == (400, "mapping_unreadable"), mapping
    assert await registered(node) == 0


WHOLE_BODIES: list[tuple[str, dict[str, Any], str]] = [
    ("", {}, "no_header"),
    ("suffix,surprise\nA,x\n", {}, "invalid_mapping"),
    ("name\nx\n", {}, "invalid_mapping"),
    ("suffix;name\nA;x\n", {"delimiter": ","}, "wrong_delimiter"),
    ("suffix,name,name\nA,x,y\n", {}, "duplicate_column"),
    ("suffix,,name\nA,x,y\n", {}, "empty_column"),
    ("suffix,na\0me\nA,x\n", {}, "unreadable_header"),
    ("suffix,name\nA,x\n", {"mapping": '["suffix=suffix","name=nothing"]'}, "invalid_mapping"),
]


async def test_a_body_that_nobody_can_understand_fails_as_a_whole_and_fails_again(node: Node) -> None:
    for number, (body, query, reason) in enumerate(WHOLE_BODIES):
        answers = [await send(node, body, f"key-{number}", **query) for _ in range(2)]
        for answer in answers:
            assert (answer.status, answer.code, answer.json["reason"]) == (400, "batch_failed", reason), body
        assert answers[0].json["batch_id"] == answers[1].json["batch_id"]
        found = await node("GET", f"/v1/batches/{answers[0].json['batch_id']}")
        assert (found.json["state"], found.json["failure"]["code"]) == ("failed", reason)


async def test_a_mapping_that_is_wrong_by_itself_spends_no_key(node: Node) -> None:
    for mapping in ('["nonsense"]', '{"suffix": 7}', '{"attributes": []}'):
        answer = await send(node, rows(3), mapping=mapping)
        assert (answer.status, answer.code) == (400, "invalid_mapping"), mapping
    assert (await send(node, rows(3))).json["registered"] == 3


async def test_a_body_that_stops_is_ended_by_the_deadline_and_gone_on_from(node: Node) -> None:
    body = rows(1500).encode()

    async def stopping() -> AsyncIterator[bytes]:
        yield body[:40_000]
        await asyncio.sleep(30)

    answer = await send(node, stopping(), headers={})
    assert (answer.status, answer.code) == (408, "body_too_slow")
    batch = await send(node, body)
    assert (batch.status, batch.json["registered"], batch.json["rejected"]) == (200, 1500, 0)
    assert "Idempotency-Replayed" not in batch.headers
    assert await registered(node) == 1500


# Keys ---------------------------------------------------------------------------------------------------


async def test_a_batch_needs_a_key_of_sensible_length(node: Node) -> None:
    for key in (None, "", "  ", "x" * 256, "half\u00a0space", "tab\there"):
        answer = await send(node, rows(3), key)
        assert (answer.status, answer.code) == (400, "idempotency_key_missing"), key
    assert await registered(node) == 0


async def test_a_key_may_be_as_long_as_allowed(node: Node) -> None:
    for key in ("k", "x" * 255, "键" * 85, "with space"):
        assert (await send(node, rows(3), key)).status == 200, key


async def test_the_same_body_under_the_same_key_is_answered_again(node: Node) -> None:
    first = await send(node, rows(100))
    again = await send(node, rows(100))
    assert (again.status, again.json) == (200, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await registered(node) == 100


async def test_another_body_under_the_same_key_is_refused(node: Node) -> None:
    await send(node, rows(100))
    for other in (rows(99), rows(101), rows(100, start=1), "", rows(100) + "\n"):
        answer = await send(node, other)
        assert (answer.status, answer.code) == (422, "idempotency_key_reused"), other[:40]
    assert await registered(node) == 100


async def test_another_request_under_the_same_key_is_refused(node: Node) -> None:
    await send(node, rows(5))
    await node.world.template(
        {"name": "valve", "version": 1, "title_zh": "阀门", "attributes": [{"name": "name", "title_zh": "名称"}]}
    )
    others: list[dict[str, Any]] = [
        {"template": "valve"}, {"delimiter": ";"}, {"mapping": '["suffix=suffix","name=name"]'},
    ]  # fmt: skip
    for query in others:
        answer = await send(node, rows(5), **query)
        assert (answer.status, answer.code) == (422, "idempotency_key_reused"), query


async def test_keys_of_two_accounts_are_two_keys(node: Node) -> None:
    first = await send(node, rows(5))
    second = await send(node, rows(5), by="enterprise_user")
    assert "Idempotency-Replayed" not in second.headers
    assert second.json["batch_id"] != first.json["batch_id"]
    assert (second.json["registered"], second.json["unchanged"]) == (0, 5)


async def test_one_key_used_twice_at_once_makes_one_batch(node: Node) -> None:
    answers = await asyncio.gather(*(send(node, rows(3000)) for _ in range(2)))
    assert sorted(answer.status for answer in answers) in ([200, 200], [200, 409])
    assert {answer.code for answer in answers if answer.status == 409} <= {"batch_busy"}
    assert len({answer.json["batch_id"] for answer in answers}) == 1
    assert await registered(node) == 3000


async def test_more_batches_at_once_than_a_worker_takes_are_put_off(node: Node) -> None:
    answers = await asyncio.gather(*(send(node, rows(2000, start=5000 * n), f"key-{n}") for n in range(6)))
    put_off = [answer for answer in answers if answer.status != 200]
    assert put_off
    assert {(answer.status, answer.code) for answer in put_off} == {(429, "too_many_batches")}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in put_off)
    assert await registered(node) == 2000 * (6 - len(put_off))


async def test_the_document_names_the_statuses_of_keys(node: Node) -> None:
    document = (await node("GET", "/v1/openapi.json")).json
    responses = document["paths"]["/v1/batches"]["post"]["responses"]
    assert "idempotency_key_reused" in responses["422"]["description"]
    assert "idempotency_key_missing" in responses["400"]["description"]
    assert "batch_busy" in responses["409"]["description"]
    assert "too_many_batches" in responses["429"]["description"]
    assert {"408", "413", "415"} <= set(responses)


# Rejections ---------------------------------------------------------------------------------------------

BAD = f"""{HEADER}
GOOD-1,泵,S-1,m,1
BAD-1,,S-2,m,heavy
"=HYPERLINK(""http://evil.example"")",泵,S-8,m,-1
GOOD-1,泵,S-9,m,1
+1+1,泵,S-3,m,1,extra
BAD\u202e,泵,S-4,m,1
@SUM(A1:A9),,S-5,m,1
ZZZ,泵,S-1,m,2
GOOD-2,泵,S-6,m,2
"""


async def test_rejected_rows_come_back_with_line_field_code_and_message(node: Node) -> None:
    batch = await send(node, BAD)
    assert (batch.json["registered"], batch.json["rejected"]) == (2, 7)
    answer = await rejections(node, batch)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert "rejections-" in answer.headers["Content-Disposition"]
    found = [json.loads(line) for line in answer.body.decode().splitlines()]
    assert [(fault["line"], fault["field"], fault["code"]) for fault in found] == [
        (3, "name", "required"),
        (3, "weight_kg", "not_a_number"),
        (4, "weight_kg", "too_small"),
        (5, "suffix", "duplicate_row"),
        (6, None, "wrong_field_count"),
        (7, "suffix", "invalid_suffix"),
        (8, "name", "required"),
        (9, "serial", "value_taken"),
    ]
    assert all(" / " in fault["message"] for fault in found)
    assert found[0]["row"] == "BAD-1,,S-2,m,heavy"


async def test_a_spreadsheet_takes_no_cell_of_them_for_a_formula(node: Node) -> None:
    batch = await send(node, BAD)
    answer = await rejections(node, batch, "csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    found = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert len(found) == 8
    assert [fault["row"] for fault in found if fault["row"].startswith("'")] == [
        "'+1+1,泵,S-3,m,1,extra",
        "'@SUM(A1:A9),,S-5,m,1",
    ]
    assert not [cell for fault in found for cell in fault.values() if cell[:1] in tuple("=+-@\t\r")]


async def test_rejections_are_all_given_out_whatever_their_number(node: Node) -> None:
    body = "suffix,name\n" + "".join(f"A-{n},\n" for n in range(2_500))
    batch = await send(node, body)
    assert (batch.json["registered"], batch.json["rejected"]) == (0, 2_500)
    lines = [json.loads(line)["line"] for line in (await rejections(node, batch)).body.decode().splitlines()]
    assert lines == list(range(2, 2_502))


async def test_a_batch_without_rejections_has_none(node: Node) -> None:
    batch = await send(node, rows(3))
    assert (await rejections(node, batch)).body == b""
    assert (await rejections(node, batch, "csv")).body == b"sheet,line,field,code,message,row\n"
    odd = await rejections(node, batch, "xlsx")
    assert (odd.status, odd.code) == (400, "invalid_input")


async def test_rows_that_are_no_text_come_back_readable(node: Node) -> None:
    body = b"suffix,name\nA,\xff\xfe\nB,\x00\nC," + b"x" * 300_000 + b"\nD,good\n"
    batch = await send(node, body)
    assert (batch.json["registered"], batch.json["rejected"]) == (1, 3)
    found = [json.loads(line) for line in (await rejections(node, batch)).body.decode().splitlines()]
    assert [fault["line"] for fault in found] == [2, 3, 4]
    assert all(len(fault["row"]) <= 4096 for fault in found)


async def test_bad_json_lines_do_not_stop_the_good_ones(node: Node) -> None:
    lines = [
        '{"suffix":"A","name":"good"}',
        "nonsense",
        "[" * 100_000,
        '{"suffix":"B","name":{"x":1}}',
        '{"suffix":7,"name":"x"}',
        '{"suffix":"C","name":"\\ud800"}',
        '{"suffix":"D","suffix":"E","name":"x"}',
        "",
        '{"suffix":"F","name":"good"}',
    ]
    batch = await send(node, "\n".join(lines), media="application/x-ndjson")
    assert (batch.status, batch.json["registered"], batch.json["rejected"]) == (200, 2, 6)


# Whose --------------------------------------------------------------------------------------------------


async def test_another_enterprise_s_batch_is_not_there(node: Node) -> None:
    batch = await send(node, BAD)
    for answer in (
        await node("GET", batch.headers["Location"], by="other"),
        await rejections(node, batch, by="other"),
        await node("GET", f"/v1/batches/{uuid4()}", by="other"),
    ):
        assert (answer.status, answer.code) == (404, "batch_unknown")
    assert (await node("GET", "/v1/batches", by="other")).json["items"] == []


async def test_staff_and_one_s_own_colleagues_see_a_batch(node: Node) -> None:
    batch = await send(node, BAD)
    for who in ("administrator", "auditor", "reviewer", "enterprise_user", "application"):
        found = await node("GET", batch.headers["Location"], by=who)
        assert (found.status, found.json) == (200, batch.json), who
        assert (await rejections(node, batch, by=who)).status == 200


async def test_somebody_else_s_prefix_takes_nothing(node: Node) -> None:
    for by, prefix in (("other", PREFIX), ("application", "88.101.2002")):
        answer = await send(node, rows(3), by=by, prefix=prefix)
        assert answer.status in (403, 404), answer.body
    for by in ("auditor", "reviewer"):
        answer = await send(node, rows(3), by=by)
        assert (answer.status, answer.code) == (403, "not_allowed")
    assert await registered(node) == 0


async def test_batches_are_listed_newest_first_page_by_page(node: Node) -> None:
    made = [(await send(node, rows(1), f"key-{n}")).json["batch_id"] for n in range(7)]
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = await node("GET", "/v1/batches", by="application", query={"limit": 3, **cursor})
        seen += [batch["batch_id"] for batch in answer.json["items"]]
        if answer.json["next_cursor"] is None:
            break
        cursor = {"cursor": answer.json["next_cursor"]}
    assert sorted(seen) == sorted(made)
    assert seen == sorted(made, reverse=True)
    broken = await node("GET", "/v1/batches", by="application", query={"cursor": "AAAA"})
    assert (broken.status, broken.code) == (400, "cursor_broken")
