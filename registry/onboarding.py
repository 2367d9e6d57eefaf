"""Entering an enterprise in one go (入驻): its user, its record before the reviewers, and its prefix, all or none.

That is how SNMS takes applications. The prefix is applied for while the enterprise awaits its review and shares the
outcome; identifiers are registered under it once it is hosted, which the enterprise asks for later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from node.auth import Account, Action, NotAllowed, Role, require
from node.database import Connection, Pool, transaction
from node.errors import Malformed
from node.identifier import Prefix
from node.journal import Act, Actor, record_act
from node.sealing import Seal
from registry.accounts.adding import NewAccount, add_account, check_name
from registry.accounts.contact import Contact
from registry.accounts.credentials import SQL as CREDENTIALS
from registry.accounts.credentials import Credential, Credentials
from registry.accounts.digests import read_digest
from registry.accounts.stored import AccountUnknown, StoredAccount, account_of_row, lock_account
from registry.enterprise_acts import edit_enterprise, open_enterprise, submit_enterprise
from registry.enterprise_record import Enterprise, EnterpriseFacts
from registry.prefix_application import apply_prefix
from registry.prefix_grant import PrefixGrant, grant_of
from registry.profiles.personal import Personal
from registry.profiles.profile import Profile
from registry.store import SQL, time_ordered_id
from registry.transitions import EnterpriseState, Hosting

Clock = Callable[[], datetime]

_EDITABLE = frozenset({EnterpriseState.DRAFT, EnterpriseState.RETURNED})


class PasswordDigestInvalid(Malformed):
    title_zh = "口令摘要有误（应为口令的 SHA-256，64 位十六进制）"


class NotOfAnEnterprise(Malformed):
    title_zh = "该账号不是企业用户"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who will sign in for an enterprise; of the password either itself or its SHA-256 in hexadecimal."""

    name: str
    password: str | None = field(default=None, repr=False)
    password_digest: str | None = field(default=None, repr=False)
    contact: Contact = field(default_factory=Contact, repr=False)
    remarks: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is entered: the record, and the prefix applied for; without one, the next number of the node's plan."""

    facts: EnterpriseFacts
    profile: Profile
    personal: Personal
    prefix: Prefix | None = None
    purpose: str = ""
    hosting: Hosting = Hosting.SELF_HOSTED


@dataclass(frozen=True, slots=True)
class Entered:
    """What stands now; ``grant`` is the prefix that was applied for, or was there already."""

    account: StoredAccount
    enterprise: Enterprise
    grant: PrefixGrant


