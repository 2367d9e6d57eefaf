"""Every refusal of every package: named once, titled in Chinese, and answered with a status of its own kind."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter

import pytest

from node.errors import CATEGORIES, Internal, NodeError, category_of, code_of
from node.problem import HTTP_STATUS, SPECIAL_STATUS, headers_of, problem, status_of
from tests.support.errors import FACTS, FILES, KINDS, ROOT, example

RESERVED = {"type", "code", "title", "status", "detail", "request_id"}


CATEGORY_NAMES = {"NodeError", *(category.__name__ for category in CATEGORIES)}


def test_there_are_errors_to_look_at() -> None:
    assert len(FACTS) > 60


def test_a_code_means_one_thing() -> None:
    times = Counter(map(code_of, KINDS))
    assert [code for code, count in times.items() if count > 1] == []


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_an_error_has_a_category_a_title_and_a_status(kind: type[NodeError]) -> None:
    error = example(kind)
    category = category_of(error)
    assert re.search(r"[\u4e00-\u9fff]", kind.title_zh)
    assert "title_zh" in vars(kind), "a fact has a title of its own"
    assert status_of(error) >= 400
    assert (status_of(error) == 500) is (category is Internal)


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_an_error_is_rendered_as_a_problem(kind: type[NodeError]) -> None:
    error = example(kind)
    content = json.loads(problem(error, "request-1"))
    assert content == {
        "type": f"urn:biaoshi:error:{code_of(kind)}",
        "code": code_of(kind),
        "title": kind.title_zh,
        "status": status_of(error),
        "detail": "so it is",
        "request_id": "request-1",
        "where": "here",
    }
    assert set(headers_of(error)) <= {"WWW-Authenticate", "Retry-After"}


def test_an_error_belongs_to_one_category_only() -> None:
    assert [kind for kind in FACTS if sum(category in kind.__mro__ for category in CATEGORIES) != 1] == []


def test_a_special_status_belongs_to_a_known_error_and_stays_among_refusals() -> None:
    assert set(SPECIAL_STATUS) <= set(map(code_of, FACTS))
    assert not {status for status in SPECIAL_STATUS.values() if status in HTTP_STATUS.values() or status >= 500}


def test_no_error_is_raised_with_evidence_that_the_problem_would_hide() -> None:
    names = {kind.__name__ for kind in KINDS}
    guilty = []
    for path in FILES:
        if path.is_relative_to(ROOT / "node" / "national"):
            continue  # what went wrong on the way up is logged and kept, not answered
        for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(item, ast.Call) and getattr(item.func, "id", "") in names:
                hidden = RESERVED & {str(keyword.arg) for keyword in item.keywords}
                guilty += [f"{path.relative_to(ROOT)}:{item.lineno} {word}" for word in sorted(hidden)]
    assert guilty == []


def test_categories_are_not_raised_themselves() -> None:
    guilty = [
        f"{path.relative_to(ROOT)}:{item.lineno}"
        for path in FILES
        for item in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(item, ast.Raise)
        and getattr(item.exc.func if isinstance(item.exc, ast.Call) else item.exc, "id", "") in CATEGORY_NAMES
    ]
    assert guilty == []
