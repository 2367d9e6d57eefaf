"""Operations of ``/v1`` asked from within: the same rights, the same reading of input, the same answers and refusals.

What is given becomes text and is read as if it had come by HTTP, so that a page can send nothing a program cannot.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ValidationError

from node.auth import Account
from node.journal import Interface
from node.routes import Call, Reply, Route
from node.web import SOURCE, InvalidInput, check_allowed, faults_of


class Inside:
    """Every operation of the node by its name, such as ``GET /v1/enterprises/{enterprise_id}``."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = {f"{route.method} {route.document_path}": route for route in routes}

    def __contains__(self, operation: str) -> bool:
        return operation in self._routes

    async def ask(
        self,
        request: web.Request,
        account: Account,
        operation: str,
        parameters: Mapping[str, object],
        query: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The reply. ``None`` and the empty text in a query are left out.

        Raises ``NotAllowed``, ``InvalidInput`` and what the operation raises; ``KeyError`` for no such operation.
        """
        route = self._routes[operation]
        check_allowed(route, account)
        inputs: dict[str, BaseModel] = {}
        if route.query is not None:
            given = {name: _text(value) for name, value in (query or {}).items() if value not in (None, "")}
            try:
                inputs["query"] = route.query.model_validate(given)
            except ValidationError as error:
                raise InvalidInput("the query has faults", faults=faults_of(error)) from None
        if isinstance(route.body, type):
            text = json.dumps(body or {}, ensure_ascii=False, default=_text).encode()
            try:
                inputs["body"] = route.body.model_validate_json(text, context=text)
            except ValidationError as error:
                raise InvalidInput("the body has faults", faults=faults_of(error)) from None
        texts = {name: _text(value) for name, value in parameters.items()}
        call = Call(request, account, request[SOURCE], texts, Interface.CONSOLE, headers or {})
        return await route.handler(call, **inputs)


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.isoformat()
        case UUID() | str() | int() | float():
            return str(value)
    raise TypeError(f"{type(value).__name__} is no value of an operation")
