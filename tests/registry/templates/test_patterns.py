import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.templates.patterns import MAX_PATTERN, InvalidPattern, compile_pattern

ITEMS = ["a", "b", r"\d", r"\w", r"\s", r"\D", ".", "[a-c]", "[^b]", r"[\d.-]", "闸", "[一-龥]", r"\.", "-"]
REPEATS = ["", "", "?", "*", "+", "{2}", "{1,}", "{0,3}"]
sequences = st.lists(st.tuples(st.sampled_from(ITEMS), st.sampled_from(REPEATS)), min_size=1, max_size=4)
patterns = st.lists(sequences, min_size=1, max_size=3).map(
    lambda alternatives: "|".join("".join(item + repeat for item, repeat in items) for items in alternatives)
)


@given(patterns, st.text("ab1 .-闸_\n", max_size=6))
def test_a_pattern_means_what_regular_expressions_mean(pattern: str, value: str) -> None:
    try:
        ours = compile_pattern(pattern, 6)
    except InvalidPattern:
        return
    # One octet more is excluded by our dot: a carriage return; none is drawn here.
    theirs = re.compile(pattern, re.ASCII)
    assert bool(ours.fullmatch(value)) == bool(theirs.fullmatch(value))


@given(patterns, st.sampled_from(["a", "-", "1", "ab", "a-"]))
def test_no_accepted_pattern_can_be_made_slow(pattern: str, piece: str) -> None:
    try:
        matcher = compile_pattern(pattern, 255)
    except InvalidPattern:
        return
    started = time.perf_counter()
    matcher.fullmatch((piece * 255)[:254] + "\n")
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{8}|\d{12,14}",
        "[A-Z]{2}-[0-9]+",
        ".*-.*",
        r"[\w.+\-]+@[\w.\-]+",
        "[一-龥A-Za-z0-9]+",
        r"\$\^\(\)",
        "[-a]",
        "[a-]",
        "a b",
    ],
)
def test_usual_patterns_are_accepted(pattern: str) -> None:
    compile_pattern(pattern, 255)


@pytest.mark.parametrize(
    ("pattern", "position"),
    [
        ("", 0),
        ("a" * (MAX_PATTERN + 1), MAX_PATTERN + 1),
        ("(a+)+", 1),
        ("(?=a)", 1),
        (r"(a)\1", 1),
        (r"\1", 2),
        (r"\bx", 2),
        ("a++", 3),
        ("a+?", 3),
        ("a{2}{3}", 5),
        ("*a", 1),
        ("{2}", 1),
        ("a}", 2),
        ("a]", 2),
        ("^a", 1),
        ("a$", 2),
        ("[a", 2),
        ("[]", 2),
        ("[z-a]", 4),
        (r"[a-\d]", 5),
        ("[[a]", 2),
        (r"[^\d\D]", 7),
        ("a|", 2),
        ("|a", 2),
        ("a{3,2}", 6),
        ("a{0}", 4),
        ("\\", 1),
        (".*.*.*", 6),
        ("a*a*b", 5),
        (r"\w*\d*\w*x", 10),
    ],
)
def test_a_pattern_outside_the_subset_is_refused_with_its_place(pattern: str, position: int) -> None:
    with pytest.raises(InvalidPattern) as raised:
        compile_pattern(pattern, 8192)
    assert raised.value.evidence == {"pattern": pattern, "position": position}


def test_repetitions_of_different_characters_do_not_multiply() -> None:
    compile_pattern(r"[a-z]+\d+[a-z]+\d+[a-z]+\d+", 8192)


def test_a_bounded_overlap_is_accepted_and_an_unbounded_one_is_not() -> None:
    compile_pattern(".{0,9}-x", 8192)
    with pytest.raises(InvalidPattern, match="too long"):
        compile_pattern(".*-x", 8192)
