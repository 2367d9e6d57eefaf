"""Key files of escrow: made once, of the right kind, readable by OpenSSL."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from node.key_files import KeyFileExists
from registry.escrow.keys import (
    EscrowKeyUnusable,
    fingerprint,
    known_signer,
    make_recipient,
    opening_key,
    recipient_key,
    signing_key,
)


def test_the_signing_key_is_made_once_with_its_public_half_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "made" / "escrow-key.pem"
    key = signing_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    raw = key.public_key().public_bytes_raw()
    assert signing_key(file).public_key().public_bytes_raw() == raw
    for one in (file, Path(f"{file}.pub")):
        assert known_signer(one).public_bytes_raw() == raw


def test_openssl_s_keys_are_a_recipient_s(tmp_path: Path) -> None:
    private, public = tmp_path / "r.pem", tmp_path / "r.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    assert opening_key(private).public_key().public_bytes_raw() == recipient_key(public).public_bytes_raw()


def test_a_recipient_s_key_is_not_made_over_another(tmp_path: Path) -> None:
    file = tmp_path / "r.pem"
    assert make_recipient(file) == tmp_path / "r.pem.pub"
    before = file.read_bytes()
    with pytest.raises(KeyFileExists):
        make_recipient(file)
    assert file.read_bytes() == before


def test_a_key_of_another_kind_or_none_is_refused(tmp_path: Path) -> None:
    recipient, signer = tmp_path / "r.pem", tmp_path / "s.pem"
    public = make_recipient(recipient)
    signing_key(signer)
    text = tmp_path / "text"
    text.write_text("no key")
    for read, file in (
        (signing_key, recipient), (known_signer, recipient), (known_signer, public), (recipient_key, recipient),
        (recipient_key, Path(f"{signer}.pub")), (opening_key, signer), (opening_key, public), (opening_key, text),
        (recipient_key, text), (recipient_key, tmp_path / "nowhere"), (signing_key, text),
    ):  # fmt: skip
        with pytest.raises(EscrowKeyUnusable):
            read(file)


def test_a_fingerprint_is_what_people_can_compare() -> None:
    assert fingerprint(bytes(32)) == "6668 7aad f862 bd77 6c8f c18b 8e9f 8e20"
