"""Making and changing metadata: the node's own steps on templates, and what IDHub says beside them (10.1, 10.3–10.7).

Everything works inside the caller's transaction. What is published changes by its next edition, which is published at
once; identifiers keep the edition they were registered by.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account, Action, NotAllowed, may
from node.database import Connection
from node.identifier import Identifier
from node.journal import Actor
from registry import transitions
from registry.api.idhub.items import (
    check_names,
    definition_of,
    english_name,
    next_index,
    said_of,
)
from registry.api.idhub.listing import enterprise_of
from registry.api.idhub.lists import caller_name, first_prefix, identity_of_account
from registry.api.idhub.metadata import INDUSTRY, Metadata, check_own, find_metadata, needed_metadata
from registry.api.idhub.shapes import Head, Item, MetaCopy, MetaCreate, MetaHead, MetaItems
from registry.api.idhub.status import IdhubRefusal, Status, bind_error
from registry.authorisations.application_identities import owned_prefix
from registry.authorisations.grants import ClassOfData, grants_of, revoke
from registry.authorisations.scopes import EVERY, Readable, class_scopes, set_class_scope
from registry.prefixes import PrefixUnknown
from registry.templates.aliases import Scheme, TemplateAlias, find_alias, put_alias, remove_alias
from registry.templates.attributes import FIRST_INDEX, Attribute
from registry.templates.categories import category_by_code
from registry.templates.copies import copy_template
from registry.templates.editions import (
    StoredTemplate,
    add_edition,
    add_template,
    is_granted,
    locked_editions,
    move_template,
    name_taken,
    newest_edition,
    permit,
)
from registry.templates.naming import attribute_name
from registry.templates.next_edition import EditionChanges, change_edition
from registry.templates.removal import remove_template, withdraw_editions
from registry.templates.template import Template
from registry.transitions import TEMPLATE, TemplateState, Verb

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_HEX = 15


async def create(
    connection: Connection, account: Account, actor: Actor, body: MetaCreate, at: datetime
) -> TemplateAlias:
    """New metadata, not published; its instances are read by those only whom they are granted to.

    Raises ``IdhubRefusal``, ``InvalidTemplate`` and what templates refuse.
    """
    enterprise_id = enterprise_of(account)
    await _check_category(connection, enterprise_id, body.classify_code)
    if not body.items:
        raise bind_error("metaItemCreateDTOS", "元数据至少有一个数据项")
    check_names(body.items)
    identifier = await _free_handle(connection, account, body.meta_handle)
    attributes: list[dict[str, Any]] = []
    items: dict[str, Any] = {}
    for item in body.items:
        index = _index_of(item, [int(one["index"]) for one in attributes])
        name = attribute_name(item.english_name, (str(one["name"]) for one in attributes))
        attributes.append(definition_of(item, index, name, await _referenced(connection, item)))
        items[str(index)] = said_of(item)
    definition = {
        "name": await _free_name(connection, enterprise_id, identifier),
        "version": 1,
        "title_zh": body.meta_name.strip(),
        "attributes": attributes,
    }
    stored = await add_template(connection, account, actor, enterprise_id, Template.from_json(definition), at)
    said = {
        **_said_of_head(body),
        "metaHandle": identifier.text,
        "items": items,
        "createdBy": await caller_name(connection, account),
    }
    return await _named(connection, actor, identifier, stored, said, at)


async def change_head(connection: Connection, account: Account, actor: Actor, body: MetaHead, at: datetime) -> None:
    """Another name, code, category, industry, standard or description. Raises ``IdhubRefusal``."""
    metadata = await _to_change(connection, account, body.handle)
    await _check_category(connection, metadata.alias.enterprise_id, body.classify_code)
    title = body.meta_name.strip()
    if title != metadata.newest.template.title_zh:
        await change_edition(connection, account, actor, metadata.newest, EditionChanges(title_zh=title), at)
    await _say(connection, metadata, {**metadata.said, **_said_of_head(body)}, at)


async def change_items(connection: Connection, account: Account, actor: Actor, body: MetaItems, at: datetime) -> None:
    """Items changed, switched, or appended; none goes. Raises ``IdhubRefusal`` and what templates refuse."""
    metadata = await _to_change(connection, account, body.handle)
    if not body.items:
        raise bind_error("metaItemDTOS", "元数据至少有一个数据项")
    check_names(body.items)
    standing = {attribute.index: attribute for attribute in metadata.newest.template.attributes}
    by_english = {english_name(one, metadata.said_of(one)): one for one in standing.values()}
    taken, names = set(standing), {attribute.name for attribute in standing.values()}
    said_items = dict(metadata.said.get("items", {}))
    definitions = []
    for item in body.items:
        same = by_english.get(item.english_name)
        found = same if item.item_index is None else standing.get(item.item_index)
        if same is not None and found is not same:
            raise IdhubRefusal(Status.META_EN_ERROR, f"英文名称{item.english_name}重复")
        if found is None:
            index, name = _index_of(item, taken), attribute_name(item.english_name, names)
            definitions.append(definition_of(item, index, name, await _referenced(connection, item)))
        else:
            index, name = found.index, found.name
            reference = found.template if _references_nothing(item) else await _referenced(connection, item)
            definitions.append({**definition_of(item, index, name, reference), **_kept(found, item)})
        taken.add(index)
        names.add(name)
        said_items[str(index)] = {**said_items.get(str(index), {}), **said_of(item)}
    # The attributes are read by a template of their own, as those of a new one are.
    read = Template.from_json({"name": "items", "version": 1, "title_zh": "items", "attributes": definitions})
    await change_edition(connection, account, actor, metadata.newest, EditionChanges(attributes=read.attributes), at)
    await _say(connection, metadata, {**metadata.said, "items": said_items}, at)


async def publish(connection: Connection, account: Account, actor: Actor, handle: str, at: datetime) -> None:
    """Ready for instances; what was withdrawn comes again as its next edition. Published already: nothing.

    Raises ``IdhubRefusal`` and what templates refuse.
    """
    metadata = await _to_turn(connection, account, handle)
    editions = await locked_editions(connection, metadata.alias.enterprise_id, metadata.name)
    newest = editions[0]
    if newest.state is TemplateState.PUBLISHED:
        return
    if newest.state is TemplateState.WITHDRAWN:
        permit(Verb.REVISE, account, newest.enterprise_id)
        state = transitions.step(TEMPLATE, Verb.REVISE, newest.state)
        again = replace(newest.template, version=newest.template.version + 1)
        newest = await add_edition(
            connection, actor, newest.enterprise_id, again, state, name_taken(metadata.name), Verb.REVISE, at,
            before=newest, based_on=newest.based_on, fixed=newest.fixed,
        )  # fmt: skip
    await move_template(connection, account, actor, newest.template_id, Verb.PUBLISH, at)


async def withdraw(connection: Connection, account: Account, actor: Actor, handle: str, at: datetime) -> None:
    """For no new instances, and not resolved any more. Raises ``IdhubRefusal`` and what templates refuse."""
    metadata = await _to_turn(connection, account, handle)
    owner = metadata.alias.enterprise_id
    if not await withdraw_editions(connection, account, actor, owner, metadata.name, at):
        raise IdhubRefusal(Status.META_UN_PUBLISHED)


async def copy(connection: Connection, account: Account, actor: Actor, body: MetaCopy, at: datetime) -> TemplateAlias:
    """A copy (副本) that keeps its items, from metadata of one's own or granted to one. Raises ``IdhubRefusal``."""
    enterprise_id = enterprise_of(account)
    source = await needed_metadata(connection, body.baseon_handle)
    owner = source.alias.enterprise_id
    if owner != enterprise_id and not await is_granted(connection, owner, source.name, enterprise_id):
        raise IdhubRefusal(Status.NO_PERMISSION_COPY)
    if source.published is None:
        raise IdhubRefusal(Status.META_UN_PUBLISHED)
    await _check_category(connection, enterprise_id, body.base_info.classify_code)
    identifier = await _free_handle(connection, account, body.base_info.meta_handle)
    name = await _free_name(connection, enterprise_id, identifier)
    stored = await copy_template(connection, account, actor, source.published, enterprise_id, name, at, fixed=True)
    said = {
        **source.said,
        "metaHandle": identifier.text,
        "metaCode": body.base_info.meta_code,
        "classifyCode": body.base_info.classify_code,
        "createdBy": await caller_name(connection, account),
    }
    said.pop("grantees", None)
    return await _named(connection, actor, identifier, stored, said, at)


