from __future__ import annotations

import asyncio
import json
import random
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import asyncpg
import pytest
from yarl import URL

from mocknational.faults import Faults
from mocknational.store import SCHEMA_NAME, IssuedKey, MockDatabaseMissing, open_store
from mocknational.verification import is_credit_code
from node.china_time import midnight
from node.national import messages, signature
from node.national.signature import KeyPair, sign
from node.sql import Statements
from tests.support.caller import NODE, Caller, enterprise, message, reviewed
from tests.support.docking import CREDIT_CODE, ISSUED, KEYS, ROOT, DockedNode, now, until

FOLDER = ROOT / "mocknational"
EARLIER = Path(__file__).with_name("earlier_schema.sql")


async def test_a_message_is_accepted_once_and_has_its_effect_once(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    more = {"suspended": 4, "resumed": 3, "migrated": 2, "undone": 1}
    summary = message(1, "registration.summary", prefix="88.101.1", registered=5, updated=2, deleted=1, **more)
    other = message(2, "registration.summary", prefix="88.101.1", registered=1, updated=0, deleted=0)
    async with world.mock() as mock:
        caller = Caller(session, mock)
        assert await caller.deliver(summary) == [("accepted", False)]
        assert await caller.deliver(summary, other, other) == [
            ("duplicate", False), ("accepted", False), ("duplicate", False),
        ]  # fmt: skip
        both = await asyncio.gather(*(caller.deliver(summary, message(3)) for _ in range(10)))
        assert all(answer == [("duplicate", False), ("accepted", False)] for answer in both)
    row = await upper.fetchrow("SELECT registered, updated, deleted, suspended, resumed FROM docked_registration")
    assert tuple(row) == (6, 2, 1, 4, 3)


async def test_a_message_that_fits_no_shape_is_refused_for_ever_and_the_others_are_kept(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    async with world.mock() as mock:
        answers = await Caller(session, mock).deliver(
            message(1),
            message(2, "enterprise.approved", name="only"),
            message(3, "registration.summary", prefix="88.101.1", registered=1, updated=0, deleted=0, undone=-1),
            message(4, "prefix.reviewed", prefix="\x00", enterprise_id=str(NODE), credit_code="", state="reviewed"),
            message(5, "unheard.of", anything=["goes"]),
            message(6, text="\x00 is kept as it came"),
        )
    assert answers == [
        ("accepted", False), ("refused", False), ("refused", False), ("refused", False), ("accepted", False),
        ("accepted", False),
    ]  # fmt: skip


async def test_what_follows_a_message_that_is_put_off_is_put_off_too(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    class Second(random.Random):
        def random(self) -> float:
            return 0.3  # of four messages the second

    messages = [
        message(1, "test.kind", "a"),
        message(2, "test.kind", "a"),
        message(3, "test.kind", "b"),
        message(4, "test.kind", "a"),
    ]
    async with world.mock(Faults(busy_share=1), random=Second()) as mock:
        caller = Caller(session, mock)
        assert await caller.deliver(*messages) == [
            ("accepted", False), ("refused", True), ("accepted", False), ("refused", True),
        ]  # fmt: skip
        mock.faults = Faults()
        assert await caller.deliver(*messages) == [
            ("duplicate", False), ("accepted", False), ("duplicate", False), ("accepted", False),
        ]  # fmt: skip


async def test_a_request_of_the_wrong_shape_is_refused_whole(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    whole = {"node": str(NODE), "laboratory": False}
    async with world.mock() as mock:
        for content in (
            b"", b"{", b"[]", b"null", b'"\xff"', b"{}", b"[" * 100_000,
            {**whole, "node": "x", "messages": [message(1)]},
            {**whole, "messages": []},
            {**whole, "messages": [message(n) for n in range(201)]},
            {**whole, "messages": [message(1), {**message(2), "stream": "a b"}]},
            {**whole, "messages": [message(1), {**message(2), "kind": "One"}]},
            {**whole, "messages": [message(1), {**message(2), "sequence": 2**63}]},
            {**whole, "messages": [message(1), {**message(2), "created_at": "2026-03-02T00:00:00"}]},
        ):  # fmt: skip
            status, answer = await Caller(session, mock).ask("POST", "/v1/messages", content)
            assert (status, answer["code"], answer["retry"]) == (400, "request_malformed", False), content
    assert await upper.fetchval("SELECT count(*) FROM docked_message") == 0


async def test_the_bytes_of_every_request_are_kept_with_answer_and_signature_verdict(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with world.mock() as mock:
        caller = Caller(session, mock)
        await caller.ask("GET", "/v1/verdicts?after=0")
        await caller.ask("POST", "/v1/messages", b"not json")
        await Caller(session, mock, KeyPair("nobody", KEYS.secret_key)).ask("POST", "/v1/counts", b"{}")
        await caller.ask("DELETE", "/v1/nothing?x=1")
        await caller.ask("POST", "/v1/messages", b" " * (5 << 20))
    rows = await upper.fetch("SELECT * FROM request ORDER BY request_id")
    assert [(row["status"], row["signature"]) for row in rows] == [
        (200, "valid"), (400, "valid"), (401, "signature_wrong"), (404, "unread"), (413, "unread"),
    ]  # fmt: skip
    assert rows[0]["head"].startswith(b"GET /v1/verdicts?after=0 HTTP/1.1\r\n")
    assert b"Biaoshi-Access-Key: test-node\r\n" in rows[0]["head"]
    assert rows[0]["answer"] == b'{"verdicts":[]}'
    assert rows[1]["body"] == b"not json"
    assert json.loads(rows[2]["answer"])["code"] == "signature_wrong"
    assert all(row["received_at"] <= now() for row in rows)


async def test_a_thousand_replays_are_refused(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    body = json.dumps({"node": str(NODE), "laboratory": False, "messages": [message(1)]}).encode()
    async with world.mock() as mock:
        caller = Caller(session, mock)
        headers = caller.sign("POST", "/v1/messages", body)
        answers = []
        for _ in range(20):
            answers += await asyncio.gather(*(caller.ask("POST", "/v1/messages", body, headers) for _ in range(50)))
        accepted = [answer for status, answer in answers if status == 200]
        assert len(accepted) == 1
        refused = {(status, answer["code"], answer["retry"]) for status, answer in answers if status != 200}
        assert refused == {(401, "nonce_reused", True)}
    async with world.mock() as mock:
        assert (await Caller(session, mock).ask("POST", "/v1/messages", body, headers))[1]["code"] == "nonce_reused"
    assert await upper.fetchval("SELECT count(*) FROM request WHERE signature = 'valid'") == 1


async def test_a_nonce_outlives_every_timestamp_that_is_still_believed(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    """Signed by a clock 5 minutes fast, a request is believed for 10 minutes; its nonce is kept for 15."""
    offset = timedelta()
    fast = sign(KEYS, "GET", "/v1/verdicts?after=0", b"", at=now() + timedelta(seconds=298), nonce="a" * 16)
    async with world.mock(clock=lambda: now() + offset) as mock:
        caller = Caller(session, mock)
        assert (await caller.ask("GET", "/v1/verdicts?after=0", headers=fast))[0] == 200
        offset = timedelta(seconds=590)
    async with world.mock(clock=lambda: now() + offset) as mock:
        assert (await Caller(session, mock).ask("GET", "/v1/verdicts?after=0", headers=fast))[1][
            "code"
        ] == "nonce_reused"
        offset = timedelta(seconds=610)
        assert (await Caller(session, mock).ask("GET", "/v1/verdicts?after=0", headers=fast))[1][
            "code"
        ] == "clock_skewed"
    offset = timedelta(minutes=20)
    async with world.mock(clock=lambda: now() + offset):

        async def forgotten() -> bool:
            return bool(await upper.fetchval("SELECT count(*) = 0 FROM docking_nonce"))

        await until(forgotten)


async def test_a_rejected_nonce_is_worth_another_signature(world: DockedNode, session: aiohttp.ClientSession) -> None:
    async with world.mock(Faults(reject_share=1)) as mock:
        caller = Caller(session, mock)
        status, answer = await caller.ask("GET", "/v1/verdicts?after=0")
        assert (status, answer["code"], answer["retry"]) == (401, "nonce_rejected", True)


async def test_a_verdict_is_asked_for_by_a_number(world: DockedNode, session: aiohttp.ClientSession) -> None:
    async with world.mock() as mock:
        for after in ("", "-1", "x", "1.5", "9" * 19, "١"):
            path = URL(f"/v1/verdicts?after={after}").raw_path_qs
            assert (await Caller(session, mock).ask("GET", path))[0] == 400, after


async def test_prefixes_are_judged_by_place_enterprise_and_holder(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    first, second, draft, wrong, unknown = (uuid4() for _ in range(5))
    other_code = "91330203MAD0000275"
    ahead = timedelta()
    async with world.mock(clock=lambda: now() + ahead) as mock:
        caller = Caller(session, mock)
        await caller.deliver(
            enterprise(first), enterprise(second, credit_code=other_code), enterprise(draft, "submitted"),
            enterprise(wrong, credit_code="91442000MAD0000199"),
        )  # fmt: skip
        await caller.deliver(
            reviewed("88.101.1", first), reviewed("88.1011.1", first), reviewed("88.101", first),
            reviewed("88.101.1", second, other_code), reviewed("88.101.1", first),
            reviewed("88.101.2", second, CREDIT_CODE), reviewed("88.101.3", wrong, "91442000MAD0000199"),
            reviewed("88.101.4", draft), reviewed("88.101.5", unknown),
        )  # fmt: skip

        async def verdicts(count: int) -> list[dict[str, Any]]:
            async def there() -> bool:
                return len((await caller.ask("GET", "/v1/verdicts?after=0"))[1]["verdicts"]) == count

            await until(there)
            answer = (await caller.ask("GET", "/v1/verdicts?after=0"))[1]["verdicts"]
            assert [verdict["sequence"] for verdict in answer] == list(range(1, count + 1))
            return list(answer)

        # The last two wait a moment for a report of their enterprise that may still be on its way.
        await verdicts(7)
        await caller.deliver(enterprise(draft, credit_code=CREDIT_CODE))
        await verdicts(8)
        ahead = timedelta(seconds=6)
        found = await verdicts(9)
        assert [(v["prefix"], v["passed"], v["reason"].split(" / ")[0]) for v in found] == [
            ("88.101.1", True, "核验通过"),
            ("88.1011.1", False, "前缀不在该二级节点的授权范围内"),
            ("88.101", False, "前缀不在该二级节点的授权范围内"),
            ("88.101.1", False, "前缀已由其他企业持有"),
            ("88.101.1", True, "核验通过"),
            ("88.101.2", False, "企业信息有误"),
            ("88.101.3", False, "企业信息有误"),
            ("88.101.4", True, "核验通过"),
            ("88.101.5", False, "企业未作为审核通过上报"),
        ]
        rest = (await caller.ask("GET", "/v1/verdicts?after=7"))[1]["verdicts"]
        assert [verdict["sequence"] for verdict in rest] == [8, 9]


async def test_an_enterprise_with_another_certificate_than_a_credit_code_passes_when_it_names_one(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    foreign, nameless, rival = (uuid4() for _ in range(3))
    said = {"credit_code": "", "other_certificate": "HRB-4711"}

    def asked(enterprise_id: UUID, prefix: str, number: str) -> dict[str, Any]:
        body = {"enterprise_id": str(enterprise_id), "credit_code": "", "other_certificate": number}
        return message(1, "prefix.reviewed", "prefix", prefix=prefix, state="reviewed", **body)

    async with world.mock() as mock:
        caller = Caller(session, mock)
        await caller.deliver(
            enterprise(foreign, **said), enterprise(nameless, credit_code=""),
            enterprise(rival, credit_code="", other_certificate="HRB-1"),
        )  # fmt: skip
        await caller.deliver(
            asked(foreign, "88.101.1", "HRB-4711"), asked(nameless, "88.101.2", ""),
            asked(foreign, "88.101.3", "HRB-4712"), asked(rival, "88.101.1", "HRB-1"),
        )  # fmt: skip

        async def there() -> bool:
            return len((await caller.ask("GET", "/v1/verdicts?after=0"))[1]["verdicts"]) == 4

        await until(there)
        found = (await caller.ask("GET", "/v1/verdicts?after=0"))[1]["verdicts"]
        assert [(v["prefix"], v["reason"].split(" / ")[0]) for v in found] == [
            ("88.101.1", "核验通过"), ("88.101.2", "企业信息有误"), ("88.101.3", "企业信息有误"),
            ("88.101.1", "前缀已由其他企业持有"),
        ]  # fmt: skip


async def test_a_prefix_that_was_transferred_is_its_receiver_s(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    giver, receiver, code = uuid4(), uuid4(), "91330203MAD0000275"
    async with world.mock() as mock:
        caller = Caller(session, mock)
        await caller.deliver(enterprise(giver), enterprise(receiver, credit_code=code), reviewed("88.101.1", giver))

        async def holder() -> UUID | None:
            found = await upper.fetchval("SELECT enterprise_id FROM docked_prefix WHERE prefix = '88.101.1'")
            return found if found is None else UUID(str(found))

        await until(holder)
        body = {"prefix": "88.101.1", "credit_code": code, "from_enterprise_id": str(giver), "state": "enabled"}
        moved = message(9, "prefix.transferred", "prefix", enterprise_id=str(receiver), **body)
        assert await caller.deliver(moved) == [("accepted", False)]
        assert await holder() == receiver
        route = {**moved["body"], "hosting": "self_hosted", "sites": [{"address": "203.0.113.10", "tcp_port": 2641}]}
        assert await caller.deliver(message(10, "prefix.route", "prefix", **route)) == [("accepted", False)]


async def test_a_node_sees_the_verdicts_on_its_own_prefixes_only(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    stranger = KeyPair("another-node", "a secret of another")
    async with world.mock(keys=[ISSUED, IssuedKey(stranger, "88.102")]) as mock:
        holder = uuid4()
        await Caller(session, mock).deliver(enterprise(holder), reviewed("88.101.1", holder))

        async def seen(keys: KeyPair) -> int:
            return len((await Caller(session, mock, keys).ask("GET", "/v1/verdicts?after=0"))[1]["verdicts"])

        async def judged() -> bool:
            return await seen(KEYS) == 1

        await until(judged)
        assert await seen(stranger) == 0


async def test_a_later_statement_about_a_day_replaces_the_earlier_in_whatever_order_they_come(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    def counts(registered: int, minutes: int) -> dict[str, Any]:
        day = {
            "day": "2026-03-02", "registered": registered, "updated": 0, "deleted": 0,
            "resolutions": [{"interface": 4, "outcome": 1, "resolutions": registered * 2}],
        }  # fmt: skip
        at = (now() + timedelta(minutes=minutes)).isoformat()
        return {"node": str(NODE), "laboratory": True, "at": at, "days": [day]}

    async with world.mock() as mock:
        caller = Caller(session, mock)
        for statement in (counts(1, 0), counts(3, 2), counts(2, 1), counts(3, 2)):
            assert (await caller.ask("POST", "/v1/counts", statement))[0] == 200
    row = await upper.fetchrow("SELECT at, registered, resolutions FROM docked_count WHERE period = 'day'")
    assert (row["at"], row["registered"]) == (midnight(date(2026, 3, 2)), 3)
    assert json.loads(row["resolutions"])[0]["resolutions"] == 6


async def test_a_laboratory_node_stays_marked(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with world.mock() as mock:
        caller = Caller(session, mock)
        await caller.deliver(message(1), laboratory=True)
        await caller.deliver(message(2))
        async with session.get(mock.url + "/") as answer:
            assert "实验数据" in await answer.text()
    assert await upper.fetchval("SELECT laboratory FROM docked_node")
    assert [row[0] for row in await upper.fetch("SELECT laboratory FROM docked_message ORDER BY arrival")] == [
        True,
        False,
    ]


async def test_the_page_says_that_it_is_a_mock_and_escapes_what_it_shows(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    holder = uuid4()
    async with world.mock(Faults(delay_ms=1)) as mock:
        caller = Caller(session, mock)
        await caller.deliver(enterprise(holder, name="<script>alert(1)</script>"), reviewed("88.101.9", holder))
        await caller.deliver(message(9, "test.kind", "<b>", text="<img src=x>"))
        beat = {
            "node": str(NODE), "laboratory": False, "state": "running", "version": "0.1", "uptime_seconds": 1,
            "backlog": 42, "at": now().isoformat(),
        }  # fmt: skip
        assert (await caller.ask("POST", "/v1/heartbeats", beat))[0] == 200

        async def given() -> bool:
            async with session.get(mock.url + "/overview") as answer:
                return bool((await answer.json())["prefixes"])

        await until(given)
        async with session.get(mock.url + "/") as answer:
            page = await answer.text()
        async with session.get(mock.url + "/overview") as answer:
            content = await answer.json()
        async with session.get(mock.url + "/overview.css") as answer:
            assert answer.content_type == "text/css"
    assert "模拟国家顶级节点" in page
    assert "这是用于演示和测试的模拟程序" in page
    assert "delay_ms = 1" in page
    assert "<script>" not in page and "<img" not in page and "<b>" not in page  # noqa: PT018
    assert content["nodes"][0]["heartbeat"]["backlog"] == 42
    assert content["prefixes"][0]["prefix"] == "88.101.9"
    assert {entry["stream"] for entry in content["streams"]} == {"enterprise", "prefix", "<b>"}


async def test_the_switches_are_changed_over_http(world: DockedNode, session: aiohttp.ClientSession) -> None:
    async with world.mock() as mock:
        for wrong in (b"", b"{", b'{"delay_ms": -1}', b'{"drop_share": 2}', b'{"delay": 1}'):
            async with session.put(mock.url + "/faults", data=wrong) as answer:
                assert answer.status == 400
        assert mock.faults == Faults()
        async with session.put(mock.url + "/faults", json={"stopped": True}) as answer:
            assert (await answer.json())["stopped"] is True
        with pytest.raises(aiohttp.ClientError):
            await Caller(session, mock).ask("GET", "/v1/verdicts?after=0")
        async with session.get(mock.url + "/faults") as answer:
            assert (await answer.json())["stopped"] is True
        async with session.put(mock.url + "/faults", data=b"{}") as answer:
            assert answer.status == 200
        assert (await Caller(session, mock).ask("GET", "/v1/verdicts?after=0"))[0] == 200


async def test_a_dropped_request_was_applied_or_not_but_never_half(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with world.mock(Faults(drop_share=1)) as mock:
        caller = Caller(session, mock)
        for sequence in range(40):
            with pytest.raises(aiohttp.ClientError):
                await caller.deliver(message(sequence))
    kept = await upper.fetchval("SELECT count(*) FROM docked_message")
    assert 5 < kept < 35
    assert await upper.fetchval("SELECT count(*) FROM request WHERE status = 200") == kept


async def test_a_database_that_does_not_exist_is_named_in_one_sentence(world: DockedNode) -> None:
    with pytest.raises(MockDatabaseMissing, match="nowhere_at_all"):
        await open_store(world.database_url.replace("/test_", "/nowhere_at_all_"), [], now())


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.sql")), ids=lambda file: file.name)
async def test_every_statement_of_the_mock_can_be_prepared(world: DockedNode, file: Path) -> None:
    (await open_store(world.upper_url, [], now())).terminate()
    code = "".join(module.read_text(encoding="utf-8") for module in FOLDER.glob("*.py"))
    settings = {"search_path": f"{SCHEMA_NAME},public"}
    connection = await asyncpg.connect(world.upper_url, server_settings=settings)
    try:
        for name, statement in Statements(file).items():
            await connection.prepare(statement)
            assert statement.startswith("--")
            assert f'"{name}"' in code
    finally:
        await connection.close()


async def test_the_mock_leaves_the_tables_of_a_node_alone(world: DockedNode) -> None:
    """Given the node's own database by mistake, it keeps to the tables of an upper side, and a schema beside them."""
    (await open_store(world.database_url, [ISSUED], now())).terminate()
    assert await world.pool.fetchval("SELECT to_regclass('public.request')") is None
    assert await world.pool.fetchval("SELECT count(*) FROM prefix") == 0
    assert await world.pool.fetchval("SELECT count(*) FROM docking_key") == 1


async def test_what_a_mock_of_an_earlier_release_kept_moves_into_the_tables_of_an_upper_side(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    await upper.execute(EARLIER.read_text(encoding="utf-8"))
    await upper.execute("SET search_path = mock_national, public")
    holder, day = uuid4(), datetime(2026, 3, 2, tzinfo=UTC)
    await upper.execute("INSERT INTO mock_national.key_pair VALUES ('test-node', 'x', '88.101', $1)", day)
    await upper.execute("INSERT INTO mock_national.node VALUES ($1, 'test-node', true, $2, $2, '{}', $2)", NODE, day)
    await upper.execute("INSERT INTO mock_national.stream VALUES ($1, 'enterprise', 7, 5, 0)", NODE)
    await upper.execute(
        "INSERT INTO mock_national.prefix VALUES ('88.101.1', 'test-node', $1, $2, $3, 'enabled', $4)",
        NODE, holder, CREDIT_CODE, day,
    )  # fmt: skip
    await upper.execute(
        "INSERT INTO mock_national.verdict (sequence, access_key, prefix, passed, reason, at) OVERRIDING SYSTEM VALUE"
        " VALUES (41, 'test-node', '88.101.1', true, 'ok', $1)", day,
    )  # fmt: skip
    await upper.execute(
        "INSERT INTO mock_national.daily_count VALUES ($1, '2026-03-02', true, $2, 3, 2, 1, '[]')", NODE, day
    )
    async with world.mock():
        pass
    async with world.mock() as mock:
        caller = Caller(session, mock)
        assert [v["sequence"] for v in (await caller.ask("GET", "/v1/verdicts?after=0"))[1]["verdicts"]] == [41]
        await caller.deliver(enterprise(holder), reviewed("88.101.2", holder))

        async def next_verdict() -> bool:
            return [v["sequence"] for v in (await caller.ask("GET", "/v1/verdicts?after=41"))[1]["verdicts"]] == [42]

        await until(next_verdict)
    assert await upper.fetchval("SELECT to_regclass('mock_national.key_pair')") is None
    assert await upper.fetchval("SELECT at FROM docked_count") == midnight(date(2026, 3, 2))
    assert await upper.fetchval("SELECT state FROM docked_prefix WHERE prefix = '88.101.1'") == "enabled"
    stream = await upper.fetchrow(
        "SELECT last_sequence, messages, disordered FROM docked_stream WHERE stream = 'enterprise'"
    )
    assert tuple(stream) == (7, 6, 1)


def test_the_far_side_knows_a_credit_code_when_it_sees_one() -> None:
    assert is_credit_code(CREDIT_CODE)
    assert not is_credit_code(CREDIT_CODE[:17] + "9")
    assert not is_credit_code(CREDIT_CODE.lower())
    assert not is_credit_code("")


def test_the_interface_document_agrees_with_the_code() -> None:
    text = (ROOT / "docs/national-interface.md").read_text(encoding="utf-8")
    headers = (signature.ACCESS_KEY, signature.TIMESTAMP, signature.NONCE, signature.SIGNATURE)
    paths = (messages.MESSAGES, messages.HEARTBEATS, messages.COUNTS, messages.VERDICTS)
    scheme = signature.SCHEME.decode()
    for word in (*headers, *paths, scheme, *messages.Status):
        assert word in text, word
    for shape in (messages.Delivery, messages.Heartbeat, messages.Counts, messages.DayCounts, messages.Result,
                  messages.Verdict, messages.Refusal, messages.Message):  # fmt: skip
        for member in shape.__struct_fields__:
            assert member in text, f"{shape.__name__}.{member}"
    example = KeyPair("node-1", "sixteen characters")
    at = datetime.fromtimestamp(1772413200, UTC)
    signed = sign(example, "POST", "/v1/messages?a=1&b=2", b'{"x": 1}', at=at, nonce="nonce-0123456789abcdef")
    assert signed[signature.SIGNATURE] in text


def test_the_document_of_the_mock_names_every_switch_and_every_path() -> None:
    text = (ROOT / "docs/mock-national.md").read_text(encoding="utf-8")
    routes = re.findall(
        r'\("(?:GET|PUT|POST)", "(/[a-z./{}_-]*)"', (FOLDER / "loopback.py").read_text(encoding="utf-8")
    )
    assert len(routes) > 10
    for word in (*Faults.__struct_fields__, *routes):
        assert word in text, word
