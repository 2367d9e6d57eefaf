"""What a handle names."""

from __future__ import annotations

import pytest

from node.errors import NodeError
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix
from resolver.answer import NotResponsible
from resolver.names import PrefixHandle, ServiceHandle, parse_name, prefix_handle


@pytest.mark.parametrize("text", ["88.101.1/Pump-001", "86.100/中文", "88.101.1.7/x", "88.101.1.A.B.9/x/y"])
def test_a_prefix_and_a_suffix_are_an_identifier_of_any_depth(text: str) -> None:
    name = parse_name(text)
    assert isinstance(name, Identifier)
    assert name.text == text


@pytest.mark.parametrize("text", ["0.NA/88.101.1", "0.na/88.101.1", "88.101.1"])
def test_a_prefix_handle_may_be_written_without_its_space(text: str) -> None:
    name = parse_name(text)
    assert isinstance(name, PrefixHandle)
    assert name.prefix.key == "88.101.1"
    assert name.text == text


def test_a_prefix_handle_is_stored_in_upper_case() -> None:
    name = parse_name("0.na/88.101.aB")
    assert isinstance(name, PrefixHandle)
    assert prefix_handle(name.prefix) == "0.NA/88.101.AB"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0.SITE/88.101", "0.SITE/88.101"),
        ("0.site/status", "0.SITE/STATUS"),
        ("0", "0.NA/0"),
        ("0.NA/0", "0.NA/0"),
        ("0.SITE/", "0.SITE/"),
    ],
)
def test_handles_of_the_service_itself_are_compared_as_a_whole(text: str, name: str) -> None:
    assert parse_name(text) == ServiceHandle(text, name)


@pytest.mark.parametrize("text", ["10.1000/abc", "0.NA/20.500.12345", "0.TYPE/URL", "hello", "88", "0.NA/86", "88/x"])
def test_the_well_formed_prefixes_of_others_are_not_ours(text: str) -> None:
    with pytest.raises(NotResponsible):
        parse_name(text)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", InvalidPrefix),
        ("/", InvalidPrefix),
        ("/x", InvalidPrefix),
        ("88.x.1/a", InvalidPrefix),
        ("88.101./a", InvalidPrefix),
        ("88.101.中/a", InvalidPrefix),
        ("0.NA/", InvalidPrefix),
        ("0.NA/88.101.1/x", InvalidPrefix),
        ("not a prefix/x", InvalidPrefix),
        ("88.101." + "1" * 70 + "/x", InvalidPrefix),
        ("88.101.1/", InvalidSuffix),
        ("88.101.1/ x", InvalidSuffix),
        ("88.101.1/e\u0301", InvalidSuffix),
        ("88.101.1/" + "x" * 300, InvalidIdentifier),
    ],
)
def test_what_is_no_handle_is_refused_by_name(text: str, refusal: type[NodeError]) -> None:
    with pytest.raises(refusal):
        parse_name(text)
