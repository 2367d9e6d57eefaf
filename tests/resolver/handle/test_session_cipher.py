"""The ciphers of sessions, by the bytes of the programs that have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resolver.handle.codes import OpCode
from resolver.handle.envelope import ENVELOPE_BYTES, decode_envelope
from resolver.handle.message import decode_message
from resolver.handle.session_cipher import Algorithm, SessionFailed, SessionKey, decode_key, encode_key

VECTORS: dict[str, dict[str, Any]] = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "handle.json").read_text(encoding="utf-8"))
}


def test_the_bytes_of_an_encrypted_message_are_those_of_the_known_clients() -> None:
    for name, algorithm in (("encrypted-aes-request", 3), ("sdk-encrypted-sm4-request", 4)):
        vector = VECTORS[name]
        fields = vector["fields"]
        key = SessionKey(Algorithm(algorithm), bytes.fromhex(fields["key_hex"]))
        data = bytes.fromhex(vector["hex"])
        plain = bytes.fromhex(fields["plaintext_hex"])
        assert key.decrypt(data[ENVELOPE_BYTES:]) == plain
        vector_bytes = bytes.fromhex(fields.get("iv_hex", ""))
        assert key.encrypt(plain, lambda size, iv=vector_bytes: iv[:size]) == data[ENVELOPE_BYTES:]
        assert decode_message(decode_envelope(data), plain).header.op_code == OpCode.RESOLVE


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("size", [0, 1, 15, 17, 31, 33])
def test_what_is_no_ciphertext_is_not_deciphered(algorithm: Algorithm, size: int) -> None:
    key = SessionKey(algorithm, bytes(16))
    with pytest.raises(SessionFailed):
        key.decrypt(bytes(size))


@pytest.mark.parametrize(
    ("data", "accepted"),
    [
        (b"\0\0\0\3" + bytes(16), True),
        (b"\0\0\0\3" + bytes(32), True),
        (b"\0\0\0\4" + bytes(16), True),
        (b"\0\0\0\4" + bytes(32), False),
        (b"\0\0\0\3" + bytes(15), False),
        (b"\0\0\0\1" + bytes(8), False),
        (b"\0\0\0\2" + bytes(24), False),
        (b"\0\0\0\0" + bytes(16), False),
        (b"", False),
    ],
    ids=["AES", "long AES", "SM4", "long SM4", "short AES", "DES", "triple DES", "none", "nothing"],
)
def test_des_and_keys_of_other_sizes_are_refused(data: bytes, accepted: bool) -> None:
    key = decode_key(data)
    assert (key is not None) is accepted
    if key is not None:
        assert encode_key(key) == data


def test_a_session_key_does_not_show_itself() -> None:
    assert "secret" not in repr(SessionKey(Algorithm.AES, b"0123456789abcdef"))
