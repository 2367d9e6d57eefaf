"""Conversations end with what belongs to them, and numbers of sessions name the worker that chose them."""

from __future__ import annotations

import os

import pytest

from resolver.handle.conversation import OUR_IDS, Conversation, Place, Transport, neighbourhood


def test_what_belongs_to_a_conversation_ends_with_it_once() -> None:
    conversation = Conversation("192.0.2.7", Transport.TCP)
    ended: list[str] = []
    conversation.keep("session", 1, lambda: ended.append("one"))
    conversation.keep("session", 2, lambda: ended.append("two"))
    conversation.keep("challenge", 1, lambda: ended.append("three"))
    conversation.release("session", 2)
    conversation.close()
    conversation.close()
    assert ended == ["one", "three"]
    assert conversation.closed


def test_what_comes_behind_the_end_ends_at_once() -> None:
    conversation = Conversation("192.0.2.7", Transport.TCP)
    conversation.close()
    ended: list[str] = []
    conversation.keep("session", 1, lambda: ended.append("late"))
    assert ended == ["late"]


def test_a_fresh_number_names_its_worker_and_is_no_teleinfo_number() -> None:
    place = Place(2, 7)
    numbers = {place.fresh_id(os.urandom) for _ in range(2000)}
    assert len(numbers) > 1990
    assert all(OUR_IDS <= number < 2**31 and place.owner_of(number) == 2 for number in numbers)
    assert {Place(5, 7).owner_of(number) for number in numbers} == {2}


def test_the_edges_of_the_numbers_stay_within_them() -> None:
    for place in (Place(0, 1), Place(6, 7), Place(255, 256)):
        draws = iter((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x3f\xff\xff\xff", b"\x12\x34\x56\x78"))
        number = place.fresh_id(lambda _, draws=draws: next(draws))
        assert OUR_IDS <= number < 2**31
        assert number % place.of == place.number


def test_a_number_that_the_client_chose_belongs_to_the_worker_it_came_to() -> None:
    assert Place(1, 4).owner_of(10_002) == 1
    assert Place(1, 4).owner_of(-5) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("unix:", "unix:", True),
    ],
)
def test_an_ipv6_network_of_64_bits_counts_as_one_source(one: str, other: str, same: bool) -> None:
    assert (neighbourhood(one) == neighbourhood(other)) is same
