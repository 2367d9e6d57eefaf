"""``biaoshi keygen``."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typer.testing import CliRunner, Result

from node.cli import app
from node.handle_data import RsaPublicKey, decode_public_key
from node.public_key_file import public_key_data


def keygen(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["keygen", *map(str, arguments)])


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def public_numbers(key: object) -> RsaPublicKey:
    assert isinstance(key, RSAPrivateKey)
    numbers = key.public_key().public_numbers()
    return RsaPublicKey(numbers.n, numbers.e)


def test_a_pair_in_pem_of_3072_bits_whose_private_part_is_its_owner_s(tmp_path: Path) -> None:
    file = tmp_path / "admin"
    result = keygen(file)
    assert result.exit_code == 0, result.output
    key = load_pem_private_key(file.read_bytes(), None)
    assert public_numbers(key) == decode_public_key(public_key_data(tmp_path / "admin.pub"))
    assert public_numbers(key).n.bit_length() == 3072
    assert mode(file) == 0o600
    assert mode(tmp_path / "admin.pub") & 0o022 == 0


def test_a_pair_in_pem_under_a_passphrase(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("three little words\r\n", encoding="utf-8")
    assert keygen(tmp_path / "admin", "--bits", "2048", "--passphrase-file", tmp_path / "words").exit_code == 0
    pem = (tmp_path / "admin").read_bytes()
    assert load_pem_private_key(pem, b"three little words")
    with pytest.raises(TypeError):
        load_pem_private_key(pem, None)


@pytest.mark.parametrize(("options", "encryption"), [([], 1), (["--passphrase-file", "words"], 4)])
def test_a_pair_in_the_files_of_handle_net(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], encryption: int
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words").write_text("three little words", encoding="utf-8")
    assert keygen("admpriv.bin", "--format", "handle", "--bits", "2048", *options).exit_code == 0
    private = Path("admpriv.bin").read_bytes()
    assert int.from_bytes(private[:4], "big") == encryption
    assert (b"RSA_PRIVCRT_KEY" in private) is (encryption == 1)
    assert mode(Path("admpriv.bin")) == 0o600
    public = decode_public_key(Path("admpriv.bin.pub").read_bytes())
    assert isinstance(public, RsaPublicKey)
    if encryption == 1:
        assert public.n.to_bytes(256, "big") in private


def test_a_secret_key_is_one_line_of_its_owner_s(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    result = keygen(file, "--secret")
    assert result.exit_code == 0
    secret = file.read_text(encoding="ascii")
    assert len(secret) == 43
    assert secret not in result.output
    assert mode(file) == 0o600
    assert not (tmp_path / "secret.pub").exists()


@pytest.mark.parametrize("there", ["admin", "admin.pub"])
def test_no_file_is_written_over(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious", encoding="utf-8")
    result = keygen(tmp_path / "admin", "--bits", "2048")
    assert result.exit_code == 1
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [(there, "precious")]
    if there == "admin":
        assert keygen(tmp_path / "admin", "--secret").exit_code == 1
        assert (tmp_path / "admin").read_text(encoding="utf-8") == "precious"


def test_a_place_where_nothing_can_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    result = keygen(tmp_path / "nowhere" / "admin", "--secret")
    assert result.exit_code == 1
    assert "No such file" in result.output


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_passphrase_that_is_missing_or_empty_makes_no_key(tmp_path: Path, content: str | None) -> None:
    words = tmp_path / "words"
    if content is not None:
        words.write_text(content, encoding="utf-8")
    assert keygen(tmp_path / "admin", "--bits", "2048", "--passphrase-file", words).exit_code == 1
    assert not (tmp_path / "admin").exists()


def test_a_secret_key_takes_no_passphrase_and_a_pair_no_few_bits(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("words", encoding="utf-8")
    assert keygen(tmp_path / "a", "--secret", "--passphrase-file", tmp_path / "words").exit_code == 2
    assert keygen(tmp_path / "a", "--bits", "1024").exit_code == 2
    assert not (tmp_path / "a").exists()
