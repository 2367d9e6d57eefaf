"""The OpenAPI document keeps its word: generated requests of every kind, as everybody, and no answer surprises."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.openapi.checks import JsonSchemaError  # noqa: F401
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.node import Node, node_in_thread

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


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


@pytest.mark.parametrize("by", ["administrator", "enterprise_user", None])
def test_x(node: Node, by) -> None:
    import time
    began=time.time()
    schema = schemathesis.openapi.from_url(node.url + "/v1/openapi.json")
    failures = []
    for result in schema.get_all_operations():
        operation = result.ok()
        t=time.time()
        seen = {}
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                strategy = operation.as_strategy(mode)
            except Exception as e:
                print("NO STRATEGY", operation.label, mode, repr(e)[:200]); continue
            @settings(max_examples=10, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
            @given(case=strategy)
            def check(case):
                headers = {"Authorization": "Bearer "+node.tokens[by]} if by else {}
                response = case.call(headers=headers)
                seen[response.status_code]=seen.get(response.status_code,0)+1
                case.validate_response(response, checks=CHECKS)
            try:
                check()
            except Exception as e:
                failures.append((operation.label, mode, type(e), str(e)[:1500]))
        print(operation.label, seen, round(time.time()-t,2))
    for f in failures: print(*f, "\n-----")
    print(by, time.time()-began)