async def delete(connection: Connection, account: Account, actor: Actor, handle: str, at: datetime) -> None:
    """The handle names nothing any more; the template goes unless it was used. Raises ``IdhubRefusal`` (606)."""
    metadata = await find_metadata(connection, handle)
    if metadata is None:
        raise _not_deleted(handle, "元数据不存在，不能删除")
    alias = metadata.alias
    if not may(account, Action.TEMPLATE_EDIT, alias.enterprise_id):
        raise _not_deleted(handle, "元数据不是自己创建，不能删除")
    if metadata.state == 1:
        raise _not_deleted(handle, "元数据已发布，请先撤销发布")
    if not await remove_template(connection, account, actor, alias.enterprise_id, metadata.name, at):
        await _forget_grants(connection, actor, alias, at)
    await remove_alias(connection, Scheme.IDHUB, alias.prefix, alias.alias)


async def _forget_grants(connection: Connection, actor: Actor, alias: TemplateAlias, at: datetime) -> None:
    """Of a class without template and identifiers: whoever makes one of its name begins with nothing granted."""
    owner, name = alias.enterprise_id, alias.name
    for one in await grants_of(connection, ClassOfData(owner, name)):
        subject = ClassOfData(owner, name, (one.attribute,) if one.attribute else ())
        await revoke(connection, actor, subject, one.access, [one.grantee], at)
    for scope in await class_scopes(connection, owner, name):
        await set_class_scope(connection, actor, owner, name, dict.fromkeys(scope.readable), at)


