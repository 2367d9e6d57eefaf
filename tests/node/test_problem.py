"""Errors as RFC 9457 problems."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from node.errors import (
    CATEGORIES,
    Conflict,
    Internal,
    Malformed,
    NodeError,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from node.problem import HTTP_STATUS, headers_of, problem, status_of


class ShelfFull(Conflict):
    title_zh = "货架已满"


def rendered(error: NodeError, request_id: str = "") -> dict[str, Any]:
    content = json.loads(problem(error, request_id))
    assert isinstance(content, dict)
    return content


def test_a_problem_names_the_fact_in_two_languages_with_its_evidence() -> None:
    assert rendered(ShelfFull("the shelf holds no more", shelf="A-1", most=40), "request-1") == {
        "type": "urn:biaoshi:error:shelf_full",
        "code": "shelf_full",
        "title": "货架已满",
        "status": 409,
        "detail": "the shelf holds no more",
        "request_id": "request-1",
        "shelf": "A-1",
        "most": 40,
    }


def test_a_problem_outside_a_request_has_no_request_id() -> None:
    assert "request_id" not in rendered(ShelfFull("the shelf holds no more"))


def test_evidence_cannot_pass_for_the_problem_itself() -> None:
    forged = rendered(ShelfFull("the shelf holds no more", status=200, title="all is well", code="fine"))
    assert (forged["status"], forged["title"], forged["code"]) == (409, "货架已满", "shelf_full")


def test_every_category_has_a_status_of_its_own() -> None:
    assert set(HTTP_STATUS) == set(CATEGORIES)
    assert len(set(HTTP_STATUS.values())) == len(CATEGORIES)
    assert {status for status in HTTP_STATUS.values() if status >= 500} == {HTTP_STATUS[Unavailable], 500}
    assert status_of(Internal("ours")) == 500


@pytest.mark.parametrize(
    ("evidence", "shown"),
    [
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00Z"),
        (Decimal("1.10"), "1.10"),
        (ValueError("why"), "why"),
        (("a", "b"), ["a", "b"]),
        ("half \ud800 a pair", "half \ud800 a pair"),
        (["\udcff"], ["\udcff"]),
        (2**70, 2**70),
        ({"deep": {"er": [1, None, True]}}, {"deep": {"er": [1, None, True]}}),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_evidence_of_any_kind_can_be_shown(evidence: object, shown: object) -> None:
    assert rendered(ShelfFull("the shelf holds no more", found=evidence))["found"] == shown


def test_who_must_sign_in_is_told_how() -> None:
    assert headers_of(Unauthenticated("sign in")) == {"WWW-Authenticate": 'Bearer realm="biaoshi"'}


@pytest.mark.parametrize("kind", [TooMany, Unavailable])
def test_who_may_come_again_is_told_when(kind: type[NodeError]) -> None:
    assert headers_of(kind("later")) == {"Retry-After": "1"}
    assert headers_of(kind("later", retry_after=30)) == {"Retry-After": "30"}


@pytest.mark.parametrize("kind", [Malformed, NotFound, Conflict, Internal])
def test_other_problems_need_no_headers(kind: type[NodeError]) -> None:
    assert headers_of(kind("so it is")) == {}
