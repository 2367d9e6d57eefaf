"""Clients that others wrote, unchanged, against a running node over HTTPS.

pyhandle as it is; of easyhandle, whose licence keeps it out of here, the requests that it makes with ``requests``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from pyhandle.client.resthandleclient import RESTHandleClient
from pyhandle.handleexceptions import (
    GenericHandleError,
    HandleAlreadyExistsException,
    HandleAuthenticationError,
    HandleNotFoundException,
)

from tests.support.administrators import Administrator, administrator
from tests.support.certificates import rsa_key
from tests.support.databases import Clone
from tests.support.node import Node, node_of_its_own


@dataclass(frozen=True)
class Place:
    """A node and somebody who may register there."""

    node: Node
    who: Administrator

    @property
    def trusted(self) -> str:
        """What a client has to trust."""
        return str(self.node.certificate)

    def handle(self, suffix: str) -> str:
        return f"{self.who.prefix}/{suffix}"


@pytest.fixture(scope="module")
def place(clone: Clone) -> Iterator[Place]:
    with node_of_its_own(clone, log={"requests": False}) as node:
        who = asyncio.run_coroutine_threadsafe(administrator(node.world), node.loop).result(30)
        yield Place(node, who)


@pytest.fixture(params=["username and password", "client certificate"])
def client(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> RESTHandleClient:
    """pyhandle with the right to write, in each way that it can prove it."""
    common: dict[str, Any] = {"HTTPS_verify": place.trusted, "handleowner": place.who.username}
    if request.param == "username and password":
        return RESTHandleClient.instantiate_with_username_and_password(
            place.node.secure_url, place.who.username, place.who.secret, **common
        )
    pair = place.who.certificate(tmp_path)
    common["handleowner"] = place.who.key_name
    return RESTHandleClient(
        place.node.secure_url, private_key=str(pair.key), certificate_only=str(pair.certificate), **common
    )


def test_pyhandle_registers_reads_modifies_and_deletes(client: RESTHandleClient, place: Place) -> None:
    handle = client.generate_PID_name(place.who.prefix)
    assert client.register_handle(handle, "https://pumps.example/1", checksum="123", SIZE="10") == handle
    record = client.retrieve_handle_record(handle)
    assert {name: record[name] for name in ("URL", "CHECKSUM", "SIZE")} == {
        "URL": "https://pumps.example/1", "CHECKSUM": "123", "SIZE": "10",
    }  # fmt: skip
    assert client.modify_handle_value(handle, URL="https://pumps.example/2", COLOUR="蓝") == handle
    assert client.get_value_from_handle(handle, "URL") == "https://pumps.example/2"
    assert client.get_value_from_handle(handle, "COLOUR") == "蓝"
    assert client.add_handle_value(handle, MOTTO="steady") == handle
    assert client.delete_handle_value(handle, "SIZE") == handle
    assert client.get_value_from_handle(handle, "SIZE") is None
    assert client.get_value_from_handle(handle, "MOTTO") == "steady"
    assert client.delete_handle(handle) == handle
    assert client.retrieve_handle_record_json(handle) is None


def test_pyhandle_generates_and_overwrites(client: RESTHandleClient, place: Place) -> None:
    handle = client.generate_and_register_handle(place.who.prefix, location="https://pumps.example/3")
    assert client.get_value_from_handle(handle, "URL") == "https://pumps.example/3"
    assert client.register_handle(handle, "https://pumps.example/4", overwrite=True) == handle
    assert client.get_value_from_handle(handle, "URL") == "https://pumps.example/4"
    client.delete_handle(handle)


def test_pyhandle_writes_entries_with_indexes_and_formats(client: RESTHandleClient, place: Place) -> None:
    handle = client.generate_PID_name(place.who.prefix)
    entries = [
        {"index": 1, "type": "URL", "data": "https://pumps.example/5", "ttl": 600},
        {"index": 5, "type": "BYTES", "data": {"format": "base64", "value": "AP8="}},
        {"index": 6, "type": "COUNT", "data": 7},
    ]
    assert client.register_handle_json(handle, entries) == handle
    values = {value["index"]: value for value in client.retrieve_handle_record_json(handle)["values"]}
    assert values[1]["ttl"] == 600
    assert values[5]["data"] == {"format": "base64", "value": "AP8="}
    assert values[6]["data"] == {"format": "string", "value": "7"}
    assert values[100]["data"]["value"]["permissions"] == "011111110011"
    client.delete_handle(handle)


def test_pyhandle_is_told_what_is_wrong(client: RESTHandleClient, place: Place) -> None:
    handle = client.generate_and_register_handle(place.who.prefix, location="https://pumps.example/6")
    with pytest.raises(HandleAlreadyExistsException):
        client.register_handle(handle, "https://pumps.example/7")
    with pytest.raises(HandleNotFoundException):
        client.delete_handle(place.handle("never"))
    with pytest.raises(HandleNotFoundException):
        client.modify_handle_value(place.handle("never"), URL="https://pumps.example/8")
    with pytest.raises(GenericHandleError):
        client.register_handle("88.101.9999/elsewhere", "https://pumps.example/9")
    assert client.delete_handle_value(handle, "NOTHING") is None
    client.delete_handle(handle)


@pytest.mark.parametrize("wrong", ["the secret", "the index", "who"])
def test_pyhandle_with_wrong_credentials_is_refused_as_such(wrong: str, place: Place) -> None:
    username, secret = place.who.username, place.who.secret
    if wrong == "the secret":
        secret += "!"
    elif wrong == "the index":
        username = f"302:{place.who.handle}"
    else:
        username = f"301:0.NA/{place.node.holder.prefix.text}"
    client = RESTHandleClient.instantiate_with_username_and_password(
        place.node.secure_url, username, secret, HTTPS_verify=place.trusted
    )
    with pytest.raises(HandleAuthenticationError) as refused:
        client.register_handle(place.handle("refused"), "https://pumps.example/")
    assert refused.value.response.status_code == 401
    assert client.retrieve_handle_record_json(place.handle("refused")) is None


def test_pyhandle_with_somebody_else_s_certificate_is_refused_as_such(place: Place, tmp_path: Path) -> None:
    stranger = Administrator(place.who.registrar, "", rsa_key())
    pair = stranger.certificate(tmp_path)
    client = RESTHandleClient(
        place.node.secure_url, HTTPS_verify=place.trusted, private_key=str(pair.key),
        certificate_only=str(pair.certificate),
    )  # fmt: skip
    with pytest.raises(HandleAuthenticationError):
        client.register_handle(place.handle("refused"), "https://pumps.example/")


def test_pyhandle_over_plain_http_may_read_only(place: Place) -> None:
    client = RESTHandleClient.instantiate_with_username_and_password(
        place.node.url, place.who.username, place.who.secret
    )
    with pytest.raises(HandleAuthenticationError) as refused:
        client.register_handle(place.handle("plain"), "https://pumps.example/")
    assert refused.value.response.status_code == 403
    assert refused.value.response.json()["responseCode"] == 402


def test_requests_as_easyhandle_makes_them(place: Place) -> None:
    """Its client: a session with Basic from a given user name, PUT of values with ``overwrite``, GET, DELETE."""
    session = requests.Session()
    session.trust_env, session.verify = False, place.trusted
    session.auth = (quote(place.who.username, safe=""), place.who.secret)
    url = f"{place.node.secure_url}/api/handles/{place.handle('easy-1')}"
    headers = {"Content-Type": "application/json;charset=UTF-8"}
    admin = {"handle": place.who.handle, "index": 301, "permissions": "111111111111", "format": "admin"}
    values = [
        {"index": 1, "type": "URL", "data": {"format": "string", "value": "https://pumps.example/e"}},
        {"index": 100, "type": "HS_ADMIN", "data": {"format": admin.pop("format"), "value": admin}},
    ]
    body = json.dumps({"values": values})
    made = session.put(url, params={"overwrite": "false"}, data=body, headers=headers)
    assert (made.status_code, made.json()) == (201, {"responseCode": 1, "handle": place.handle("easy-1")})
    again = session.put(url, params={"overwrite": "false"}, data=body, headers=headers)
    assert (again.status_code, again.json()["responseCode"]) == (409, 101)
    over = session.put(url, params={"overwrite": "true"}, data=body, headers=headers)
    assert (over.status_code, over.json()["responseCode"]) == (200, 1)
    read = session.get(url)
    assert [value["data"] for value in read.json()["values"]] == [value["data"] for value in values]
    gone = session.delete(url)
    assert (gone.status_code, gone.json()["responseCode"]) == (200, 1)
    assert session.get(url).json() == {"responseCode": 100, "handle": place.handle("easy-1")}
    assert session.delete(url).status_code == 404
