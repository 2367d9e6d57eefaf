from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.record import Reference, Value, encode_value
from resolver.http.handle_json import (
    RESPONSE_TO_STATUS,
    InvalidCallback,
    callback_name,
    error_json,
    http_status,
    jsonp,
    record_json,
    value_from_json,
    value_json,
)
from resolver.http.json_place import InvalidValueJson

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "handle.json").read_text(encoding="utf-8"))
TYPES = {"hs_admin": "HS_ADMIN", "hs_vlist": "HS_VLIST", "hs_site": "HS_SITE", "hs_pubkey": "HS_PUBKEY"}
TYPED = [vector for vector in VECTORS if vector["kind"] in TYPES]
URL = Value(1, "URL", b"https://example.org/", timestamp=1_700_000_000)


def vector_of(name: str) -> dict[str, Any]:
    return next(vector for vector in VECTORS if vector["name"] == name)


def data_of(kind: str, data: bytes) -> Any:
    return value_json(Value(1, kind, data))["data"]


def number_of(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def test_a_usual_value_has_index_type_data_ttl_and_timestamp() -> None:
    assert value_json(URL) == {
        "index": 1,
        "type": "URL",
        "data": {"format": "string", "value": "https://example.org/"},
        "ttl": 86400,
        "timestamp": "2023-11-14T22:13:20Z",
    }


def test_only_unusual_permissions_are_shown_administrators_first() -> None:
    assert "permissions" not in value_json(URL)
    assert value_json(Value(1, "URL", b"", permissions=0x0C))["permissions"] == "1100"
    assert value_json(Value(1, "URL", b"", permissions=0x01))["permissions"] == "0001"
    assert value_json(Value(1, "URL", b"", permissions=0x00))["permissions"] == "0000"


def test_an_absolute_ttl_is_a_time() -> None:
    assert value_json(Value(1, "URL", b"", ttl=1_900_000_000, ttl_type=1))["ttl"] == "2030-03-17T17:46:40Z"


def test_an_unknown_timestamp_is_not_shown() -> None:
    assert "timestamp" not in value_json(Value(1, "URL", b""))
    assert value_json(Value(1, "URL", b"", timestamp=-1))["timestamp"] == "1969-12-31T23:59:59Z"


def test_references_are_shown_when_there_are_any() -> None:
    value = Value(1, "URL", b"", references=(Reference("88.111.1/日本", -1),))
    assert value_json(value)["references"] == [{"handle": "88.111.1/日本", "index": -1}]
    assert "references" not in value_json(URL)


def test_utf_8_is_a_string_and_other_bytes_are_base64() -> None:
    assert data_of("名称", "产品🏭".encode()) == {"format": "string", "value": "产品🏭"}
    assert data_of("BLOB", b"\xff\x00") == {"format": "base64", "value": "/wA="}
    assert data_of("URL", b"") == {"format": "string", "value": ""}


@pytest.mark.parametrize("kind", ["HS_SITE", "hs_site", "HS_SITE.6", "HS_SITE.PREFIX", "HS_NA_DELEGATE"])
def test_a_site_is_shown_as_handle_net_shows_it(kind: str) -> None:
    vector = vector_of("hs_site-1server-3if")
    assert data_of(kind, bytes.fromhex(vector["hex"])) == {"format": "site", "value": vector["fields"]["json"]}


def test_an_administrator_is_shown_with_twelve_characters_of_permissions() -> None:
    vector = vector_of("hs_admin-all")
    assert data_of("HS_ADMIN", bytes.fromhex(vector["hex"])) == {
        "format": "admin",
        "value": {
            "handle": vector["fields"]["handle"],
            "index": vector["fields"]["index"],
            "permissions": vector["fields"]["json_permissions"],
        },
    }


def test_an_administrator_of_the_old_length_says_so() -> None:
    shown = data_of("HS_ADMIN", bytes.fromhex(vector_of("hs_admin-all")["hex"]) + bytes(2))
    assert shown["value"]["legacyByteLength"] is True


def test_a_group_is_shown_as_its_members() -> None:
    vector = vector_of("hs_vlist")
    assert data_of("HS_VLIST", bytes.fromhex(vector["hex"])) == {"format": "vlist", "value": vector["fields"]["refs"]}


def test_an_rsa_key_is_shown_as_a_jwk() -> None:
    vector = vector_of("hs_pubkey-rsa2048")
    shown = data_of("HS_PUBKEY", bytes.fromhex(vector["hex"]))
    assert shown["format"] == "key"
    assert shown["value"]["kty"] == "RSA"
    assert shown["value"]["e"] == "AQAB"
    assert number_of(shown["value"]["n"]) == int(vector["fields"]["n_hex"], 16)


def test_a_dsa_key_is_shown_as_a_jwk() -> None:
    vector = vector_of("hs_pubkey-dsa1024")
    shown = data_of("HS_PUBKEY", bytes.fromhex(vector["hex"]))["value"]
    assert list(shown) == ["kty", "y", "p", "q", "g"]
    assert number_of(shown["y"]) == int(vector["fields"]["y_hex"], 16)


def test_an_sm2_key_has_no_shape_and_is_shown_in_base64() -> None:
    data = bytes.fromhex(vector_of("sdk-hs_pubkey-sm2")["hex"])
    assert data_of("HS_PUBKEY", data) == {"format": "base64", "value": base64.b64encode(data).decode()}


@pytest.mark.parametrize("kind", sorted(TYPES.values()))
def test_data_that_is_not_what_its_type_promises_is_shown_in_base64(kind: str) -> None:
    assert data_of(kind, b"no such data") == {"format": "base64", "value": "bm8gc3VjaCBkYXRh"}
    assert data_of(kind, b"\xff")["format"] == "base64"


@pytest.mark.parametrize("vector", TYPED, ids=lambda vector: vector["name"])
def test_typed_data_comes_back_from_json_as_the_same_bytes(vector: dict[str, Any]) -> None:
    value = Value(1, TYPES[vector["kind"]], bytes.fromhex(vector["hex"]))
    assert value_from_json(json.loads(record_json("x", [value]))["values"][0]) == value


int32 = st.integers(-(2**31), 2**31 - 1)
values = st.builds(
    Value,
    index=int32,
    type=st.one_of(st.sampled_from(sorted(TYPES.values())), st.text(max_size=9)),
    data=st.one_of(st.binary(max_size=40), st.sampled_from([bytes.fromhex(vector["hex"]) for vector in TYPED])),
    ttl=int32,
    ttl_type=st.integers(0, 1),
    permissions=st.integers(0, 15),
    timestamp=int32,
    references=st.lists(st.builds(Reference, st.text(max_size=9), int32), max_size=2).map(tuple),
)


@given(values)
def test_every_value_comes_back_from_json(value: Value) -> None:
    assert value_from_json(json.loads(record_json("x", [value]))["values"][0]) == value


def test_an_answer_has_code_handle_and_values_in_this_order() -> None:
    body = record_json("88.111.1/产品", [URL])
    assert body.startswith('{"responseCode":1,"handle":"88.111.1/产品","values":[{"index":1,'.encode())
    assert json.loads(body)["values"] == [value_json(URL)]


def test_a_pretty_answer_says_the_same_on_several_lines() -> None:
    pretty = record_json("88.111.1/x", [URL], pretty=True)
    assert pretty.startswith(b'{\n  "responseCode": 1,')
    assert json.loads(pretty) == json.loads(record_json("88.111.1/x", [URL]))
    assert error_json("x", 100, pretty=True) == b'{\n  "responseCode": 100,\n  "handle": "x"\n}'


def test_an_answer_without_a_matching_value_has_none() -> None:
    assert json.loads(record_json("88.111.1/x", [], 200)) == {
        "responseCode": 200,
        "handle": "88.111.1/x",
        "values": [],
    }


def test_a_refusal_has_its_message_when_there_is_one() -> None:
    assert error_json("88.111.1/x", 100) == b'{"responseCode":100,"handle":"88.111.1/x"}'
    assert json.loads(error_json(None, 2, "坏了")) == {"responseCode": 2, "message": "坏了"}


def test_a_refusal_can_repeat_what_is_no_unicode() -> None:
    assert json.loads(error_json("88.1/\ud800", 102))["handle"] == "88.1/\\ud800"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (1, 200),
        (2, 500),
        (3, 503),
        (4, 400),
        (5, 501),
        (6, 500),
        (7, 503),
        (100, 404),
        (101, 409),
        (102, 400),
        (200, 200),
        (201, 409),
        (202, 400),
        (300, 500),
        (301, 400),
        (302, 300),
        (303, 300),
        (400, 403),
        (401, 403),
        (402, 401),
        (403, 403),
        (404, 403),
        (405, 500),
        (999, 500),
    ],
)
def test_response_codes_have_the_statuses_of_handle_net(code: int, status: int) -> None:
    assert http_status(code) == status
    assert http_status(code, writing=True) == (400 if code == 200 else status)
    assert RESPONSE_TO_STATUS.get(code, 500) == status


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cb", "cb"),
        ("jQuery123_456", "jQuery123_456"),
        ("angular.callbacks._0", "angular.callbacks._0"),
        ("$", "$"),
        ("alert(1)", "alert1"),
        ("cb\r\n<script>", "cbscript"),
        ("回调cb", "cb"),
    ],
)
def test_a_callback_keeps_only_what_a_name_contains(text: str, name: str) -> None:
    assert callback_name(text) == name


