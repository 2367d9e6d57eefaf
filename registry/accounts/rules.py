"""What a node asks of whoever signs in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from node.auth import Role
from registry.accounts.password_policy import DENGBAO, PasswordPolicy
from registry.accounts.stored import StoredAccount

STAFF = frozenset({Role.ADMINISTRATOR, Role.REVIEWER, Role.AUDITOR})
SESSION_LIFE = timedelta(hours=12)
"""The longest life of a session of the console, used or not."""


@dataclass(frozen=True, slots=True)
class AccountRules:
    """``idle`` ends an unused session of the console; ``issuer`` names the node in authenticator programs."""

    policy: PasswordPolicy = DENGBAO
    second_factor_of_staff: bool = False
    idle: timedelta = timedelta(minutes=30)
    issuer: str = "biaoshi"

    def password_ends_at(self, known: StoredAccount) -> datetime | None:
        """When an account's password has to be changed; never where there is none, and never that of a program."""
        if known.account.role is Role.APPLICATION or known.password_hash is None or known.password_set_at is None:
            return None
        return self.policy.ends_at(known.password_set_at)

    def demands_second_factor(self, role: Role) -> bool:
        """Whether an account of that role must have one."""
        return self.second_factor_of_staff and role in STAFF
