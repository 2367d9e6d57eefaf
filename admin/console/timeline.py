"""A history for people to read: who did what, when, through which door, and what it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from admin.console.enterprise_words import Words, field_words, value_words
from admin.console.visit import Visit
from node.auth import Action
from registry.accounts.stored import AccountUnknown
from registry.api.v1.history import ActView, HistoryView

_UNTOLD = frozenset({"version", "enterprise_id", "updated_at", "personal_changed", "enterprise_name", "reason"})
_SUBJECTS: dict[str, Words] = {
    "enterprise": ("企业", "Enterprise"),
    "prefix": ("前缀", "Prefix"),
    "hosting": ("托管", "Hosting"),
    "route": ("解析路由", "Route"),
    "transfer": ("转让", "Transfer"),
    "review": ("审核", "Review"),
    "template": ("模板", "Template"),
    "coding_rule": ("编码规则", "Coding rule"),
    "quota": ("配额", "Quota"),
    "order": ("订购", "Order"),
    "plan": ("套餐", "Plan"),
    "document": ("规范", "Document"),
    "announcement": ("公告", "Announcement"),
    "service_request": ("服务请求", "Service request"),
    "account": ("账号", "Account"),
    "suffix_rule": ("后缀规则", "Suffix rule"),
    "handle_policy": ("Handle 策略", "Handle policy"),
    "attachment": ("附件", "Attachment"),
    "onboarding": ("入驻", "Onboarding"),
}
_VERBS: dict[str, Words] = {
    "create": ("新建", "created"),
    "edit": ("修改", "edited"),
    "amend": ("变更审核内容", "amended, to be reviewed again"),
    "submit": ("提交审核", "submitted"),
    "approve": ("审核通过", "approved"),
    "return": ("退回修改", "returned"),
    "reject": ("驳回", "rejected"),
    "suspend": ("停用", "suspended"),
    "resume": ("恢复", "resumed"),
    "close": ("注销", "closed"),
    "apply": ("申请", "applied for"),
    "allot": ("分配", "allotted"),
    "verify": ("核验通过", "verified by the national node"),
    "refuse": ("核验未通过", "refused by the national node"),
    "enable": ("启用", "enabled"),
    "withdraw": ("收回", "withdrawn"),
    "publish": ("发布", "published"),
    "revise": ("修订", "revised"),
    "host": ("直接托管", "hosted at once"),
    "self_host": ("改为自建解析", "self-hosted"),
    "offer": ("发起", "offered"),
    "accept": ("接受", "accepted"),
    "decline": ("谢绝", "declined"),
    "cancel": ("取消", "cancelled"),
    "supersede": ("被替代", "superseded"),
    "place": ("下单", "placed"),
    "confirm": ("确认", "confirmed"),
    "end": ("终止", "ended"),
    "file": ("提交", "filed"),
    "take": ("受理", "taken up"),
    "answer": ("答复", "answered"),
    "reopen": ("重新打开", "reopened"),
    "claim": ("认领", "claimed"),
    "release": ("退还", "given back"),
    "check": ("核验", "checked"),
    "first_approval": ("首次同意", "first approval"),
    "read_personal": ("查看个人信息明文", "people looked at in clear"),
    "set": ("设置", "set"),
    "remove": ("删除", "removed"),
    "delete": ("删除", "deleted"),
    "transfer": ("转让", "transferred"),
    "change": ("变更", "changed"),
    "add": ("新增", "added"),
    "say": ("补充说明", "added to"),
    "read_contact": ("查看联系方式明文", "contact looked at in clear"),
    "read": ("查看", "looked at"),
    "enter": ("入驻", "entered"),
    "suspend_from_above": ("上级停用", "suspended from above"),
    "resume_from_above": ("上级恢复", "resumed from above"),
}
_ROLES: dict[str, Words] = {
    "administrator": ("平台管理员", "administrator"),
    "reviewer": ("审核员", "reviewer"),
    "auditor": ("审计员", "auditor"),
    "enterprise_user": ("企业用户", "enterprise user"),
    "application": ("应用身份", "application"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One field; what was not there is empty."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Deed:
    """One act in the page's language; ``who`` is empty for the node itself."""

    at: datetime
    who: str
    what: str
    interface: str
    reason: str
    changes: tuple[Change, ...]


async def timeline(visit: Visit, history: HistoryView) -> list[Deed]:
    """The acts of a history, newest first. Accounts are named to whom may read them; others learn the role."""
    names = await account_names(visit, {act.account_id for act in history.items if act.account_id})
    return [
        Deed(
            at=act.at,
            who=_who(visit, act, names),
            what=visit.t(*action_words(act.action)),
            interface=act.interface,
            reason=act.reason,
            changes=tuple(changes_of(visit.t, act.before, act.after)),
        )
        for act in history.items
    ]


def action_words(action: str) -> Words:
    """``enterprise.approve`` is 企业审核通过; what has no words keeps its name."""
    subject, _, verb = action.rpartition(".")
    if subject not in _SUBJECTS or verb not in _VERBS:
        return action, action
    (what, of_what), (done, was_done) = _SUBJECTS[subject], _VERBS[verb]
    return f"{what}{done}", f"{of_what} {was_done}"


def changes_of(
    t: Callable[[str, str], str], before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Iterator[Change]:
    """The fields that differ, by their names; none where either side was not kept."""
    if before is None or after is None:
        return
    was, is_now = dict(_flat("", before)), dict(_flat("", after))
    hidden = set(after.get("personal_changed", ()))
    for path in dict.fromkeys((*was, *is_now)):
        old, new = was.get(path, ""), is_now.get(path, "")
        if old == new and path.removeprefix("personal.") not in hidden:
            continue
        if path.partition(".")[0] not in _UNTOLD:
            yield Change(t(*field_words(path)), _said(t, path, old), _said(t, path, new))


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Leaves by dotted paths; a list of plain values is one leaf."""
    match value:
        case Mapping():
            for name, part in value.items():
                yield from _flat(f"{path}.{name}" if path else name, part)
        case [*parts] if any(isinstance(part, Mapping) for part in parts):
            for number, part in enumerate(parts):
                yield from _flat(f"{path}.{number}", part)
        case [*parts]:
            yield path, "、".join(str(part) for part in parts)
        case None:
            yield path, ""
        case _:
            yield path, value


def _said(t: Callable[[str, str], str], path: str, value: Any) -> str:
    return t(*value_words(path, value)) if value != "" else ""


def _who(visit: Visit, act: ActView, names: Mapping[UUID, str]) -> str:
    if act.account_id is None:
        return visit.t("节点", "the node")
    role = visit.t(*_ROLES[act.account_role]) if act.account_role else visit.t("账号", "account")
    return f"{role} {names.get(act.account_id, str(act.account_id)[-8:])}"


async def account_names(visit: Visit, accounts: set[UUID]) -> dict[UUID, str]:
    """The names of those accounts that the visitor may know by name."""
    known = {visit.account.account_id: visit.account.name}
    if visit.may(Action.ACCOUNT_READ):
        for account_id in accounts - set(known):
            try:
                found = await visit.ask("GET /v1/accounts/{account_id}", account_id=account_id)
            except AccountUnknown:
                continue
            known[account_id] = found.name
    return known
