from __future__ import annotations

import contextlib
import ipaddress
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.handle_data import (
    ADMIN_PERMISSIONS,
    ALL_ADMIN_PERMISSIONS,
    AdminData,
    DhPublicKey,
    DsaPublicKey,
    Interface,
    OpaquePublicKey,
    Protocol,
    PublicKey,
    RsaPublicKey,
    Server,
    Site,
    Sm2PublicKey,
    decode_admin,
    decode_public_key,
    decode_site,
    decode_vlist,
    encode_admin,
    encode_public_key,
    encode_site,
    encode_vlist,
)
from node.record import InvalidRecord, Reference

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "handle.json").read_text(encoding="utf-8"))
CODECS: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    "hs_admin": (decode_admin, encode_admin),
    "hs_vlist": (decode_vlist, encode_vlist),
    "hs_site": (decode_site, encode_site),
    "hs_pubkey": (decode_public_key, encode_public_key),
}
TYPED = [vector for vector in VECTORS if vector["kind"] in CODECS]
SITE = Site(
    protocol=(2, 11),
    serial=7,
    primary=True,
    multi_primary=False,
    attributes=(("desc", "二级节点"),),
    servers=(
        Server(1, ipaddress.IPv4Address("192.0.2.1"), b"key", (Interface(True, True, Protocol.TCP, 2641),)),
        Server(2, ipaddress.IPv6Address("2001:db8::1"), b"", (Interface(False, False, Protocol.UDP, 0),)),
    ),
)


