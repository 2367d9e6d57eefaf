"""The OpenAPI 3.1 document of a list of routes, made from the same declarations that serve them.

Every operation names every status it can answer with; errors are ``application/problem+json``. pydantic's
schemas are the 2020-12 dialect that OpenAPI 3.1 uses, so nothing is translated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from node import problem
from node.auth import NotAllowed
from node.database import DatabaseAway
from node.errors import NodeError, code_of
from node.problem import HTTP_STATUS, SPECIAL_STATUS
from node.routes import PATH_PARAMETERS, InvalidPathParameter, NotSignedIn, Route, Upload
from node.web import (
    BodyBroken,
    BodyTooLarge,
    BodyTooSlow,
    InvalidInput,
    UnexpectedFailure,
    UnsupportedMediaType,
)

_REFERENCE = "#/components/schemas/{model}"

_PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "code", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "code": {"type": "string", "description": "what programs compare"},
        "title": {"type": "string", "description": "heading, Chinese"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "one sentence, English"},
        "request_id": {"type": "string"},
    },
    "additionalProperties": True,
}


def document(routes: Iterable[Route], *, title: str, version: str, description: str) -> dict[str, Any]:
    """The whole document as JSON values."""
    routes = list(routes)
    references, definitions = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.document_path, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**definitions, "Problem": _PROBLEM_SCHEMA},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


Mode = Literal["validation", "serialization"]


def _schemas(routes: list[Route]) -> tuple[dict[Any, Any], dict[str, Any]]:
    inputs = {model for route in routes for model in (route.body, route.query) if isinstance(model, type)}
    outputs = {
        form for route in routes for answer in route.answers.values() for form in _forms(answer)
        if isinstance(form, type)
    }  # fmt: skip
    wanted: list[tuple[type[BaseModel], Mode]] = [
        *((model, "validation") for model in sorted(inputs, key=lambda model: model.__name__)),
        *((model, "serialization") for model in sorted(outputs, key=lambda model: model.__name__)),
    ]
    references, schema = models_json_schema(wanted, ref_template=_REFERENCE)
    definitions = schema.get("$defs", {})
    for model in {route.query for route in routes if route.query is not None}:
        del definitions[model.__name__]  # its fields are parameters; only what they refer to is a schema
    return dict(references), definitions


def _operation(route: Route, references: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{route.document_path}".translate(_OPERATION_ID),
        "tags": [route.tag],
        "summary": f"{route.summary_zh} · {route.summary}",
        "parameters": _parameters(route),
        "responses": _responses(route, references),
    }
    if route.action is not None:
        operation["security"] = [{"token": []}]
    if isinstance(route.body, Upload):
        content = {media: {"schema": {"type": "string"}} for media in route.body.media_types}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.body is not None:
        schema = references[route.body, "validation"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


_OPERATION_ID = str.maketrans({"/": "_", "{": "", "}": "", ".": "_", "-": "_"})


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": PATH_PARAMETERS[name]} for name in route.parameters
    ]
    if route.query is not None:
        schema = route.query.model_json_schema(by_alias=True, ref_template=_REFERENCE)
        required = set(schema.get("required", ()))
        parameters.extend(
            {"name": name, "in": "query", "required": name in required, "schema": part}
            for name, part in schema.get("properties", {}).items()
        )
    parameters.extend(
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": words}
        for name, words in route.headers.items()
    )
    return parameters


def _responses(route: Route, references: dict[Any, Any]) -> dict[str, Any]:
    """Answers and refusals; of a status that is both, in either's media type."""
    responses = _answers(route, references)
    for status, refusal in _refusals(route).items():
        told = responses.get(status, {}).get("content", {})
        responses[status] = {**refusal, "content": {**told, **refusal["content"]}}
    return responses


def _answers(route: Route, references: dict[Any, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, answer in route.answers.items():
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if answer is not None:
            response["content"] = {
                form if isinstance(form, str) else "application/json": {
                    "schema": _schema_of(form) if isinstance(form, str) else references[form, "serialization"]
                }
                for form in _forms(answer)
            }
        responses[str(status)] = response
    return responses


def _forms(answer: type[BaseModel] | tuple[type[BaseModel] | str, ...] | None) -> Sequence[type[BaseModel] | str]:
    if isinstance(answer, tuple):
        return answer
    return () if answer is None else (answer,)


def _schema_of(media: str) -> dict[str, str]:
    return {"type": "object" if media.endswith(("/json", "+json")) else "string"}


def errors_of(route: Route) -> list[type[NodeError]]:
    """Everything an operation can refuse with: its own errors and those its shape brings along."""
    errors: list[type[NodeError]] = [*route.errors, InvalidInput, DatabaseAway, UnexpectedFailure]
    if route.action is not None:
        errors += [NotSignedIn, NotAllowed]
    if route.parameters:
        errors.append(InvalidPathParameter)
    if route.body is not None:
        errors += [UnsupportedMediaType, BodyTooLarge, BodyTooSlow, BodyBroken]
    return errors


def _refusals(route: Route) -> dict[str, Any]:
    by_status: dict[int, set[str]] = {}
    for error in errors_of(route):
        code = code_of(error)
        status = SPECIAL_STATUS.get(code) or next(
            status for category, status in HTTP_STATUS.items() if issubclass(error, category)
        )
        by_status.setdefault(status, set()).add(code)
    schema = {"$ref": _REFERENCE.format(model="Problem")}
    return {
        str(status): {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(sorted(codes))}",
            "content": {problem.CONTENT_TYPE: {"schema": schema}},
        }
        for status, codes in sorted(by_status.items())
    }
