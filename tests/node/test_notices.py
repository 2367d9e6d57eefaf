"""Notices as they travel: what is said is what is heard, and no notice is too long for PostgreSQL."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.identifier import Prefix, suffix_key
from node.notices import MOST_OCTETS, Notice, NoticeKind, notices_of

PREFIX = "88.101.2001"


@pytest.mark.parametrize(
    "notice",
    [
        Notice(NoticeKind.PREFIX, PREFIX),
        Notice(NoticeKind.ADDITIONS, PREFIX),
        Notice(NoticeKind.IDENTIFIERS, PREFIX, ("A/B//C",)),
        Notice(NoticeKind.IDENTIFIERS, PREFIX, ("A", "B C", "泵/1")),
    ],
)
def test_a_notice_is_heard_as_it_was_said(notice: Notice) -> None:
    assert Notice.decode(notice.encode()) == notice


@pytest.mark.parametrize("payload", ["", "k", "kA", "x88.101/", "i88.101.1/A"])
def test_what_is_no_notice_is_said_to_be_none(payload: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Notice.decode(payload)


def test_changed_identifiers_share_as_few_notices_as_they_fit_into() -> None:
    keys = [f"PUMP-{number:06d}" for number in range(5000)]
    notices = list(notices_of(PREFIX, keys))
    assert [key for notice in notices for key in notice.suffix_keys] == keys
    assert len(notices) == 8  # 660 of 12 octets and a separator each
    assert list(notices_of(PREFIX, [])) == []


SUFFIXES = st.text(st.characters(min_codepoint=33, exclude_categories=["C", "Z"]), min_size=1, max_size=200)


@given(st.lists(SUFFIXES, min_size=1, max_size=60))
def test_every_suffix_there_may_be_arrives_within_the_bound(suffixes: list[str]) -> None:
    prefix = Prefix.parse(PREFIX)
    keys = [suffix_key(prefix, normalize("NFC", suffix)) for suffix in suffixes]
    payloads = [notice.encode() for notice in notices_of(PREFIX, keys)]
    assert all(len(payload.encode()) <= MOST_OCTETS for payload in payloads)
    assert [key for payload in payloads for key in Notice.decode(payload).suffix_keys] == keys
