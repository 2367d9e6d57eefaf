"""The moment at which a prefix changes hands: what goes along with it, and what of the giver ends.

Along go the identifiers, the prefixes derived from it, and the right to use the templates by which they were
registered; what the giver had hidden from the public stays hidden. Policies of the Handle protocol, the suffix rule,
the quota, grants of single identifiers and the access of the giver's own node end, and so does the record of the
prefix handle: the giver's keys and addresses in it. Nobody administers the prefix by the Handle protocol until the
receiver says who does.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from node.database import Connection
from node.journal import Act, Actor, Message, record_act
from node.notices import CHANNEL, Notice, NoticeKind
from node.sql import statements_beside
from registry.authorisations.scopes import carry_class_scopes
from registry.downward.ending import end_access
from registry.handle.accounts import name_of_account
from registry.handle.store import found_record, held_record, write_record
from registry.prefix_grant import PrefixGrant, grant_of
from registry.store import SQL as STORE

SQL = statements_beside(__file__, "transfers.sql")


async def hand_over(
    connection: Connection, grant: PrefixGrant, receiver: UUID, receiver_name: str, actor: Actor, at: datetime
) -> PrefixGrant:
    """Give a locked prefix, with all that derives from it, to an enterprise that the transaction holds."""
    giver = grant.enterprise_id
    below = await connection.fetch(STORE["lock_prefixes_below"], grant.prefix.key)
    grants = [grant, *map(grant_of, below)]
    ids = [one.prefix_id for one in grants]
    await carry_class_scopes(connection, giver, receiver)
    await connection.execute(SQL["leave_templates_usable"], ids, giver, str(receiver), at)
    for statement in ("forget_policies", "forget_quotas", "forget_grants"):
        await connection.execute(SQL[statement], ids)
    for one in grants:
        await connection.execute(SQL["hand_over"], one.prefix_id, receiver, one.version + 1, at)
        if (await found_record(connection, one.prefix)).values:
            await write_record(connection, await held_record(connection, one.prefix, at), (), "transfer", actor, at)
        await _pass_account_on(connection, one, receiver, actor, at)
        await _trace(connection, one, receiver, receiver_name, actor, at)
    await end_access(connection, grant.prefix, at)
    row = await connection.fetchrow(STORE["lock_prefix"], grant.prefix.key)
    return grant_of(row)


async def _pass_account_on(
    connection: Connection, grant: PrefixGrant, receiver: UUID, actor: Actor, at: datetime
) -> None:
    name = name_of_account(grant.prefix)
    account_id = await connection.fetchval(SQL["pass_account_on"], name, receiver, at)
    if account_id is not None:
        act = Act(
            action="account.transfer",
            subject_kind="account",
            subject_id=str(account_id),
            before={"name": name, "enterprise_id": str(grant.enterprise_id)},
            after={"name": name, "enterprise_id": str(receiver)},
        )
        await record_act(connection, actor, act, at)


async def _trace(
    connection: Connection, before: PrefixGrant, receiver: UUID, receiver_name: str, actor: Actor, at: datetime
) -> None:
    after = replace(
        before, enterprise_id=receiver, enterprise_name=receiver_name, suffix_rule_id=None,
        limited=False, version=before.version + 1, updated_at=at,
    )  # fmt: skip
    act = Act(
        action="prefix.transfer",
        subject_kind="prefix",
        subject_id=str(after.prefix_id),
        before=before.to_json(),
        after=after.to_json(),
    )
    await record_act(connection, actor, act, at)
    await connection.execute(STORE["announce"], CHANNEL, Notice(NoticeKind.PREFIX, after.prefix.key).encode())


def report_of_transfer(giver: UUID, grant: PrefixGrant) -> Message:
    """What the national node must know: the body of any report about the prefix, and who gave it."""
    return Message("prefix", "prefix.transferred", grant.reported() | {"from_enterprise_id": str(giver)})
