"""Who may see and change what, in the words of IDHub (snms-api 10.5, 11.1 to 11.5).

Metadata are granted to identities and groups: to another enterprise only through a group of it that was imported, and
then its templates may be used there. Data are granted by attribute, or by single identifier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from node.auth import Action, NotAllowed, may
from node.database import Connection
from node.identifier import Identifier
from node.journal import Actor
from registry.api.compatible import Asked
from registry.api.idhub.content import by_english_name
from registry.api.idhub.lists import enterprise_name, has_imported
from registry.api.idhub.metadata import Metadata, check_own, needed_metadata
from registry.api.idhub.shapes import Access as AccessAsked
from registry.api.idhub.shapes import BatchPublic, ClassAccess, MetaGrant, SingleAccess
from registry.api.idhub.status import IdhubRefusal, Status, bind_error
from registry.authorisations.application_identities import fold_handle, identities_of_handles
from registry.authorisations.grants import (
    Access,
    ClassOfData,
    GranteeForeign,
    GranteeUnknown,
    OneIdentifier,
    Subject,
    grant,
    revoke,
)
from registry.authorisations.groups import groups_of_handles
from registry.authorisations.scopes import (
    Readable,
    follow_class,
    identifier_scope,
    owned_identifier,
    set_class_scope,
    set_identifier_scope,
)
from registry.authorisations.told import tell_of_grant
from registry.prefixes import PrefixUnknown
from registry.templates.aliases import put_alias
from registry.templates.editions import StoredTemplate
from registry.templates.grants import grant_template, grants_of_template, revoke_template

_PUBLIC, _NAMED = 1, 2
_READ, _WRITE = 1, 2
_AS_CLASS, _BY_ITSELF = 1, 2


async def grant_metadata(connection: Connection, asked: Asked, body: MetaGrant, at: datetime) -> None:
    """Metadata for everybody, or for the identities and groups that are named (10.5). Raises ``IdhubRefusal``."""
    metadata = await needed_metadata(connection, body.meta_handle)
    check_own(asked.account, metadata, Action.TEMPLATE_GRANT)
    if body.scope not in (_PUBLIC, _NAMED):
        raise bind_error("scope", "范围类型不符合（1公开2指定范围）")
    alias = metadata.alias
    before: Mapping[str, str] = metadata.said.get("grantees", {})
    gone = {fold_handle(handle) for handle in body.remove_handle_users or ()}
    with _known_grantees():
        found = await _reachable(
            connection, alias.enterprise_id, [*(body.handle_users or ()), *(body.handle_list or ())]
        )
    after = {handle: who for handle, who in {**before, **found}.items() if handle not in gone}
    wanted: set[UUID | None] = {UUID(who) for who in after.values() if who != str(alias.enterprise_id)}
    if body.scope == _PUBLIC:
        wanted.add(None)
    await _grant_to_enterprises(connection, asked, metadata.newest, wanted, at)
    await _tell_own(connection, metadata, before, after, at)
    said = {**metadata.said, "grantees": after}
    await put_alias(connection, alias.scheme, alias.prefix, alias.alias, alias.enterprise_id, alias.name, said, at)


async def make_items_public(connection: Connection, asked: Asked, body: BatchPublic, at: datetime) -> None:
    """Items that everybody reads, or not any more (11.2). Raises ``IdhubRefusal``."""
    metadata = await _own_published(connection, asked, body.meta_handle)
    if body.scope not in (_PUBLIC, _NAMED):
        raise bind_error("scope", "范围类型不符合（1公开2撤销公开）")
    if not body.items:
        raise bind_error("items", "items不能为空")
    readable = Readable.PUBLIC if body.scope == _PUBLIC else Readable.GRANTED
    names = dict.fromkeys(_attributes(metadata, body.items), readable)
    await set_class_scope(connection, asked.actor, metadata.alias.enterprise_id, metadata.name, names, at)


async def grant_class(connection: Connection, asked: Asked, body: ClassAccess, at: datetime) -> None:
    """Items of a class read or changed by those who are named (11.3). Raises ``IdhubRefusal``."""
    metadata = await _own_published(connection, asked, body.meta_handle)
    if not body.access_list:
        raise bind_error("accessList", "accessList不能为空")
    for access in body.access_list:
        _check_access(access)
    owner = metadata.alias.enterprise_id
    for access in body.access_list:
        names = _attributes(metadata, access.items)
        if access.auth_type == _READ:
            readable = Readable.PUBLIC if access.scope == _PUBLIC else Readable.GRANTED
            scopes = dict.fromkeys(names, readable)
            await set_class_scope(connection, asked.actor, owner, metadata.name, scopes, at)
        subject = ClassOfData(owner, metadata.name, tuple(names))
        kind = Access.READ if access.auth_type == _READ else Access.WRITE
        await _change(connection, asked.actor, subject, kind, access.handle_users, access.remove_handle_users, at)


async def grant_single(connection: Connection, asked: Asked, body: SingleAccess, at: datetime) -> None:
    """One identifier as its class, or by itself (11.4). Raises ``IdhubRefusal``."""
    grant_type = _whole(body.grant_type)
    if grant_type not in (_AS_CLASS, _BY_ITSELF):
        raise bind_error("grantType", "授权类型不合符（1同类授权2单个授权）")
    scope = _reader_scope(body) if grant_type == _BY_ITSELF else None
    identifier = Identifier.parse(body.handle)
    try:
        held = await owned_identifier(connection, asked.account, Action.GRANT_EDIT, identifier)
    except (NotAllowed, PrefixUnknown):
        raise IdhubRefusal(Status.NOT_OWN_HANDLE) from None
    if scope is None:
        if await identifier_scope(connection, held, identifier) is None:
            raise IdhubRefusal(Status.HANDLE_ALREADY_CLASSES_GRANT)
        await follow_class(connection, asked.actor, held, identifier, at)
        return
    await set_identifier_scope(connection, asked.actor, held, identifier, scope, at)
    subject = OneIdentifier(held, identifier)
    for kind, added, gone in (
        (Access.READ, body.handle_user_readers, body.del_handle_user_readers),
        (Access.WRITE, body.handle_user_writers, body.del_handle_user_writers),
    ):
        await _change(connection, asked.actor, subject, kind, added, gone, at)


async def _own_published(connection: Connection, asked: Asked, handle: str) -> Metadata:
    """Metadata whose instances' readers the caller decides on. Raises ``IdhubRefusal`` (604, 701, 600)."""
    metadata = await needed_metadata(connection, handle)
    if not may(asked.account, Action.GRANT_EDIT, metadata.alias.enterprise_id):
        raise IdhubRefusal(Status.NOT_OWN_HANDLE)
    if metadata.published is None:
        raise IdhubRefusal(Status.META_UN_PUBLISHED)
    return metadata