@pytest.mark.parametrize("text", ["", "()", "1a", "a..b", ".a", "a.", "回调", "a" * 129])
def test_a_callback_that_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidCallback):
        callback_name(text)


def test_jsonp_calls_the_callback_and_hides_line_ends_from_old_engines() -> None:
    body = error_json("88.1/\u2028\u2029", 102)
    script = jsonp("cb", body)
    assert script == b'cb({"responseCode":102,"handle":"88.1/\\u2028\\u2029"});'
    assert json.loads(script[3:-2]) == json.loads(body)


def test_a_value_needs_only_index_type_and_data() -> None:
    assert value_from_json({"index": 1, "type": "URL", "data": "https://例.cn"}) == Value(
        1, "URL", "https://例.cn".encode()
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("text", b"text"),
        ({"format": "string", "value": "文"}, "文".encode()),
        ({"format": "base64", "value": "/wA="}, b"\xff\0"),
        ({"format": "hex", "value": "Ff00"}, b"\xff\0"),
        ({"format": "hex", "value": ""}, b""),
        ({"format": "vlist", "value": []}, bytes(4)),
        (
            {"format": "admin", "value": {"handle": "a", "index": "200", "permissions": "011111110011"}},
            b"\x07\xf3\0\0\0\1a\0\0\0\xc8",
        ),
    ],
)
def test_data_is_read_in_every_format(data: Any, expected: bytes) -> None:
    assert value_from_json({"index": 1, "type": "T", "data": data}).data == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1),
        ("2023-11-14T22:13:20.999Z", 1_700_000_000),
        ("2023-11-15T06:13:20+08:00", 1_700_000_000),
        ("1901-12-13T20:45:52Z", -(2**31)),
        ("2038-01-19T03:14:07Z", 2**31 - 1),
    ],
)
def test_times_are_read_with_their_zone(text: str, seconds: int) -> None:
    value = value_from_json({"index": 1, "type": "T", "data": "", "timestamp": text, "ttl": text})
    assert (value.timestamp, value.ttl, value.ttl_type) == (seconds, seconds, 1)


