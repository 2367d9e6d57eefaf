"""Which servers a delegation names, and which of them is asked."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from node.config_connection import RecursionSettings
from node.record import Value
from resolver.recursion.delegation import Delegation, RootUnreadable, Target, delegation_of, roots_of, service_of
from tests.support.far_side import site_value, text

PUBLIC = [("198.51.100.1", 2641), ("198.51.100.2", 2642), ("198.51.100.3", 2643)]


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("203.0.113.10:3641", Target("203.0.113.10", 3641, configured=True)),
        ("national.example.cn:3641", Target("national.example.cn", 3641, configured=True)),
        ("[2001:db8::1]:3641", Target("2001:db8::1", 3641, configured=True)),
        (" mock-national:1 ", Target("mock-national", 1, configured=True)),
    ],
)
def test_a_root_is_a_host_and_a_port(written: str, target: Target) -> None:
    assert roots_of([written]) == (target,)


@pytest.mark.parametrize("written", ["", "host", "host:", "host:0", "host:65536", "2001:db8::1:3641", "a b:1", ":1"])
def test_anything_else_is_no_root(written: str) -> None:
    with pytest.raises(RootUnreadable):
        roots_of([written])


def test_a_server_is_written_with_its_port() -> None:
    assert Target("192.0.2.1", 2641).text == "192.0.2.1:2641"
    assert Target("2001:db8::1", 2641).text == "[2001:db8::1]:2641"


@pytest.mark.parametrize(
    ("option", "part"), [(0, "88.102.7"), (1, "PUMP-1"), (2, "88.102.7/PUMP-1")], ids=["prefix", "suffix", "all"]
)
def test_the_hash_of_the_upper_case_name_chooses_the_server(option: int, part: str) -> None:
    site = delegation_of("88.102.7", (site_value(PUBLIC, hash_option=option),))
    number = abs(int.from_bytes(hashlib.md5(part.encode()).digest()[-4:], "big", signed=True)) % 3  # noqa: S324
    (target,) = site.toward("88.102.7/Pump-1")
    assert (target.host, target.port) == PUBLIC[number]


def test_each_site_of_a_prefix_gives_one_server_and_ipv6_stands_beside_ipv4() -> None:
    values = (
        site_value([("198.51.100.1", 1)]), site_value([("2001:db8::1", 2)], kind="HS_SITE.6", index=2),
        text("https://example.com", 3), site_value([("198.51.100.9", 3)], kind="HS_SITE.PREFIX", index=4),
    )  # fmt: skip
    hosts = [target.host for target in delegation_of("88.102.7", values).toward("88.102.7/x")]
    assert hosts == ["198.51.100.1", "2001:db8::1"]
    below = delegation_of("88.102.7", values, below=True)
    assert [target.host for target in below.toward("0.NA/88.102.7.1")] == ["198.51.100.9"]
    assert below.below


def test_where_nobody_is_named_for_derived_prefixes_the_prefix_s_own_servers_are() -> None:
    below = delegation_of("88.102.7", (site_value([("198.51.100.1", 1)]),), below=True)
    assert [target.host for target in below.toward("0.NA/88.102.7.1")] == ["198.51.100.1"]


def test_a_server_that_two_sites_name_is_asked_once() -> None:
    values = (site_value(PUBLIC[:1]), site_value(PUBLIC[:1], index=2))
    assert len(delegation_of("88.102.7", values).toward("88.102.7/x")) == 1


def test_no_more_than_eight_sites_of_a_prefix_are_used() -> None:
    values = tuple(site_value([(f"198.51.100.{number}", 1)], index=number) for number in range(1, 30))
    assert len(delegation_of("88.102.7", values).toward("88.102.7/x")) == 8


def test_the_key_of_a_server_comes_with_it() -> None:
    (target,) = delegation_of("88.102.7", (site_value(PUBLIC[:1], key=b"key"),)).toward("88.102.7/x")
    assert target == Target("198.51.100.1", 2641, b"key")
    assert not target.configured


def test_given_servers_are_asked_first() -> None:
    known = Target("192.0.2.1", 1)
    assert Delegation("88.102.7", targets=(known,)).toward("88.102.7/x") == (known,)


def test_a_service_may_be_named_by_its_handle() -> None:
    values = (Value(1, "HS_SERV", b"0.SITE/88.102"), Value(2, "hs_serv.prefix", b"0.SITE/88.103"))
    assert service_of(values) == "0.SITE/88.102"
    assert service_of(values[1:], below=True) == "0.SITE/88.103"
    assert service_of(values[1:]) is None
    assert service_of((Value(1, "HS_SERV", b"x" * 3000),)) is None


def test_the_settings_take_roots_in_a_list_or_with_commas_and_refuse_what_is_none() -> None:
    assert RecursionSettings(roots="203.0.113.10:3641,[2001:db8::1]:1").roots == (
        "203.0.113.10:3641", "[2001:db8::1]:1",
    )  # fmt: skip
    with pytest.raises(ValidationError):
        RecursionSettings(roots=("203.0.113.10",))
