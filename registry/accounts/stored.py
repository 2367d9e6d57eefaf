"""An account as stored, and the rows it is read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from node.auth import Account, Role
from node.database import Connection
from node.errors import NotFound
from registry.accounts.credentials import PasswordForm
from registry.store import SQL


class AccountState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class AccountUnknown(NotFound):
    title_zh = "账号不存在"


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account with what is kept about it; ``verifier`` and ``personal`` are sealed.

    ``second_factor`` says whether it is asked for one.
    """

    account: Account
    state: AccountState
    failures: int
    locked_until: datetime | None
    created_at: datetime
    updated_at: datetime
    password_hash: str | None = field(repr=False)
    password_form: PasswordForm = PasswordForm.PLAIN
    verifier: bytes | None = field(default=None, repr=False)
    personal: bytes | None = field(default=None, repr=False)
    remarks: str = ""
    password_set_at: datetime | None = None
    second_factor: bool = False

    def locked(self, at: datetime) -> bool:
        return self.locked_until is not None and self.locked_until > at

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        account = self.account
        return {
            "name": account.name,
            "role": str(account.role),
            "enterprise_id": str(account.enterprise_id) if account.enterprise_id else None,
            "state": str(self.state),
        }


async def lock_account(connection: Connection, account_id: UUID) -> StoredAccount:
    """The account, held until the transaction ends. Raises ``AccountUnknown``."""
    return found_account(await connection.fetchrow(SQL["lock_account"], account_id), account_id)


def found_account(row: Mapping[str, Any] | None, account_id: UUID) -> StoredAccount:
    """The account of a row that was asked for by id. Raises ``AccountUnknown``."""
    if row is None:
        raise AccountUnknown(f"there is no account {account_id}", account_id=str(account_id))
    return account_of_row(row)


def holder_of_row(row: Mapping[str, Any]) -> Account:
    """Who an account is, without what is kept about it."""
    return Account(row["account_id"], row["name"], Role(row["role"]), row["enterprise_id"])


def account_of_row(row: Mapping[str, Any]) -> StoredAccount:
    """The account of a row."""
    return StoredAccount(
        account=holder_of_row(row),
        state=AccountState(row["state"]),
        failures=row["failures"],
        locked_until=row["locked_until"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        password_hash=row["password_hash"],
        password_form=PasswordForm(row["password_form"]),
        verifier=row["verifier"],
        personal=row["personal"],
        remarks=row["remarks"],
        password_set_at=row["password_set_at"],
        second_factor=row["second_factor"],
    )