def _attributes(metadata: Metadata, items: Iterable[str]) -> list[str]:
    """The attributes of items by English name. Raises ``IdhubRefusal`` (603)."""
    known = by_english_name(metadata.newest.template, metadata.said)
    names = []
    for item in items:
        if item not in known:
            said = Status.ITEM_NOT_BELONG_TO_META.text.format(item[:100])
            raise IdhubRefusal(Status.ITEM_NOT_BELONG_TO_META, said)
        names.append(known[item].name)
    return names


def _check_access(access: AccessAsked) -> None:
    if access.auth_type not in (_READ, _WRITE):
        raise bind_error("authType", "授权类型不合符（1查看2编辑）")
    if access.scope not in (_PUBLIC, _NAMED):
        raise bind_error("scope", "范围类型不符合（1公开2指定范围）")
    if not access.items:
        raise bind_error("item", "item不能为空")
    if access.auth_type == _WRITE and access.scope == _PUBLIC:
        raise IdhubRefusal(Status.AUTH_TYPE_ERROR, Status.AUTH_TYPE_ERROR.text.format(access.items[0][:100]))


def _reader_scope(body: SingleAccess) -> Readable:
    if body.reader_scope is None:
        raise bind_error("readerScope", "readerScope不能为空")
    scope = _whole(body.reader_scope)
    if scope is None:
        raise IdhubRefusal(Status.READER_SCOPE_IS_NUMBER)
    if scope not in (_PUBLIC, _NAMED):
        raise bind_error("readerScope", "范围类型不符合（1公开2指定范围）")
    return Readable.PUBLIC if scope == _PUBLIC else Readable.GRANTED


