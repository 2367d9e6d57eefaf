"""Leaves of the transparency log: canonical, binding, and telling nothing to whom has no secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.journal import canonical
from registry.identifiers.leaves import Change, PackBroken, leaf_maker, pack_leaf, packed, unpacked

SECRET = bytes(range(32))
ACCOUNT = UUID(int=7)
AT = datetime(2026, 3, 2, 1, 0, 0, 123456, tzinfo=UTC)
RECORD = b"\0\0\0\1 some values"

suffix_keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)


def leaf(
    suffix_key: str = "PUMP-1", version: int = 1, record: bytes = RECORD, *, change: Change = Change.REGISTER,
    prefix: str = "88.101.2001", secret: bytes = SECRET, at: datetime = AT,
) -> bytes:  # fmt: skip
    return leaf_maker(change, prefix, secret, ACCOUNT, at)(suffix_key, version, record)


def test_a_leaf_says_what_happened_under_which_prefix_when_and_by_whom() -> None:
    content = json.loads(leaf(change=Change.UPDATE, version=3))
    assert {name: content[name] for name in ("v", "op", "prefix", "ts", "by", "version")} == {
        "v": 1, "op": "identifier.update", "prefix": "88.101.2001", "ts": "2026-03-02T01:00:00.123456+00:00",
        "by": str(ACCOUNT), "version": 3,
    }  # fmt: skip
    assert set(content) == {"v", "op", "prefix", "ts", "by", "version", "id", "hash"}


@given(
    suffix_key=suffix_keys,
    version=st.integers(1, 2**31 - 1),
    record=st.binary(max_size=300),
    change=st.sampled_from(Change),
    prefix=st.from_regex(r"8[68]\.[0-9]{1,10}\.[0-9A-Z]{1,40}", fullmatch=True),
    at=st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy wants it so
)
def test_a_leaf_is_canonical_json_that_fits_its_column(
    suffix_key: str, version: int, record: bytes, change: Change, prefix: str, at: datetime
) -> None:
    made = leaf(suffix_key, version, record, change=change, prefix=prefix, at=at)
    assert canonical(json.loads(made)) == made
    assert made.isascii()
    assert len(made) <= 1024


@given(suffix_key=suffix_keys, version=st.integers(1, 2**31 - 1), record=st.binary(max_size=300))
def test_who_has_the_secret_can_check_a_leaf(suffix_key: str, version: int, record: bytes) -> None:
    """As the module's docstring tells an auditor to do it."""
    content = json.loads(leaf(suffix_key, version, record))
    keyed = hmac.new(SECRET, suffix_key.encode(), hashlib.sha256).digest()
    assert content["id"] == keyed[:16].hex()
    assert content["hash"] == hashlib.sha256(keyed[16:] + version.to_bytes(4, "big") + record).hexdigest()


@pytest.mark.parametrize(
    "other",
    [leaf("PUMP-2"), leaf(version=2), leaf(record=RECORD + b"!"), leaf(secret=bytes(32)), leaf(change=Change.DELETE)],
    ids=["identifier", "version", "record", "secret", "change"],
)
def test_whatever_differs_makes_another_leaf(other: bytes) -> None:
    assert leaf() != other


def test_a_leaf_names_no_identifier_and_shows_no_values() -> None:
    made = leaf("SECRET-PRODUCT-42", record=b"the recipe")
    assert b"SECRET-PRODUCT" not in made
    assert b"recipe" not in made


def test_one_identifier_has_one_tag_whatever_happens_to_it() -> None:
    tags = {json.loads(leaf(version=version, change=change))["id"] for version in (1, 2) for change in Change}
    assert len(tags) == 1


def test_tags_of_two_prefixes_cannot_be_compared() -> None:
    """The same suffix under two prefixes: each prefix has its own secret."""
    assert json.loads(leaf())["id"] != json.loads(leaf(secret=bytes(32)))["id"]


def test_equal_records_of_two_identifiers_have_different_hashes() -> None:
    assert json.loads(leaf("A"))["hash"] != json.loads(leaf("B"))["hash"]


def test_numbers_of_changes_are_stored_and_do_not_move() -> None:
    assert {change.name: int(change) for change in Change} == {
        "REGISTER": 1, "UPDATE": 2, "DELETE": 3, "SUSPEND": 4, "RESUME": 5, "MIGRATE": 6, "UNDO": 7,
    }  # fmt: skip


def test_another_time_zone_is_told_with_its_offset() -> None:
    east = AT.astimezone(timezone(timedelta(hours=8)))
    assert datetime.fromisoformat(json.loads(leaf(at=east))["ts"]) == AT


versions = st.lists(
    st.tuples(suffix_keys, st.integers(1, 2**31 - 1), st.binary(max_size=300)), min_size=1, max_size=40
)


@given(versions=versions, change=st.sampled_from(Change))
def test_a_pack_stands_for_the_very_leaves_of_its_identifiers(
    versions: list[tuple[str, int, bytes]], change: Change
) -> None:
    pack = packed(SECRET, versions)
    shared = pack_leaf(change, "88.101.2001", ACCOUNT, AT, pack)
    assert list(unpacked(shared, pack)) == [leaf(*version, change=change) for version in versions]
    assert len(pack) == 52 * len(versions)


def test_the_leaf_of_a_pack_says_what_its_leaves_share_and_commits_to_them() -> None:
    pack = packed(SECRET, [("P-1", 1, RECORD), ("P-2", 1, RECORD)])
    shared = pack_leaf(Change.REGISTER, "88.101.2001", ACCOUNT, AT, pack)
    assert canonical(json.loads(shared)) == shared
    assert json.loads(shared) == {
        "v": 2, "op": "identifier.register", "prefix": "88.101.2001", "ts": "2026-03-02T01:00:00.123456+00:00",
        "by": str(ACCOUNT), "leaves": 2, "hash": hashlib.sha256(pack).hexdigest(),
    }  # fmt: skip


def test_a_pack_that_was_rewritten_stands_for_nothing() -> None:
    pack = packed(SECRET, [("P-1", 1, RECORD), ("P-2", 1, RECORD)])
    shared = pack_leaf(Change.REGISTER, "88.101.2001", ACCOUNT, AT, pack)
    for altered in (pack[:52], bytes([pack[0] ^ 1]) + pack[1:]):
        with pytest.raises(PackBroken):
            list(unpacked(shared, altered))
