"""``/v1/settings``: what is in force at this node, to look at (设置)."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from admin.settings.effective import Origin
from admin.settings.libraries import libraries
from admin.settings.node_facts import EffectiveSettings
from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import View


class SettingView(View):
    """``value`` is null where nothing is set, ``****`` where a secret is; ``variable`` would override it. ``origin``
    start: settled when the node started, and handed to its processes."""

    name: str
    variable: str
    value: str | None
    default: str | None
    origin: Origin
    secret: bool
    description: str


class SettingGroupView(View):
    name: str
    settings: list[SettingView]


class LibraryView(View):
    name: str
    version: str
    licence: str


class NodeFactsView(View):
    """Who the node is and what it runs on; ``file`` is the name of its settings file, null without one."""

    node_id: UUID
    name: str
    prefix: str
    profile: str
    laboratory: bool
    founded_at: datetime
    version: str
    python: str
    postgresql: str
    file: str | None


class SettingsView(View):
    """Everything that is in force in the worker that answers."""

    node: NodeFactsView
    groups: list[SettingGroupView]
    libraries: list[LibraryView]


def settings_routes(settings: EffectiveSettings) -> list[Route]:
    """The one route of settings."""

    async def read(call: Call) -> Reply:
        node, effective = await settings.read(call.account)
        said: dict[str, Any] = {
            "node": asdict(node),
            "groups": [asdict(group) for group in effective.groups],
            "libraries": [asdict(library) for library in await asyncio.to_thread(libraries)],
        }
        return Reply(SettingsView.model_validate(said))

    return [
        Route("GET", "/v1/settings", read, action=Action.SETTINGS_READ, tag="settings",
              summary="Every setting that is in force, with its origin; secrets masked", summary_zh="节点设置",
              answers={200: SettingsView}),
    ]  # fmt: skip
