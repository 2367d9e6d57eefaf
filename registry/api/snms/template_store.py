"""Templates under the key of SNMS, prefix and version: found, made, changed, removed, each in one transaction."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.auth import Account, Action
from node.database import Connection, Pool, transaction
from node.errors import Conflict
from node.identifier import Prefix
from node.journal import Actor
from registry.api.snms.template_form import TemplateSaid, changed_attributes, new_attributes
from registry.prefix_grant import PrefixGrant
from registry.prefixes import readable_prefix
from registry.store import reading
from registry.templates.aliases import Scheme, TemplateAlias, alias_of, find_alias, put_alias
from registry.templates.editions import (
    StoredTemplate,
    add_template,
    move_template,
    newest_edition,
    unknown_template,
)
from registry.templates.next_edition import EditionChanges, change_edition
from registry.templates.removal import remove_template
from registry.templates.template import Template
from registry.transitions import TemplateState, Verb

Clock = Callable[[], datetime]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST = 24


class TemplateExists(Conflict):
    title_zh = "数据模板已存在"


@dataclass(frozen=True, slots=True)
class Found:
    """The newest published edition, and what SNMS said of the template."""

    stored: StoredTemplate
    rest: Mapping[str, Any]


class SnmsTemplates:
    """All raise ``PrefixUnknown``, ``NotAllowed``, ``DatabaseAway``, and all but ``create`` ``TemplateUnknown``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def get(self, account: Account, prefix: Prefix, version: str) -> Found:
        """The template of that key."""
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.TEMPLATE_READ, prefix)
            name, alias = await name_of(connection, grant, version)
            stored = await newest_edition(connection, grant.enterprise_id, name, TemplateState.PUBLISHED)
        if stored is None:
            raise unknown_template(version)
        return Found(stored, alias.said if alias else {})

    async def create(self, account: Account, actor: Actor, said: TemplateSaid) -> StoredTemplate:
        """Made and published. Raises ``TemplateExists``, ``InvalidTemplate``."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.TEMPLATE_EDIT, said.prefix)
            owner = grant.enterprise_id
            name = await _free_name(connection, grant, said.version)
            template = Template(
                name=name,
                version=1,
                title_zh=said.description or said.version,
                attributes=new_attributes(said.items),
            )
            made = await add_template(connection, account, actor, owner, template, at)
            published = await move_template(connection, account, actor, made.template_id, Verb.PUBLISH, at)
            rest = {**said.rest, "description": said.description}
            await put_alias(connection, Scheme.SNMS, grant.prefix.key, said.version, owner, name, rest, at)
            return published

    async def change(self, account: Account, actor: Actor, said: TemplateSaid) -> StoredTemplate:
        """The next edition: items are changed and appended, never taken away. Raises ``change_edition``'s errors."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.TEMPLATE_EDIT, said.prefix)
            owner = grant.enterprise_id
            name, alias = await name_of(connection, grant, said.version)
            newest = await newest_edition(connection, owner, name, TemplateState.PUBLISHED)
            if newest is None:
                raise unknown_template(said.version)
            changes = EditionChanges(
                title_zh=said.description or None,
                attributes=changed_attributes(newest.template.attributes, said.items),
            )
            changed = await change_edition(connection, account, actor, newest, changes, at)
            rest = {**(alias.said if alias else {}), **said.rest}
            if said.description:
                rest["description"] = said.description
            await put_alias(connection, Scheme.SNMS, grant.prefix.key, said.version, owner, name, rest, at)
            return changed

    async def remove(self, account: Account, actor: Actor, prefix: Prefix, version: str) -> None:
        """Gone if nobody used it; what identifiers may have is withdrawn and registers nothing any more."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.TEMPLATE_EDIT, prefix)
            name, _ = await name_of(connection, grant, version)
            if await newest_edition(connection, grant.enterprise_id, name, TemplateState.PUBLISHED) is None:
                raise unknown_template(version)
            await remove_template(connection, account, actor, grant.enterprise_id, name, at)


async def name_of(connection: Connection, grant: PrefixGrant, version: str) -> tuple[str, TemplateAlias | None]:
    """The name that a version means under a prefix; of a template made elsewhere, the version is its name."""
    alias = await find_alias(connection, Scheme.SNMS, grant.prefix.key, version)
    return (alias.name, alias) if alias else (version, None)


async def version_of(connection: Connection, grant: PrefixGrant, stored: StoredTemplate) -> str:
    """What SNMS calls the template of an identifier."""
    name = stored.template.name
    if stored.enterprise_id is None:
        return name
    alias = await alias_of(connection, Scheme.SNMS, stored.enterprise_id, name)
    return alias.alias if alias and alias.prefix == grant.prefix.key else name


async def _free_name(connection: Connection, grant: PrefixGrant, version: str) -> str:
    """The version itself where it can be a name; under another prefix the same version means another template."""
    owner, prefix = grant.enterprise_id, grant.prefix.key
    exists = TemplateExists(f"there is a template {version} already", version=version)
    if await find_alias(connection, Scheme.SNMS, prefix, version):
        raise exists
    if _NAME.fullmatch(version):
        if await newest_edition(connection, owner, version) is None:
            return version
        if await alias_of(connection, Scheme.SNMS, owner, version) is None:
            raise exists
    return f"snms-{hashlib.sha256(f'{prefix}/{version}'.encode()).hexdigest()[:_DIGEST]}"