def site_with(**changes: Any) -> dict[str, Any]:
    return {"format": "site", "value": {**vector_of("hs_site-1server-3if")["fields"]["json"], **changes}}


def server_with(**changes: Any) -> dict[str, Any]:
    return site_with(servers=[{**vector_of("hs_site-1server-3if")["fields"]["json"]["servers"][0], **changes}])


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"index": "1"}, "$.index"),
        ({"index": True}, "$.index"),
        ({"index": 1.0}, "$.index"),
        ({"index": 2**31}, "$.index"),
        ({"index": None}, "$.index"),
        ({"type": 1}, "$.type"),
        ({"type": "\ud800"}, "$.type"),
        ({"data": True}, "$.data"),
        ({"data": 1.5}, "$.data"),
        ({"data": []}, "$.data"),
        ({"data": "\udfff"}, "$.data"),
        ({"data": {"format": "string"}}, "$.data"),
        ({"data": {"format": "xml", "value": ""}}, "$.data.format"),
        ({"data": {"format": "string", "value": 1}}, "$.data.value"),
        ({"data": {"format": "string", "value": "", "more": 1}}, "$.data.more"),
        ({"data": {"format": "base64", "value": "/wA"}}, "$.data.value"),
        ({"data": {"format": "base64", "value": "_w=="}}, "$.data.value"),
        ({"data": {"format": "base64", "value": "/wA= "}}, "$.data.value"),
        ({"data": {"format": "base64", "value": "文"}}, "$.data.value"),
        ({"data": {"format": "hex", "value": "abc"}}, "$.data.value"),
        ({"data": {"format": "hex", "value": "ab cd"}}, "$.data.value"),
        ({"data": {"format": "vlist", "value": {}}}, "$.data.value"),
        ({"data": {"format": "vlist", "value": [{"handle": "a"}]}}, "$.data.value[0]"),
        ({"data": {"format": "vlist", "value": [{"handle": "a" * 2049, "index": 1}]}}, "$.data.value"),
        (
            {"data": {"format": "admin", "value": {"handle": "a", "index": 1, "permissions": "1"}}},
            "$.data.value.permissions",
        ),
        (
            {"data": {"format": "admin", "value": {"handle": "a", "index": "x", "permissions": "1" * 12}}},
            "$.data.value.index",
        ),
        ({"data": site_with(protocolVersion="2")}, "$.data.value.protocolVersion"),
        ({"data": site_with(protocolVersion="2.999")}, "$.data.value"),
        ({"data": site_with(serialNumber=65536)}, "$.data.value.serialNumber"),
        ({"data": site_with(primarySite=1)}, "$.data.value.primarySite"),
        ({"data": site_with(hashOption=3)}, "$.data.value.hashOption"),
        ({"data": site_with(attributes=[{"name": "a"}])}, "$.data.value.attributes[0]"),
        ({"data": server_with(address="example.cn")}, "$.data.value.servers[0].address"),
        ({"data": server_with(address="::1")}, "$.data.value"),
        ({"data": server_with(publicKey=site_with())}, "$.data.value.servers[0].publicKey.format"),
        ({"data": server_with(interfaces=[{}])}, "$.data.value.servers[0].interfaces[0]"),
        (
            {"data": server_with(interfaces=[{"query": True, "admin": True, "protocol": "FTP", "port": 1}])},
            "$.data.value.servers[0].interfaces[0].protocol",
        ),
        (
            {"data": server_with(interfaces=[{"query": True, "admin": True, "protocol": "TCP", "port": 65536}])},
            "$.data.value.servers[0].interfaces[0].port",
        ),
        ({"data": {"format": "key", "value": {"kty": "EC"}}}, "$.data.value.kty"),
        ({"data": {"format": "key", "value": {"kty": "RSA", "n": "AQAB"}}}, "$.data.value"),
        ({"data": {"format": "key", "value": {"kty": "RSA", "n": "AQAB", "e": "A"}}}, "$.data.value.e"),
        ({"data": {"format": "key", "value": {"kty": "RSA", "n": "AA", "e": "AQAB"}}}, "$.data.value.n"),
        ({"data": {"format": "key", "value": {"kty": "RSA", "n": "+w", "e": "AQAB"}}}, "$.data.value.n"),
        ({"ttl": 1.5}, "$.ttl"),
        ({"ttl": "tomorrow"}, "$.ttl"),
        ({"ttl": "2023-11-14T22:13:20"}, "$.ttl"),
        ({"timestamp": "2023-13-14T22:13:20Z"}, "$.timestamp"),
        ({"timestamp": "2039-01-01T00:00:00Z"}, "$.timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+23:59"}, "$.timestamp"),
        ({"timestamp": 1_700_000_000}, "$.timestamp"),
        ({"permissions": "111"}, "$.permissions"),
        ({"permissions": "11102"}, "$.permissions"),
        ({"permissions": 14}, "$.permissions"),
        ({"references": {}}, "$.references"),
        ({"references": [{"handle": "a", "index": 1}, 5]}, "$.references[1]"),
        ({"permisions": "1100"}, "$.permisions"),
    ],
)
def test_faulty_json_is_refused_with_its_path(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidValueJson) as caught:
        value_from_json({"index": 1, "type": "URL", "data": "x", **change})
    assert caught.value.evidence == {"path": path}
    assert caught.value.detail.startswith(path)


