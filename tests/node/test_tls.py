"""HTTPS over real sockets, on the event loop that a worker uses."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from structlog.testing import capture_logs

import node.tls
from node.auth import Account
from node.config import HttpsSettings
from node.http_server import Bounds, HttpServer, bind
from node.own_certificate import CertificateNotMade, Pair, own_pair
from node.tls import CertificateUnusable, ServerCertificate, client_certificate
from node.web import make_app
from tests.support.certificates import certificate_of, rsa_key, written
from tests.support.docking import until

AT = datetime.now(UTC)
HEAD = b"GET /who HTTP/1.1\r\nHost: node\r\n\r\n"
Lines = list[MutableMapping[str, Any]]


def as_in_a_worker(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test on uvloop."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(*arguments, **named))

    return run


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    """Our log lines; any line with a traceback fails the test."""
    with capture_logs() as captured:
        yield captured
    assert not [record.getMessage() for record in caplog.records if record.exc_info]
    assert not [line for line in captured if line.get("exc_info")]


async def _nobody(token: str) -> Account:
    raise AssertionError(token)


async def who(request: web.Request) -> web.Response:
    """Who the client is by its certificate."""
    assert request.secure
    assert request.transport is not None
    shown = client_certificate(request.transport.get_extra_info("ssl_object"))
    return web.Response(text=shown.subject.rfc4514_string() if shown is not None else "nobody")


class Ticks:
    """A monotonic clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def serving(pair: Pair, ticks: Ticks | None = None, **changed: Any) -> AsyncIterator[int]:
    """HTTPS with this pair on a free port."""
    everyday: dict[str, Any] = {
        "header_seconds": 5.0, "idle_seconds": 5.0, "connections": 1000, "connections_per_source": 1000,
        "stop_seconds": 0.5,
    }  # fmt: skip
    app = make_app([], authenticate=_nobody)
    app.router.add_get("/who", who)
    certificate = ServerCertificate(pair, ticks or Ticks())
    bounds = Bounds(**{**everyday, **changed})
    async with HttpServer(app, [], bounds, secure=[bind("127.0.0.1", 0)], certificate=certificate) as server:
        yield server.ports[0]


def client(
    trusted: Path | None = None, own: Pair | None = None, most: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=trusted)
    if trusted is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    if most is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = most
    return context


async def asked(port: int, context: ssl.SSLContext, name: str = "localhost") -> str:
    """What the server takes the client for."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        writer.write(HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = await reader.read()
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return body.decode()


async def shown_by(port: int) -> bytes:
    """The server's certificate (DER)."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client())
    der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return der


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return own_pair(tmp_path / "tls", "测试节点", ["node.example", "192.0.2.7", "0.0.0.0", "127.0.0.1"], AT)


# The node's own certificate -----------------------------------------------------------------------


def test_the_key_is_for_its_owner_only(pair: Pair) -> None:
    assert pair.key.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in pair.key.parent.iterdir()) == ["https-certificate.pem", "https-key.pem"]


def test_the_certificate_names_where_the_node_is_and_holds_for_years(pair: Pair) -> None:
    made = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "node.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1",
        "::1",
        "192.0.2.7",
    ]
    assert made.not_valid_before_utc < AT < AT + timedelta(days=3600) < made.not_valid_after_utc


def test_a_second_start_keeps_the_pair_and_a_lost_certificate_is_made_of_the_same_key(pair: Pair) -> None:
    key, certificate = pair.key.read_bytes(), pair.certificate.read_bytes()
    assert own_pair(pair.key.parent, "another", [], AT) == pair
    assert (pair.key.read_bytes(), pair.certificate.read_bytes()) == (key, certificate)
    pair.certificate.unlink()
    own_pair(pair.key.parent, "another", [], AT)
    assert pair.key.read_bytes() == key
    assert pair.certificate.read_bytes() != certificate
    ServerCertificate(pair)


def test_processes_that_start_at_once_agree_on_one_pair(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        pairs = set(threads.map(lambda _: own_pair(tmp_path / "tls", "node", [], AT), range(32)))
    assert len(pairs) == 1
    ServerCertificate(pairs.pop())


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CertificateNotMade) as refused:
        own_pair(tmp_path / "file" / "tls", "node", [], AT)
    assert refused.value.evidence["directory"] == str(tmp_path / "file" / "tls")


def test_a_certificate_is_configured_together_with_its_key(tmp_path: Path) -> None:
    both = HttpsSettings(certificate=tmp_path / "c.pem", key=tmp_path / "k.pem")
    assert both.key == tmp_path / "k.pem"
    for alone in ({"certificate": tmp_path / "c.pem"}, {"key": tmp_path / "k.pem"}):
        with pytest.raises(ValueError, match="together"):
            HttpsSettings(**alone)


# Serving ------------------------------------------------------------------------------------------


