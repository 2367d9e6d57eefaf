"""The menu: what stands where, in both languages, and who sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from admin.console.page import ENTERPRISE, EVERYBODY, STAFF
from node.auth import Action, Role

if TYPE_CHECKING:
    from admin.console.visit import Visit


@dataclass(frozen=True, slots=True)
class Entry:
    """One page; the rights are those of the page itself (a test compares them)."""

    path: str
    zh: str
    en: str
    action: Action
    roles: frozenset[Role] = EVERYBODY


@dataclass(frozen=True, slots=True)
class Group:
    zh: str
    en: str
    entries: tuple[Entry, ...]


OVERVIEW = Group("总览", "Overview", (
    Entry("/console", "运行总览", "Overview", Action.STATISTICS_READ),
    Entry("/console/wall", "监控大屏", "Wall screen", Action.NODE_STATISTICS_READ, STAFF),
    Entry("/console/statistics", "统计分析", "Statistics", Action.STATISTICS_READ),
    Entry("/console/national", "国家顶级节点对接", "National link", Action.NATIONAL_READ, STAFF),
    Entry("/console/guide", "入网引导", "Getting started", Action.ENTERPRISE_READ, ENTERPRISE),
))  # fmt: skip
BUSINESS = Group("业务", "Business", (
    Entry("/console/reviews", "审核任务", "Review queue", Action.REVIEW_READ, STAFF),
    Entry("/console/enterprises", "企业", "Enterprises", Action.ENTERPRISE_READ, STAFF),
    Entry("/console/enterprise", "本企业资料", "Our enterprise", Action.ENTERPRISE_READ, ENTERPRISE),
    Entry("/console/prefixes", "前缀", "Prefixes", Action.PREFIX_READ),
    Entry("/console/numbering", "号段规划", "Numbering plan", Action.NUMBERING_READ, STAFF),
    Entry("/console/transfers", "前缀转移", "Transfers", Action.TRANSFER_READ),
    Entry("/console/quotas", "配额", "Quotas", Action.QUOTA_READ),
    Entry("/console/orders", "套餐与订购", "Plans and orders", Action.ORDER_READ),
    Entry("/console/requests", "服务与投诉", "Requests and complaints", Action.SERVICE_REQUEST_READ),
))  # fmt: skip
IDENTIFIERS = Group("标识", "Identifiers", (
    Entry("/console/identifiers", "标识查询", "Identifiers", Action.IDENTIFIER_READ),
    Entry("/console/identifiers/new", "注册标识", "Register one", Action.IDENTIFIER_REGISTER),
    Entry("/console/import", "批量导入", "Import a file", Action.IDENTIFIER_REGISTER),
    Entry("/console/batches", "批次", "Batches", Action.IDENTIFIER_READ),
    Entry("/console/labels", "标签打印", "Labels", Action.IDENTIFIER_READ),
    Entry("/console/templates", "数据模板", "Templates", Action.TEMPLATE_READ),
    Entry("/console/coding-rules", "编码规则", "Coding rules", Action.CODING_RULE_READ),
    Entry("/console/grants", "数据授权", "Data authorisation", Action.GRANT_READ),
))  # fmt: skip
EVIDENCE = Group("验收与审计", "Acceptance and audit", (
    Entry("/console/acceptance", "验收指标", "Acceptance", Action.ACCEPTANCE_READ, STAFF),
    Entry("/console/reports", "报告", "Reports", Action.REPORT_READ),
    Entry("/console/recount", "复核计数", "Recount", Action.RECOUNT, STAFF),
    Entry("/console/audit", "审计日志", "Audit trail", Action.AUDIT_READ, STAFF),
    Entry("/console/exports", "数据导出", "Exports", Action.IDENTIFIER_EXPORT),
))  # fmt: skip
NODE = Group("节点", "Node", (
    Entry("/console/documents", "管理规范", "Rules and standards", Action.DOCUMENT_READ, STAFF),
    Entry("/console/announcements", "公告", "Announcements", Action.ANNOUNCEMENT_READ, STAFF),
    Entry("/console/accounts", "账号", "Accounts", Action.ACCOUNT_READ, STAFF),
    Entry("/console/docking", "企业节点", "Enterprise nodes", Action.DOCKING_READ, STAFF),
    Entry("/console/uploads", "主管部门上报", "Uploads to the authority", Action.UPLOAD_READ, STAFF),
    Entry("/console/settings", "设置", "Settings", Action.SETTINGS_READ, STAFF),
))  # fmt: skip
MENU = (OVERVIEW, BUSINESS, IDENTIFIERS, EVIDENCE, NODE)


@dataclass(frozen=True, slots=True)
class ShownEntry:
    path: str
    text: str
    here: bool


def menu_of(visit: Visit) -> list[tuple[str, list[ShownEntry]]]:
    """The groups that have anything for the visitor; ``here`` marks the page, or the list it belongs to."""
    path = visit.request.path
    paths = [entry.path for group in MENU for entry in group.entries]
    above = [known for known in paths if known != "/console" and path.startswith(known + "/")]
    here = path if path in paths else max(above, key=len, default="")
    shown = []
    for group in MENU:
        entries = [
            ShownEntry(entry.path, visit.t(entry.zh, entry.en), entry.path == here)
            for entry in group.entries
            if visit.account.role in entry.roles and visit.may(entry.action)
        ]
        if entries:
            shown.append((visit.t(group.zh, group.en), entries))
    return shown
