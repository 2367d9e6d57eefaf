"""Items of metadata and attributes of templates: the same column, in two languages (snms-api 10.1, 10.2, 9.2).

``said`` is what IDHub says of an item and a template has no member for; it is kept beside the alias under the item's
index. 0 is an enabled item here and 1 a disabled one; SNMS has it the other way round, so neither borrows from the
other (C-14).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

from registry.api.idhub.dates import DAY, is_day, normal, pattern_of
from registry.api.idhub.shapes import Item, ItemSchema
from registry.api.idhub.status import IdhubRefusal, Status, bind_error
from registry.templates.attributes import FIRST_INDEX, LONGEST_INDEXED, Attribute, Kind

Said = Mapping[str, Any]

LONGEST_CHARACTERS = 4000
MOST_FILES = 50
_NUMBER_LENGTH = 38
_SUFFIXES_OF_FILE_TYPE: Mapping[str, tuple[str, ...]] = {
    "2": ("doc", "docx", "xps", "dot"),
    "3": ("xls", "xlsx", "xlsb", "xlsm", "csv"),
    "4": ("pdf",),
    "5": ("zip", "rar"),
}
_ASSIGNED = 2
_MANY = 2
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
_RANGE = re.compile(r"\[\s*(-?\d+(?:\.\d+)?)?\s*,\s*(-?\d+(?:\.\d+)?)?\s*\]")
_SUFFIX = re.compile(r"[A-Za-z0-9]{1,10}")


class DataType(IntEnum):
    """The number of a data type; ``title`` is its name in answers."""

    CHARACTER = 1
    NUMBER = 2
    DATE = 3
    FILE = 4
    REFERENCE = 5
    AUDIO = 6
    VIDEO = 7
    IMAGE = 8

    @property
    def title(self) -> str:
        return _TITLES[self]


_TITLES = {
    DataType.CHARACTER: "字符型",
    DataType.NUMBER: "数值型",
    DataType.DATE: "日期型",
    DataType.FILE: "文件型",
    DataType.REFERENCE: "引用类型",
    DataType.AUDIO: "音频",
    DataType.VIDEO: "视频",
    DataType.IMAGE: "图片",
}
_MEDIA = {DataType.AUDIO: "audio", DataType.VIDEO: "video", DataType.IMAGE: "image"}
_FILES = frozenset({DataType.FILE, *_MEDIA})
_STATES = ("enabled", "disabled", "pending")
"""By ``itemState``: 0 启用, 1 禁用, 2 未生效."""


def data_type_of(attribute: Attribute, said: Said) -> DataType:
    """What an attribute is in IDHub; booleans and choices, which it does not know, are characters."""
    if attribute.kind is Kind.STRING and "dateFormat" in said:
        return DataType.DATE
    match attribute.kind:
        case Kind.NUMBER:
            return DataType.NUMBER
        case Kind.DATE:
            return DataType.DATE
        case Kind.REFERENCE:
            return DataType.REFERENCE
        case Kind.FILE:
            media = str(attribute.media) if attribute.media else None
            return next((kind for kind, name in _MEDIA.items() if name == media), DataType.FILE)
        case _:
            return DataType.CHARACTER


def english_name(attribute: Attribute, said: Said) -> str:
    """The key of ``content``: what the item was made with, else the attribute's own name."""
    return str(said.get("englishName") or attribute.name)


def definition_of(item: Item, index: int, name: str, reference: str | None) -> dict[str, Any]:
    """An attribute's definition for an item; ``reference`` is the template that its references lead to.

    Raises ``IdhubRefusal``.
    """
    schema, kind = item.item_schema, DataType(item.item_schema.data_type)
    fitting = _TYPE.fullmatch(item.english_name) and not item.english_name.upper().startswith("HS_")
    members: dict[str, Any] = {
        "name": name,
        "title_zh": item.chinese_name.strip(),
        "index": index,
        "type": item.english_name if fitting and item.english_name.upper() != "URL" else "",
        "required": (1 if item.required is None else item.required) == 1,
        "unique": item.unique_field == 1,
        "state": _STATES[item.item_state or 0],
        "code": item.item_code,
        "definition": item.definition or "",
        "comment": item.comment or "",
        **_of_type(item, kind, schema),
    }
    if kind is DataType.REFERENCE:
        members |= {"kind": "reference", "many": schema.reference_type == _MANY, "template": reference}
    if members.get("many"):
        members["unique"] = False
    if item.list_item_necessary == 1 and _can_be_listed(members):
        members["listed"] = True
    return members


