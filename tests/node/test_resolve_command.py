"""``biaoshi resolve`` and ``biaoshi whois`` against servers that answer as Handle.Net does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from node import terminal
from node.cli import app
from node.handle_data import AdminData, encode_admin, encode_vlist
from node.record import PUBLIC_READ, TTL_ABSOLUTE, Reference, Value, encode_values
from node.resolve_command import Server, ServerUnreadable, data_text, server_of
from resolver.handle.bodies import decode_resolve, encode_found
from resolver.handle.codes import OpCode, ResponseCode
from resolver.handle.envelope import ENVELOPE_BYTES, decode_envelope
from resolver.handle.message import decode_message, encode_message, reply_to

VECTORS: dict[str, dict[str, Any]] = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parents[1] / "vectors" / "handle.json").read_text(encoding="utf-8"))
}
HANDLE = "88.111.1/Prod-001"
ADMIN = Value(100, "HS_ADMIN", encode_admin(AdminData("0.NA/88.111.1", 200, 0xFFF)))
READER = Value(101, "hs_admin", encode_admin(AdminData("88.111.1/\x1b[31mred", 2, 0x402)))


def octets(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name]["hex"])


def answered_as(number: int, answer: bytes) -> bytes:
    return answer[:8] + number.to_bytes(4, "big") + answer[12:]


def answer_to(data: bytes, records: Mapping[str, tuple[Value, ...]]) -> bytes:
    """Handle.Net's site to whom it asks, a record from ``records``, or Handle.Net's "not found"."""
    message = decode_message(decode_envelope(data), data[ENVELOPE_BYTES:])
    number = message.envelope.request_id
    if message.header.op_code == OpCode.GET_SITE_INFO:
        return answered_as(number, octets("get-site-info-response"))
    handle = decode_resolve(message.body).handle
    if (values := records.get(handle)) is None:
        return answered_as(number, octets("error-100"))
    return encode_message(reply_to(message, ResponseCode.SUCCESS, encode_found(handle, encode_values(values))))


@asynccontextmanager
async def server(records: Mapping[str, tuple[Value, ...]]) -> AsyncIterator[str]:
    """Its address; it answers by TCP and, on the same port, by UDP."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while head := await reader.read(ENVELOPE_BYTES):
                body = await reader.readexactly(decode_envelope(head).length)
                writer.write(answer_to(head + body, records))

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.transport.sendto(answer_to(data, records), addr)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = listening.sockets[0].getsockname()[:2]
    datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, local_addr=address)
    async with listening:
        with closing(datagrams):
            yield f"{address[0]}:{address[1]}"


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.out, "width", 160)


async def biaoshi(*words: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, words)


@pytest.mark.parametrize("how", [(), ("--udp",)])
async def test_a_record_is_shown_with_its_values_in_words(how: tuple[str, ...]) -> None:
    values = (Value(1, "URL", b"https://example.org/\x1b[2J"), ADMIN, READER)
    async with server({HANDLE: values}) as address:
        result = await biaoshi("resolve", HANDLE, "--server", address, *how)
    assert result.exit_code == 0
    assert "https://example.org/\\x1b[2J" in result.stdout
    assert "200:0.NA/88.111.1  all permissions" in result.stdout
    assert "\\x1b[31mred  delete_handle read_value" in result.stdout
    assert "\x1b" not in result.stdout


async def test_a_record_is_told_as_handle_json() -> None:
    async with server({HANDLE: (ADMIN,)}) as address:
        result = await biaoshi("resolve", HANDLE, "--server", address, "--json", "--type", "HS_ADMIN", "--index", "1")
    told = json.loads(result.stdout)
    assert (told["responseCode"], told["handle"]) == (1, HANDLE)
    assert told["values"][0]["data"]["value"]["permissions"] == "111111111111"


async def test_a_handle_that_is_not_there_is_a_refusal_with_its_code() -> None:
    async with server({}) as address:
        result, as_json = (
            await biaoshi("resolve", HANDLE, "--server", address),
            await biaoshi("resolve", HANDLE, "--server", address, "--json"),
        )
    assert result.exit_code == as_json.exit_code == 1
    assert "100 handle not found" in result.stderr
    assert json.loads(as_json.stdout)["responseCode"] == 100


async def test_whois_names_the_administrators_of_identifier_and_prefix_and_the_servers() -> None:
    async with server({HANDLE: (READER,), "0.NA/88.111.1": (ADMIN,)}) as address:
        result = await biaoshi("whois", HANDLE, "--server", address)
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert f"{HANDLE} 101 2:88.111.1/\\x1b[31mred delete_handle read_value" in lines
    assert "0.NA/88.111.1 100 200:0.NA/88.111.1 all permissions" in lines
    assert "站点 · site server 1: 127.0.0.1 TCP 2641, UDP 2641, HTTP 8000" in lines


@pytest.mark.parametrize("handle", ["88.111.1", "0.na/88.111.1"])
async def test_whois_of_a_prefix_asks_for_the_prefix_only(handle: str) -> None:
    async with server({handle: (ADMIN,)}) as address:
        result = await biaoshi("whois", handle, "--server", address)
    assert result.stdout.count("all permissions") == 1
    assert "not found" not in result.stdout


async def test_whois_says_which_of_both_is_not_there() -> None:
    async with server({"0.NA/88.111.1": (ADMIN,)}) as address:
        result = await biaoshi("whois", HANDLE, "--server", address)
    assert "100 handle not found" in result.stdout
    assert "all permissions" in result.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node.example.cn", Server("node.example.cn", 2641)),
        ("192.0.2.1:26", Server("192.0.2.1", 26)),
        ("2001:db8::1", Server("2001:db8::1", 2641)),
        ("[2001:db8::1]", Server("2001:db8::1", 2641)),
        ("[2001:db8::1]:99", Server("2001:db8::1", 99)),
    ],
)
def test_a_server_is_a_host_and_perhaps_a_port(text: str, expected: Server) -> None:
    assert server_of(text) == expected


@pytest.mark.parametrize("text", ["", ":2641", "host:", "host:0", "host:65536", "host:x", "a:b:c", "[::1", "host:٣"])
def test_anything_else_is_no_server(text: str) -> None:
    with pytest.raises(ServerUnreadable):
        server_of(text)


def test_data_that_is_not_what_its_type_says_is_shown_as_bytes() -> None:
    assert data_text(Value(1, "HS_ADMIN", b"\0\1")).startswith("0001 (")
    assert data_text(Value(1, "BLOB", b"\xff\0")) == "ff00"
    assert data_text(Value(1, "DESC", "泵".encode() * 500)).endswith("… (1,500 B)")
    assert data_text(Value(2, "HS_VLIST", encode_vlist((Reference("a/b", 3),)))) == "3:a/b"


async def test_what_only_some_may_read_and_when_it_ends_is_shown() -> None:
    value = Value(1, "URL", b"x", 1_900_000_000, TTL_ABSOLUTE, PUBLIC_READ)
    async with server({HANDLE: (value,)}) as address:
        result = await biaoshi("resolve", HANDLE, "--server", address)
    assert "@1900000000" in result.stdout
    assert "--r-" in result.stdout
