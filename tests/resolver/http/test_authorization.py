"""The Authorization header of Handle clients: what it says, and that nothing in it breaks the reader."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.administration import Identity, InvalidProof, ProofUnsupported
from resolver.handle.public_keys import PublicKeyProof
from resolver.handle.secret_keys import HmacProof, Pbkdf2Proof, PlainSecret
from resolver.http.authorization import (
    AuthorizationUnreadable,
    HandleFields,
    Secret,
    Signed,
    authorization,
    fields_of,
    handle_fields,
    identity_of,
    proof_of,
)

ME = Identity("0.NA/88.101.2001", 300)
SIGNED = (
    'Handle version="0", sessionId="s", id="300%3A0.NA%2F88.101.2001", type="HS_PUBKEY", cnonce="Yw==",'
    ' alg="SHA256", signature="c2ln"'
)


def basic(text: bytes) -> str:
    return f"Basic {base64.b64encode(text).decode()}"


def test_the_user_of_basic_is_percent_encoded_and_the_secret_is_as_it_is() -> None:
    said = authorization(basic("300%3A0.NA%2F88.101.2001:a:b%3A\u6c34".encode()))
    assert said == Secret(ME, PlainSecret("a:b%3A\u6c34".encode()))
    assert "a:b" not in repr(said)


def test_a_signed_session_is_read_whole() -> None:
    assert authorization(SIGNED) == HandleFields("s", Signed(ME, PublicKeyProof("SHA-256", b"sig"), b"c"), False)


def test_names_are_of_any_case_and_values_may_be_bare_or_escaped() -> None:
    assert fields_of('SESSIONID=abc , ClientCert="tr\\ue"') == {"sessionid": "abc", "clientcert": "true"}
    assert authorization('handle CLIENTCERT="True"') == HandleFields(None, None, True)
    assert authorization("Handle clientCert=false") == HandleFields(None, None, False)


@pytest.mark.parametrize("header", ["", "Bearer abc", "Negotiate YQ==", "Digest a=b"])
def test_other_schemes_are_not_ours_to_judge(header: str) -> None:
    assert authorization(header) is None


@pytest.mark.parametrize("alg", ["PBKDF2WithHmacSHA1", "PBKDF2-HMAC-SHA1", "pbkdf2_hmac_sha1"])
def test_pbkdf2_has_many_spellings_and_its_numbers_beside_it(alg: str) -> None:
    fields = {"alg": alg, "signature": "bWFj", "salt": "c2FsdA==", "iterations": "10000", "length": "160"}
    assert proof_of("HS_SECKEY", fields) == Pbkdf2Proof(b"salt", 10_000, 160, b"mac")


def test_pbkdf2_may_come_as_the_native_protocol_writes_it() -> None:
    written = b"\0\0\0\4salt" + (10_000).to_bytes(4, "big") + (160).to_bytes(4, "big") + b"\0\0\0\3mac"
    fields = {"alg": "PBKDF2WithHmacSHA1", "signature": base64.b64encode(written).decode()}
    assert proof_of("HS_SECKEY", fields) == Pbkdf2Proof(b"salt", 10_000, 160, b"mac")


def test_hmac_is_taken_and_what_is_older_is_not() -> None:
    mac = base64.b64encode(bytes(32)).decode()
    assert proof_of("HS_SECKEY", {"alg": "HMAC-SHA256", "signature": mac}) == HmacProof(bytes(32))
    for alg in ("MD5", "SHA1", "SHA-256", "HMAC-SHA1", "ROT13", ""):
        with pytest.raises(ProofUnsupported):
            proof_of("HS_SECKEY", {"alg": alg, "signature": mac})


def test_base64_may_be_that_of_addresses_and_lack_its_padding() -> None:
    for text in ("-_8=", "-_8", "+/8=", "+/8"):
        assert proof_of("HS_PUBKEY", {"alg": "SHA-256", "signature": text}) == PublicKeyProof("SHA-256", b"\xfb\xff")


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic %", "Basic YQ==", "Handle ,", "Handle a", "Handle a=b c=d", 'Handle a="b', "Handle a=b, a=c",
     "Handle version=1", "Handle id=a", SIGNED.replace('sessionId="s", ', ""), SIGNED.replace("Yw==", "Y"),
     SIGNED.replace("Yw==", "A" * 400), "Handle sessionId=\u6c34", "Basic \udcff"],
)  # fmt: skip
def test_what_cannot_be_read_is_said_to_be_unreadable(header: str) -> None:
    with pytest.raises(AuthorizationUnreadable):
        authorization(header)


def test_an_identity_is_an_index_and_a_handle_or_a_handle_alone() -> None:
    assert identity_of("300:0.NA/88.101.2001") == ME
    assert identity_of("0.NA/88.101.2001") == Identity("0.NA/88.101.2001", 0)
    for text in (":a", "x:a/b", "-1:a", "2147483648:a", "\u0661:a"):
        assert identity_of(text) == Identity(text, 0)


names = st.sampled_from(
    ["version", "sessionId", "id", "type", "cnonce", "alg", "signature", "salt", "iterations", "length", "clientCert"]
)


@given(st.one_of(st.text(max_size=60), st.builds(lambda text: "Handle " + text, st.text(max_size=60)),
                 st.builds(basic, st.binary(max_size=60))))  # fmt: skip
def test_no_header_breaks_the_reader(header: str) -> None:
    with contextlib.suppress(InvalidProof, ProofUnsupported):
        authorization(header)


@given(st.dictionaries(names, st.one_of(st.text(max_size=20), st.sampled_from(["HS_SECKEY", "HS_PUBKEY", "0", "MD5",
       "PBKDF2WithHmacSHA1", "HMAC-SHA256", "YQ==", "1"]))))  # fmt: skip
def test_no_fields_break_the_reader(fields: dict[str, str]) -> None:
    with contextlib.suppress(InvalidProof, ProofUnsupported):
        handle_fields({name.lower(): text for name, text in fields.items()})
