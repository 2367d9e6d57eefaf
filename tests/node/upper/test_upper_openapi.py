"""The document of the interface says what travels: it stands in the folder of documents as the shapes make it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema_rs
import msgspec
import pytest
import schemathesis

from node.database import Pool
from node.errors import NodeError, code_of
from node.national.access import Kind
from node.national.instructions import Order, Query, Takeover
from node.national.messages import PARTS, encode
from node.upper.instructions import issue_instruction
from node.upper.openapi import document
from tests.support.errors import KINDS
from tests.support.upper import Upper, running_upper

ROOT = Path(__file__).parents[3]
DOCUMENT = document()
DIALECT = "https://json-schema.org/draft/2020-12/schema"
PROSE = (ROOT / "docs" / "national-interface.md").read_text(encoding="utf-8")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def schema_of(name: str) -> dict[str, Any]:
    return {"$schema": DIALECT, "$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}


def test_the_document_in_the_folder_is_the_one_that_the_shapes_make() -> None:
    written = (ROOT / "docs" / "national-interface.json").read_text(encoding="utf-8")
    assert written == json.dumps(DOCUMENT, ensure_ascii=False, indent=1) + "\n", (
        "python -m node.upper.openapi > docs/national-interface.json"
    )


def test_every_reference_leads_to_a_shape() -> None:
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert names <= set(DOCUMENT["components"]["schemas"])
    assert len(names) > 25


def test_the_document_is_openapi_3_1() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_a_shape_is_a_schema_of_the_2020_dialect(name: str) -> None:
    assert jsonschema_rs.meta.is_valid({"$schema": DIALECT, **DOCUMENT["components"]["schemas"][name]})


async def test_every_operation_is_answered_by_the_desk(pool: Pool) -> None:
    """A request without a signature is refused for that, not for its path."""
    async with running_upper(pool) as upper:
        for path, method, operation in operations():
            target = re.sub(r"\{\w+\}", str(uuid4()), path)
            said = await upper.ask(method.upper(), target)
            wanted = 401 if operation["security"] else {"get": 200, "post": 400}[method]
            assert said.status == wanted, (path, said)


def test_every_part_has_an_operation() -> None:
    firsts = {path.split("/")[2] for path, _, _ in operations()}
    assert firsts == {*PARTS, "interface"}


def test_every_code_of_a_refusal_is_one_that_there_is() -> None:
    codes = {code_of(kind) for kind in KINDS if kind is not NodeError}
    for path, method, operation in operations():
        for status, response in operation["responses"].items():
            if status != "200":
                said = set(response["description"].partition(": ")[2].split(", "))
                assert said <= codes, (path, method, said - codes)


def test_the_prose_names_every_path_and_every_kind_and_every_instruction() -> None:
    for path in DOCUMENT["paths"]:
        assert f"{path}" in PROSE, path
    for kind in DOCUMENT["x-message-bodies"]:
        assert f"`{kind}`" in PROSE, kind
    for order in DOCUMENT["x-instruction-bodies"]:
        assert f"`{order}`" in PROSE, order


def test_the_prose_names_every_code_of_a_refusal() -> None:
    codes = {
        code
        for _, _, operation in operations()
        for status, response in operation["responses"].items() if status != "200"
        for code in response["description"].partition(": ")[2].split(", ")
    }  # fmt: skip
    assert {code for code in codes if f"`{code}`" not in PROSE} == set()


async def test_what_the_desk_answers_fits_the_document(upper: Upper) -> None:
    below = await upper.below("88.101.7", Kind.ENTERPRISE)
    async with upper.pool.acquire() as connection, connection.transaction():
        for order, body in (
            (Order.TAKEOVER, Takeover(takeover_id=uuid4(), on=True)),
            (Order.QUERY, Query(what="prefix")),
        ):
            await issue_instruction(connection, "88.101.7", order, body, upper.clock())
    application, applied = await upper.apply()
    answers = {
        "Offers": await upper.ask("GET", "/v1/interface"),
        "ApplicationStatus": applied,
        "Results": await below.send(below.message("audit.note", {}), below.message("registration.summary", {})),
        "Verdicts": await below.ask("GET", "/v1/verdicts?after=0"),
        "Instructions": await below.ask("GET", "/v1/instructions?after=0"),
        "IssuedKey": await below.ask("POST", "/v1/keys"),
        "StandbyState": await below.ask("GET", "/v1/standby"),
    }
    for name, said in answers.items():
        assert said.status == 200, said
        jsonschema_rs.validate(schema_of(name), said.content)
    for said in (await upper.ask("GET", "/v1/nothing"), await upper.ask("GET", "/v1/verdicts?after=0")):
        jsonschema_rs.validate(schema_of("Refusal"), said.content)
    jsonschema_rs.validate(schema_of("Application"), msgspec.json.decode(encode(application)))


def test_the_document_refuses_what_the_shapes_refuse() -> None:
    assert not jsonschema_rs.is_valid(schema_of("Delivery"), {"node": "x"})
    assert not jsonschema_rs.is_valid(schema_of("Result"), {"message_id": "x", "status": "perhaps"})
