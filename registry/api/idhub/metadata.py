"""Metadata (元数据) of IDHub: a template of this node under a handle, and how it is shown (snms-api 9.2, 10.2).

The handle is an alias of the template's name, so it means every edition. ``metaState`` is 1 while an edition is
published: that one is registered by, the newest one is what its maker sees and changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from node.auth import Account, Action, may
from node.database import Connection
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix
from registry.api.idhub.items import Said, item_view, retrieved_item
from registry.api.idhub.listing import shown_time
from registry.api.idhub.status import IdhubRefusal, Status
from registry.reference_data import industries
from registry.templates.aliases import Scheme, TemplateAlias, find_alias
from registry.templates.attributes import Attribute
from registry.templates.categories import UNCLASSIFIED, UNCLASSIFIED_NAME
from registry.templates.editions import StoredTemplate, newest_edition
from registry.transitions import TemplateState

INDUSTRY = ("industryCategory", "industrySpecific", "industryTrade", "industrySubclass")
METADATA_TYPE = "0.TYPE/DO.DOIPMETA"


@dataclass(frozen=True, slots=True)
class Metadata:
    """``newest`` is the last edition, ``published`` the last published one."""

    alias: TemplateAlias
    newest: StoredTemplate
    published: StoredTemplate | None

    @property
    def handle(self) -> str:
        return str(self.said["metaHandle"])

    @property
    def said(self) -> Mapping[str, Any]:
        return self.alias.said

    @property
    def name(self) -> str:
        return self.alias.name

    @property
    def state(self) -> int:
        """``metaState``: 0 not published, 1 published."""
        return 0 if self.published is None else 1

    def said_of(self, attribute: Attribute) -> Said:
        """What IDHub said of an item."""
        return said_of_item(self.said, attribute)

    def items(self, stored: StoredTemplate) -> Iterator[tuple[Attribute, Said]]:
        """The items of an edition, in order, each with what was said of it."""
        for attribute in stored.template.attributes:
            yield attribute, self.said_of(attribute)


def said_of_item(said: Mapping[str, Any], attribute: Attribute) -> Said:
    """What metadata says of the item that an attribute is."""
    told: Said = said.get("items", {}).get(str(attribute.index), {})
    return told


async def find_metadata(connection: Connection, handle: str) -> Metadata | None:
    """The metadata of a handle; ``None``: there is none, or the text is no handle at all."""
    try:
        identifier = Identifier.parse(handle)
    except (InvalidIdentifier, InvalidPrefix, InvalidSuffix):
        return None
    alias = await find_alias(connection, Scheme.IDHUB, identifier.prefix.key, identifier.key)
    return None if alias is None else await metadata_of(connection, alias)


async def metadata_of(connection: Connection, alias: TemplateAlias) -> Metadata | None:
    """The metadata of an alias; ``None`` when its template is gone."""
    newest = await newest_edition(connection, alias.enterprise_id, alias.name)
    if newest is None:
        return None
    published = newest
    if newest.state is not TemplateState.PUBLISHED:
        found = await newest_edition(connection, alias.enterprise_id, alias.name, TemplateState.PUBLISHED)
        return Metadata(alias, newest, found)
    return Metadata(alias, newest, published)


async def needed_metadata(connection: Connection, handle: str) -> Metadata:
    """Raises ``IdhubRefusal`` (604)."""
    found = await find_metadata(connection, handle)
    if found is None:
        raise IdhubRefusal(Status.META_NOT_FOUND)
    return found


def check_own(account: Account, metadata: Metadata, action: Action) -> None:
    """Raises ``IdhubRefusal`` (605)."""
    if not may(account, action, metadata.alias.enterprise_id):
        raise IdhubRefusal(Status.NO_PERMISSION_META_MANAGE)


def info_view(metadata: Metadata, category: str, creator: str) -> dict[str, Any]:
    """``data`` of meta/info."""
    said = metadata.said
    return {
        "classifyCode": said.get("classifyCode", UNCLASSIFIED),
        "classifyName": category or UNCLASSIFIED_NAME,
        "metaHandle": metadata.handle,
        "metaName": metadata.newest.template.title_zh,
        "metaCode": said.get("metaCode", ""),
        "industry": industry_names(said),
        **{name: said.get(name, "") for name in INDUSTRY},
        "metaState": metadata.state,
        "metaContributor": metadata.alias.prefix,
        "standard": said.get("standard", ""),
        "metaDesc": said.get("metaDesc", ""),
        "createdBy": creator,
        "createdTime": shown_time(metadata.alias.created_at),
        "updatedTime": shown_time(_updated_at(metadata)),
        "itemVOS": [item_view(attribute, told) for attribute, told in metadata.items(metadata.newest)],
    }


def retrieved_view(metadata: Metadata, published: StoredTemplate, creator: str) -> dict[str, Any]:
    """``data`` where the handle of published metadata is resolved."""
    said = metadata.said
    items = list(metadata.items(published))
    names = [str(told.get("englishName") or attribute.name) for attribute, told in items]

    def named(fact: str) -> list[str]:
        return [name for name, (_, told) in zip(names, items, strict=True) if told.get(fact, 1) == 1]

    created, updated = shown_time(metadata.alias.created_at), shown_time(_updated_at(metadata))
    return {
        "id": metadata.handle,
        "type": METADATA_TYPE,
        "attributes": {
            "content": {
                "basicInfo": {
                    "metaName": published.template.title_zh,
                    "metaCode": said.get("metaCode", ""),
                    "industry": industry_names(said),
                    **{name: said.get(name, "") for name in INDUSTRY},
                    "metaState": 1,
                    "metaContributor": metadata.alias.prefix,
                    "standard": said.get("standard", ""),
                    "metaDesc": said.get("metaDesc", ""),
                    "isQuote": is_quote(metadata),
                    "publishedTime": shown_time(published.updated_at),
                    "effectiveTime": created,
                    "latestUpdateTime": updated,
                },
                "itemInfos": [retrieved_item(attribute, told) for attribute, told in items],
                "required": [name for name, (one, _) in zip(names, items, strict=True) if one.required],
                "uniqueness": [name for name, (one, _) in zip(names, items, strict=True) if one.unique],
                "inputItem": named("inputNecessary"),
                "listItem": named("listItemNecessary"),
            },
            "metaData": {"createTime": created, "updateTime": updated, "creator": creator},
        },
    }


def is_quote(metadata: Metadata) -> int:
    """1: a copy of other metadata."""
    return int(metadata.newest.fixed)


def industry_names(said: Mapping[str, Any]) -> str:
    """The names of the four levels of the industry; a code that the table does not know stands as it is."""
    known = industries()
    codes = [str(said[name]) for name in INDUSTRY if said.get(name)]
    return "/".join(known[code].name if code in known else code for code in codes)


def _updated_at(metadata: Metadata) -> Any:
    return max(metadata.alias.updated_at, metadata.newest.updated_at)
