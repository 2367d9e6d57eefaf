"""The accounts under which history knows the administrators of a prefix.

History wants an account, the Handle protocol knows identities: all identities of one prefix act as the one account
``handle-<prefix>``, an application of its enterprise, for the node's own prefix an administrator. It has no password
and no token; disabling it shuts the protocol to that prefix's administrators.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from node.administration import Identity, InvalidAdministrator
from node.auth import Account, Action, Role
from node.database import Connection
from node.identifier import Prefix
from node.journal import Act, Actor, Interface, record_act
from registry.accounts.stored import AccountState, StoredAccount, account_of_row
from registry.handle.names import named
from registry.handle.prefix_usage import grant_in_use
from registry.handle.standing import SQL
from registry.store import SQL as STORE
from registry.store import time_ordered_id

_LONGEST_NAME = 64


async def account_of(
    connection: Connection, identity: Identity, *, node_prefix: Prefix, interface: Interface, at: datetime
) -> Account:
    """The account of the prefix that the identity belongs to, made when first needed.

    Where nobody in particular acts (on a value that the public may write), pass the handle of that record's prefix.
    Raises ``PrefixElsewhere``, ``NotPermitted`` when the prefix is not enabled, ``InvalidAdministrator`` when the
    account is disabled or is somebody else's.
    """
    name = named(identity.handle)
    prefix = name if isinstance(name, Prefix) else name.prefix
    grant = await grant_in_use(connection, prefix, node_prefix)
    role, enterprise_id = (Role.ADMINISTRATOR, None) if grant is None else (Role.APPLICATION, grant.enterprise_id)
    account_name = name_of_account(prefix)
    row = await connection.fetchrow(STORE["find_account_by_name"], account_name)
    if row is None:
        await _make(connection, account_name, role, enterprise_id, interface, at)
        row = await connection.fetchrow(STORE["find_account_by_name"], account_name)
    found = account_of_row(row)
    if found.state is not AccountState.ACTIVE:
        raise InvalidAdministrator(f"the account {account_name} is disabled", account=account_name)
    if found.account.role is not role or found.account.enterprise_id != enterprise_id:
        raise InvalidAdministrator(f"the name {account_name} belongs to somebody else", account=account_name)
    return found.account


def name_of_account(prefix: Prefix) -> str:
    """``handle-88.101.2001``; where that is longer than an account's name may be, a digest stands for the prefix."""
    name = f"handle-{prefix.key.lower()}"
    if len(name) <= _LONGEST_NAME:
        return name
    return f"handle-{hashlib.sha256(prefix.key.encode()).hexdigest()[:40]}"


async def _make(
    connection: Connection, name: str, role: Role, enterprise_id: UUID | None, interface: Interface, at: datetime
) -> None:
    account_id = await connection.fetchval(
        SQL["add_account_of_prefix"], time_ordered_id(at), name, role, enterprise_id, at
    )
    if account_id is None:
        return  # somebody else was faster
    made = StoredAccount(
        account=Account(account_id, name, role, enterprise_id),
        state=AccountState.ACTIVE,
        failures=0,
        locked_until=None,
        created_at=at,
        updated_at=at,
        password_hash=None,
    )
    act = Act(Action.ACCOUNT_CREATE, "account", str(account_id), after=made.to_json())
    await record_act(connection, Actor(None, interface), act, at)