def _whole(told: int | str) -> int | None:
    """A number, also one in quotes; ``None`` for anything else."""
    text = str(told).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


async def _change(
    connection: Connection,
    actor: Actor,
    subject: Subject,
    access: Access,
    added: Sequence[str] | None,
    gone: Sequence[str] | None,
    at: datetime,
) -> None:
    with _known_grantees():
        if gone:
            await revoke(connection, actor, subject, access, gone, at)
        if added:
            await grant(connection, actor, subject, access, added, at)


async def _grant_to_enterprises(
    connection: Connection, asked: Asked, stored: StoredTemplate, wanted: set[UUID | None], at: datetime
) -> None:
    """Let these use the template (``None``: everybody) and no others; they are told."""
    standing = {one.grantee for one in await grants_of_template(connection, stored)}
    for grantee in sorted(wanted - standing, key=str):
        await grant_template(connection, asked.account, asked.actor, stored, grantee, at)
    for grantee in sorted(standing - wanted, key=str):
        await revoke_template(connection, asked.account, asked.actor, stored, grantee, at)


async def _tell_own(
    connection: Connection, metadata: Metadata, before: Mapping[str, str], after: Mapping[str, str], at: datetime
) -> None:
    """Tell the identities and groups of the own enterprise what was granted to them, or taken away."""
    owner = metadata.alias.enterprise_id
    changed = [handle for handle in before.keys() ^ after.keys() if {**before, **after}[handle] == str(owner)]
    if not changed:
        return
    identities = await identities_of_handles(connection, changed)
    name = await enterprise_name(connection, owner)
    for handle in sorted(changed):
        identity = identities.get(handle)
        await tell_of_grant(
            connection,
            to=owner,
            account_id=identity.account_id if identity else None,
            grantee=identity.handle if identity else handle,
            owner=name,
            kind="template",
            subject=metadata.handle,
            attributes=(),
            access=Access.READ,
            granted=handle in after,
            at=at,
        )


async def _reachable(connection: Connection, owner: UUID, handles: Sequence[str]) -> dict[str, str]:
    """The enterprises of the identities and groups that an enterprise may grant to, by folded handle.

    Raises ``GranteeUnknown``, ``GranteeForeign``.
    """
    identities = await identities_of_handles(connection, handles)
    groups = await groups_of_handles(connection, handles)
    found: dict[str, str] = {}
    for handle in handles:
        key, told = fold_handle(handle), handle[:255]
        identity, group = identities.get(key), groups.get(key)
        if identity is None and group is None:
            raise GranteeUnknown(f"{told} is neither an identity nor a group", handle=told)
        if group is not None:
            within = group.enterprise_id == owner or await has_imported(connection, owner, group.identity_group_id)
            found[key] = str(group.enterprise_id)
        elif identity is not None:
            within = identity.enterprise_id == owner
            found[key] = str(identity.enterprise_id)
        if not within:
            raise GranteeForeign(f"{told} belongs to another enterprise", handle=told)
    return found


@contextmanager
def _known_grantees() -> Iterator[None]:
    """Whoever cannot be granted to, in IDHub's words (901)."""
    try:
        yield
    except GranteeUnknown as error:
        said = Status.NOT_ALL_APP_HANDLES.text.format(error.evidence["handle"])
        raise IdhubRefusal(Status.NOT_ALL_APP_HANDLES, said) from None
    except GranteeForeign as error:
        said = f"{Status.NOT_ALL_APP_HANDLES.text.format(error.evidence['handle'])}：{error.title_zh}"
        raise IdhubRefusal(Status.NOT_ALL_APP_HANDLES, said) from None
