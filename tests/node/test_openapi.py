"""The OpenAPI document: made from the declarations that serve, whole and consistent."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from pydantic import BaseModel, Field

from node.auth import Action
from node.errors import Conflict, TooMany
from node.openapi import document
from node.routes import Call, Reply, Route, Upload
from tests.support.node import declared_routes


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class ShelfQuery(BaseModel):
    colour: Colour | None = None
    limit: int = Field(10, ge=1, le=20)
    since: str


class ShelfBody(BaseModel):
    colour: Colour


class ShelfView(BaseModel):
    shelf_id: UUID
    colour: Colour = Colour.RED


class ShelfTaken(Conflict):
    title_zh = "货架已被占用"


class ShelvesExhausted(TooMany):
    title_zh = "货架已用完"


async def nothing(_: Call) -> Reply:
    return Reply()


def route(method: str = "GET", path: str = "/v1/shelves", **changed: Any) -> Route:
    everyday: dict[str, Any] = {
        "action": Action.NODE_READ, "tag": "shelves", "summary": "Shelves", "summary_zh": "货架",
        "answers": {200: ShelfView},
    }  # fmt: skip
    return Route(method, path, nothing, **{**everyday, **changed})


def described(*routes: Route) -> dict[str, Any]:
    return document(routes, title="biaoshi", version="1", description="shelves")


def operation(*routes: Route) -> dict[str, Any]:
    paths = described(*routes)["paths"]
    (path,) = paths.values()
    (found,) = path.values()
    assert isinstance(found, dict)
    return found


def parts(value: Any) -> Iterator[Any]:
    """Every value within a JSON value."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(inner)


def test_an_operation_is_told_in_both_languages() -> None:
    assert operation(route())["summary"] == "货架 · Shelves"


def test_methods_of_one_path_stand_together() -> None:
    paths = described(route(), route("POST", answers={201: ShelfView}))["paths"]
    assert {path: sorted(operations) for path, operations in paths.items()} == {"/v1/shelves": ["get", "post"]}


def test_the_patterns_of_the_router_do_not_show() -> None:
    found = described(route(path="/v1/identifiers/{prefix}/{suffix:.+}"))
    assert list(found["paths"]) == ["/v1/identifiers/{prefix}/{suffix}"]
    assert [parameter["name"] for parameter in operation(route(path="/v1/x/{prefix}/{suffix:.+}"))["parameters"]] == [
        "prefix",
        "suffix",
    ]


def test_query_parameters_have_their_schemas_and_are_required_when_they_are() -> None:
    parameters = {parameter["name"]: parameter for parameter in operation(route(query=ShelfQuery))["parameters"]}
    assert {name: parameter["required"] for name, parameter in parameters.items()} == {
        "colour": False,
        "limit": False,
        "since": True,
    }
    assert parameters["limit"]["schema"]["maximum"] == 20


def test_a_public_operation_needs_no_token() -> None:
    assert "security" not in operation(route(action=None))
    assert not {"401", "403"} & set(operation(route(action=None))["responses"])
    assert operation(route())["security"] == [{"token": []}]
    assert {"401", "403"} <= set(operation(route())["responses"])


def test_every_refusal_is_named_under_its_status() -> None:
    responses = operation(route(errors=(ShelfTaken, ShelvesExhausted)))["responses"]
    assert "shelf_taken" in responses["409"]["description"]
    assert "shelves_exhausted" in responses["429"]["description"]
    assert list(responses["409"]["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("body", [ShelfBody, Upload(media_types=("text/csv", "application/x-ndjson"))])
def test_a_body_brings_its_refusals_along(body: object) -> None:
    found = operation(route("POST", body=body))
    assert {"400", "408", "413", "415"} <= set(found["responses"])
    assert found["requestBody"]["required"]


def test_an_upload_names_its_media_types() -> None:
    found = operation(route("POST", body=Upload(media_types=("text/csv", "application/x-ndjson"))))
    assert list(found["requestBody"]["content"]) == ["text/csv", "application/x-ndjson"]


def test_a_stream_names_its_media_types() -> None:
    found = operation(route(answers={200: ("application/x-ndjson", "text/csv")}))
    assert list(found["responses"]["200"]["content"]) == ["application/x-ndjson", "text/csv"]


def test_an_answer_in_the_form_that_the_client_chooses_names_both() -> None:
    content = operation(route(answers={200: (ShelfView, "text/csv")}))["responses"]["200"]["content"]
    assert content == {
        "application/json": {"schema": {"$ref": "#/components/schemas/ShelfView"}},
        "text/csv": {"schema": {"type": "string"}},
    }


def test_an_answer_without_body_has_no_content() -> None:
    assert operation(route("DELETE", answers={204: None}))["responses"]["204"] == {"description": "No Content"}


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return document(declared_routes(), title="biaoshi", version="1", description="everything")


def test_every_reference_leads_somewhere(whole: dict[str, Any]) -> None:
    references = {part["$ref"] for part in parts(whole) if isinstance(part, dict) and "$ref" in part}
    assert references
    known = {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}
    assert references <= known


def test_every_schema_is_used(whole: dict[str, Any]) -> None:
    references = {part["$ref"] for part in parts(whole) if isinstance(part, dict) and "$ref" in part}
    assert {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]} == references


def test_every_operation_may_fail_in_the_ways_that_all_may(whole: dict[str, Any]) -> None:
    for path in whole["paths"].values():
        for found in path.values():
            assert {"400", "500", "503"} <= set(found["responses"])
            assert any(status.startswith("2") for status in found["responses"])


def test_the_document_is_openapi_3_1(whole: dict[str, Any]) -> None:
    schemathesis.openapi.from_dict(whole).validate()
    assert whole["openapi"].startswith("3.1.")


def test_a_document_that_is_none_would_be_noticed() -> None:
    broken = {**described(route()), "paths": {"/v1/shelves": {"get": {"responses": "none"}}}}
    with pytest.raises(Exception, match="none"):
        schemathesis.openapi.from_dict(broken).validate()
