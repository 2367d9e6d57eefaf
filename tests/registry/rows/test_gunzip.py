import gzip
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.rows.gunzip import BrokenGzip, Gunzip, NotGzip, TrailingGarbage, TruncatedGzip
from registry.rows.limits import RatioExceeded, TooLargeUnpacked


def unpacked(body: bytes, cuts: list[int] | None = None, *, ratio: int = 100, most: int = 1 << 30) -> bytes:
    gunzip = Gunzip(ratio=ratio, most=most)
    edges = [0, *sorted(cuts or []), len(body)]
    found = b"".join(piece for start, stop in itertools.pairwise(edges) for piece in gunzip.feed(body[start:stop]))
    gunzip.finish()
    return found


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3), st.data())
def test_members_after_one_another_are_one_text_however_they_are_cut(
    members: list[bytes], data: st.DataObject
) -> None:
    body = b"".join(map(gzip.compress, members))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=6))
    assert unpacked(body, cuts) == b"".join(members)


@given(st.integers(1, 200))
def test_a_gzip_that_was_cut_is_named(missing: int) -> None:
    body = gzip.compress(b"suffix\nA\n" * 50)
    with pytest.raises(TruncatedGzip):
        unpacked(body[: max(0, len(body) - missing)])


def test_what_is_no_gzip_is_named_however_it_is_cut() -> None:
    for body in (b"suffix,name\n", b"\x1fx", b"PK\x03\x04"):
        for cuts in ([], [1]):
            with pytest.raises(NotGzip):
                unpacked(body, cuts)


@pytest.mark.parametrize("garbage", [b"x", b"\0" * 512, b"PK\x03\x04"])
def test_what_follows_a_gzip_is_named(garbage: bytes) -> None:
    body = gzip.compress(b"suffix\nA\n")
    for cuts in ([], [len(body)]):
        with pytest.raises(TrailingGarbage):
            unpacked(body + garbage, cuts)


def test_damage_is_named() -> None:
    body = bytearray(gzip.compress(b"suffix\nA\n"))
    body[-5] ^= 1  # in the check sum
    with pytest.raises(BrokenGzip):
        unpacked(bytes(body))


def test_the_ratio_is_counted_while_it_is_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    gunzip = Gunzip(ratio=100, most=1 << 30)
    pieces = itertools.chain.from_iterable(
        gunzip.feed(bomb[start : start + 1000]) for start in range(0, len(bomb), 1000)
    )
    lengths: list[int] = []
    with pytest.raises(RatioExceeded):
        lengths.extend(map(len, pieces))
    assert 0 < sum(lengths) < 2_000_000


def test_the_size_is_counted_while_it_is_unpacked() -> None:
    with pytest.raises(TooLargeUnpacked) as raised:
        unpacked(gzip.compress(bytes(range(256)) * 100), most=25_000)
    assert raised.value.evidence == {"limit": 25_000}