def said_of(item: Item) -> dict[str, Any]:
    """What to keep of an item beside its attribute."""
    schema = item.item_schema
    kept: dict[str, Any] = {
        "englishName": item.english_name,
        "inputNecessary": item.input_necessary,
        "listItemNecessary": item.list_item_necessary,
        "charRange": schema.char_range,
        "minLength": schema.min_length,
        "fileRange": schema.file_range,
        "fileType": schema.file_type,
        "selfDefFileSuffix": schema.self_def_file_suffix,
        "referenceMetaHandle": item.item_reference.reference_meta_handle if item.item_reference else None,
    }
    form = normal(schema.date_format or DAY)
    if schema.data_type == DataType.DATE and not is_day(form):
        kept["dateFormat"] = form
    return {name: fact for name, fact in kept.items() if fact is not None}


def schema_view(attribute: Attribute, said: Said) -> dict[str, Any]:
    """``itemSchemaVO`` of meta/info."""
    kind = data_type_of(attribute, said)
    view: dict[str, Any] = {"dataType": int(kind)}
    match kind:
        case DataType.CHARACTER:
            view |= {"minLength": attribute.min_length or 0, "maxLength": attribute.longest}
            if "charRange" in said:
                view["charRange"] = said["charRange"]
        case DataType.NUMBER:
            view |= {"minLength": 0, "maxLength": _NUMBER_LENGTH}
            if attribute.decimals is not None:
                view["accuracy"] = attribute.decimals
            if attribute.minimum is not None or attribute.maximum is not None:
                view["numberRange"] = f"[{attribute.minimum or ''},{attribute.maximum or ''}]"
        case DataType.DATE:
            view["dateFormat"] = said.get("dateFormat") or attribute.date_format or DAY
        case DataType.REFERENCE:
            view["referenceType"] = _MANY if attribute.many else 1
        case _:
            view["maxFileCount"] = min(attribute.most_items, MOST_FILES) if attribute.many else 1
            view["fileRange"] = said.get("fileRange", _ASSIGNED if attribute.suffixes else 1)
            view |= {name: said[name] for name in ("fileType", "selfDefFileSuffix") if name in said}
    return view


def item_view(attribute: Attribute, said: Said) -> dict[str, Any]:
    """One entry of ``itemVOS`` of meta/info."""
    return {
        "itemIndex": attribute.index,
        "itemCode": attribute.code or attribute.name,
        "englishName": english_name(attribute, said),
        "chineseName": attribute.title_zh,
        "itemState": item_state(attribute),
        "definition": attribute.definition or "",
        "inputNecessary": said.get("inputNecessary", 1),
        "listItemNecessary": said.get("listItemNecessary", int(attribute.listed)),
        "required": int(attribute.required),
        "uniqueField": int(attribute.unique),
        "comment": attribute.comment or "",
        "itemSchemaVO": schema_view(attribute, said),
        "itemReferenceVO": _reference_view(attribute, said),
    }


def retrieved_item(attribute: Attribute, said: Said) -> dict[str, Any]:
    """One entry of ``itemInfos`` where metadata is resolved (9.2)."""
    schema = schema_view(attribute, said)
    return {
        "itemBasicInfo": {
            "itemIndex": attribute.index,
            "itemCode": attribute.code or attribute.name,
            "enName": english_name(attribute, said),
            "cnName": attribute.title_zh,
            "state": item_state(attribute),
        },
        "itemSchemaInfo": {"dataTypeString": data_type_of(attribute, said).title, **schema},
    }


