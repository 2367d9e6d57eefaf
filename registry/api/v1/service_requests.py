"""``/v1/service-requests`` of enterprises, and ``/v1/complaints`` of people without an account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from node.auth import Action
from node.routes import Call, Handler, Reply, Route
from registry.api.v1.fields import Body, Lines, Text, View
from registry.api.v1.history import HistoryView
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor, text_cursor
from registry.api.v1.prefixes import EnterpriseNotNamed
from registry.enterprises import EnterpriseUnknown
from registry.service.requests import Place, ServiceRequestClosed, ServiceRequests
from registry.service.stored import EntriesFull, Entry, ServiceKind, ServiceRequest, ServiceRequestUnknown, Speaker
from registry.transitions import SERVICE_REQUEST, ServiceState, TransitionRefused, Verb

_TAG = "service-requests"
_ALL = "/v1/service-requests"
_ONE = f"{_ALL}/{{service_request_id}}"
_MOVES: dict[Verb, tuple[str, str]] = {
    Verb.TAKE: ("Take a request up", "受理服务请求"),
    Verb.ANSWER: ("Answer a request", "答复服务请求"),
    Verb.CLOSE: ("Close an answered request", "关闭服务请求"),
    Verb.REOPEN: ("Reopen an answered or closed request; it is due anew", "重新打开服务请求"),
}
_SPEAKING = frozenset({Verb.ANSWER, Verb.REOPEN})

Subject = Annotated[Text, Field(min_length=1, max_length=200)]
About = Annotated[Text, Field(max_length=255, description="a prefix or an identifier, if it is about one")]
Said = Annotated[Lines, Field(min_length=1, max_length=4000)]


class ServiceRequestBody(Body):
    """``enterprise_id`` may be left out by the enterprise's own account."""

    kind: Annotated[ServiceKind, Field(strict=False)]
    subject: Subject
    said: Said
    about: About = ""
    enterprise_id: UUID | None = None


class SaidBody(Body):
    """An answer, or why it is reopened."""

    said: Said


class EntryBody(Body):
    """Something to add; an ``internal`` note is read by the staff alone."""

    said: Said
    internal: bool = False


class ServiceRequestQuery(Page):
    """What waits for an answer comes first, the longest due before the rest."""

    state: ServiceState | None = None
    kind: ServiceKind | None = None
    overdue: bool = False


class EntryView(View):
    """``account_id`` is told to staff, and to an enterprise of its own people."""

    service_request_entry_id: int
    speaker: Speaker
    account_id: UUID | None
    said: str
    internal: bool
    created_at: datetime

    @classmethod
    def of(cls, entry: Entry, *, of_staff: bool) -> Self:
        """The answer about one entry, to staff or to whoever filed it."""
        named = of_staff or entry.speaker is not Speaker.STAFF
        return cls(
            service_request_entry_id=entry.service_request_entry_id,
            speaker=entry.speaker,
            account_id=entry.account_id if named else None,
            said=entry.said,
            internal=entry.internal,
            created_at=entry.created_at,
        )


class ServiceRequestView(View):
    """A service request or complaint; ``enterprise_id`` is null where nobody signed in to complain."""

    service_request_id: UUID
    number: str
    kind: ServiceKind
    enterprise_id: UUID | None
    subject: str
    about: str
    state: ServiceState
    due_at: datetime
    overdue: bool
    answered_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, request: ServiceRequest, now: datetime) -> Self:
        """The answer about one request."""
        return cls(
            service_request_id=request.service_request_id,
            number=request.number,
            kind=request.kind,
            enterprise_id=request.enterprise_id,
            subject=request.subject,
            about=request.about,
            state=request.state,
            due_at=request.due_at,
            overdue=request.overdue(now),
            answered_at=request.answered_at,
            version=request.version,
            created_at=request.created_at,
            updated_at=request.updated_at,
        )


class ServiceRequestDetailView(View):
    """A request with what was said, in its order."""

    request: ServiceRequestView
    entries: list[EntryView]

    @classmethod
    def of(cls, request: ServiceRequest, entries: Sequence[Entry], now: datetime, *, of_staff: bool) -> Self:
        """The answer to staff or to whoever filed it."""
        return cls(
            request=ServiceRequestView.of(request, now),
            entries=[EntryView.of(entry, of_staff=of_staff) for entry in entries],
        )


class ServiceRequestList(View):
    items: list[ServiceRequestView]
    next_cursor: str | None


class ContactView(View):
    """How to reach whoever complained; what was not said is empty."""

    name: str
    phone: str
    email: str


