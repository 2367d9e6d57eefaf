from __future__ import annotations

import hashlib
import ssl
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import aiohttp

from mocknational.faults import NO_FAULTS, Faults, moods
from mocknational.store import IssuedKey
from node.national.signature import KeyPair
from node.own_certificate import own_pair
from tests.support.caller import Caller, message
from tests.support.certificates import certificate_of, rsa_key, written
from tests.support.docking import ISSUED, DockedNode


async def test_a_signature_is_called_wrong_as_often_as_told(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    async with world.mock(Faults(wrong_signature_share=0.5)) as mock:
        answers: Counter[Any] = Counter()
        for _ in range(60):
            status, answer = await Caller(session, mock).ask("GET", "/v1/verdicts?after=0")
            answers[status, answer.get("code")] += 1
    assert set(answers) == {(200, None), (401, "signature_wrong")}
    assert 10 < answers[200, None] < 50


async def test_a_clock_that_is_off_believes_nobody(world: DockedNode, session: aiohttp.ClientSession) -> None:
    async with world.mock() as mock:
        for skew, status in ((290, 200), (-290, 200), (310, 401), (-310, 401), (-3_000_000, 401), (0, 200)):
            async with session.put(mock.url + "/faults", json={"clock_skew_seconds": skew}) as answer:
                assert answer.status == 200
            told, answer = await Caller(session, mock).ask("GET", "/v1/verdicts?after=0")
            assert told == status, skew
            if status == 401:
                assert answer["code"] == "clock_skewed"


def test_without_faults_every_mood_is_calm() -> None:
    dice = Random(5)
    for _ in range(1000):
        mood = moods(NO_FAULTS, dice)
        assert (mood.reject_nonce, mood.wrong_signature, mood.busy, mood.repeat_results) == (
            False,
            False,
            None,
            False,
        )
        assert mood.clock_skew == timedelta(0)


async def test_the_interface_is_spoken_by_https_and_a_key_holds_only_with_its_certificate(
    world: DockedNode, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = own_pair(tmp_path, "mock", ["127.0.0.1"], datetime.now(UTC))
    key_of_node = rsa_key()
    client = written(tmp_path, key_of_node, certificate_of(key_of_node, "node"))
    der = ssl.PEM_cert_to_DER_cert(client.certificate.read_text(encoding="ascii"))
    with_certificate = ssl.create_default_context(cafile=str(server.certificate))
    with_certificate.load_cert_chain(client.certificate, client.key)
    without = ssl.create_default_context(cafile=str(server.certificate))
    secret = "x" * 40
    application = {
        "application_id": str(uuid4()), "secret": secret, "kind": "secondary", "name": "丙", "prefix": "88.103",
        "certificate_sha256": hashlib.sha256(der).hexdigest(),
    }  # fmt: skip
    async with world.mock(pair=server, approve=True) as mock:
        assert mock.url.startswith("https://")
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=with_certificate)) as known,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=without)) as unknown,
        ):
            async with unknown.post(mock.url + "/v1/applications", json=application) as answer:
                assert (await answer.json())["state"] == "approved"
            applicant = Caller(unknown, mock, KeyPair(application["application_id"], secret))
            key = (await applicant.ask("GET", f"/v1/applications/{application['application_id']}"))[1]["key"]
            keys = KeyPair(key["access_key"], key["secret_key"])
            assert await Caller(known, mock, keys).deliver(message(1)) == [("accepted", False)]
            status, refused = await Caller(unknown, mock, keys).ask("GET", "/v1/verdicts?after=0")
            assert (status, refused["code"]) == (401, "certificate_required")
            # A key that is bound to no certificate holds by any transport.
            assert (await Caller(unknown, mock).ask("GET", "/v1/verdicts?after=0"))[0] == 200


async def test_two_nodes_with_keys_of_their_own_see_their_own(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    other = IssuedKey(KeyPair("other-node", "another secret of the tests"), "88.102")
    async with world.mock(keys=[ISSUED, other]) as mock:
        for key, prefix in ((ISSUED, "88.101"), (other, "88.102")):
            async with session.post(mock.url + "/instructions", json={"prefix": prefix, "kind": "probe"}) as answer:
                issued = (await answer.json())["instruction_id"]
            told = (await Caller(session, mock, key.keys).ask("GET", "/v1/instructions?after=0"))[1]["instructions"]
            assert [each["instruction_id"] for each in told] == [issued]
