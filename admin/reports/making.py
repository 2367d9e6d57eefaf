"""The data of any report: what every one says of itself, around the contents of its kind.

Everything is read in one moment of the database. Nothing of the present time goes in but whether the window was over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from admin.acceptance.profiles import Profile, find_profile
from admin.reports.acceptance_report import acceptance_contents
from admin.reports.document import Contents, document_bytes
from admin.reports.kinds import KIND_TITLES, ReportKind, Wanted
from admin.reports.masked_report import masked_contents
from admin.reports.operation_report import operation_contents
from admin.reports.statement_report import statement_contents
from admin.statistics import counts, digests
from admin.statistics.digests import TooManyDigests
from admin.statistics.examined_views import flag_rows, kinds_of
from admin.statistics.questions import Span
from admin.statistics.rule_text import rule_text
from admin.statistics.rules import rules
from admin.uploads.masks import Pseudonym
from admin.uploads.periods import Period
from admin.uploads.profiles import UploadProfile, find_upload_profile
from node import __version__
from node.china_time import day_of
from node.database import Connection
from node.identifier import Prefix
from node.resolutions import LABORATORY_MARK
from node.sql import statements_beside
from registry.enterprises import EnterpriseUnknown

SQL = statements_beside(__file__, "reports.sql")
_NEWEST, _MOST_GAPS = 2**62, 10_000
_FLAG_DAYS = 92
_CAUSES = {
    "killed": ("进程异常结束", "a process ended unclean"),
    "machine": ("机器故障", "the machine failed"),
    "no_evidence": ("没有事件文件", "counted without event file"),
    "damaged": ("事件文件损坏", "an event file is damaged"),
    "late": ("迟到的分钟", "minutes that came too late"),
}


@dataclass(frozen=True, slots=True)
class Ground:
    """What reports need to know of the node: its profiles of acceptance and masking, its name and prefix."""

    profiles: Mapping[str, Profile]
    default_profile: str
    masks: Mapping[str, UploadProfile]
    default_masks: str
    pseudonym: Pseudonym
    name: str
    prefix: Prefix


async def data_of(connection: Connection, ground: Ground, wanted: Wanted, at: datetime) -> bytes:
    """The data of a report, made at a time.

    Raises ``ProfileUnknown``, ``UploadProfileUnknown``, ``EnterpriseUnknown``, ``TooManyDigests``.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        node = await connection.fetchrow(SQL["node_of_report"])
        enterprise = await _enterprise(connection, wanted.enterprise_id)
        contents = await _contents(connection, ground, wanted, node["node_id"], enterprise, at)
        last = wanted.until - timedelta(days=1)
        span = Span(contents.first, last)
        zh, en = KIND_TITLES[wanted.kind]
        frame = {
            "kind": str(wanted.kind),
            "title": {"zh": zh, "en": en},
            "window": {
                "since": str(wanted.since), "until": str(wanted.until), "last_day": str(last),
                "time_zone": "Asia/Shanghai",
            },
            "provisional": last >= day_of(at),
            "profile": wanted.profile,
            "enterprise": enterprise,
            "node": {"node_id": str(node["node_id"]), "name": ground.name, "prefix": ground.prefix.key},
            "software": f"biaoshi {__version__}",
            "laboratory": node["laboratory"],
            "mark": LABORATORY_MARK if node["laboratory"] else "",
            "rules": await _rules(connection, span),
            "gaps": await _gaps(connection, span),
            "flags": await _flags(connection, span, wanted.enterprise_id),
        }  # fmt: skip
    return document_bytes(frame, contents)


async def _contents(
    connection: Connection, ground: Ground, wanted: Wanted, node_id: UUID, enterprise: Any, at: datetime
) -> Contents:
    match wanted.kind:
        case ReportKind.ACCEPTANCE:
            return await acceptance_contents(
                connection, find_profile(ground.profiles, wanted.profile), wanted.until, at
            )
        case ReportKind.OPERATION:
            return await operation_contents(connection, wanted.since, wanted.until)
        case ReportKind.MASKED:
            masks = find_upload_profile(ground.masks, wanted.profile)
            period = Period(wanted.since, wanted.until)
            node = node_id, ground.name, ground.prefix
            return await masked_contents(connection, masks, period, ground.pseudonym, node, at)
        case ReportKind.STATEMENT:
            assert wanted.enterprise_id is not None, "a statement is somebody's"
            return await statement_contents(connection, wanted.enterprise_id, enterprise["name"], wanted.since)


async def _enterprise(connection: Connection, enterprise_id: UUID | None) -> dict[str, str] | None:
    if enterprise_id is None:
        return None
    row = await connection.fetchrow(SQL["enterprise_of_report"], enterprise_id)
    if row is None:
        raise EnterpriseUnknown(f"there is no enterprise {enterprise_id}", enterprise_id=str(enterprise_id))
    return {"enterprise_id": str(enterprise_id), "name": row["name"], "credit_code": row["credit_code"]}


async def _rules(connection: Connection, span: Span) -> list[dict[str, Any]]:
    """Those by which any of the days was counted, in their order."""
    found: list[dict[str, Any]] = []
    for rule in await rules(connection):
        if rule.effective_day <= span.until:
            found.append(
                {"version": rule.version, "effective_day": str(rule.effective_day), "text": list(rule_text(rule))}
            )
            if rule.effective_day <= span.since:
                break
    return found[::-1]


async def _gaps(connection: Connection, span: Span) -> list[dict[str, str]]:
    rows: Sequence[Mapping[str, Any]] = await connection.fetch(
        counts.SQL["counting_gaps"], span.begins_at, span.ends_at, _NEWEST, _MOST_GAPS, timeout=counts.SECONDS
    )
    return [
        {
            "cause": row["cause"],
            "title_zh": _CAUSES[row["cause"]][0],
            "title_en": _CAUSES[row["cause"]][1],
            "began_at": row["began_at"].isoformat(),
            "ended_at": row["ended_at"].isoformat(),
        }
        for row in rows[::-1]
    ]


async def _flags(connection: Connection, span: Span, enterprise_id: UUID | None) -> dict[str, Any] | None:
    """What is conspicuous on the last 92 of the days, by kind; ``None`` where there is too much to look through."""
    last = Span(max(span.since, span.until - timedelta(days=_FLAG_DAYS - 1)), span.until)
    prefixes = await counts.prefixes_meant(connection, enterprise_id, None)
    try:
        rows = flag_rows(await digests.digests_by_day(connection, last, prefixes))
    except TooManyDigests:
        return None
    return {
        "since": str(last.since),
        "examined": sum(row.examined for row in rows),
        "flagged": sum(row.flagged for row in rows),
        "kinds": [kind.model_dump() for kind in kinds_of(rows)],
    }