@pytest.mark.parametrize("obj", [None, 1, "text", [], {}, {"index": 1}])
def test_what_is_no_object_with_the_needed_members_is_refused_at_its_place(obj: Any) -> None:
    with pytest.raises(InvalidValueJson) as caught:
        value_from_json(obj, "$.values[3]")
    assert caught.value.evidence == {"path": "$.values[3]"}


def test_the_name_of_an_unknown_member_is_repeated_bounded_and_visible() -> None:
    for name, shown in [("\u202eevil\ud800", r"'\u202eevil\ud800'"), ("x" * 1000, "x" * 64)]:
        with pytest.raises(InvalidValueJson) as caught:
            value_from_json({"index": 1, "type": "URL", "data": "x", name: 1})
        assert caught.value.evidence == {"path": f"$.{shown}"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["format", "value", "handle", "index", "kty", "n", "e"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["index", "type", "data", "ttl", "references"]), json_values, max_size=5))
def test_any_json_is_a_value_or_is_refused_by_name(obj: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidValueJson):
        assert encode_value(value_from_json(obj))


@given(st.sampled_from(["string", "base64", "hex", "admin", "vlist", "site", "key"]), json_values)
def test_any_json_in_a_format_is_data_or_is_refused_by_name(name: str, inner: Any) -> None:
    with contextlib.suppress(InvalidValueJson):
        value_from_json({"index": 1, "type": "T", "data": {"format": name, "value": inner}})
