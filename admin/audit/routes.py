"""``/v1/audit``: everything that happened at the node (审计日志)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from admin.audit.entries import BEGINNING, END, Filters, Source
from admin.audit.question import AuditFilterUnfit, Positions, read_positions
from admin.audit.table import MEDIA, header_line, lines
from admin.audit.trail import MOST_DAYS, Audit, AuditEntryUnknown, AuditWindowUnfit
from admin.audit.views import AuditDetailView, AuditList
from node.auth import Action
from node.identifier import IDENTIFIER_LIMIT, PREFIX_LIMIT, InvalidIdentifier, InvalidPrefix, InvalidSuffix
from node.journal import Interface
from node.routes import Call, InvalidPathParameter, Reply, Route
from registry.accounts.stored import AccountUnknown
from registry.api.v1.fields import Moment, Text
from registry.api.v1.paging import CursorBroken, Page, text_cursor
from registry.prefixes import PrefixUnknown

_TAG = "audit"
_ENTRY = re.compile(r"(act|identifier)-([1-9][0-9]{0,17})", re.ASCII)

InterfaceName = StrEnum("InterfaceName", {one.name: one.name.lower() for one in Interface})  # type: ignore[misc]  # made


class AuditFilters(BaseModel):
    """What is asked for; everything given has to be met."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Annotated[Moment | None, Field(description="from this moment on")] = None
    until: Annotated[Moment | None, Field(description="before this moment")] = None
    account: Annotated[Text, Field(max_length=64, description="name or id; node: the node itself")] = ""
    interface: InterfaceName | None = None
    action: Annotated[str, Field(max_length=64, pattern=r"^([a-z_]+(\.[a-z_]+)*)?$", examples=["token.create"])] = ""
    kind: Annotated[str, Field(max_length=64, pattern="^[a-z_]*$", description="of what it happened to")] = ""
    subject: Annotated[Text, Field(max_length=IDENTIFIER_LIMIT, description="its id; needs kind")] = ""
    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT, description="acts on it, and identifiers below it")] = ""
    of: Annotated[Literal["all", "acts", "identifiers"], Field(description="acts, or changes of identifiers")] = "all"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("since is not before until")
        return self

    def filters(self) -> Filters:
        """The domain value."""
        return Filters(
            since=BEGINNING if self.since is None else min(max(self.since, BEGINNING), END),
            until=END if self.until is None else min(max(self.until, BEGINNING), END),
            account=self.account,
            interface=None if self.interface is None else Interface[self.interface.name],
            action=self.action,
            kind=self.kind,
            subject=self.subject,
            prefix=self.prefix,
            source={"all": None, "acts": Source.ACT, "identifiers": Source.IDENTIFIER}[self.of],
        )


class AuditQuery(Page, AuditFilters):
    """A page of what is asked for."""

    def after(self) -> Positions | None:
        """Where the page before ended. Raises ``CursorBroken``."""
        try:
            return read_positions(text_cursor(self.cursor))
        except ValueError:
            raise CursorBroken("the cursor is not one that this list gave out", field="cursor") from None


class AuditTableQuery(AuditFilters):
    """The same as a whole; it needs both ends of a window of at most 31 days."""

    since: Annotated[Moment, Field(description="from this moment on")]
    until: Annotated[Moment, Field(description="before this moment")]


def audit_routes(audit: Audit) -> list[Route]:
    """Every route of the audit trail."""

    async def listed(call: Call, query: AuditQuery) -> Reply:
        return Reply(AuditList.of(await audit.list(call.account, query.filters(), query.after(), query.limit)))

    async def read(call: Call) -> Reply:
        named = _ENTRY.fullmatch(call.text("audit_entry"))
        if named is None:
            raise InvalidPathParameter("audit_entry is act- or identifier- and a number", field="audit_entry")
        return Reply(AuditDetailView.of(await audit.get(call.account, Source(named[1]), int(named[2]))))

    async def table(call: Call, query: AuditTableQuery) -> Reply:
        pages, laboratory = await audit.export(call.account, call.actor, query.filters())

        async def text() -> AsyncIterator[bytes]:
            yield header_line()
            async for page in pages:
                yield lines(page, laboratory=laboratory)
                await asyncio.sleep(0)

        name = f"audit-{query.since:%Y%m%dT%H%M}-{query.until:%Y%m%dT%H%M}.csv"
        return Reply(text(), headers={"Content-Disposition": f'attachment; filename="{name}"'}, content_type=MEDIA)

    unfit = (AuditFilterUnfit, AccountUnknown, PrefixUnknown, InvalidPrefix, InvalidSuffix, InvalidIdentifier)
    return [
        Route("GET", "/v1/audit", listed, action=Action.AUDIT_READ, tag=_TAG,
              summary="Everything that happened at the node, newest first", summary_zh="审计日志",
              query=AuditQuery, answers={200: AuditList}, errors=(CursorBroken, *unfit)),
        Route("GET", "/v1/audit/table", table, action=Action.AUDIT_READ, tag=_TAG,
              summary=f"The same as CSV, of at most {MOST_DAYS} days; asking for it is recorded",
              summary_zh="导出审计日志", query=AuditTableQuery, answers={200: (MEDIA,)},
              errors=(AuditWindowUnfit, *unfit)),
        Route("GET", "/v1/audit/{audit_entry}", read, action=Action.AUDIT_READ, tag=_TAG,
              summary="One entry with what it replaced and the leaf that commits to it", summary_zh="审计日志详情",
              answers={200: AuditDetailView}, errors=(InvalidPathParameter, AuditEntryUnknown)),
    ]  # fmt: skip
