"""The OpenAPI document keeps its word: generated requests of every kind, as everybody, and no answer surprises.

Two generators: schemathesis' own run looks for the borders of every schema; ours takes requests that make sense
about things that exist and spoils them in one place, so that they get past the door.
"""

from __future__ import annotations

import copy
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.databases import Clone
from tests.support.node import Node, node_of_its_own
from tests.support.samples import living, samples

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
EXAMPLES = 3
pytestmark = pytest.mark.system  # for minutes


@pytest.fixture(scope="module")
def node(clone: Clone) -> Iterator[Node]:
    """One node for all requests of this file: they may change it as they like."""
    with node_of_its_own(clone, log={"requests": False}, http={"body_seconds": 2}) as node:
        yield node


def spoil(case: Any, sample: Any, known: dict[str, Any], place: int) -> None:
    """The generated request made to make sense, but for the one place that stays as it was generated."""
    for container in (case.path_parameters, case.query, case.headers):
        names = [name for name in container if name in known]
        for number, name in enumerate(names):
            if number != place:
                container[name] = str(known[name]) if container is case.headers else known[name]
    if sample is not None:
        generated = case.body
        case.body = copy.deepcopy(sample)
        if isinstance(sample, dict) and isinstance(generated, dict) and place < len(generated):
            name = sorted(generated, key=str)[place]
            case.body[name] = generated[name]


# What each must have met; in this order everybody asks the same, whoever may change most being the last.
WANTED = {
    None: {400, 401}, "enterprise_user": {200, 400, 403, 404}, "administrator": {200, 201, 400, 404, 409},
}  # fmt: skip


def test_no_request_that_nearly_makes_sense_gets_an_answer_that_is_not_described(
    node: Node, pytestconfig: pytest.Config
) -> None:
    examples = EXAMPLES if pytestconfig.getoption("contract_whole") else 1
    schema = schemathesis.openapi.from_url(f"{node.url}/v1/openapi.json")
    bodies = samples(node)
    seen: dict[str | None, Counter[int]] = {by: Counter() for by in WANTED}
    session = requests.Session()

    def check_operation(operation: Any, mode: GenerationMode) -> None:
        @settings(
            max_examples=examples, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(mode), place=st.integers(0, 12), sensible=st.booleans())
        def check(case: Any, place: int, sensible: bool) -> None:
            if sensible:
                spoil(case, bodies.get(operation.label), living(node, operation.label), place)
            for by in WANTED:
                headers = {"Authorization": f"Bearer {node.tokens[by]}"} if by else {}
                response = case.call(session=session, headers=headers)
                seen[by][response.status_code] += 1
                case.validate_response(response, checks=CHECKS)

        check()

    for result in schema.get_all_operations():
        operation: Any = result
        for mode in GenerationMode:
            with suppress(Unsatisfiable):  # an operation that takes nothing cannot be asked wrongly
                check_operation(operation.ok(), mode)
    assert all(wanted <= set(seen[by]) for by, wanted in WANTED.items()), seen


def test_the_borders_of_schemas_are_answered_as_described(
    node: Node, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Of every third operation, with ``--contract-whole`` of all; the test before this one asks all in any case."""
    chosen = []
    if not pytestconfig.getoption("contract_whole"):
        paths = requests.get(f"{node.url}/v1/openapi.json", timeout=30).json()["paths"]
        labels = sorted(f"{method.upper()} {path}" for path, found in paths.items() for method in found)
        chosen = [argument for label in labels[::3] for argument in ("--include-name", label)]
        assert len(chosen) > 100
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{node.url}/v1/openapi.json",
        "--header", f"Authorization: Bearer {node.tokens['administrator']}", "--phases", "examples,coverage",
        "--generation-deterministic", "--exclude-checks", "positive_data_acceptance", "--warnings", "off",
        "--no-color", *chosen,
    ]  # fmt: skip
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "passed" in run.stdout


# Texts that no database takes ---------------------------------------------------------------------------


def texts_within(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where texts stand in a JSON value, outside of passwords, which are only hashed."""
    if isinstance(value, str) and path[-1] not in ("password", "old"):
        yield path
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from texts_within(inner, (*path, name))


def with_text(value: Any, path: tuple[Any, ...], text: str) -> Any:
    changed = copy.deepcopy(value)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = text
    return changed


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "\udfff"], ids=ascii)
def test_texts_that_no_database_takes_are_refused_wherever_they_stand(node: Node, text: str) -> None:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {node.tokens['administrator']}"
    odd = []
    for label, sample in samples(node).items():
        method, _, path = label.partition(" ")
        url = node.url + path.format_map(living(node, label))
        for place in texts_within(sample) if isinstance(sample, dict) else ():
            answer = session.request(method, url, json=with_text(sample, place, text))
            if not 400 <= answer.status_code < 500:
                odd.append(f"{label} {place}: {answer.status_code}")
    assert odd == []
