"""Getting started (入网引导): from the application to the first resolved identifier, step by step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from aiohttp import web

from admin.console.own_enterprise import own_id
from admin.console.page import ENTERPRISE, Page
from admin.console.visit import Visit, address
from node.auth import Action
from registry.api.v1.prefixes import PrefixView
from registry.transitions import EnterpriseState, Hosting, PrefixState, TemplateState

_PATH = "/console/guide"
_LOOKED_THROUGH = 20
_TO_SUBMIT = frozenset({EnterpriseState.DRAFT, EnterpriseState.RETURNED})
_WAITING = frozenset({PrefixState.APPLIED, PrefixState.REVIEWED, PrefixState.VERIFIED})


class Standing(StrEnum):
    """``waiting`` is for somebody else to do, ``open`` leaves no trace that could be told of."""

    DONE = "done"
    NOW = "now"
    WAITING = "waiting"
    LATER = "later"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Step:
    """One step in the page's language; ``detail`` is how it stands, ``place`` where it is done."""

    title: str
    standing: Standing
    detail: str
    place: str
    button: str


@dataclass(frozen=True, slots=True)
class Standings:
    """What operations say of an enterprise that is getting started; ``identifier`` is any of its identifiers."""

    enterprise: EnterpriseState
    prefix: PrefixView | None
    templates: bool
    identifier: str | None
    resolutions: int
    keys: int


def guide_pages() -> list[Page]:
    """``/console/guide``."""

    async def guide(visit: Visit) -> web.StreamResponse:
        found = await _standings(visit)
        steps = _steps(visit, found)
        return visit.show(
            "guide.html", steps=steps, done=sum(step.standing is Standing.DONE for step in steps),
            identifier=found.identifier,
        )  # fmt: skip

    return [Page("GET", _PATH, guide, Action.ENTERPRISE_READ, ENTERPRISE)]


async def _standings(visit: Visit) -> Standings:
    enterprise = await visit.ask("GET /v1/enterprises/{enterprise_id}", enterprise_id=own_id(visit))
    prefixes = (await visit.ask("GET /v1/prefixes", query={"limit": _LOOKED_THROUGH})).items
    templates = await visit.ask("GET /v1/templates", query={"state": TemplateState.PUBLISHED, "limit": 1})
    statistics = await visit.ask("GET /v1/statistics")
    keys = await visit.ask("GET /v1/accounts/{account_id}/access-keys", account_id=visit.account.account_id)
    return Standings(
        enterprise=enterprise.state,
        prefix=_furthest(prefixes),
        templates=bool(templates.items),
        identifier=await _identifier(visit, prefixes),
        resolutions=statistics.resolutions_ever.valid,
        keys=sum(key.revoked_at is None for key in keys.items),
    )


def _furthest(prefixes: list[PrefixView]) -> PrefixView | None:
    """The prefix that is the furthest on its way into use."""
    order = [PrefixState.ENABLED, PrefixState.VERIFIED, PrefixState.REVIEWED, PrefixState.APPLIED]
    known = [prefix for prefix in prefixes if prefix.state in order]
    return min(known, key=lambda prefix: order.index(prefix.state), default=None)


async def _identifier(visit: Visit, prefixes: list[PrefixView]) -> str | None:
    for prefix in prefixes:
        if prefix.state is PrefixState.ENABLED:
            found = await visit.ask("GET /v1/identifiers", query={"prefix": prefix.prefix, "limit": 1})
            if found.items:
                return str(found.items[0].identifier)
    return None


def _steps(visit: Visit, found: Standings) -> list[Step]:
    """In their order; the first that is not done is the one to do now, or to wait for."""
    steps = _marked(_way(visit, found), waiting=_waits(found))
    later = Standing.OPEN if found.identifier else Standing.LATER
    return [*steps, *_beyond(visit, found, later)]