def service_request_routes(requests: ServiceRequests) -> list[Route]:
    """Every route of service requests."""

    def told(call: Call, request: ServiceRequest, entries: list[Entry]) -> ServiceRequestDetailView:
        return ServiceRequestDetailView.of(request, entries, requests.now, of_staff=not call.account.of_enterprise)

    async def file(call: Call, body: ServiceRequestBody) -> Reply:
        owner = body.enterprise_id or call.account.enterprise_id
        if owner is None:
            raise EnterpriseNotNamed("say which enterprise the request is of", field="enterprise_id")
        filed = await requests.file(call.account, call.actor, owner, body.kind, body.subject, body.said, body.about)
        location = f"{_ALL}/{filed.service_request_id}"
        return Reply(ServiceRequestView.of(filed, requests.now), status=201, headers={"Location": location})

    async def listing(call: Call, query: ServiceRequestQuery) -> Reply:
        found = await requests.list(
            call.account,
            state=query.state,
            kind=query.kind,
            overdue=query.overdue,
            after=_place_cursor(query.cursor),
            limit=query.limit + 1,
        )
        shown, cursor = cut(found, query.limit, _place_of)
        items = [ServiceRequestView.of(request, requests.now) for request in shown]
        return Reply(ServiceRequestList(items=items, next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(told(call, *await requests.get(call.account, call.uuid("service_request_id"))))

    async def say(call: Call, body: EntryBody) -> Reply:
        answer = await requests.say(
            call.account, call.actor, call.uuid("service_request_id"), body.said, internal=body.internal
        )
        return Reply(told(call, *answer))

    async def contact(call: Call) -> Reply:
        found = await requests.contact(call.account, call.actor, call.uuid("service_request_id"))
        return Reply(ContactView(name=found.name, phone=found.phone, email=found.email))

    async def history(call: Call, query: Page) -> Reply:
        acts = await requests.history(
            call.account,
            call.uuid("service_request_id"),
            before_act=number_cursor(query.cursor),
            limit=query.limit + 1,
        )
        return Reply(HistoryView.of(acts, query.limit))

    def move_route(verb: Verb) -> Route:
        async def move(call: Call, body: SaidBody | None = None) -> Reply:
            said = body.said if body else ""
            moved = await requests.move(call.account, call.actor, call.uuid("service_request_id"), verb, said)
            return Reply(told(call, *moved))

        handler: Handler = move
        summary, summary_zh = _MOVES[verb]
        return Route(
            "POST", f"{_ONE}/{verb}", handler, action=SERVICE_REQUEST[verb].action, tag=_TAG, summary=summary,
            summary_zh=summary_zh, body=SaidBody if verb in _SPEAKING else None,
            answers={200: ServiceRequestDetailView},
            errors=(ServiceRequestUnknown, TransitionRefused, *((EntriesFull,) if verb in _SPEAKING else ())),
        )  # fmt: skip

    return [
        Route("POST", _ALL, file, action=Action.SERVICE_REQUEST_FILE, tag=_TAG,
              summary="File a service request or a complaint", summary_zh="提交服务请求或投诉",
              body=ServiceRequestBody, answers={201: ServiceRequestView},
              errors=(EnterpriseNotNamed, EnterpriseUnknown)),
        Route("GET", _ALL, listing, action=Action.SERVICE_REQUEST_READ, tag=_TAG,
              summary="Requests and complaints, overdue ones first", summary_zh="服务请求列表（逾期在前）",
              query=ServiceRequestQuery, answers={200: ServiceRequestList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.SERVICE_REQUEST_READ, tag=_TAG,
              summary="A request with what was said", summary_zh="查看服务请求",
              answers={200: ServiceRequestDetailView}, errors=(ServiceRequestUnknown,)),
        Route("POST", f"{_ONE}/entries", say, action=Action.SERVICE_REQUEST_FILE, tag=_TAG,
              summary="Add something to a request, or a note among staff", summary_zh="补充说明或内部备注",
              body=EntryBody, answers={200: ServiceRequestDetailView},
              errors=(ServiceRequestUnknown, ServiceRequestClosed, EntriesFull)),
        *(move_route(verb) for verb in _MOVES),
        Route("GET", f"{_ONE}/contact", contact, action=Action.SERVICE_REQUEST_HANDLE, tag=_TAG,
              summary="How to reach whoever complained; the look is recorded", summary_zh="查看投诉人联系方式",
              answers={200: ContactView}, errors=(ServiceRequestUnknown,)),
        Route("GET", f"{_ONE}/history", history, action=Action.HISTORY_READ, tag=_TAG,
              summary="Acts on a request, newest first", summary_zh="服务请求变更历史",
              query=Page, answers={200: HistoryView}, errors=(ServiceRequestUnknown, CursorBroken)),
    ]  # fmt: skip


def _place_of(request: ServiceRequest) -> str:
    return f"{int(not request.waiting)} {request.due_at.isoformat()} {request.service_request_id}"


def _place_cursor(cursor: str | None) -> Place | None:
    key = text_cursor(cursor)
    if key is None:
        return None
    broken = CursorBroken("the cursor is not one that this list gave out; begin without a cursor", field="cursor")
    try:
        answered, due_at, service_request_id = key.split(" ")
        place = Place(answered == "1", datetime.fromisoformat(due_at), UUID(service_request_id))
    except ValueError:
        raise broken from None
    if place.due_at.tzinfo is None:
        raise broken
    return place