def has_a_form_of_its_own(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether the encoding keeps an IPv6 address apart from every IPv4 address."""
    return not address.packed.startswith((bytes(12), bytes(10) + b"\xff\xff"))


def vectors_of(kind: str) -> list[dict[str, Any]]:
    return [vector for vector in VECTORS if vector["kind"] == kind]


def hex_of(name: str) -> bytes:
    return bytes.fromhex(next(vector["hex"] for vector in VECTORS if vector["name"] == name))


@pytest.mark.parametrize("vector", TYPED, ids=lambda vector: vector["name"])
def test_typed_data_is_the_bytes_that_the_other_programs_write(vector: dict[str, Any]) -> None:
    decode, encode = CODECS[vector["kind"]]
    data = bytes.fromhex(vector["hex"])
    assert encode(decode(data)) == data


def test_all_sixteen_vectors_of_typed_data_are_there() -> None:
    assert [len(vectors_of(kind)) for kind in CODECS] == [10, 2, 1, 3]


@pytest.mark.parametrize("vector", vectors_of("hs_admin"), ids=lambda vector: vector["name"])
def test_administrators_hold_the_permissions_that_the_vector_names(vector: dict[str, Any]) -> None:
    admin, fields = decode_admin(bytes.fromhex(vector["hex"])), vector["fields"]
    assert admin == AdminData(fields["handle"], fields["index"], fields["permissions_mask"])
    name = vector["name"].removeprefix("hs_admin-")
    if name != "all":
        assert admin.permissions == 1 << ADMIN_PERMISSIONS.index(name)


def test_permissions_are_written_with_listing_first() -> None:
    assert AdminData("0.NA/88.1", 300, 1 << ADMIN_PERMISSIONS.index("list_handles")).permission_text == "100000000000"
    assert AdminData("0.NA/88.1", 300, 1 << ADMIN_PERMISSIONS.index("add_handle")).permission_text == "000000000001"
    assert decode_admin(hex_of("hs_admin-all")).permission_text == "1" * 12
    assert decode_admin(hex_of("hs_admin-all")).permissions == ALL_ADMIN_PERMISSIONS


def test_the_two_bytes_behind_an_old_administrator_are_kept() -> None:
    data = hex_of("hs_admin-all") + bytes(2)
    assert decode_admin(data).legacy
    assert encode_admin(decode_admin(data)) == data
    for tail in (b"\0", b"\0\1", b"\0\0\0"):
        with pytest.raises(InvalidRecord):
            decode_admin(hex_of("hs_admin-all") + tail)


@pytest.mark.parametrize("vector", vectors_of("hs_vlist"), ids=lambda vector: vector["name"])
def test_groups_have_the_members_that_the_vector_names(vector: dict[str, Any]) -> None:
    members = tuple(Reference(each["handle"], each["index"]) for each in vector["fields"]["refs"])
    assert decode_vlist(bytes.fromhex(vector["hex"])) == members


def test_the_rsa_key_is_the_vector_s() -> None:
    fields = next(vector["fields"] for vector in VECTORS if vector["name"] == "hs_pubkey-rsa2048")
    key = decode_public_key(hex_of("hs_pubkey-rsa2048"))
    assert key == RsaPublicKey(int(fields["n_hex"], 16), fields["e"])


def test_an_rsa_key_without_handle_net_s_four_zero_bytes_is_the_same_key() -> None:
    data = hex_of("hs_pubkey-rsa2048")
    assert data.endswith(bytes(4))
    assert decode_public_key(data[:-4]) == decode_public_key(data)
    with pytest.raises(InvalidRecord):
        decode_public_key(data + b"\0")


def test_the_dsa_key_is_the_vector_s() -> None:
    fields = next(vector["fields"] for vector in VECTORS if vector["name"] == "hs_pubkey-dsa1024")
    key = decode_public_key(hex_of("hs_pubkey-dsa1024"))
    assert isinstance(key, DsaPublicKey)
    assert key.y == int(fields["y_hex"], 16)
    assert (key.q.bit_length(), key.p.bit_length(), key.g.bit_length()) == (160, 1024, 1024)


def test_the_sm2_key_is_its_pem_text() -> None:
    key = decode_public_key(hex_of("sdk-hs_pubkey-sm2"))
    assert isinstance(key, Sm2PublicKey)
    assert key.pem.startswith("-----BEGIN PUBLIC KEY-----\r\n")


def test_a_number_without_its_leading_zero_byte_is_read_as_positive() -> None:
    data = b"\0\0\0\x0bRSA_PUB_KEY\0\0" + b"\0\0\0\1\x03" + b"\0\0\0\2\xff\xfd"
    assert decode_public_key(data) == RsaPublicKey(n=0xFFFD, e=3)


@pytest.mark.parametrize("number", [b"", b"\0", b"\0\0"])
def test_a_key_of_zero_is_refused(number: bytes) -> None:
    block = len(number).to_bytes(4, "big") + number
    with pytest.raises(InvalidRecord, match="not positive"):
        decode_public_key(b"\0\0\0\x0bRSA_PUB_KEY\0\0" + b"\0\0\0\1\x03" + block)


def test_flags_of_a_key_are_zero() -> None:
    with pytest.raises(InvalidRecord):
        decode_public_key(b"\0\0\0\x0bSM2_PUB_KEY\0\1\0\0\0\0")


def test_a_key_of_an_unknown_algorithm_is_kept_unread() -> None:
    data = b"\0\0\0\x0bSM9_PUB_KEY\0\0\xff\xfe"
    assert decode_public_key(data) == OpaquePublicKey("SM9_PUB_KEY", b"\xff\xfe")
    assert encode_public_key(decode_public_key(data)) == data


numbers = st.integers(1, 2**300)
keys = st.one_of(
    st.builds(RsaPublicKey, numbers, numbers),
    st.builds(DsaPublicKey, numbers, numbers, numbers, numbers),
    st.builds(DhPublicKey, numbers, numbers, numbers),
    st.builds(Sm2PublicKey, st.text(max_size=30)),
)
int32 = st.integers(-(2**31), 2**31 - 1)
addresses = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6).filter(has_a_form_of_its_own),
)
interfaces = st.builds(Interface, st.booleans(), st.booleans(), st.sampled_from(Protocol), st.integers(0, 65535))
servers = st.builds(Server, int32, addresses, st.binary(max_size=9), st.lists(interfaces, max_size=3).map(tuple))
byte = st.integers(0, 255)
sites = st.builds(
    Site,
    protocol=st.tuples(byte, byte),
    serial=st.integers(0, 65535),
    primary=st.booleans(),
    multi_primary=st.booleans(),
    attributes=st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=3).map(tuple),
    servers=st.lists(servers, max_size=3).map(tuple),
    hash_option=st.integers(0, 2),
    hash_filter=st.text(max_size=9),
    version=st.integers(0, 65535),
)


@given(st.builds(AdminData, st.text(max_size=30), int32, st.integers(0, 65535), st.booleans()))
def test_every_administrator_survives_encoding(admin: AdminData) -> None:
    assert decode_admin(encode_admin(admin)) == admin


@given(st.lists(st.builds(Reference, st.text(max_size=30), int32), max_size=4).map(tuple))
def test_every_group_survives_encoding(members: tuple[Reference, ...]) -> None:
    assert decode_vlist(encode_vlist(members)) == members


@given(sites)
def test_every_site_survives_encoding(site: Site) -> None:
    assert decode_site(encode_site(site)) == site


@given(keys)
def test_every_key_survives_encoding(key: PublicKey) -> None:
    assert decode_public_key(encode_public_key(key)) == key


@pytest.mark.parametrize("vector", TYPED, ids=lambda vector: vector["name"])
def test_every_truncation_of_typed_data_is_refused(vector: dict[str, Any]) -> None:
    decode, _ = CODECS[vector["kind"]]
    data = bytes.fromhex(vector["hex"])
    whole = len(data) - 4 if "rsa" in vector["name"] else -1
    for length in range(len(data)):
        if length == whole:
            continue
        with pytest.raises(InvalidRecord):
            decode(data[:length])


@given(st.sampled_from(sorted(CODECS)), st.binary(max_size=150))
def test_random_bytes_are_typed_data_or_are_refused(kind: str, data: bytes) -> None:
    with contextlib.suppress(InvalidRecord):
        CODECS[kind][0](data)


@given(st.data())
def test_typed_data_with_some_bytes_changed_is_typed_data_or_is_refused(data: st.DataObject) -> None:
    vector = data.draw(st.sampled_from(TYPED))
    changed = bytearray.fromhex(vector["hex"])
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidRecord):
        CODECS[vector["kind"]][0](bytes(changed))


def test_bytes_behind_a_site_or_a_group_are_refused() -> None:
    with pytest.raises(InvalidRecord):
        decode_site(encode_site(SITE) + b"\0")
    with pytest.raises(InvalidRecord):
        decode_vlist(bytes(5))


def test_an_ipv4_address_is_padded_with_zeros_and_read_in_the_mapped_form_too() -> None:
    encoded = encode_site(SITE)
    padded = bytes(12) + bytes([192, 0, 2, 1])
    assert padded in encoded
    mapped = encoded.replace(padded, bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1]))
    assert decode_site(mapped) == SITE


@pytest.mark.parametrize("address", ["::1", "::", "::1.2.3.4"])
def test_an_ipv6_address_that_would_be_read_as_ipv4_is_refused(address: str) -> None:
    server = replace(SITE.servers[0], address=ipaddress.IPv6Address(address))
    with pytest.raises(InvalidRecord):
        encode_site(replace(SITE, servers=(server,)))


@pytest.mark.parametrize(
    "site",
    [
        replace(SITE, serial=65536),
        replace(SITE, protocol=(256, 0)),
        replace(SITE, version=-1),
        replace(SITE, hash_filter="\ud800"),
    ],
)
def test_a_site_with_a_field_out_of_range_is_refused(site: Site) -> None:
    with pytest.raises(InvalidRecord):
        encode_site(site)


def test_more_servers_than_bytes_are_refused_at_once() -> None:
    empty = encode_site(replace(SITE, servers=()))
    with pytest.raises(InvalidRecord, match="announced"):
        decode_site(empty[:-4] + b"\x7f\xff\xff\xff" + bytes(100))


@pytest.mark.parametrize(("at", "byte_there"), [(-6, 4), (-5, 4), (-4, 1)])
def test_an_unknown_service_protocol_or_port_of_an_interface_is_refused(at: int, byte_there: int) -> None:
    encoded = bytearray(encode_site(SITE))
    encoded[at] = byte_there
    with pytest.raises(InvalidRecord, match="has no meaning"):
        decode_site(bytes(encoded))