def _way(visit: Visit, found: Standings) -> list[Step]:
    """From the application to the first resolution."""
    t, prefix, named = visit.t, found.prefix, quote(found.identifier or "", safe="")
    registered = found.identifier is not None
    enabled = prefix is not None and prefix.state is PrefixState.ENABLED
    new = f"/console/identifiers/new?prefix={prefix.prefix}" if prefix and enabled else "/console/identifiers/new"
    return [
        _step(
            t("企业通过审核", "The enterprise is approved"), found.enterprise is EnterpriseState.APPROVED,
            _of_enterprise(t, found.enterprise),
            "/console/enterprise",
            t("填写并提交资料", "Complete and submit the record") if found.enterprise in _TO_SUBMIT
            else t("查看资料", "See the record"),
        ),
        _step(
            t("申请前缀，通过核验并启用", "A prefix is applied for, verified and enabled"), enabled,
            _of_prefix(t, prefix),
            address("/console/prefixes/{prefix}", prefix=prefix.prefix) if prefix else "/console/prefixes/new",
            t("查看前缀", "See the prefix") if prefix else t("申请前缀", "Apply for a prefix"),
        ),
        _step(
            t("发布数据模板", "A template is published"), found.templates,
            t("有可用的模板", "there is one to use") if found.templates
            else t("模板规定标识带哪些属性", "it says which attributes an identifier has"),
            "/console/templates", t("查看模板", "See the templates"),
        ),
        _step(
            t("注册第一个标识", "The first identifier is registered"), registered,
            found.identifier or _needs_hosting(t, prefix), new,
            t("再注册一个", "Register another") if registered else t("注册标识", "Register one"),
        ),
        _step(
            t("标识被解析", "It is resolved"), found.resolutions > 0,
            t(f"有效解析 {found.resolutions} 次", f"valid resolutions: {found.resolutions}") if found.resolutions
            else t("解析一次后，统计在一分钟内更新", "counted within a minute after the first one"),
            f"/console/identifiers?q={named}" if named else "/console/identifiers",
            t("打开标识并解析", "Open and resolve it"),
        ),
    ]  # fmt: skip


def _beyond(visit: Visit, found: Standings, later: Standing) -> list[Step]:
    """What may be done at any time once there is an identifier."""
    t, named = visit.t, quote(found.identifier or "", safe="")
    keys = t(f"{found.keys} 个有效密钥", f"keys in use: {found.keys}")
    return [
        Step(
            t("打印标签", "A label is printed"), later,
            t("二维码或 Data Matrix，打印不留记录", "QR or Data Matrix; printing leaves no record"),
            f"/console/labels?identifier={named}" if named else "/console/labels", t("打印标签", "Print labels"),
        ),
        Step(
            t("创建访问密钥，接入业务系统", "A key is made for your own systems"),
            Standing.DONE if found.keys else later,
            keys if found.keys else t("供程序登录接口", "for programs to sign in with"),
            "/console/me", t("管理密钥", "Keys"),
        ),
    ]  # fmt: skip


def _step(title: str, done: bool, detail: str, place: str, button: str) -> Step:
    return Step(title, Standing.DONE if done else Standing.LATER, detail, place, button)


def _marked(steps: list[Step], *, waiting: bool) -> list[Step]:
    """The first step that is not done is the one to do now, or to wait for."""
    marked, met = [], False
    for step in steps:
        standing = step.standing
        if standing is not Standing.DONE and not met:
            met, standing = True, Standing.WAITING if waiting else Standing.NOW
        marked.append(replace(step, standing=standing))
    return marked


def _waits(found: Standings) -> bool:
    """Whether the first open step is for a reviewer, or the national node, to do."""
    if found.enterprise is not EnterpriseState.APPROVED:
        return found.enterprise is EnterpriseState.SUBMITTED
    return found.prefix is not None and found.prefix.state in _WAITING


def _of_enterprise(t: Any, state: EnterpriseState) -> str:
    said: str = {
        EnterpriseState.DRAFT: t("草稿，尚未提交", "a draft, not submitted yet"),
        EnterpriseState.SUBMITTED: t("已提交，等待审核", "submitted, awaiting its review"),
        EnterpriseState.APPROVED: t("已通过审核", "approved"),
        EnterpriseState.RETURNED: t("已退回，请修改后再提交", "returned: make the changes and submit again"),
        EnterpriseState.REJECTED: t("已驳回", "rejected"),
        EnterpriseState.SUSPENDED: t("已停用", "suspended"),
        EnterpriseState.CLOSED: t("已注销", "closed"),
    }[state]
    return said


def _of_prefix(t: Any, prefix: PrefixView | None) -> str:
    if prefix is None:
        return str(t("尚未申请", "not applied for yet"))
    said = {
        PrefixState.APPLIED: t("等待本节点审核", "awaits its review here"),
        PrefixState.REVIEWED: t("等待国家顶级节点核验", "awaits verification by the national node"),
        PrefixState.VERIFIED: t("已核验，等待启用", "verified, to be enabled"),
        PrefixState.ENABLED: t("已启用", "enabled"),
    }[prefix.state]
    return f"{prefix.prefix} {said}"


def _needs_hosting(t: Any, prefix: PrefixView | None) -> str:
    if prefix is not None and prefix.state is PrefixState.ENABLED and prefix.hosting is not Hosting.HOSTED:
        return str(
            t("前缀为自建解析：先申请托管，或在自己的系统注册", "self-hosted: ask for hosting, or register at home")
        )
    return str(t("逐个注册，或导入文件", "one by one, or from a file"))
