"""Datagrams sent again: which are the same request, and for how long."""

from __future__ import annotations

from resolver.handle.ready import question_of
from resolver.handle.repeats import Repeats
from tests.support.handle import resolution

QUESTION = question_of(resolution("88.101.1/Pump-1"))


def test_the_same_request_within_five_seconds_is_a_repeat() -> None:
    repeats = Repeats()
    asked = ("203.0.113.7", b"\0\0\0\1", QUESTION)
    assert [repeats.is_repeat(*asked, now) for now in (100.0, 101.0, 104.9, 105.0, 106.0)] == [
        False, True, True, False, True,
    ]  # fmt: skip


def test_another_client_number_or_question_is_another_request() -> None:
    repeats = Repeats()
    other = question_of(resolution("88.101.1/Pump-2"))
    assert not repeats.is_repeat("203.0.113.7", b"\0\0\0\1", QUESTION, 100.0)
    assert not repeats.is_repeat("203.0.113.8", b"\0\0\0\1", QUESTION, 100.0)
    assert not repeats.is_repeat("203.0.113.7", b"\0\0\0\2", QUESTION, 100.0)
    assert not repeats.is_repeat("203.0.113.7", b"\0\0\0\1", other, 100.0)


def test_a_client_that_writes_its_expiration_anew_still_repeats_itself() -> None:
    again = question_of(resolution("88.101.1/Pump-1", expiration=2_000_000_009))
    assert again == QUESTION


def test_what_is_remembered_is_bounded() -> None:
    repeats = Repeats(remembered=100)
    for number in range(10_000):
        assert not repeats.is_repeat("203.0.113.7", number.to_bytes(4, "big"), QUESTION, 100.0)
        assert len(repeats) <= 200
    assert repeats.is_repeat("203.0.113.7", (9_999).to_bytes(4, "big"), QUESTION, 100.0)
