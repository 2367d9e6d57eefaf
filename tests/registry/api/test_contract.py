"""The OpenAPI document keeps its word: generated requests of every kind, as everybody, and no answer surprises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from uuid import uuid4

import asyncpg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.node import Node, node_in_thread

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 10
"""Generated requests of each kind for each operation and caller."""


@pytest.fixture(scope="module")
def node(server_url: Callable[[str], str], template_database: str) -> Iterator[Node]:
    """One node for all requests of this file: they may change it as they like."""
    name = f"test_{uuid4().hex[:12]}"

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(server_url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"'))
    with node_in_thread(server_url(name), log={"requests": False}, http={"body_seconds": 2}) as node:
        yield node
    asyncio.run(execute(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.mark.parametrize("by", ["administrator", "reviewer", "enterprise_user", None])
def test_every_answer_is_one_that_the_document_names(node: Node, by: str | None) -> None:
    schema = schemathesis.openapi.from_url(node.url + "/v1/openapi.json")
    headers = {"Authorization": f"Bearer {node.tokens[by]}"} if by else {}
    asked = 0
    faults = []
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=EXAMPLES,
                derandomize=True,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            )
            @given(case=operation.as_strategy(mode))
            def ask(case: Case) -> None:
                nonlocal asked
                asked += 1
                case.validate_response(case.call(headers=headers), checks=CHECKS)  # fmt: skip

            try:
                ask()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE, f"{operation.label} cannot be asked rightly"
            except BaseExceptionGroup as surprises:
                faults += [f"{operation.label} {mode}: {surprise}" for surprise in surprises.exceptions]
    assert not faults, "\n\n".join(faults[:5])
    assert asked > 300
