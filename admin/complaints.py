"""The public page of complaints (投诉): file one without an account, see its answer by number and code, add to it.

What is sent is read as the bodies of ``/v1/complaints`` are, and counts towards the same limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict
from pydantic import BaseModel, ValidationError

from admin.console.form import Form, Refusal
from admin.console.language import language_of
from admin.pages import NodeFace
from admin.public import public_page
from node import problem
from node.errors import Forbidden, NodeError
from node.web import SOURCE, InvalidInput, body_blocks, faults_of
from registry.api.v1.complaints import ComplaintBody, KeyBody, StatementBody
from registry.api.v1.service_requests import ServiceRequestDetailView, ServiceRequestView
from registry.service.complaints import Complaints
from registry.service.stored import Contact

Read = TypeVar("Read", bound=BaseModel)

_MOST_BYTES = 64 * 1024
_MOST_FIELDS = 20
_SECONDS = 30.0


class FormOfAnotherSite(Forbidden):
    """A browser says that the form stood on a page of another site."""

    title_zh = "请在本站页面上填写表单"


def add_routes(router: web.UrlDispatcher, face: NodeFace, complaints: Complaints) -> None:
    """The page at ``/complaints``; a refused form keeps what was written."""

    def shown(request: web.Request, form: Form, error: NodeError | None = None) -> web.Response:
        return public_page(
            request, "complaints.html", face, status=problem.status_of(error) if error else 200, form=form,
            refusal=Refusal.of(error).spoken(language_of(request)) if error else None,
        )  # fmt: skip

    async def ask(request: web.Request) -> web.Response:
        return shown(request, Form(MultiDict(about=request.query.get("about", "")[:255])))

    async def file(request: web.Request) -> web.Response:
        form = await _form(request)
        try:
            _check_site(request)
            said = {**form.given("subject", "said", "about"), "contact": form.given("name", "phone", "email")}
            body = _read(ComplaintBody, said)
            contact = Contact(body.contact.name, body.contact.phone, body.contact.email)
            filed, code = await complaints.file(request[SOURCE], body.subject, body.said, body.about, contact)
        except NodeError as error:
            return shown(request, form, error)
        view = ServiceRequestView.of(filed, complaints.now)
        return public_page(request, "complaint_filed.html", face, status=201, complaint=view, code=code)

    async def look(request: web.Request) -> web.Response:
        """See it; with something said, add that first."""
        form = await _form(request)
        try:
            _check_site(request)
            key = _read(KeyBody, form.given("number", "code"))
            if form.has("said"):
                body = _read(StatementBody, form.given("number", "code", "said"))
                found, entries = await complaints.say(request[SOURCE], body.number, body.code, body.said)
            else:
                found, entries = await complaints.look(request[SOURCE], key.number, key.code)
        except NodeError as error:
            return shown(request, form, error)
        view = ServiceRequestDetailView.of(found, entries, complaints.now, of_staff=False)
        return public_page(
            request, "complaint.html", face, complaint=view.request, entries=view.entries, code=key.code,
            added=form.has("said"),
        )  # fmt: skip

    async def back(request: web.Request) -> web.Response:
        """Who loads the page of an answer again has to say the number and the code again."""
        place = request.rel_url.with_path("/complaints", keep_query=True)
        return web.Response(status=303, headers={"Location": str(place), "Cache-Control": "no-cache"})

    router.add_get("/complaints", ask)
    router.add_post("/complaints", file)
    router.add_get("/complaints/answer", back)
    router.add_post("/complaints/answer", look)


async def _form(request: web.Request) -> Form:
    """The fields of a form. Raises ``InvalidInput`` and what the reading of a body raises."""
    sent = b"".join([block async for block in body_blocks(request, _MOST_BYTES, _SECONDS)])
    try:
        fields = parse_qsl(sent.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidInput("this is no form of the page") from None
    return Form(MultiDict(fields))


def _read(model: type[Read], fields: Mapping[str, Any]) -> Read:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise InvalidInput("the form has faults", faults=faults_of(error)) from None


def _check_site(request: web.Request) -> None:
    # Browsers say so where they are asked over TLS; whoever sends no such header is a program, and may.
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise FormOfAnotherSite("fill in the form on the page of this node")
