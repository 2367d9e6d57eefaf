"""Forms with files: whatever their senders make of RFC 7578."""

from __future__ import annotations

import random

import pytest

from registry.api.multipart import FormBroken, SentFile, form_of

BOUNDARY = "b0undary"


def form(*parts: tuple[str, bytes], end: str = "--\r\n") -> bytes:
    body = b"".join(b"--b0undary\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    return body + b"--b0undary" + end.encode()


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ('filename="licence.png"', "licence.png"),
        ('filename="执照.png"', "执照.png"),
        ("filename*=UTF-8''%E6%89%A7%E7%85%A7.png", "执照.png"),
        ("filename*=bogus''%E6%89%A7.png", "执.png"),
        ("filename=a.png; filename*=UTF-8'zh'%E6%89%A7.png", "执.png"),
        ('filename="a\\"b.png"', 'a"b.png'),
        ('filename=""', ""),
    ],
)
def test_the_name_of_a_file_is_read_however_it_is_written(told: str, name: str) -> None:
    (file,) = form_of(form((f'Content-Disposition: form-data; name="file"; {told}', b"\x00\xff")), BOUNDARY).files
    assert file == SentFile("file", name, b"\x00\xff")


def test_fields_stand_beside_files_and_contents_stay_as_they_are() -> None:
    content = b"\r\n--b0undar\r\n--\r\n\r\n" + bytes(range(256))
    sent = form(
        ('content-disposition: form-data; name="备注"', "说明".encode()),
        ('Content-Disposition: form-data; name="file"; filename="a.pdf"\r\nContent-Type: application/pdf', content),
    )
    found = form_of(b"preamble\r\n" + sent + b"epilogue", BOUNDARY)
    assert found.fields == {"备注": "说明"}
    assert found.files == [SentFile("file", "a.pdf", content)]


def test_what_is_no_whole_form_is_refused() -> None:
    good = form(('Content-Disposition: form-data; name="file"; filename="a"', b"x"))
    for broken in (b"", b"--b0undary", good[:-6], good.replace(b"\r\n\r\n", b"\r\n"), form(*[("a: b", b"")] * 40)):
        with pytest.raises(FormBroken):
            form_of(broken, BOUNDARY)


def test_no_damage_makes_anything_but_a_form_or_a_refusal() -> None:
    rng = random.Random(5)
    good = form(
        ("Content-Disposition: form-data; name*=UTF-8''f; filename*0*=UTF-8''%E6; filename*1=x", b"x"),
        ('Content-Disposition: form-data; name="file"; filename="执照.png"', b"y" * 50),
    )
    for _ in range(3000):
        damaged = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            place = rng.randrange(len(damaged))
            damaged[place : place + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        try:
            form_of(bytes(damaged), BOUNDARY)
        except FormBroken:
            continue