class Onboarding:
    """The use cases. All raise ``NotAllowed`` and ``DatabaseAway`` besides what they name."""

    def __init__(self, pool: Pool, clock: Clock, seal: Seal, credentials: Credentials, node_prefix: Prefix) -> None:
        self._pool = pool
        self._clock = clock
        self._seal = seal
        self._credentials = credentials
        self._node_prefix = node_prefix

    async def admit(self, account: Account, actor: Actor, newcomer: Newcomer) -> StoredAccount:
        """An account of an enterprise that will be entered later.

        Raises ``AccountNameInvalid``, ``PasswordTooWeak``, ``PasswordDigestInvalid``, ``AccountNameTaken``,
        ``EmailTaken``, ``MobileTaken``, ``TooManySignIns``.
        """
        require(account, Action.ACCOUNT_CREATE, None)
        at = self._clock()
        new = await self._account_of(newcomer, at)
        async with transaction(self._pool) as connection:
            return await add_account(connection, actor, self._seal, new(None), at)

    async def enter(self, account: Account, actor: Actor, newcomer: Newcomer, entry: Entry) -> Entered:
        """User, enterprise and prefix together.

        Raises what ``admit``, ``open_enterprise``, ``submit_enterprise`` and ``apply_prefix`` raise.
        """
        require(account, Action.ONBOARD, None)
        at = self._clock()
        new = await self._account_of(newcomer, at)
        async with transaction(self._pool) as connection:
            enterprise, grant = await self._open(connection, account, actor, entry, at)
            added = await add_account(connection, actor, self._seal, new(enterprise.enterprise_id), at)
            return Entered(added, enterprise, grant)

    async def upgrade(self, account: Account, actor: Actor, name: str, entry: Entry) -> Entered:
        """The enterprise of an account that is there: entered now or, if it has one, its record replaced.

        Administrators do so for anybody, enterprise users for their own enterprise. Raises ``AccountUnknown``,
        ``NotOfAnEnterprise`` and what ``enter`` and ``edit_enterprise`` raise.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            user = await self._user(connection, account, name)
            enterprise_id = user.account.enterprise_id
            if enterprise_id is not None:
                enterprise, grant = await self._replace(connection, account, actor, enterprise_id, entry, at)
                return Entered(user, enterprise, grant)
            require(account, Action.ONBOARD, None)
            enterprise, grant = await self._open(connection, account, actor, entry, at)
            await connection.execute(
                CREDENTIALS["enter_enterprise"], user.account.account_id, enterprise.enterprise_id, at
            )
            after = await lock_account(connection, user.account.account_id)
            act = Act(
                "account.enter", "account", str(user.account.account_id), before=user.to_json(), after=after.to_json()
            )
            await record_act(connection, actor, act, at)
            return Entered(after, enterprise, grant)

    async def _account_of(self, newcomer: Newcomer, at: datetime) -> Callable[[UUID | None], NewAccount]:
        """The account, still without its enterprise: hashing takes its time and must not hold a transaction."""
        check_name(newcomer.name)
        account_id = time_ordered_id(at)
        credential = await self._credential(account_id, newcomer)

        def of(enterprise_id: UUID | None) -> NewAccount:
            return NewAccount(
                account_id, newcomer.name, Role.ENTERPRISE_USER, enterprise_id, credential, newcomer.contact,
                newcomer.remarks,
            )  # fmt: skip

        return of

    async def _credential(self, account_id: UUID, newcomer: Newcomer) -> Credential:
        if newcomer.password is not None:
            self._credentials.policy.check(newcomer.password, newcomer.name)
            return await self._credentials.of_password(account_id, newcomer.password)
        inner = read_digest(newcomer.password_digest or "")
        if inner is None:
            raise PasswordDigestInvalid("send the SHA-256 of the password, 64 hexadecimal digits", field="password")
        return await self._credentials.of_digest(account_id, inner)

    async def _user(self, connection: Connection, account: Account, name: str) -> StoredAccount:
        row = await connection.fetchrow(SQL["find_account_by_name"], name)
        if row is None:
            if account.of_enterprise:  # names are told to nobody who may not list them
                raise NotAllowed("only administrators act for others", action=str(Action.ONBOARD))
            raise AccountUnknown(f"there is no account {name}", name=name)
        user = await lock_account(connection, account_of_row(row).account.account_id)
        if account.of_enterprise and (
            account.enterprise_id is None or user.account.enterprise_id != account.enterprise_id
        ):
            raise NotAllowed("only administrators act for others", action=str(Action.ONBOARD))
        if user.account.role is not Role.ENTERPRISE_USER:
            raise NotOfAnEnterprise(f"{name} is a {user.account.role}", name=name, role=str(user.account.role))
        return user

    async def _open(
        self, connection: Connection, account: Account, actor: Actor, entry: Entry, at: datetime
    ) -> tuple[Enterprise, PrefixGrant]:
        opened = await open_enterprise(
            connection, account, actor, entry.facts, entry.profile, entry.personal, self._seal, at
        )
        submitted = await submit_enterprise(connection, account, actor, opened.enterprise_id, at)
        return submitted, await self._apply(connection, account, actor, opened.enterprise_id, entry, at)

    async def _replace(
        self,
        connection: Connection,
        account: Account,
        actor: Actor,
        enterprise_id: UUID,
        entry: Entry,
        at: datetime,
    ) -> tuple[Enterprise, PrefixGrant]:
        enterprise = await edit_enterprise(
            connection, account, actor, enterprise_id, entry.facts, entry.profile, entry.personal, self._seal, at
        )
        if enterprise.state in _EDITABLE:
            enterprise = await submit_enterprise(connection, account, actor, enterprise_id, at)
        rows = await connection.fetch(SQL["lock_prefixes_of_enterprise"], enterprise_id)
        held = {grant.prefix: grant for grant in map(grant_of, rows)}
        wanted = entry.prefix or next(iter(held), None)
        if wanted in held:
            return enterprise, held[wanted]
        return enterprise, await self._apply(connection, account, actor, enterprise_id, entry, at)

    async def _apply(
        self,
        connection: Connection,
        account: Account,
        actor: Actor,
        enterprise_id: UUID,
        entry: Entry,
        at: datetime,
    ) -> PrefixGrant:
        return await apply_prefix(
            connection, account, actor, enterprise_id, entry.prefix, entry.purpose, at,
            node_prefix=self._node_prefix, with_enterprise=True, hosting=entry.hosting,
        )  # fmt: skip
