"""``/v1/complaints``: complaints of people without an account, looked at again by number and code."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from node.rate_limit import TooManyRequests
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, View
from registry.api.v1.service_requests import About, Said, ServiceRequestDetailView, ServiceRequestView, Subject
from registry.service.complaints import Complaints, ComplaintsFull, ComplaintUnknown
from registry.service.stored import Contact, EntriesFull

_TAG = "complaints"


class ContactBody(Body):
    """How to reach whoever complains, if they want to be reached; kept sealed."""

    name: Annotated[Text, Field(max_length=128)] = ""
    phone: Annotated[Text, Field(max_length=32)] = ""
    email: Annotated[Text, Field(max_length=128)] = ""


class ComplaintBody(Body):
    subject: Subject
    said: Said
    about: About = ""
    contact: ContactBody = ContactBody()


class KeyBody(Body):
    """What the answer to the complaint gave out."""

    number: Annotated[Text, Field(min_length=1, max_length=32)]
    code: Annotated[Text, Field(min_length=1, max_length=64)]


class StatementBody(KeyBody):
    """Something to add; what was answered or closed is taken up again."""

    said: Said


class FiledView(View):
    """The complaint, and the code by which it can be looked at again: it is told this once."""

    complaint: ServiceRequestView
    code: str


def complaint_routes(complaints: Complaints) -> list[Route]:
    """Every route of complaints without an account."""

    async def file(call: Call, body: ComplaintBody) -> Reply:
        contact = Contact(body.contact.name, body.contact.phone, body.contact.email)
        filed, code = await complaints.file(call.source, body.subject, body.said, body.about, contact)
        return Reply(FiledView(complaint=ServiceRequestView.of(filed, complaints.now), code=code), status=201)

    async def look(call: Call, body: KeyBody) -> Reply:
        request, entries = await complaints.look(call.source, body.number, body.code)
        return Reply(ServiceRequestDetailView.of(request, entries, complaints.now, of_staff=False))

    async def say(call: Call, body: StatementBody) -> Reply:
        request, entries = await complaints.say(call.source, body.number, body.code, body.said)
        return Reply(ServiceRequestDetailView.of(request, entries, complaints.now, of_staff=False))

    return [
        Route("POST", "/v1/complaints", file, action=None, tag=_TAG,
              summary="Complain without an account", summary_zh="投诉（无需账号）",
              body=ComplaintBody, answers={201: FiledView}, errors=(TooManyRequests, ComplaintsFull)),
        Route("POST", "/v1/complaints/look-up", look, action=None, tag=_TAG,
              summary="What became of a complaint, by its number and code", summary_zh="查询投诉处理情况",
              body=KeyBody, answers={200: ServiceRequestDetailView}, errors=(TooManyRequests, ComplaintUnknown)),
        Route("POST", "/v1/complaints/statements", say, action=None, tag=_TAG,
              summary="Add something to a complaint; an answered one is taken up again", summary_zh="补充投诉",
              body=StatementBody, answers={200: ServiceRequestDetailView},
              errors=(TooManyRequests, ComplaintUnknown, EntriesFull)),
    ]  # fmt: skip