def item_state(attribute: Attribute) -> int:
    """0 enabled, 1 disabled, 2 not yet in force."""
    return _STATES.index(str(attribute.state))


def next_index(taken: Iterable[int]) -> int:
    """Numbering goes on behind the highest."""
    return max((FIRST_INDEX - 1, *taken)) + 1


def _of_type(item: Item, kind: DataType, schema: ItemSchema) -> dict[str, Any]:
    match kind:
        case DataType.CHARACTER:
            usual = LONGEST_INDEXED if item.unique_field == 1 else LONGEST_CHARACTERS
            longest = usual if schema.max_length is None else schema.max_length
            if item.unique_field == 1:
                longest = min(longest, LONGEST_INDEXED)
            return {"kind": "string", "min_length": schema.min_length or None, "max_length": longest}
        case DataType.NUMBER:
            low, high = _range(schema.number_range)
            return {"kind": "number", "decimals": schema.accuracy, "minimum": low, "maximum": high}
        case DataType.DATE:
            return _date(schema)
        case DataType.REFERENCE:
            return {"kind": "reference"}
        case _:
            count = MOST_FILES if schema.max_file_count is None else schema.max_file_count
            return {
                "kind": "file",
                "many": True,
                "max_items": max(1, min(count, MOST_FILES)),
                "media": _MEDIA.get(kind),
                "suffixes": list(_suffixes(schema)) if kind is DataType.FILE else [],
            }


def _date(schema: ItemSchema) -> dict[str, Any]:
    form = normal(schema.date_format or DAY)
    if is_day(form):
        return {"kind": "date", "date_format": None if form == DAY else form}
    pattern = pattern_of(form)
    if pattern is None:
        raise bind_error("dateFormat", "日期格式由YYYY、MM、DD、HH、mm、ss及分隔符组成")
    return {"kind": "string", "pattern": pattern, "max_length": len(form)}


def _can_be_listed(members: Mapping[str, Any]) -> bool:
    """PostgreSQL bounds what an index holds, and arrays stand in none."""
    fits = members["kind"] != "string" or members["max_length"] <= LONGEST_INDEXED
    return fits and members["kind"] != "file" and not members.get("many")


def _range(text: str | None) -> tuple[str | None, str | None]:
    if not text or not text.strip():
        return None, None
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise bind_error("numberRange", "数值范围应为闭区间，如 [1,10]")
    return found[1], found[2]


def _suffixes(schema: ItemSchema) -> list[str]:
    """Allowed endings of file names; none named: any."""
    if schema.file_range != _ASSIGNED:
        return []
    codes = [code.strip() for code in (schema.file_type or "").split(",")]
    named = [suffix for code in codes for suffix in _SUFFIXES_OF_FILE_TYPE.get(code, ())]
    own = [part.strip().lstrip(".").lower() for part in re.split(r"[,;，；]", schema.self_def_file_suffix or "")]
    own = [suffix for suffix in own if suffix]
    if not all(_SUFFIX.fullmatch(suffix) for suffix in own):
        raise bind_error("selfDefFileSuffix", "文件后缀为 1 至 10 个字母或数字")
    return list(dict.fromkeys([*named, *own]))


def _reference_view(attribute: Attribute, said: Said) -> dict[str, Any]:
    if attribute.kind is not Kind.REFERENCE:
        return {}
    return {
        "metaItemId": attribute.index,
        "referenceMetaHandle": said.get("referenceMetaHandle", ""),
        "referenceMetaVersion": "",
    }


def check_names(items: Iterable[Item], standing: Iterable[str] = ()) -> None:
    """Every English name stands once. Raises ``IdhubRefusal``."""
    seen = set(standing)
    for item in items:
        if item.english_name in seen:
            said = f"英文名称{item.english_name}重复"
            raise IdhubRefusal(Status.META_EN_ERROR, said)
        seen.add(item.english_name)
