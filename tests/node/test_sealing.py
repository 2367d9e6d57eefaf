"""What is sealed opens for its own context with its own key, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.sealing import KEY_BYTES, Seal, SealBroken, SealKeyUnusable, seal_of

SEAL = Seal(bytes(KEY_BYTES))


def test_what_was_sealed_opens_again() -> None:
    for plain in (b"", b"13800000000", "示例联系人".encode() * 1000):
        assert SEAL.open(SEAL.seal(plain, "enterprise:1"), "enterprise:1") == plain


def test_the_same_text_is_never_sealed_alike_and_never_readable() -> None:
    first, second = SEAL.seal(b"13800000000", "a"), SEAL.seal(b"13800000000", "a")
    assert first != second
    assert b"13800000000" not in first


@pytest.mark.parametrize("context", ["enterprise:2", ""])
def test_it_does_not_open_for_another_context(context: str) -> None:
    with pytest.raises(SealBroken):
        SEAL.open(SEAL.seal(b"text", "enterprise:1"), context)


def test_it_does_not_open_with_another_key_or_when_any_octet_changed() -> None:
    sealed = SEAL.seal(b"text", "a")
    with pytest.raises(SealBroken):
        Seal(b"\x01" * KEY_BYTES).open(sealed, "a")
    for at in range(len(sealed)):
        with pytest.raises(SealBroken):
            SEAL.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], "a")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            SEAL.open(sealed[:length], "a")


def test_equal_texts_have_equal_digests_under_one_key_only() -> None:
    assert SEAL.digest("ops@example.com") == SEAL.digest("ops@example.com")
    assert SEAL.digest("ops@example.com") != SEAL.digest("ops@example.org")
    assert SEAL.digest("ops@example.com") != Seal(b"\x01" * KEY_BYTES).digest("ops@example.com")


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "seal.key"
    sealed = seal_of(file).seal(b"text", "a")
    assert file.stat().st_mode & 0o777 == 0o600
    assert seal_of(file).open(sealed, "a") == b"text"


@pytest.mark.parametrize("content", ["", "00" * 31, "zz" * 32, "00" * 33])
def test_a_file_that_holds_no_key_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "seal.key"
    file.write_text(content)
    with pytest.raises(SealKeyUnusable, match=r"seal\.key"):
        seal_of(file)
