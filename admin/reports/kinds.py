"""Which reports there are, and what one is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID


class ReportKind(StrEnum):
    """What a report is about."""

    ACCEPTANCE = "acceptance"
    OPERATION = "operation"
    MASKED = "masked"
    STATEMENT = "statement"


KIND_TITLES: dict[ReportKind, tuple[str, str]] = {
    ReportKind.ACCEPTANCE: ("验收报告", "Acceptance report"),
    ReportKind.OPERATION: ("运行报告", "Operation report"),
    ReportKind.MASKED: ("统计报告（脱敏）", "Masked statistics"),
    ReportKind.STATEMENT: ("企业用量账单报告", "Enterprise statement"),
}
"""What people read, Chinese and English."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One report: the days of China from ``since`` to before ``until``.

    ``profile`` is that of acceptance or of masking, else empty; ``enterprise_id`` is whose statement it is. An
    acceptance report is of one day, the last that counts.
    """

    kind: ReportKind
    profile: str
    enterprise_id: UUID | None
    since: date
    until: date
