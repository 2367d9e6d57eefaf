"""What a password has to be like under either policy, and what is guessed soon."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry.accounts.guessable import LEAST_COST, WORDS, cost
from registry.accounts.password_policy import DENGBAO, NIST, PasswordTooWeak, random_password

HERE = replace(DENGBAO, context=("示例二级节点", "88.101"))


def codes(password: str, policy: object = HERE) -> list[str]:
    assert isinstance(policy, type(DENGBAO))
    return [code for code, _, _ in policy.faults(password, "liwei", ("Jinzhou Pumps", "Jinzhou", "Pumps"))]


@pytest.mark.parametrize(
    "password", ["Tr7-lampe-Kran", "gold fisch 77", "阀门Valve2024号楼西门", "correct Horse battery staple"]
)
def test_a_password_of_three_kinds_and_twelve_characters_passes(password: str) -> None:
    assert codes(password) == []
    HERE.check(password, "liwei")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("Tr7-lampe-K", "length"),
        ("Tr7-" + "xkq7" * 32, "length"),
        ("trlampekranhaus", "kinds"),
        ("Trlampekranhaus", "kinds"),
        ("9153-4782-9876-77", "kinds"),
        ("Tr7-LiWei-Kran", "account_name"),
        ("Tr7-88.101-Kran", "context"),
        ("Tr7-JINZHOU-Kran", "context"),
        ("My-P@ssw0rd-77", "guessable"),
        ("Qwerty-lampe-7", "guessable"),
        ("Lampe-123456-x", "guessable"),
        ("aaaaaaaaaa-1B", "guessable"),
        ("Zhangwei19880512!", "guessable"),
        ("Summer.Winter.2024", "guessable"),
        ("!QAZ@WSX3edc4rfv", "guessable"),
    ],
)
def test_a_weak_password_is_told_why(password: str, code: str) -> None:
    assert code in codes(password)
    if code in ("length", "kinds"):
        assert codes(password) == [code]


def test_all_faults_come_at_once_in_both_languages_and_say_nothing_of_the_password() -> None:
    with pytest.raises(PasswordTooWeak) as refusal:
        DENGBAO.check("admin", "admin")
    faults = refusal.value.evidence["faults"]
    assert [fault["code"] for fault in faults] == ["length", "kinds", "account_name", "guessable"]
    assert all(fault["field"] == "password" and " / " in fault["message"] for fault in faults)
    assert "admin" not in refusal.value.detail


def test_words_dressed_up_as_people_do_are_all_guessable() -> None:
    # Some ten thousand passwords of a guesser's list, made by rule: capitals, digits for letters, years, marks.
    letters = str.maketrans("aeios", "@3105")
    tails = ("123!", "2024!", "@1988", "#666", "!!11")
    made = [
        dressed + tail
        for word in sorted(WORDS)
        if word.isalpha()
        for dressed in (word, word.capitalize(), word.upper(), word.translate(letters))
        for tail in tails
    ]
    assert len(made) > 10_000
    assert [password for password in made if cost(password) >= LEAST_COST] == []


def test_what_means_nothing_costs_what_it_has_letters() -> None:
    assert cost("kd7fh2mb") == 8
    assert cost("kd7fh2mb", ("KD7F",)) == 2 + 4
    assert cost("") == 0
    assert cost("4" * 128) == 2


def test_nist_asks_for_length_and_a_dictionary_and_for_no_kinds() -> None:
    assert codes("kd7fh2mb", NIST) == []
    assert codes("trlampekranhaus", NIST) == []
    assert codes("kd7fh2m", NIST) == ["length", "guessable"]
    assert codes("sunshine2024", NIST) == ["guessable"]
    assert codes("liwei-kd7fh2mb", NIST) == ["account_name"]


def test_a_password_lives_ninety_days_and_for_ever_under_nist() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    assert DENGBAO.ends_at(at) == at + timedelta(days=90)
    assert NIST.ends_at(at) is None


def test_random_passwords_meet_the_policy_and_differ() -> None:
    made = [random_password() for _ in range(50)]
    assert len(set(made)) == 50
    assert not any(DENGBAO.faults(password, "admin") for password in made)


def test_a_random_password_that_misses_the_policy_is_drawn_again() -> None:
    letters: Iterator[str] = itertools.chain("a" * 20, "aB3x" * 5)
    assert random_password(lambda _: next(letters)) == "aB3x-aB3x-aB3x-aB3x-aB3x"
