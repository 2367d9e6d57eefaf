"""A report as a JSON file: its data, and beside them the hash that anybody can compute again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from admin.reports.document import digest_of
from admin.reports.kinds import ReportKind, Wanted
from admin.reports.reports import Report
from node.errors import Malformed
from node.journal import canonical


class ReportFileUnreadable(Malformed):
    title_zh = "报告文件无法读取"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a file says: the bytes that the hash is of, and the hash that it names."""

    report_id: str
    sha256: str
    data: bytes

    @property
    def genuine(self) -> bool:
        """Whether the data have the hash that stands beside them."""
        return digest_of(self.data).hex() == self.sha256

    @property
    def wanted(self) -> Wanted:
        """What the data are about. Raises ``ReportFileUnreadable``."""
        try:
            said = json.loads(self.data)
            window, enterprise = said["window"], said["enterprise"]
            return Wanted(
                ReportKind(said["kind"]),
                str(said["profile"]),
                UUID(enterprise["enterprise_id"]) if enterprise else None,
                date.fromisoformat(window["since"]),
                date.fromisoformat(window["until"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReportFileUnreadable(f"the file says of no report what it is: {type(error).__name__}") from None


def as_json(report: Report) -> bytes:
    """``report_id``, ``edition``, ``made_at``, ``sha256`` and ``data``, whose canonical form the hash is of."""
    beside = {
        "report_id": str(report.report_id), "edition": report.edition, "made_at": report.made_at.isoformat(),
        "sha256": report.sha256.hex(),
    }  # fmt: skip
    return json.dumps({**beside, "data": json.loads(report.data)}, ensure_ascii=False, indent=1).encode() + b"\n"


def read_envelope(content: bytes) -> Envelope:
    """What a file says. Raises ``ReportFileUnreadable``."""
    try:
        said = json.loads(content)
        return Envelope(str(said["report_id"]), str(said["sha256"]), canonical(dict(said["data"])))
    except (ValueError, KeyError, TypeError) as error:
        raise ReportFileUnreadable(f"the file is no report: {type(error).__name__}") from None


def differences(kept: bytes, now: bytes, most: int = 20) -> list[str]:
    """Where two data differ, as paths such as ``sections.0.facts.2.value``; at most so many."""
    found: list[str] = []

    def compare(path: str, one: Any, other: Any) -> None:
        if len(found) >= most or one == other:
            return
        if isinstance(one, dict) and isinstance(other, dict):
            for name in sorted(one.keys() | other.keys()):
                compare(f"{path}.{name}", one.get(name), other.get(name))
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            for at, (left, right) in enumerate(zip(one, other, strict=True)):
                compare(f"{path}.{at}", left, right)
        else:
            found.append(path.removeprefix("."))

    compare("", json.loads(kept), json.loads(now))
    return found
