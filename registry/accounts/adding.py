"""A new account inside somebody's transaction: its row, its act, and what it must not share with another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from node.auth import Account, Action, Role
from node.database import Connection
from node.errors import Conflict, Malformed
from node.journal import Act, Actor, record_act
from node.sealing import Seal
from registry.accounts.contact import NOBODY, Contact, seal_contact
from registry.accounts.credentials import Credential
from registry.accounts.stored import AccountState, StoredAccount
from registry.enterprises import unknown_enterprise
from registry.store import SQL, refusing

_NAME_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,63}", re.ASCII)


class AccountNameInvalid(Malformed):
    title_zh = "账号名有误"


class AccountNameTaken(Conflict):
    title_zh = "账号名已被使用"


class EmailTaken(Conflict):
    title_zh = "邮箱已被其他账号使用"


class MobileTaken(Conflict):
    title_zh = "手机号已被其他账号使用"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """``enterprise_id`` is ``None`` for staff, and for an enterprise user whose enterprise comes later."""

    account_id: UUID
    name: str
    role: Role
    enterprise_id: UUID | None
    credential: Credential
    contact: Contact = NOBODY
    remarks: str = ""


async def add_account(
    connection: Connection, actor: Actor, seal: Seal, new: NewAccount, at: datetime
) -> StoredAccount:
    """Raises ``AccountNameTaken``, ``EmailTaken``, ``MobileTaken``, ``EnterpriseUnknown``."""
    credential, contact = new.credential, seal_contact(seal, new.account_id, new.contact)
    added = StoredAccount(
        account=Account(new.account_id, new.name, new.role, new.enterprise_id),
        state=AccountState.ACTIVE,
        failures=0,
        locked_until=None,
        created_at=at,
        updated_at=at,
        password_hash=credential.password_hash,
        password_form=credential.form,
        verifier=credential.verifier,
        personal=contact.personal,
        remarks=new.remarks,
        password_set_at=at,
    )
    with refusing(
        account_name_unique=AccountNameTaken(f"the name {new.name} belongs to another account", name=new.name),
        account_email_unique=EmailTaken("another account has this e-mail address", field="email"),
        account_mobile_unique=MobileTaken("another account has this mobile number", field="mobile"),
        account_enterprise_known=unknown_enterprise(new.enterprise_id or UUID(int=0)),
    ):
        await connection.execute(
            SQL["add_account"], new.account_id, new.name, new.role, new.enterprise_id, credential.password_hash, at,
            credential.form, credential.verifier, contact.personal, contact.email_digest, contact.mobile_digest,
            new.remarks,
        )  # fmt: skip
    act = Act(Action.ACCOUNT_CREATE, "account", str(new.account_id), after=added.to_json())
    await record_act(connection, actor, act, at)
    return added


def check_name(name: str) -> None:
    """Raises ``AccountNameInvalid``."""
    if not _NAME_FORM.fullmatch(name):
        raise AccountNameInvalid(
            "an account's name has 2 to 64 characters of A-Z, a-z, 0-9 and . _ @ -, the first a letter or digit",
            field="name",
        )