@as_in_a_worker
async def test_a_client_that_trusts_the_certificate_needs_no_exception(pair: Pair, lines: Lines) -> None:
    async with serving(pair) as port:
        for name in ("localhost", "node.example", "127.0.0.1", "192.0.2.7"):
            assert await asked(port, client(pair.certificate), name) == "nobody"
        with pytest.raises(ssl.SSLCertVerificationError):
            await asked(port, client(pair.certificate), "other.example")

        def distrust() -> None:
            with socket.create_connection(("127.0.0.1", port)) as bare:
                ssl.create_default_context().wrap_socket(bare, server_hostname="localhost")

        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(distrust)
        await until(lambda: "TLSV1_ALERT_UNKNOWN_CA" in {line.get("cause") for line in lines})


@as_in_a_worker
async def test_tls_is_1_2_or_newer(pair: Pair, lines: Lines) -> None:
    async with serving(pair) as port:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert await asked(port, client(most=version)) == "nobody"
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old = client(most=ssl.TLSVersion.TLSv1_1)
        old.set_ciphers("DEFAULT:@SECLEVEL=0")  # so that the client itself would do it
        with pytest.raises(OSError):  # noqa: PT011 - which of them depends on what the client's library still knows
            await asked(port, old)
    assert [line["cause"] for line in lines if line["event"] == "handshake_failed"] == ["UNSUPPORTED_PROTOCOL"]


@as_in_a_worker
async def test_a_client_is_who_its_certificate_says_whoever_signed_it(pair: Pair, tmp_path: Path) -> None:
    key, authority = rsa_key(), ec.generate_private_key(ec.SECP256R1())
    certificates = {
        "self-signed": certificate_of(key, "300:0.NA/88.101.2001"),
        "expired": certificate_of(key, "300:0.NA/88.101.2001", days=(-20, -10)),
        "of-an-authority": certificate_of(key, "300:0.NA/88.101.2001", issuer=(authority, "somebody")),
    }
    async with serving(pair) as port:
        for name, certificate in certificates.items():
            own = written(tmp_path, key, certificate, name)
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                assert await asked(port, client(own=own, most=version)) == "CN=300:0.NA/88.101.2001", (name, version)
        assert await asked(port, client()) == "nobody"


@as_in_a_worker
async def test_somebody_else_s_certificate_is_of_no_use_without_its_key(pair: Pair, tmp_path: Path) -> None:
    """What one client showed is trusted from then on, so a thief must fail at the proof of the key."""
    key = rsa_key()
    certificate = certificate_of(key, "300:0.NA/88.101.2001")
    own = written(tmp_path, key, certificate)
    thief = client()
    with pytest.raises(ssl.SSLError):
        thief.load_cert_chain(own.certificate, written(tmp_path, rsa_key(), certificate, "thief").key)
    async with serving(pair) as port:
        assert await asked(port, client(own=own)) == "CN=300:0.NA/88.101.2001"
        # A certificate for another key, issued in the name of one that was shown before.
        forged_key = rsa_key()
        forged = certificate_of(forged_key, "300:0.NA/88.101.2001", issuer=(forged_key, "300:0.NA/88.101.2001"))
        assert await asked(port, client(own=written(tmp_path, forged_key, forged, "forged"))) != "nobody"


@as_in_a_worker
async def test_clients_certificates_do_not_pile_up(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node.tls, "_MOST_SHOWN", 2000)
    ticks, key = Ticks(), ec.generate_private_key(ec.SECP256R1())
    contexts = set()
    certificate = ServerCertificate(pair, ticks)
    app = make_app([], authenticate=_nobody)
    app.router.add_get("/who", who)
    bounds = Bounds(5.0, 5.0, 100, 100, stop_seconds=0.5)
    async with HttpServer(app, [], bounds, secure=[bind("127.0.0.1", 0)], certificate=certificate) as server:
        for number in range(20):
            own = written(tmp_path, key, certificate_of(key, f"{number}:0.NA/88.101.2001"))
            assert await asked(server.ports[0], client(own=own)) == f"CN={number}:0.NA/88.101.2001"
            ticks.now += 2
            context = certificate.context()
            contexts.add(id(context))
            assert len(context.get_ca_certs()) <= 8
    assert len(contexts) > 1


@as_in_a_worker
async def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(pair: Pair) -> None:
    async with serving(pair) as port:
        for _ in range(20):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = client().wrap_bio(incoming, outgoing)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                    break
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
            tls.write(HEAD + HEAD)
            writer.write(outgoing.read())  # the client's Finished and both requests in one segment
            answers = b""
            async with asyncio.timeout(5):
                while answers.count(b"nobody") < 2:
                    incoming.write(await reader.read(65536))
                    with contextlib.suppress(ssl.SSLWantReadError):
                        answers += tls.read(65536)
            writer.close()


# Replacing ----------------------------------------------------------------------------------------


