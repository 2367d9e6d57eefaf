"""Every setting by group as it is in force: its value, its default, and where it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from node.config import PREFIX, Settings

MASKED = "****"
# What the supervisor hands to its processes in their environment, wherever it had it from.
_HANDED_DOWN = frozenset({"database.url", "node.laboratory"})
_SUPERVISED = f"{PREFIX}WORKER_PLACE"
_LOGIN = re.compile(r"(?<=://)[^/@\s]*@")


class Origin(StrEnum):
    """``start``: settled when the node started, and handed to its processes."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    START = "start"


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """``name`` is ``group.name``, ``variable`` overrides it; values are texts, ``None`` where nothing is set. Of a
    secret only that it is set is told; of files and folders the last part of their path."""

    name: str
    variable: str
    value: str | None
    default: str | None
    origin: Origin
    secret: bool
    description: str


@dataclass(frozen=True, slots=True)
class EffectiveGroup:
    name: str
    settings: tuple[EffectiveSetting, ...]


@dataclass(frozen=True, slots=True)
class Effective:
    """``file`` is the name of the settings file, ``None`` without one."""

    file: str | None
    node_name: str
    prefix: str
    profile: str
    groups: tuple[EffectiveGroup, ...]


def effective_settings(settings: Settings, file: Path | None, variables: Mapping[str, str]) -> Effective:
    """What is in force in a process with these environment variables."""
    groups = tuple(_group(name, getattr(settings, name), variables) for name in Settings.model_fields)
    node = settings.node
    return Effective(file.name if file else None, node.name, node.prefix, node.profile, groups)


def _group(name: str, group: BaseModel, variables: Mapping[str, str]) -> EffectiveGroup:
    given = {variable.upper() for variable, value in variables.items() if value}
    fields = type(group).model_fields
    return EffectiveGroup(
        name, tuple(_setting(f"{name}.{field}", field, info, group, given) for field, info in fields.items())
    )


def _setting(name: str, field: str, info: FieldInfo, group: BaseModel, given: set[str]) -> EffectiveSetting:
    variable = f"{PREFIX}{name.replace('.', '_')}".upper()
    secret = not info.repr
    value = _text(getattr(group, field))
    if secret:
        value = MASKED if value else None
    if variable in given:
        origin = Origin.START if name in _HANDED_DOWN and _SUPERVISED in given else Origin.ENVIRONMENT
    else:
        origin = Origin.FILE if field in group.model_fields_set else Origin.DEFAULT
    default = None if secret else _text(info.default)
    return EffectiveSetting(name, variable, value, default, origin, secret, info.description or "")


def _text(value: object) -> str | None:
    match value:
        case None | "" | ():
            return None
        case bool():
            return "true" if value else "false"
        case Path():
            return f"…/{value.name}"
        case tuple():
            return ", ".join(str(one) for one in value)
    return _LOGIN.sub(f"{MASKED}@", str(value))
