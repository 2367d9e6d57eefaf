"""What an account sees of an identifier, and which attributes it may write: an owner all, others what they may.

Others see what is public and what the owner has granted to them; whoever may write an attribute also reads it. A
value that was stored as not public stays so unless its attribute was granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from node.auth import Account, Action, Role, may
from node.database import Connection
from node.errors import Forbidden
from node.identifier import Identifier, fold
from node.record import PUBLIC_READ, Record, decode_values, encode_values
from registry.authorisations.application_identities import SQL
from registry.authorisations.grants import Access
from registry.authorisations.scopes import hidden_indexes
from registry.connection.blocklist import is_blocked
from registry.identifiers.state import IdentifierState
from registry.identifiers.stored import StoredIdentifier, found_identifier, unknown_identifier
from registry.prefix_grant import PrefixGrant
from registry.prefixes import known_prefix
from registry.templates.stored import StoredTemplate, template_by_id
from registry.templates.template import Template
from registry.transitions import EnterpriseState, PrefixState

_ENDED = frozenset({EnterpriseState.SUSPENDED, EnterpriseState.CLOSED, EnterpriseState.REJECTED})
_SECRET = "HS_SECKEY"  # noqa: S105 - the name of a type


class NotReadable(Forbidden):
    title_zh = "没有权限查看数据"


class NotWritable(Forbidden):
    """Evidence: ``attributes`` that the account may not change."""

    title_zh = "没有权限编辑数据"


async def readable_values(
    connection: Connection, account: Account | None, identifier: Identifier
) -> tuple[StoredIdentifier, StoredTemplate, frozenset[str]]:
    """An identifier as the account sees it, its template, and the names of the attributes that it may see.

    The record holds only values it may see: for the owner and the staff all, for others (``None``: anybody) what is
    public, and what was granted to an application identity. Others see no identifier that does not resolve. Raises
    ``PrefixUnknown``, ``IdentifierUnknown``, and ``NotReadable`` where no attribute at all is visible.
    """
    grant = await known_prefix(connection, identifier.prefix, None)
    found = await found_identifier(connection, grant, identifier)
    stored = await template_by_id(connection, found.template_id)
    if account is not None and may(account, Action.IDENTIFIER_READ, grant.enterprise_id):
        return found, stored, frozenset(stored.template.names)
    if not _resolves(grant, found) or await is_blocked(connection, grant.prefix.key, found.suffix_key):
        raise unknown_identifier(identifier)
    hidden = await hidden_indexes(connection, grant, found.suffix_key, found.template_id)
    granted = frozenset[str]().union(*(await _granted(connection, account, grant, found, stored.template)).values())
    record = decode_values(found.record)
    visible = _visible(stored.template, record, hidden, granted)
    if stored.template.names and not visible:
        raise NotReadable(f"no data of {identifier.text} is open to you", identifier=identifier.text)
    seen = {attribute.index: attribute.name in visible for attribute in stored.template.attributes}
    kept = [
        value
        for value in record
        if fold(value.type) != _SECRET and seen.get(value.index, bool(value.permissions & PUBLIC_READ))
    ]
    return replace(found, record=encode_values(kept)), stored, visible


async def writable_attributes(
    connection: Connection, account: Account, grant: PrefixGrant, found: StoredIdentifier, template: Template
) -> frozenset[str]:
    """The attributes that the owner has let another enterprise's application write."""
    return (await _granted(connection, account, grant, found, template))[Access.WRITE]


def check_changes(
    before: StoredIdentifier, after: StoredIdentifier, template: Template, writable: frozenset[str]
) -> None:
    """Whether nothing but these attributes became another. Raises ``NotWritable``."""
    old, new = (template.attributes_of(one.record) for one in (before, after))
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    refuse_writing(changed - writable)


def refuse_writing(attributes: frozenset[str] | set[str]) -> None:
    """Raises ``NotWritable`` if there is any."""
    if attributes:
        raise NotWritable(
            f"these attributes are not yours to change: {', '.join(sorted(attributes))}",
            attributes=sorted(attributes),
        )


async def _granted(
    connection: Connection,
    account: Account | None,
    grant: PrefixGrant,
    found: StoredIdentifier,
    template: Template,
) -> Mapping[Access, frozenset[str]]:
    names: dict[Access, set[str]] = {access: set() for access in Access}
    if account is not None and account.role is Role.APPLICATION:
        rows = await connection.fetch(
            SQL["accesses"], account.account_id, grant.enterprise_id, grant.prefix_id, found.suffix_key, template.name
        )
        for row in rows:
            attribute = row["attribute"]
            names[Access(row["access"])].update(template.names if attribute is None else (attribute,))
    return {access: frozenset(granted).intersection(template.names) for access, granted in names.items()}


def _visible(template: Template, record: Record, hidden: frozenset[int], granted: frozenset[str]) -> frozenset[str]:
    closed = hidden.union(value.index for value in record if not value.permissions & PUBLIC_READ)
    public = (attribute.name for attribute in template.attributes if attribute.index not in closed)
    return granted.union(public)


def _resolves(grant: PrefixGrant, found: StoredIdentifier) -> bool:
    return (
        grant.state is PrefixState.ENABLED
        and grant.enterprise_state not in _ENDED
        and found.state is IdentifierState.LIVE
    )