@as_in_a_worker
async def test_a_new_pair_is_shown_to_new_connections_without_a_restart(
    pair: Pair, tmp_path: Path, lines: Lines
) -> None:
    ticks = Ticks()
    async with serving(pair, ticks) as port:
        before = await shown_by(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client())
        key = ec.generate_private_key(ec.SECP256R1())
        newer = certificate_of(key, "newer")
        made = written(tmp_path, key, newer, "newer")
        os.replace(made.certificate, pair.certificate)  # noqa: PTH105
        os.replace(made.key, pair.key)  # noqa: PTH105
        assert await shown_by(port) == before, "looked at once a second"
        ticks.now += 1
        assert await shown_by(port) == newer.public_bytes(Encoding.DER) != before
        writer.write(HEAD)
        assert (await reader.readuntil(b"nobody")).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert [line["event"] for line in lines].count("certificate_replaced") == 1


@as_in_a_worker
async def test_a_broken_pair_is_told_once_and_the_old_one_stays(pair: Pair, tmp_path: Path, lines: Lines) -> None:
    ticks = Ticks()
    good = pair.certificate.read_bytes()
    async with serving(pair, ticks) as port:
        before = await shown_by(port)
        other = certificate_of(rsa_key(), "of another key").public_bytes(Encoding.PEM)
        for number, broken in enumerate((b"", b"-----BEGIN CERTIFICATE-----\n", other, None), 1):
            if broken is None:
                pair.certificate.unlink()
            else:
                pair.certificate.write_bytes(broken)
            for _ in range(3):
                ticks.now += 1
                assert await shown_by(port) == before
            assert [line["event"] for line in lines].count("certificate_kept") == number
        pair.certificate.write_bytes(good)
        ticks.now += 1
        assert await shown_by(port) == before
    assert [line["event"] for line in lines].count("certificate_replaced") == 1


def test_a_pair_that_does_not_fit_is_refused_at_the_start(pair: Pair, tmp_path: Path) -> None:
    made = written(tmp_path, rsa_key(), certificate_of(rsa_key(), "other"))
    for wrong in (made, Pair(pair.certificate, tmp_path / "none"), Pair(tmp_path / "none", pair.key)):
        with pytest.raises(CertificateUnusable) as refused:
            ServerCertificate(wrong)
        assert refused.value.evidence == {"certificate": str(wrong.certificate), "key": str(wrong.key)}


# Bounds -------------------------------------------------------------------------------------------


@as_in_a_worker
async def test_who_does_not_finish_the_handshake_is_closed_in_time(pair: Pair, lines: Lines) -> None:
    async with serving(pair, header_seconds=0.3) as port:
        for said in (b"", b"\x16\x03\x01"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            async with asyncio.timeout(2):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
            writer.close()
        assert await asked(port, client()) == "nobody"


@as_in_a_worker
async def test_handshake_and_first_head_share_one_deadline(pair: Pair, lines: Lines) -> None:
    async with serving(pair, header_seconds=0.5) as port:
        loop = asyncio.get_running_loop()
        began = loop.time()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client())
        writer.write(b"GET /who HTTP/1.1\r\n")
        async with asyncio.timeout(2):
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await reader.read()
        assert loop.time() - began < 0.9
        writer.close()
    assert "request_head_too_slow" in {line["event"] for line in lines}


@as_in_a_worker
async def test_connections_are_counted_before_their_handshake(pair: Pair, lines: Lines) -> None:
    async with serving(pair, connections=3) as port:
        waiting = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(2):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        for _, one in waiting:
            one.close()

        async def served_again() -> bool:
            with contextlib.suppress(OSError):
                return await asked(port, client()) == "nobody"
            return False

        await until(served_again)
    assert "connection_turned_away" in {line["event"] for line in lines}


@as_in_a_worker
async def test_plain_http_on_the_port_of_https_is_a_line_in_the_log_and_no_more(pair: Pair, lines: Lines) -> None:
    async with serving(pair) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        async with asyncio.timeout(2):
            with contextlib.suppress(ConnectionError):
                assert b"HTTP/1.1" not in await reader.read()
        writer.close()
    told = [(line["event"], line["cause"]) for line in lines if line["event"] != "request"]
    assert told == [("handshake_failed", "HTTP_REQUEST")]


@as_in_a_worker
async def test_a_client_that_leaves_during_the_handshake_leaves_nothing_behind(pair: Pair, lines: Lines) -> None:
    async with serving(pair, connections=4) as port:
        for said in (b"", b"\x16\x03\x01\x00\x05abc"):
            for _ in range(6):
                bare = socket.create_connection(("127.0.0.1", port))
                bare.sendall(said)
                await asyncio.sleep(0.02)
                bare.close()
                await asyncio.sleep(0.02)
        assert await asked(port, client()) == "nobody"


@as_in_a_worker
async def test_the_server_ends_while_handshakes_are_under_way(pair: Pair, lines: Lines) -> None:
    loop = asyncio.get_running_loop()
    async with serving(pair) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.1)
        began = loop.time()
    assert loop.time() - began < 2
    writer.close()