def _not_deleted(handle: str, why: str) -> IdhubRefusal:
    return IdhubRefusal(Status.META_DELETE_ERROR, f"{Status.META_DELETE_ERROR.text}:[{handle}]{why}")


async def _to_change(connection: Connection, account: Account, handle: str) -> Metadata:
    if not handle:
        raise bind_error("metaHandle", "元数据标识metaHandle不能为空")
    metadata = await find_metadata(connection, handle)
    if metadata is None:
        raise IdhubRefusal(Status.META_UPDATE_ABSENT)
    check_own(account, metadata, Action.TEMPLATE_EDIT)
    return metadata


async def _to_turn(connection: Connection, account: Account, handle: str) -> Metadata:
    metadata = await find_metadata(connection, handle)
    if metadata is None:
        raise IdhubRefusal(Status.META_NOT_FOUND, f"元数据标识{handle}不存在")
    check_own(account, metadata, Action.TEMPLATE_PUBLISH)
    return metadata


async def _check_category(connection: Connection, enterprise_id: UUID, code: str) -> None:
    if await category_by_code(connection, enterprise_id, code) is None:
        raise IdhubRefusal(Status.META_CLASSIFY_NOT_FOUND)


async def _free_handle(connection: Connection, account: Account, asked: str | None) -> Identifier:
    """The handle that was asked for, or a new one under the caller's prefix. Raises ``IdhubRefusal``."""
    if asked:
        identifier = Identifier.parse(asked)
    else:
        own = await identity_of_account(connection, account.account_id)
        prefix = Identifier.parse(own).prefix if own else await first_prefix(connection, enterprise_of(account))
        if prefix is None:
            raise IdhubRefusal(Status.NOT_OWN_HANDLE)
        identifier = Identifier.of(prefix, _fresh_name())
    try:
        await owned_prefix(connection, account, Action.TEMPLATE_EDIT, identifier)
    except (NotAllowed, PrefixUnknown):
        raise IdhubRefusal(Status.NOT_OWN_HANDLE) from None
    if await find_alias(connection, Scheme.IDHUB, identifier.prefix.key, identifier.key) is not None:
        raise IdhubRefusal(Status.DO_ALREADY_EXIST)
    return identifier


