import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.rows.encoding import WINDOW, Transcoder, encoding_of

CHINESE = "铜闸阀,重量二十五千克,上海阀门厂,型号DN25\n"


def transcoded(body: bytes, cuts: list[int], encoding: str | None = None) -> tuple[bytes, str | None]:
    transcoder = Transcoder(encoding)
    edges = [0, *sorted(cuts), len(body)]
    text = b"".join(transcoder.feed(body[start:stop]) for start, stop in itertools.pairwise(edges))
    return text + transcoder.finish(), transcoder.encoding


texts = st.lists(
    st.sampled_from(["suffix,name\n", CHINESE, "VALVE-1,plain\n", "A,阀\n", "é,±5 µm\n", "x" * 70_000 + "\n"]),
    max_size=8,
).map("".join)


@given(texts, st.data())
def test_utf_8_stays_as_it_is_however_it_is_cut(text: str, data: st.DataObject) -> None:
    body = text.encode()
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=6))
    assert transcoded(body, cuts) == (body, "utf-8")


@given(st.integers(0, 3), st.integers(1, 9), st.data())
def test_gb_18030_is_found_out_however_it_is_cut(ascii_rows: int, rows: int, data: st.DataObject) -> None:
    text = "VALVE,plain\n" * (ascii_rows * 4000) + CHINESE * rows + "𠮷,end"
    body = text.encode("gb18030")
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=6))
    assert transcoded(body, cuts) == (text.encode(), "gb18030")


@given(st.lists(st.sampled_from([b"a,b\n", b"\xff\n", "阀\n".encode(), "阀\n".encode("gb18030"), b"\x81", b"\n"])))
def test_any_octets_are_taken_the_same_however_they_are_cut(parts: list[bytes]) -> None:
    body = b"".join(parts)
    assert transcoded(body, list(range(1, len(body)))) == transcoded(body, [])


def test_a_utf_8_text_with_a_few_broken_rows_stays_utf_8() -> None:
    broken = "铜闸阀\n".encode("gb18030") * 3
    body = CHINESE.encode() * 4 + broken
    assert transcoded(body, []) == (body, "utf-8")


def test_chinese_that_happens_to_be_utf_8_decides_nothing() -> None:
    words = "铜,一\n".encode("gb18030")
    assert words.decode() == "ͭ,һ\n"
    assert encoding_of(words * 9 + "阀门\n".encode("gb18030"), complete=True) == "gb18030"
    assert encoding_of(words * 9 + "阀门\n".encode(), complete=True) == "utf-8"
    assert encoding_of("Größe,±5 µm\n".encode(), complete=True) == "utf-8"


def test_one_broken_row_does_not_make_a_text_gb_18030() -> None:
    for broken in (b"A,caf\xe9\n", "A,铜闸阀".encode()[:-1] + b"\n", b"A,\xff\xfe\n"):
        assert encoding_of(b"suffix,name\n" + broken, complete=True) == "utf-8"


def test_a_window_may_end_inside_a_character() -> None:
    line = "阀" * 100_000
    for encoding in ("utf-8", "gb18030"):
        for odd in ("", "a", "ab"):
            window = (odd + line).encode(encoding)[:WINDOW]
            assert encoding_of(window, complete=False) == encoding


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_byte_order_mark_decides(encoding: str) -> None:
    body = "\ufeffsuffix\nA\n".encode(encoding)
    assert transcoded(body, [1, 2, 3]) == ("\ufeffsuffix\nA\n".encode(), encoding)


def test_ascii_decides_nothing_until_the_end() -> None:
    transcoder = Transcoder(None)
    assert transcoder.feed(b"a" * WINDOW * 2) == b"a" * WINDOW * 2
    assert transcoder.encoding is None
    assert transcoder.finish() == b""
    assert transcoder.encoding == "utf-8"


def test_windows_are_counted_from_the_beginning_of_the_text() -> None:
    # Read from the middle, the window that decides is the same one.
    body = b"a,b\n" * (WINDOW // 4 + 10) + CHINESE.encode("gb18030") * 3 + CHINESE.encode() * 2000
    whole = Transcoder(None)
    whole.feed(body)
    whole.finish()
    for start in (40, WINDOW - 4, WINDOW, WINDOW + 8):
        rest = Transcoder(None, start=start)
        text = rest.feed(body[start:]) + rest.finish()
        assert (rest.encoding, text[: WINDOW // 2]) == (whole.encoding, body[start : start + WINDOW // 2])


def test_an_octet_that_is_no_gb_18030_breaks_its_row_and_no_other() -> None:
    body = "铜阀,一\n".encode("gb18030") * 5 + b"A,\xff\xff\n" + "阀,二\n".encode("gb18030")
    text, encoding = transcoded(body, [])
    assert encoding == "gb18030"
    assert text == "铜阀,一\n".encode() * 5 + b"A,\xff\xff\n" + "阀,二\n".encode()
