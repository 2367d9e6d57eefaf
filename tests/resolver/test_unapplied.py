"""What a replica may lack: changes and doubts by their numbers."""

from __future__ import annotations

import pytest

from node.notices import Notice, NoticeKind
from resolver import unapplied
from resolver.unapplied import Unapplied

PUMP, VALVE, OTHER = ("88.101.1", "PUMP"), ("88.101.1", "VALVE"), ("88.101.2", "PUMP")


def changed(*keys: tuple[str, str]) -> Notice:
    return Notice(NoticeKind.IDENTIFIERS, keys[0][0], tuple(suffix for _, suffix in keys))


def lacking(known: Unapplied) -> set[tuple[str, str]]:
    return {key for key in (PUMP, VALVE, OTHER) if known.lacks(key)}


def test_a_changed_identifier_is_lacking_until_its_number_is_applied() -> None:
    known = Unapplied()
    assert not known
    known.hear(changed(PUMP))
    first = known.number
    known.hear(changed(VALVE))
    assert lacking(known) == {PUMP, VALVE}
    known.applied(first)
    assert lacking(known) == {VALVE}
    known.applied(known.number)
    assert not known


def test_what_changed_again_meanwhile_is_still_lacking() -> None:
    known = Unapplied()
    known.hear(changed(PUMP))
    first = known.number
    known.hear(changed(PUMP))
    known.applied(first)
    assert lacking(known) == {PUMP}


@pytest.mark.parametrize("kind", [NoticeKind.PREFIX, NoticeKind.ADDITIONS])
def test_a_prefix_that_changed_or_grew_is_lacking_as_a_whole(kind: NoticeKind) -> None:
    known = Unapplied()
    known.hear(Notice(kind, "88.101.1"))
    assert lacking(known) == {PUMP, VALVE}


def test_doubts_are_no_knowledge_of_a_lack() -> None:
    known = Unapplied()
    known.doubt(PUMP)
    assert (known.may_lack(PUMP), known.may_lack(VALVE), known.lacks(PUMP)) == (True, False, False)
    known.doubt_all()
    assert known.may_lack(OTHER)
    assert not lacking(known)
    known.applied(known.number)
    assert not known


def test_an_unreadable_notice_leaves_everything_lacking() -> None:
    known = Unapplied()
    known.hear_unknown()
    assert lacking(known) == {PUMP, VALVE, OTHER}


def test_more_changes_than_are_remembered_apart_are_changes_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unapplied, "_CHANGES", 10)
    known = Unapplied()
    known.hear(changed(*(("88.101.1", f"P{n}") for n in range(11))))
    assert lacking(known) == {PUMP, VALVE, OTHER}
    for number in range(11):
        known.doubt(("88.101.3", f"P{number}"))
    assert known.may_lack(("88.101.4", "X"))
    known.applied(known.number)
    assert not known
