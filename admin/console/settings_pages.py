"""What is in force at the node, to look at: its settings by group, its software, its libraries."""

from __future__ import annotations

from aiohttp import web

from admin.console.enterprise_words import Words
from admin.console.page import STAFF, Page
from admin.console.visit import Visit
from admin.settings.routes import SettingGroupView, SettingsView, SettingView
from node.auth import Action

GROUPS: dict[str, Words] = {
    "node": ("节点", "The node"),
    "http": ("HTTP 服务", "HTTP"),
    "https": ("HTTPS 服务", "HTTPS"),
    "handle": ("Handle 协议", "Handle protocol"),
    "database": ("数据库", "Database"),
    "resolver": ("解析", "Resolution"),
    "registry": ("注册", "Registration"),
    "accounts": ("账号与登录", "Accounts and sign-in"),
    "security": ("安全", "Security"),
    "filing": ("公众备案查询", "Public filing"),
    "snms": ("SNMS 接口", "SNMS"),
    "idhub": ("IDHub 接口", "IDHub"),
    "files": ("文件", "Files"),
    "s3": ("对象存储", "Object store"),
    "review": ("实名审核", "Review"),
    "service": ("服务与投诉", "Service"),
    "bulk": ("批量注册", "Bulk registration"),
    "national": ("上级节点对接", "The node above"),
    "downward": ("企业节点接入", "Nodes below"),
    "recursion": ("递归解析", "Recursion"),
    "authority": ("主管部门上报", "Uploads to the authority"),
    "escrow": ("数据托管备份", "Escrow"),
    "counting": ("计数", "Counting"),
    "flags": ("异常标记", "Flags"),
    "acceptance": ("验收", "Acceptance"),
    "typesetting": ("排版", "Typesetting"),
    "labels": ("标签", "Labels"),
    "log": ("日志", "Log"),
}
ORIGINS: dict[str, Words] = {
    "default": ("默认值", "default"),
    "file": ("配置文件", "file"),
    "environment": ("环境变量", "environment"),
    "start": ("启动时确定", "settled at the start"),
}


def settings_pages() -> list[Page]:
    """``/console/settings``."""

    async def page(visit: Visit) -> web.StreamResponse:
        found: SettingsView = await visit.ask("GET /v1/settings")
        wanted = visit.query("q").get("q", "")
        only_changed = "changed" in visit.query("changed")
        groups = [
            (group.name, visit.t(*GROUPS.get(group.name, (group.name, group.name))), shown)
            for group in found.groups
            if (shown := _shown(group, wanted.lower(), only_changed=only_changed))
        ]
        return visit.show(
            "settings.html", node=found.node, groups=groups, libraries=found.libraries, wanted=wanted,
            only_changed=only_changed, origins=ORIGINS,
        )  # fmt: skip

    return [Page("GET", "/console/settings", page, Action.SETTINGS_READ, STAFF)]


def _shown(group: SettingGroupView, wanted: str, *, only_changed: bool) -> list[SettingView]:
    """The settings of a group that a search asks for, by any word of theirs or of the group's name."""
    words = " ".join((group.name, *GROUPS.get(group.name, ()))).lower()
    return [
        setting
        for setting in group.settings
        if (wanted in words or wanted in f"{setting.name} {setting.variable} {setting.description}".lower())
        and not (only_changed and setting.origin == "default")
    ]
