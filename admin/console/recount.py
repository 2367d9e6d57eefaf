"""Counting again on demand: past recounts, one more, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import MultiDict

from admin.console.form import Form, Refusal
from admin.console.page import STAFF, Page
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError

_ONE = "/console/recount/{recount_id}"
_ENDED = frozenset({"done", "failed"})


@dataclass(frozen=True, slots=True)
class Words:
    """Of what differs, and of what is to be known, in both languages."""

    zh: str
    en: str


WHAT = {
    "minute": Words("分钟计数", "minute"),
    "hour": Words("小时合计", "hour"),
    "day": Words("日合计", "day"),
    "total": Words("总计", "total"),
    "month": Words("月合计", "month"),
    "digest": Words("去重摘要", "digest"),
    "registrations": Words("注册量", "registrations"),
    "closing": Words("日结账", "closing"),
    "rule": Words("计数规则", "rule"),
    "evidence": Words("证据文件", "evidence"),
}
NOTES = {
    "expired": Words(
        "证据已过保存期，解析量未重计", "its event files are kept no longer: resolutions not counted again"
    ),
    "before_rules": Words("早于首个计数规则，无证据，未重计", "before the first rule: there is no evidence"),
    "minutes_removed": Words("分钟计数已过保存期", "its counts by the minute are kept no longer"),
    "unclosed": Words("尚未日结", "not closed yet"),
    "elsewhere": Words("由其他机器计数，按其记录", "counted by another machine, taken as told"),
    "clock_set_back": Words("进程时钟被调回", "the clock of a process went back"),
}


def recount_pages() -> list[Page]:
    """``/console/recount`` and one page a recount."""

    async def shown(visit: Visit, form: Form, refusal: Refusal | None = None) -> web.Response:
        found = await visit.ask("GET /v1/statistics/recounts", query=visit.query("cursor"))
        may_correct = visit.may(Action.COUNT_CORRECT)
        return visit.show("recounts.html", found=found, form=form, refusal=refusal, may_correct=may_correct)

    async def listing(visit: Visit) -> web.StreamResponse:
        return await shown(visit, Form(MultiDict()))

    async def ask(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body: dict[str, Any] = {
            "since": form.text("since"),
            "until": form.text("until"),
            "correct": form.has("correct"),
        }
        try:
            asked = await visit.ask("POST /v1/statistics/recounts", body=body)
        except NodeError as error:
            return await shown(visit, form, Refusal.of(error))
        return visit.go(
            address(_ONE, recount_id=asked.recount_id),
            ("已发起复核，节点后台将逐日重新计数", "Asked for: the node counts again, day by day"),
        )

    async def one(visit: Visit) -> web.StreamResponse:
        found = await visit.ask("GET /v1/statistics/recounts/{recount_id}", recount_id=visit.text("recount_id"))
        going = found.recount.state not in _ENDED
        return visit.show("recount.html", found=found, one=found.recount, what=WHAT, notes=NOTES, going=going)

    return [
        Page("GET", "/console/recount", listing, Action.RECOUNT, STAFF),
        Page("POST", "/console/recount", ask, Action.RECOUNT, STAFF),
        Page("GET", "/console/recount/{recount_id}", one, Action.RECOUNT, STAFF),
    ]
