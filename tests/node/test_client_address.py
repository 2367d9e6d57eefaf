"""Whose request it is: believed only as far as trusted proxies vouch."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.client_address import client_address, parse_address, within

TRUSTED = tuple(ipaddress.ip_network(text) for text in ("10.0.0.0/8", "fd00::/8"))


def test_without_trusted_proxies_the_header_says_nothing() -> None:
    assert client_address("198.51.100.7", "203.0.113.9", ()) == "198.51.100.7"


def test_a_stranger_cannot_name_another_address() -> None:
    assert client_address("198.51.100.7", "203.0.113.9", TRUSTED) == "198.51.100.7"


def test_a_trusted_proxy_names_the_client() -> None:
    assert client_address("10.1.2.3", "203.0.113.9", TRUSTED) == "203.0.113.9"


def test_through_several_proxies_the_first_stranger_from_the_right_is_the_client() -> None:
    assert client_address("10.1.2.3", "203.0.113.9, 10.9.9.9,fd00::5", TRUSTED) == "203.0.113.9"


def test_what_stands_left_of_the_client_anybody_could_have_written() -> None:
    forged = "192.0.2.1, 10.0.0.1, 203.0.113.9, 10.9.9.9"
    assert client_address("10.1.2.3", forged, TRUSTED) == "203.0.113.9"


def test_a_chain_of_proxies_alone_ends_at_the_leftmost() -> None:
    assert client_address("10.1.2.3", "10.0.0.1, 10.0.0.2", TRUSTED) == "10.0.0.1"


@pytest.mark.parametrize("garbage", ["", "unknown", "_hidden", "203.0.113.9:8080", "<script>", "999.1.1.1", "\udcff"])
def test_garbage_ends_the_walk_at_the_last_known_hop(garbage: str) -> None:
    assert client_address("10.1.2.3", f"203.0.113.9, {garbage}, 10.4.4.4", TRUSTED) == "10.4.4.4"


def test_an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address() -> None:
    assert client_address("::ffff:10.1.2.3", "::ffff:203.0.113.9", TRUSTED) == "203.0.113.9"


def test_a_zone_is_no_part_of_the_address() -> None:
    assert client_address("fe80::1%eth0", "", TRUSTED) == "fe80::1"


def test_a_peer_without_an_address_is_told_as_it_is() -> None:
    assert client_address("", "203.0.113.9", TRUSTED) == ""


def test_spaces_do_not_matter() -> None:
    assert str(parse_address(" 203.0.113.9 ")) == "203.0.113.9"


def test_an_address_is_within_a_network_of_its_own_family_only() -> None:
    everything = (ipaddress.ip_network("0.0.0.0/0"),)
    inside, outside = parse_address("203.0.113.9"), parse_address("2001:db8::1")
    assert inside is not None
    assert outside is not None
    assert within(inside, everything)
    assert not within(outside, everything)


addresses = st.ip_addresses().map(str)
hops = st.lists(addresses | st.text(max_size=20), max_size=6).map(",".join)


@given(peer=addresses, header=hops)
def test_the_answer_is_always_the_peer_or_one_of_the_hops(peer: str, header: str) -> None:
    said = client_address(peer, header, TRUSTED)
    known = {str(parse_address(hop)) for hop in [peer, *header.split(",")]}
    assert said in known


@given(peer=st.ip_addresses(v=4, network="203.0.113.0/24").map(str), header=hops)
def test_no_header_whatever_moves_a_stranger(peer: str, header: str) -> None:
    assert client_address(peer, header, TRUSTED) == peer
