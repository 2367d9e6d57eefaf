"""Who counts, and how clients are told apart without being known."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

import pytest

from node.administration import Identity
from node.resolutions import BOT
from resolver.counting.bots import WORDS, marks_of
from resolver.counting.never import NeverCounts
from resolver.counting.sources import ClientKeys, Sources

AT = datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC).timestamp()
"""The last second of March in China."""


def test_networks_accounts_and_identities_that_never_count_stand_in_one_setting() -> None:
    never = NeverCounts(["192.0.2.0/24", "account:probe", "handle:300:0.NA/88.101"])
    assert never.source("192.0.2.9")
    assert never.source("::ffff:192.0.2.9")
    assert not never.source("198.51.100.1")
    assert never.account("probe")
    assert not never.account("Probe")
    assert never.identity(Identity("0.NA/88.101", 300))
    assert not never.identity(Identity("0.NA/88.101", 301))
    assert not never.identity(None)


def test_a_laboratory_counts_loopback_and_says_so() -> None:
    told = ["127.0.0.0/8", "::1/128", "192.0.2.0/24"]
    ordinary, laboratory = NeverCounts(told), NeverCounts(told, laboratory=True)
    assert (ordinary.source("127.0.0.1"), laboratory.source("127.0.0.1")) == (True, False)
    assert laboratory.source("192.0.2.1")
    assert (ordinary.told, laboratory.told) == (tuple(told), ("192.0.2.0/24",))


def test_an_address_has_one_hash_in_all_its_spellings_and_a_network_another() -> None:
    sources = Sources(NeverCounts(()), ClientKeys())
    one, mapped, neighbour, far = (
        sources.client_of(text, AT) for text in ("203.0.113.7", "::ffff:203.0.113.7", "203.0.113.8", "203.0.114.7")
    )
    assert one == mapped
    assert one is not None
    assert neighbour is not None
    assert far is not None
    assert one.client != neighbour.client
    assert one.network == neighbour.network != far.network
    six, same, other = (
        sources.client_of(text, AT) for text in ("2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:100::1")
    )
    assert six is not None
    assert same is not None
    assert other is not None
    assert six.network == same.network != other.network


def test_hashes_are_others_from_the_first_second_of_a_month_of_china() -> None:
    keys = ClientKeys()
    assert keys.of(AT) != keys.of(AT + 1)
    assert keys.of(AT + 1) == keys.of(AT + 86_400 * 29)


def test_another_process_cannot_recompute_the_hashes() -> None:
    told = {Sources(NeverCounts(()), ClientKeys()).client_of("203.0.113.7", AT) for _ in range(3)}
    assert len(told) == 3


def test_networks_of_bots_are_marked() -> None:
    bots = [ipaddress.ip_network("198.51.100.0/24")]
    sources = Sources(NeverCounts(()), ClientKeys(), bots)
    marks = [client.marks for text in ("198.51.100.9", "203.0.113.7") if (client := sources.client_of(text, AT))]
    assert marks == [BOT, 0]


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36",
        "UptimeRobot/2.0",
    ],
)
def test_a_bot_that_names_itself_is_known(agent: str) -> None:
    assert marks_of(agent) == BOT


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36 MicroMessenger/8.0.44",
        "python-requests/2.31.0",
        "okhttp/4.12.0",
        "Apache-HttpClient/4.5.13 (Java/1.8.0_392)",
        "curl/8.5.0",
        "CUBOT X19/1.0",
    ],
)
def test_browsers_and_programs_that_resolve_are_no_bots(agent: str) -> None:
    assert marks_of(agent) == 0


def test_the_words_of_bots_are_lower_case_and_stand_once() -> None:
    assert len(WORDS) == len(set(WORDS)) > 50
    assert all(word == word.lower().strip() for word in WORDS)
