"""``/v1/documents``: what the node has published; ``/v1/document-versions``: every version, for the staff."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.history import HistoryView
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.coding.rules import CodingRuleUnknown
from registry.documents.documents import (
    MOST_CHARACTERS,
    Document,
    DocumentKind,
    Documents,
    DocumentUnknown,
    DocumentVersionTaken,
    Draft,
)
from registry.store import VersionChanged
from registry.transitions import DocumentState, TransitionRefused

_TAG = "documents"
_ONE = "/v1/document-versions/{document_id}"


def _lines(text: str) -> str:
    if not all(line.isprintable() for line in text.split("\n")):
        raise PydanticCustomError("not_printable", "contains a control, format or other invisible character")
    if not unicodedata.is_normalized("NFC", text):
        raise PydanticCustomError("not_nfc", "is not in Unicode normal form C")
    return text


Lines = Annotated[str, AfterValidator(_lines)]
"""Visible text in NFC, in lines that end in a line feed."""

_Title = Annotated[Text, Field(min_length=1, max_length=200)]


class DraftBody(Body):
    """Paragraphs divided by empty lines, headings after #, ## or ###, lists of lines after a dash."""

    kind: DocumentKind
    title_zh: _Title
    title_en: Annotated[Text, Field(max_length=200)] = ""
    body: Annotated[Lines, Field(min_length=1, max_length=MOST_CHARACTERS)]
    coding_rule_id: Annotated[int, Field(ge=1, le=2**31 - 1, description="the rule that it is about")] | None = None

    def draft(self) -> Draft:
        """The domain value."""
        return Draft(self.kind, self.title_zh, self.title_en, self.body, self.coding_rule_id)


class DocumentBody(DraftBody):
    """A new name, or one that has versions already: then this is its next."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", examples=["management-rules"])]


class DocumentEditBody(DraftBody):
    """What a draft says anew, for the version of the row that was read."""

    version: Version


class DocumentEntry(View):
    """One version of a document without its text."""

    document_id: int
    kind: DocumentKind
    name: str
    document_version: int
    title_zh: str
    title_en: str
    coding_rule_id: int | None
    state: DocumentState
    version: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None

    @classmethod
    def of(cls, document: Document) -> Self:
        """The answer about one of a list."""
        return cls.model_validate(document, from_attributes=True)


class DocumentView(DocumentEntry):
    """One version of a document."""

    body: str


class DocumentList(View):
    items: list[DocumentEntry]
    next_cursor: str | None


class PublishedQuery(Page):
    kind: DocumentKind | None = None


class VersionsQuery(PublishedQuery):
    state: DocumentState = DocumentState.PUBLISHED


def document_routes(documents: Documents) -> list[Route]:
    """Every route of documents."""

    async def published(_: Call, query: PublishedQuery) -> Reply:
        found = await documents.list(
            None, kind=query.kind, after=number_cursor(query.cursor) or 0, limit=query.limit + 1
        )
        return _listed(found, query.limit)

    async def in_force(call: Call) -> Reply:
        return Reply(DocumentView.of(await documents.published(call.text("document_name"))))

    async def listing(call: Call, query: VersionsQuery) -> Reply:
        found = await documents.list(
            call.account,
            state=query.state,
            kind=query.kind,
            after=number_cursor(query.cursor) or 0,
            limit=query.limit + 1,
        )
        return _listed(found, query.limit)

    async def create(call: Call, body: DocumentBody) -> Reply:
        made = await documents.create(call.account, call.actor, body.name, body.draft())
        where = {"Location": f"/v1/document-versions/{made.document_id}"}
        return Reply(DocumentView.of(made), status=201, headers=where)

    async def read(call: Call) -> Reply:
        return Reply(DocumentView.of(await documents.get(call.account, call.number("document_id"))))

    async def edit(call: Call, body: DocumentEditBody) -> Reply:
        number = call.number("document_id")
        edited = await documents.edit(call.account, call.actor, number, body.draft(), body.version)
        return Reply(DocumentView.of(edited))

    async def publish(call: Call) -> Reply:
        return Reply(DocumentView.of(await documents.publish(call.account, call.actor, call.number("document_id"))))

    async def withdraw(call: Call) -> Reply:
        return Reply(DocumentView.of(await documents.withdraw(call.account, call.actor, call.number("document_id"))))

    async def history(call: Call, query: Page) -> Reply:
        acts = await documents.history(
            call.account, call.number("document_id"), before_act=number_cursor(query.cursor), limit=query.limit + 1
        )
        return Reply(HistoryView.of(acts, query.limit))

    return [
        Route("GET", "/v1/documents", published, action=None, tag=_TAG,
              summary="What the node has published", summary_zh="已发布文件列表",
              query=PublishedQuery, answers={200: DocumentList}, errors=(CursorBroken,)),
        Route("GET", "/v1/documents/{document_name}", in_force, action=None, tag=_TAG,
              summary="What is in force under a name", summary_zh="查看现行文件",
              answers={200: DocumentView}, errors=(DocumentUnknown,)),
        Route("GET", "/v1/document-versions", listing, action=Action.DOCUMENT_READ, tag=_TAG,
              summary="Versions of documents in one state", summary_zh="文件版本列表",
              query=VersionsQuery, answers={200: DocumentList}, errors=(CursorBroken,)),
        Route("POST", "/v1/document-versions", create, action=Action.DOCUMENT_EDIT, tag=_TAG,
              summary="Draft a document or its next version", summary_zh="起草文件",
              body=DocumentBody, answers={201: DocumentView}, errors=(DocumentVersionTaken, CodingRuleUnknown)),
        Route("GET", _ONE, read, action=Action.DOCUMENT_READ, tag=_TAG,
              summary="Read a version of a document", summary_zh="查看文件版本",
              answers={200: DocumentView}, errors=(DocumentUnknown,)),
        Route("PUT", _ONE, edit, action=Action.DOCUMENT_EDIT, tag=_TAG,
              summary="Change a draft", summary_zh="修改文件草稿",
              body=DocumentEditBody, answers={200: DocumentView},
              errors=(DocumentUnknown, TransitionRefused, VersionChanged, CodingRuleUnknown)),
        Route("POST", f"{_ONE}/publish", publish, action=Action.DOCUMENT_EDIT, tag=_TAG,
              summary="Publish a draft; the version before it is superseded", summary_zh="发布文件",
              answers={200: DocumentView}, errors=(DocumentUnknown, TransitionRefused)),
        Route("POST", f"{_ONE}/withdraw", withdraw, action=Action.DOCUMENT_EDIT, tag=_TAG,
              summary="Withdraw a version of a document", summary_zh="撤下文件",
              answers={200: DocumentView}, errors=(DocumentUnknown, TransitionRefused)),
        Route("GET", f"{_ONE}/history", history, action=Action.DOCUMENT_READ, tag=_TAG,
              summary="Acts on a document, newest first", summary_zh="文件变更历史",
              query=Page, answers={200: HistoryView}, errors=(CursorBroken,)),
    ]  # fmt: skip


def _listed(found: list[Document], limit: int) -> Reply:
    shown, cursor = cut(found, limit, lambda document: document.document_id)
    return Reply(DocumentList(items=[DocumentEntry.of(one) for one in shown], next_cursor=cursor))
