"""Documents: every version is a row of its own, and what was published is never changed again.

The texts are for people: paragraphs divided by empty lines, headings after ``#``, ``##`` or ``###``, lists of lines
after ``-``. One version of a name is in force at most; publishing the next supersedes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from node.auth import Account, Action, may, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, NotFound
from node.journal import Act, Actor, PastAct, acts_of, record_act
from node.sql import statements_beside
from registry import transitions
from registry.coding.rules import CodingRuleUnknown
from registry.store import check_version, reading, refusing
from registry.transitions import DOCUMENT, DocumentState, Verb

SQL = statements_beside(__file__, "documents.sql")
Clock = Callable[[], datetime]

MOST_CHARACTERS = 60_000
"""Of one text."""

PUBLIC = frozenset({DocumentState.PUBLISHED, DocumentState.SUPERSEDED})
"""What everybody may read; a version that was in force once stays readable."""


class DocumentKind(StrEnum):
    CODING_RULE = "coding_rule"  # 编码规则
    TECHNICAL_STANDARD = "technical_standard"  # 技术标准
    MANAGEMENT = "management"  # 管理规范
    OPERATION = "operation"  # 运营规范


class DocumentUnknown(NotFound):
    title_zh = "文件不存在"


class DocumentVersionTaken(Conflict):
    """Somebody else has begun this version. Evidence: ``name``."""

    title_zh = "该版本已由他人起草"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a document says. ``coding_rule_id`` is the rule that it is about."""

    kind: DocumentKind
    title_zh: str
    title_en: str
    body: str
    coding_rule_id: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a document; ``version`` counts the changes of this row. In lists ``body`` is empty."""

    document_id: int
    kind: DocumentKind
    name: str
    document_version: int
    title_zh: str
    title_en: str
    body: str
    coding_rule_id: int | None
    state: DocumentState
    version: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        kept = (
            "kind",
            "name",
            "document_version",
            "title_zh",
            "title_en",
            "body",
            "coding_rule_id",
            "state",
            "version",
        )
        return {name: getattr(self, name) for name in kept}


class Documents:
    """The use cases. Besides what they name, all raise ``DocumentUnknown``, ``NotAllowed``, ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def create(self, account: Account, actor: Actor, name: str, draft: Draft) -> Document:
        """A draft of the first or the next version of a name. Raises ``DocumentVersionTaken``,
        ``CodingRuleUnknown``.
        """
        transitions.permit(DOCUMENT, Verb.CREATE, account, None)
        async with transaction(self._pool) as connection:
            return await open_draft(connection, actor, name, draft, self._clock())

    async def edit(self, account: Account, actor: Actor, document_id: int, draft: Draft, version: int) -> Document:
        """What the expected version of a draft says. Raises ``TransitionRefused``, ``VersionChanged``,
        ``CodingRuleUnknown``.
        """
        transitions.permit(DOCUMENT, Verb.EDIT, account, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = await _locked(connection, document_id)
            transitions.step(DOCUMENT, Verb.EDIT, before.state)
            check_version(version, before.version)
            after = replace(
                before, kind=draft.kind, title_zh=draft.title_zh, title_en=draft.title_en, body=draft.body,
                coding_rule_id=draft.coding_rule_id, version=before.version + 1, updated_at=at,
            )  # fmt: skip
            with refusing(document_coding_rule_known=_no_rule(draft)):
                await connection.execute(
                    SQL["change_document"], document_id, after.kind, after.title_zh, after.title_en, after.body,
                    after.coding_rule_id, after.version, at,
                )  # fmt: skip
            await _trace(connection, Verb.EDIT, before, after, actor, at)
        return after

    async def publish(self, account: Account, actor: Actor, document_id: int) -> Document:
        """In force from now on; the version before it is superseded. Raises ``TransitionRefused``."""
        transitions.permit(DOCUMENT, Verb.PUBLISH, account, None)
        async with transaction(self._pool) as connection:
            return await publish_draft(connection, actor, document_id, self._clock())

    async def withdraw(self, account: Account, actor: Actor, document_id: int) -> Document:
        """Nobody's to read any more but the staff's. Raises ``TransitionRefused``."""
        transitions.permit(DOCUMENT, Verb.WITHDRAW, account, None)
        async with transaction(self._pool) as connection:
            before = await _locked(connection, document_id)
            return await _moved(connection, before, Verb.WITHDRAW, actor, self._clock())

    async def get(self, account: Account | None, document_id: int) -> Document:
        """One version: everybody those that are or were in force, the staff all."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_document"], document_id)
        found = None if row is None else _of_row(row)
        if found is None or (found.state not in PUBLIC and not _sees_drafts(account)):
            raise _unknown(document_id)
        return found

    async def published(self, name: str) -> Document:
        """What is in force under a name, for everybody."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["published_document"], name)
        if row is None:
            raise DocumentUnknown(f"nothing is published under the name {name}", name=name)
        return _of_row(row)

    async def history(
        self, account: Account, document_id: int, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """The acts on it, newest first."""
        require(account, Action.DOCUMENT_READ, None)
        async with reading(self._pool) as connection:
            return await acts_of(connection, "document", str(document_id), before_act=before_act, limit=limit)

    async def list(
        self,
        account: Account | None,
        *,
        state: DocumentState = DocumentState.PUBLISHED,
        kind: DocumentKind | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> list[Document]:
        """In the order of creation, without their texts; drafts and withdrawn ones are for the staff."""
        if state not in PUBLIC and not _sees_drafts(account):
            return []
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_documents"], after, state, kind, limit)
        return [_of_row(row) for row in rows]


async def open_draft(connection: Connection, actor: Actor, name: str, draft: Draft, at: datetime) -> Document:
    """``Documents.create`` inside the caller's transaction, for whoever may."""
    newest = await connection.fetchval(SQL["newest_document_version"], name) or 0
    state = transitions.step(DOCUMENT, Verb.CREATE, None)
    taken = DocumentVersionTaken(f"somebody else has begun version {newest + 1} of {name}", name=name)
    with refusing(document_name_unique=taken, document_coding_rule_known=_no_rule(draft)):
        document_id = await connection.fetchval(
            SQL["add_document"], draft.kind, name, newest + 1, draft.title_zh, draft.title_en, draft.body,
            draft.coding_rule_id, state, at,
        )  # fmt: skip
    made = await _locked(connection, document_id)
    await _trace(connection, Verb.CREATE, None, made, actor, at)
    return made


async def publish_draft(connection: Connection, actor: Actor, document_id: int, at: datetime) -> Document:
    """``Documents.publish`` inside the caller's transaction, for whoever may."""
    rows = await connection.fetch(SQL["lock_versions_of_document"], document_id)
    versions = {row["document_id"]: _of_row(row) for row in rows}
    if document_id not in versions:
        raise _unknown(document_id)
    transitions.step(DOCUMENT, Verb.PUBLISH, versions[document_id].state)
    for one in versions.values():
        if one.state is DocumentState.PUBLISHED:
            await _moved(connection, one, Verb.SUPERSEDE, actor, at)
    return await _moved(connection, versions[document_id], Verb.PUBLISH, actor, at)


async def _moved(connection: Connection, before: Document, verb: Verb, actor: Actor, at: datetime) -> Document:
    state = transitions.step(DOCUMENT, verb, before.state)
    published_at = at if verb is Verb.PUBLISH else before.published_at
    after = replace(before, state=state, version=before.version + 1, updated_at=at, published_at=published_at)
    await connection.execute(SQL["move_document"], before.document_id, state, after.version, at, published_at)
    await _trace(connection, verb, before, after, actor, at)
    return after


async def _locked(connection: Connection, document_id: int) -> Document:
    row = await connection.fetchrow(SQL["lock_document"], document_id)
    if row is None:
        raise _unknown(document_id)
    return _of_row(row)


def _of_row(row: Mapping[str, Any]) -> Document:
    return Document(
        **{name: row[name] for name in Document.__dataclass_fields__ if name not in ("kind", "state")},
        kind=DocumentKind(row["kind"]),
        state=DocumentState(row["state"]),
    )


def _sees_drafts(account: Account | None) -> bool:
    return account is not None and may(account, Action.DOCUMENT_READ, None)


async def _trace(
    connection: Connection, verb: Verb, before: Document | None, after: Document, actor: Actor, at: datetime
) -> None:
    act = Act(
        f"document.{verb}", "document", str(after.document_id), before.to_json() if before else None, after.to_json()
    )
    await record_act(connection, actor, act, at)


def _unknown(document_id: int) -> DocumentUnknown:
    return DocumentUnknown(f"there is no document {document_id}", document_id=document_id)


def _no_rule(draft: Draft) -> CodingRuleUnknown:
    return CodingRuleUnknown(f"there is no coding_rule {draft.coding_rule_id}", number=draft.coding_rule_id)
