"""Questions at the desk: every flag, every answer, every version, and what each counts as."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from node import embedded
from node.database import Pool, open_pool
from node.handle_data import decode_site
from node.migrate import migrate
from node.record import Value, decode_values
from node.resolutions import OWN, Outcome
from resolver.handle import bodies
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.conversation import Transport
from resolver.handle.envelope import ENVELOPE_BYTES, decode_envelope
from resolver.handle.message import DigestKind, digest_and_body
from tests.resolver.test_chain import within
from tests.support.desk import (
    SITE,
    USUAL_FLAGS,
    Office,
    Peer,
    admit,
    key_of,
    office_at,
    read,
    store_prefix_handle,
)
from tests.support.shelf import PUMP_VALUES, Shelf, shelf_at, values

VECTORS = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "handle.json").read_text(encoding="utf-8"))
}
FULL = int(Flag.RECURSIVE | Flag.CACHE_CERTIFY)
"""The usual flags, but for values that are not public too."""
MIXED = [
    Value(1, "URL", b"https://a.example/"),
    Value(2, "COST", b"12 yuan", permissions=0x0C),
    Value(3, "HS_SECKEY", b"secret"),
]


def vector(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name]["hex"])


async def counted(exchange: Any) -> tuple[Outcome | None, str]:
    return exchange.reply.outcome, exchange.reply.key[0]


async def remembered(office: Office, handle: str) -> None:
    """Ask until the answer is kept: notices of what was put on the shelf may still be under way."""

    async def is_kept() -> bool:
        key = (await office.peer().resolve(handle)).reply.key
        return key is not None and office.resolver.standing(key) is not None

    await within(5, is_kept)


async def test_an_identifier_is_answered_with_its_values_in_the_asked_spelling(peer: Peer, pump: str) -> None:
    exchange = await peer.resolve("88.101.1/pUMP-001")
    found = bodies.decode_found(exchange.body)
    assert found.handle == "88.101.1/pUMP-001"
    assert list(found.values) == PUMP_VALUES
    header = exchange.message.header
    assert header.op_code == OpCode.RESOLVE
    assert header.flags == int(Flag.AUTHORITATIVE | Flag.CACHE_CERTIFY | Flag.PUBLIC_ONLY)
    assert header.site_serial == SITE.serial
    assert header.expiration == exchange.request.header.expiration
    assert exchange.message.envelope.request_id == exchange.request.envelope.request_id
    assert await counted(exchange) == (Outcome.HIT, "88.101.1")


async def test_a_public_answer_rests_on_the_entry_that_stands(
    office: Office, peer: Peer, shelf: Shelf, pump: str
) -> None:
    await remembered(office, pump)
    reply = (await peer.resolve(pump)).reply
    assert reply.key == ("88.101.1", "PUMP-001")
    assert reply.standing is not None
    assert office.resolver.standing(reply.key) is reply.standing
    none_of_these = (await peer.resolve(pump, types=["EMAIL"])).reply
    assert none_of_these.standing is reply.standing
    missing = (await peer.resolve("88.101.1/none")).reply
    assert missing.standing is None


@pytest.mark.parametrize("flag", [Flag.AUTHORITATIVE, Flag.CERTIFY, Flag.ENCRYPT, Flag.RETURN_DIGEST])
async def test_an_answer_that_is_one_of_a_kind_rests_on_nothing(peer: Peer, pump: str, flag: Flag) -> None:
    reply = (await peer.resolve(pump, flags=USUAL_FLAGS | flag)).reply
    assert reply.outcome is Outcome.HIT
    assert reply.standing is None
    assert reply.key == ("88.101.1", "PUMP-001")


@pytest.mark.parametrize(
    ("types", "indexes", "kept"),
    [
        ((), (), [1, 2, 6, 2000]),
        (("url",), (), [1]),
        (("URL",), (2000,), [1, 2000]),
        (("HS_SITE.",), (), [2, 6]),
        (("HS_SITE",), (), [2]),
        ((), (1, 6, 99), [1, 6]),
    ],
)
async def test_types_and_indexes_are_united_and_a_dot_takes_all_that_begin_so(
    peer: Peer, shelf: Shelf, types: tuple[str, ...], indexes: tuple[int, ...], kept: list[int]
) -> None:
    await shelf.prefix()
    record = values((1, "URL", "https://a.example/"), (2, "HS_SITE", ""), (6, "HS_SITE.6", ""), (2000, "NAME", "泵"))
    await shelf.register("88.101.1/A", record)
    found = (await peer.resolve("88.101.1/A", types=types, indexes=indexes)).values
    assert [value.index for value in found] == kept


async def test_what_is_missing_is_missing_for_a_reason(peer: Peer, shelf: Shelf, pump: str) -> None:
    await shelf.prefix("88.101.2", state="suspended")
    await shelf.register("88.101.2/A")
    for handle, types, code, outcome, prefix in (
        ("88.101.1/none", (), ResponseCode.HANDLE_NOT_FOUND, Outcome.MISSING, "88.101.1"),
        (pump, ("EMAIL",), ResponseCode.VALUES_NOT_FOUND, Outcome.MISSING, "88.101.1"),
        ("88.101.2/A", (), ResponseCode.NOT_RESPONSIBLE, Outcome.DENIED, "88.101.2"),
        ("88.101.9/A", (), ResponseCode.NOT_RESPONSIBLE, Outcome.MISSING, ""),
        ("88.102.1/A", (), ResponseCode.NOT_RESPONSIBLE, Outcome.MISSING, ""),
        ("10.1000/A", (), ResponseCode.NOT_RESPONSIBLE, Outcome.MISSING, ""),
        ("88.101.1/", (), ResponseCode.INVALID_HANDLE, None, ""),
        ("88.101.1/ A", (), ResponseCode.INVALID_HANDLE, None, ""),
        ("", (), ResponseCode.INVALID_HANDLE, None, ""),
    ):
        exchange = await peer.resolve(handle, types=types)
        assert exchange.code == code, handle
        assert await counted(exchange) == (outcome, prefix), handle
        assert isinstance(exchange.told, str)


async def test_a_handle_that_is_not_utf_8_is_an_invalid_handle(peer: Peer) -> None:
    exchange = await peer.send(OpCode.RESOLVE, b"\0\0\0\x03\xff\xfe\xfd" + bytes(8))
    assert exchange.code == ResponseCode.INVALID_HANDLE


async def test_the_authoritative_flag_asks_the_database(office: Office, peer: Peer, shelf: Shelf, pump: str) -> None:
    await remembered(office, pump)
    await shelf.connection.execute("UPDATE identifier SET record = '\\x00000000'")  # and no notice
    assert len((await peer.resolve(pump)).values) == 3
    anew = await peer.resolve(pump, flags=USUAL_FLAGS | Flag.AUTHORITATIVE)
    assert anew.code == ResponseCode.VALUES_NOT_FOUND
    assert (await peer.resolve(pump)).code == ResponseCode.VALUES_NOT_FOUND


@pytest.mark.parametrize(
    ("version", "suggests", "answered", "kind"),
    [
        ((2, 11), (2, 11), (2, 11), DigestKind.SHA256),
        ((2, 10), (2, 11), (2, 11), DigestKind.SHA256),
        ((2, 3), (2, 11), (2, 11), DigestKind.SHA256),
        ((2, 7), (2, 7), (2, 7), DigestKind.SHA256),
        ((2, 6), (2, 6), (2, 6), DigestKind.SHA1),
        ((2, 1), (2, 1), (2, 1), DigestKind.SHA1),
        ((2, 0), (2, 0), (2, 0), DigestKind.BARE_MD5),
        ((2, 1), (0, 0), (2, 1), DigestKind.SHA1),
        ((3, 0), (3, 0), (2, 11), DigestKind.SHA256),
        ((5, 1), (0, 0), (2, 0), DigestKind.BARE_MD5),
    ],
)
async def test_every_version_is_answered_as_it_suggests_with_its_own_digest(
    peer: Peer, pump: str, version: tuple[int, int], suggests: tuple[int, int], answered: tuple[int, int],
    kind: DigestKind,
) -> None:  # fmt: skip
    exchange = await peer.resolve(pump, version=version, suggests=suggests, flags=USUAL_FLAGS | Flag.RETURN_DIGEST)
    envelope = exchange.message.envelope
    assert (envelope.major, envelope.minor) == answered
    assert (envelope.suggested_major, envelope.suggested_minor) == (2, 11)
    digest, _ = digest_and_body(exchange.message)
    assert digest == exchange.request.digest(kind)
    assert len(exchange.values) == 3


async def test_the_digest_precedes_the_text_of_a_refusal_too(peer: Peer) -> None:
    exchange = await peer.resolve("88.102.1/A", flags=USUAL_FLAGS | Flag.RETURN_DIGEST)
    assert exchange.code == ResponseCode.NOT_RESPONSIBLE
    assert exchange.told == "the prefix 88.102.1 is not served by this node"


async def test_only_public_values_are_told_when_only_they_are_asked_for(peer: Peer, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", MIXED)
    assert [value.index for value in (await peer.resolve("88.101.1/A")).values] == [1]
    for asked in ({"types": ["COST"]}, {"indexes": [3]}, {"types": ["HS_SECKEY"]}):
        assert (await peer.resolve("88.101.1/A", **asked)).code == ResponseCode.VALUES_NOT_FOUND


async def test_a_question_for_public_values_needs_no_proof_without_the_flag_either(peer: Peer, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", MIXED)
    exchange = await peer.resolve("88.101.1/A", types=["URL"], flags=FULL)
    assert [value.index for value in exchange.values] == [1]
    assert exchange.reply.standing is not None


async def test_a_secret_key_is_as_if_it_were_not_there(peer: Peer, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", MIXED)
    exchange = await peer.resolve("88.101.1/A", types=["HS_SECKEY"], flags=FULL)
    assert exchange.code == ResponseCode.VALUES_NOT_FOUND


async def test_values_of_administrators_are_told_to_who_proves_that_he_may_read_them(
    office: Office, peer: Peer, shelf: Shelf, pool: Pool
) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", MIXED)
    identity = await admit(pool, "88.101.1")
    challenged = await peer.resolve("88.101.1/A", flags=FULL)
    assert challenged.code == ResponseCode.AUTHENTICATION_NEEDED
    assert challenged.message.envelope.session_id > 0
    assert await counted(challenged) == (None, "")
    # As Handle.Net does: the answer comes by another connection.
    proved = await office.peer().prove(challenged, identity, key_of("88.101.1"))
    assert proved.message.header.op_code == OpCode.RESOLVE
    assert [(value.index, value.data) for value in proved.values] == [(1, b"https://a.example/"), (2, b"12 yuan")]
    assert await counted(proved) == (Outcome.HIT, "88.101.1")
    assert proved.reply.standing is None
    assert (challenged.reply.marks, proved.reply.marks) == (0, OWN)


async def test_what_an_identity_asks_that_never_counts_is_answered_and_not_counted(
    office: Office, peer: Peer, shelf: Shelf, pool: Pool
) -> None:
    await shelf.prefix("88.101.3")
    await shelf.register("88.101.3/A", MIXED)
    identity = await admit(pool, "88.101.3")
    challenged = await peer.resolve("88.101.3/A", flags=FULL)
    proved = await office.peer().prove(challenged, identity, key_of("88.101.3"))
    assert proved.code == ResponseCode.SUCCESS
    assert await counted(proved) == (None, "88.101.3")


async def test_a_wrong_proof_reads_nothing(peer: Peer, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", MIXED)
    identity = await admit(pool, "88.101.1")
    failed = await peer.prove(await peer.resolve("88.101.1/A", flags=FULL), identity, key_of("a stranger"))
    assert failed.message.header.response_code == ResponseCode.AUTHENTICATION_FAILED


async def test_an_administrator_without_the_right_to_read_is_told_so(peer: Peer, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", MIXED)
    identity = await admit(pool, "88.101.1", permissions=0xBFF)
    refused = await peer.prove(await peer.resolve("88.101.1/A", flags=FULL), identity, key_of("88.101.1"))
    assert refused.message.header.response_code in (ResponseCode.INVALID_ADMIN, ResponseCode.NOT_PERMITTED)


async def test_a_value_that_nobody_may_read_refuses_the_question_without_a_challenge(
    peer: Peer, shelf: Shelf
) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", [*MIXED, Value(4, "SEALED", b"x", permissions=0x04)])
    assert (await peer.resolve("88.101.1/A", flags=FULL)).code == ResponseCode.NOT_PERMITTED
    assert (await peer.resolve("88.101.1/A", indexes=[2], flags=FULL)).code == ResponseCode.AUTHENTICATION_NEEDED
    assert [value.index for value in (await peer.resolve("88.101.1/A")).values] == [1]


async def test_a_damaged_record_is_our_fault_and_counts_as_one(peer: Peer, shelf: Shelf, pump: str) -> None:
    await shelf.connection.execute("UPDATE identifier SET record = '\\x000000ff00'")
    exchange = await peer.resolve(pump)
    assert exchange.code == ResponseCode.ERROR
    assert await counted(exchange) == (Outcome.ERROR, "88.101.1")


async def test_without_a_database_the_desk_is_busy_and_never_says_not_found(pool: Pool) -> None:
    async with office_at("postgresql://nobody@127.0.0.1:1/none", pool, lookup_seconds=0.3) as office:
        exchange = await office.peer().resolve("88.101.1/A")
        assert exchange.code == ResponseCode.TOO_BUSY
        assert await counted(exchange) == (Outcome.ERROR, "88.101.1")
        assert (await office.peer().resolve("0.NA/88.101.1")).code == ResponseCode.TOO_BUSY


async def test_when_the_database_goes_away_what_is_remembered_is_answered_and_counts_as_stale() -> None:
    with tempfile.TemporaryDirectory(prefix="biaoshi-test-") as folder:
        Path(folder).chmod(0o755)
        settings = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "30"}
        async with embedded.start(Path(folder) / "pg", settings=settings) as server:
            await migrate(server.url())
            pool = await open_pool(server.url(), "biaoshi_writer", size=1, seconds=1, name="test")
            async with office_at(server.url(), pool, lookup_seconds=1.0) as office:
                async with shelf_at(server.url()) as shelf:
                    await shelf.prefix()
                    await shelf.register("88.101.1/A")
                await remembered(office, "88.101.1/A")
                pool.terminate()
                await server.stop()

                async def is_stale() -> bool:
                    exchange = await office.peer().resolve("88.101.1/A")
                    assert list(exchange.values) == PUMP_VALUES
                    assert await counted(exchange) in ((Outcome.HIT, "88.101.1"), (Outcome.STALE_HIT, "88.101.1"))
                    return exchange.reply.outcome is Outcome.STALE_HIT and exchange.reply.standing is None

                await within(5, is_stale)
                for handle, flags in (("88.101.1/B", USUAL_FLAGS), ("88.101.1/A", USUAL_FLAGS | Flag.AUTHORITATIVE)):
                    busy = await office.peer().resolve(handle, flags=flags)
                    assert busy.code == ResponseCode.TOO_BUSY
                    assert await counted(busy) == (Outcome.ERROR, "88.101.1")


async def test_prefix_handles_are_resolved_and_do_not_count(peer: Peer, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix()
    for handle in ("0.na/88.101.1", "88.101.1"):
        exchange = await peer.resolve(handle)
        assert bodies.decode_found(exchange.body).handle == handle
        assert exchange.values == SITE.values
        assert await counted(exchange) == (None, "")
    (site,) = (await peer.resolve("0.NA/88.101.1", types=["HS_SITE"])).values
    assert decode_site(site.data).serial == SITE.serial
    missing = await peer.resolve("0.NA/88.101.9")
    assert missing.code == ResponseCode.HANDLE_NOT_FOUND
    assert await counted(missing) == (None, "")


async def test_values_of_a_prefix_handle_that_are_not_public_are_read_with_the_node_s_own_site(
    peer: Peer, shelf: Shelf, pool: Pool
) -> None:
    await shelf.prefix()
    identity = await admit(pool, "88.101.1")
    record = await pool.fetchval("SELECT record FROM prefix_handle")
    await store_prefix_handle(pool, "88.101.1", [*decode_values(record), Value(400, "NOTE", b"x", permissions=0x0C)])
    challenged = await peer.resolve("0.NA/88.101.1", flags=FULL | Flag.AUTHORITATIVE)
    proved = await peer.prove(challenged, identity, key_of("88.101.1"))
    assert sorted(value.index for value in proved.values) == [1, 6, 100, 300, 400]


async def test_the_site_handle_and_the_heartbeat_of_teleinfo_are_answered(office: Office, peer: Peer) -> None:
    assert (await peer.resolve("0.SITE/88.101")).values == SITE.values
    (reply,) = await peer.hand(vector("sdk-heartbeat"))
    beaten = read(reply.data)
    assert beaten.header.response_code == ResponseCode.HANDLE_NOT_FOUND
    assert beaten.envelope.request_id == VECTORS["sdk-heartbeat"]["fields"]["requestId"]
    assert reply.outcome is None


@pytest.mark.parametrize("name", ["sdk-resolve", "sdk-resolve-with-auth-string", "resolve-default"])
async def test_questions_of_existing_clients_are_answered(office: Office, shelf: Shelf, name: str) -> None:
    data = vector(name)
    (reply,) = await office.peer().hand(data)
    answered = read(reply.data)
    # 88.111.1 is another node's; what matters is that the question is understood to its end.
    assert answered.header.response_code == ResponseCode.NOT_RESPONSIBLE
    assert answered.envelope.request_id == decode_envelope(data).request_id
    assert len(data) > ENVELOPE_BYTES


async def test_site_info_is_the_node_s_own_whatever_is_named(peer: Peer) -> None:
    for handle in ("/", "88.101.1/x"):
        exchange = await peer.send(OpCode.GET_SITE_INFO, bodies.encode_handle(handle), session_id=10_001)
        assert exchange.code == ResponseCode.SUCCESS
        assert exchange.body == SITE.data
        assert exchange.message.envelope.session_id == 10_001  # a number of the client's own choice
        assert exchange.reply.outcome is None


async def test_a_delegated_prefix_is_referred_and_counts_as_that(
    peer: Peer, shelf: Shelf, pump: str, pool: Pool
) -> None:
    service, below = Value(7, "HS_SERV", b"0.SITE/88.102"), Value(8, "HS_SERV.PREFIX", b"0.SITE/88.103")
    await store_prefix_handle(pool, "88.101.1", [service, below])
    for handle, code, site, prefix in (
        ("88.101.1/none", ResponseCode.SERVICE_REFERRAL, service, "88.101.1"),
        ("88.101.1.7/x", ResponseCode.PREFIX_REFERRAL, below, "88.101.1"),
    ):
        exchange = await peer.resolve(handle)
        assert exchange.code == code
        assert bodies.decode_referral(exchange.body) == bodies.Referral("0.NA/88.101.1", (site,))
        assert await counted(exchange) == (Outcome.REFERRED, prefix)
        refused = await peer.resolve(handle, flags=USUAL_FLAGS | Flag.NO_REFERRAL)
        assert refused.code == ResponseCode.NOT_RESPONSIBLE
        assert await counted(refused) == (Outcome.MISSING, "")
    assert (await peer.resolve("0.NA/88.101.1.7")).code == ResponseCode.PREFIX_REFERRAL
    assert len((await peer.resolve(pump)).values) == 3


async def test_by_udp_a_question_that_needs_a_proof_is_challenged_under_a_number_of_ours(
    office: Office, shelf: Shelf, pool: Pool
) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", MIXED)
    identity = await admit(pool, "88.101.1")
    peer = office.peer(Transport.UDP)
    proved = await peer.prove(await peer.resolve("88.101.1/A", flags=FULL), identity, key_of("88.101.1"))
    assert [value.index for value in proved.values] == [1, 2]
