"""What a template over there is here, and an identifier's values by its attributes: a row to register or restore."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from node.errors import Conflict
from node.movein.workplace import Fetched

_NODE = "@node"
_PART = re.compile("(YYYY|MM|DD)")
_GROUPS = {"YYYY": r"(?P<year>\d{4})", "MM": r"(?P<month>\d{1,2})", "DD": r"(?P<day>\d{1,2})"}


class NotMovable(Conflict):
    """What an identifier has cannot be said here."""

    title_zh = "标识无法迁入"


class TemplateOtherwise(Conflict):
    """A template of this name stands here whose items are others."""

    title_zh = "本节点的同名模板与原模板不一致"


@dataclass(frozen=True, slots=True)
class Target:
    """An edition here: its name, the mark that restored rows carry, its attributes' definitions by index."""

    name: str
    mark: str
    attributes: Mapping[int, Mapping[str, Any]]


def target_of(template: Mapping[str, Any], enterprise_id: str) -> Target:
    """By the ``/v1`` answer about an edition; ``enterprise_id`` is whose prefix the rows stand under.

    Raises ``TemplateOtherwise`` for a draft.
    """
    if template["state"] == "draft":
        raise TemplateOtherwise(f"the template {template['name']} is a draft here; publish it")
    owner = template["enterprise_id"]
    behind = _NODE if owner is None else "" if owner == enterprise_id else f"@{owner}"
    return Target(
        name=template["name"],
        mark=f"{template['name']}@{template['template_version']}{behind}",
        attributes={one["index"]: one for one in template["definition"]["attributes"]},
    )


def check_items(there: Mapping[int, str], here: Mapping[int, str], name: str) -> None:
    """Items by index must be called the same; more may stand here. Raises ``TemplateOtherwise``."""
    for index, item in there.items():
        if here.get(index) != item:
            raise TemplateOtherwise(f"{name}: the item {index} is {item} there and {here.get(index)} here")


def row_of(fetched: Fetched, suffix: str, target: Target, files: Mapping[str, str]) -> dict[str, Any]:
    """One row; with times it is one to restore. ``files`` has the ids of files by their names over there.

    Raises ``NotMovable``.
    """
    row: dict[str, Any] = {"suffix": suffix}
    for index, told in fetched.values.items():
        attribute = target.attributes.get(index)
        if attribute is None:
            raise NotMovable(f"the template {target.name} has no item {index}")
        texts = [_text(index, one) for one in (told if isinstance(told, list) else [told])]
        texts = [_value(attribute, text, files) for text in texts if text]
        if not texts:
            continue
        if len(texts) > 1 and not attribute.get("many"):
            raise NotMovable(f"the item {index} has {len(texts)} values, it takes one")
        row[attribute["name"]] = texts if attribute.get("many") else texts[0]
    if fetched.registered_at is not None:
        row["biaoshi_template"] = target.mark
        row["biaoshi_version"] = 1
        row["biaoshi_state"] = "live"
        row["biaoshi_registered_at"] = fetched.registered_at
        row["biaoshi_updated_at"] = fetched.updated_at
    return row


def _text(index: int, told: object) -> str:
    if told is None:
        return ""
    if isinstance(told, bool):
        return "true" if told else "false"
    if isinstance(told, str | int):
        return str(told)
    raise NotMovable(f"the value of the item {index} is no text")


def _value(attribute: Mapping[str, Any], text: str, files: Mapping[str, str]) -> str:
    kind, form = attribute.get("kind"), attribute.get("date_format")
    if kind == "file":
        if text not in files:
            raise NotMovable(f"the file {text[:100]} was not fetched")
        return files[text]
    return _day(text, form) if kind == "date" and form else text


def _day(text: str, form: str) -> str:
    """``YYYY-MM-DD`` of a day in another format; what is none is left to the template to refuse."""
    pattern = "".join(_GROUPS.get(part) or re.escape(part) for part in _PART.split(form))
    found = re.fullmatch(pattern, text, re.ASCII)
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"])).isoformat() if found else text
    except (ValueError, IndexError):
        return text