async def _free_name(connection: Connection, enterprise_id: UUID, identifier: Identifier) -> str:
    """The template's name: the handle's suffix, if names may look so and none does yet."""
    suffix = identifier.suffix
    if _NAME.fullmatch(suffix) and await newest_edition(connection, enterprise_id, suffix) is None:
        return suffix
    return _fresh_name()


def _fresh_name() -> str:
    return f"META_{secrets.token_hex(_HEX)[:_HEX]}"


async def _named(
    connection: Connection, actor: Actor, identifier: Identifier, stored: StoredTemplate, said: Mapping[str, Any],
    at: datetime,
) -> TemplateAlias:  # fmt: skip
    """The handle of a new template, whose data are read by those only whom they are granted to."""
    owner = stored.enterprise_id
    assert owner is not None, "metadata belong to an enterprise"
    alias = await put_alias(
        connection, Scheme.IDHUB, identifier.prefix.key, identifier.key, owner, stored.template.name, said, at
    )
    await set_class_scope(connection, actor, owner, alias.name, {EVERY: Readable.GRANTED}, at)
    return alias


async def _say(connection: Connection, metadata: Metadata, said: Mapping[str, Any], at: datetime) -> None:
    alias = metadata.alias
    await put_alias(connection, alias.scheme, alias.prefix, alias.alias, alias.enterprise_id, alias.name, said, at)


def _said_of_head(body: Head) -> dict[str, Any]:
    codes = (body.industry_category, body.industry_specific, body.industry_trade, body.industry_subclass)
    return {
        "classifyCode": body.classify_code,
        "metaCode": body.meta_code,
        **dict(zip(INDUSTRY, codes, strict=True)),
        "standard": body.standard or "",
        "metaDesc": body.meta_desc or "",
    }


def _index_of(item: Item, taken: Sequence[int] | set[int]) -> int:
    if item.item_index is None:
        return next_index(taken)
    if item.item_index < FIRST_INDEX or item.item_index in taken:
        raise bind_error("itemIndex", f"数据项索引{item.item_index}应不小于{FIRST_INDEX}且不重复")
    return item.item_index


def _kept(standing: Attribute, item: Item) -> dict[str, Any]:
    """What a change of an item does not say stays; its type always does."""
    said = {
        "required": item.required,
        "unique": item.unique_field,
        "listed": item.list_item_necessary,
        "definition": item.definition,
        "comment": item.comment,
    }
    kept = {name: getattr(standing, name) for name, told in said.items() if told is None}
    state = {} if item.item_state is not None else {"state": str(standing.state)}
    return {"type": standing.type, **kept, **state}


def _references_nothing(item: Item) -> bool:
    return item.item_reference is None or not item.item_reference.reference_meta_handle


async def _referenced(connection: Connection, item: Item) -> str | None:
    """The template that an item's references lead to; IDHub wants it named. Raises ``IdhubRefusal``."""
    if item.item_schema.data_type != 5:
        return None
    handle = item.item_reference.reference_meta_handle if item.item_reference else None
    if handle is None or _references_nothing(item):
        raise bind_error("referenceMetaHandle", "引用类型须指定引用的元数据")
    metadata = await find_metadata(connection, handle)
    if metadata is None:
        raise IdhubRefusal(Status.META_NOT_EXISTS)
    return metadata.name
