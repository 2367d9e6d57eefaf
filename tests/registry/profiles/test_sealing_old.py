"""What older nodes kept of contacts in clear is sealed at the start and masked in what history shows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from node.journal import Interface, PastAct
from registry.enterprises import Enterprise
from registry.profiles.personal import Personal
from registry.profiles.sealing_old import masked_act, seal_old_contacts
from tests.support.office import CONTACT, Office, acting


async def as_it_was(office: Office) -> Enterprise:
    """An enterprise as a node before schema 4 left it."""
    enterprise = await office.enterprise()
    await office.pool.execute(
        "UPDATE enterprise SET personal = NULL, contact_name = $2, contact_phone = $3, contact_email = $4"
        " WHERE enterprise_id = $1",
        enterprise.enterprise_id, CONTACT.name, CONTACT.phone, CONTACT.email,
    )  # fmt: skip
    return enterprise


async def test_old_contacts_are_sealed_once_and_their_columns_emptied(office: Office) -> None:
    old, new = await as_it_was(office), await office.enterprise()
    assert await seal_old_contacts(office.pool, office.seal) == 1
    assert await seal_old_contacts(office.pool, office.seal) == 0
    for enterprise in (old, new):
        who = office.reviewer
        people = await office.enterprises.personal(who, acting(who), enterprise.enterprise_id)
        assert people == Personal(contact=CONTACT)
    clear = "SELECT count(*) FROM enterprise WHERE contact_name || contact_phone || contact_email <> ''"
    assert await office.pool.fetchval(clear) == 0
    found = await office.enterprises.get(office.admin, old.enterprise_id)
    assert (found.version, found.updated_at) == (old.version, old.updated_at)


async def test_workers_that_start_together_seal_each_row_once(office: Office) -> None:
    for _ in range(5):
        await as_it_was(office)
    done = await asyncio.gather(*(seal_old_contacts(office.pool, office.seal) for _ in range(3)))
    assert sum(done) == 5


def test_an_old_act_is_shown_masked() -> None:
    facts = {
        "name": "阀门",
        "contact_name": "张三",
        "contact_phone": "13800000000",
        "contact_email": "a@b.cn",
    }
    at = datetime(2026, 3, 2, tzinfo=UTC)
    act = PastAct(1, at, None, Interface.V1, "enterprise.create", None, facts, "", None)
    shown = masked_act(act)
    assert shown.before is None
    assert shown.after == {
        "name": "阀门", "contact_name": "张*", "contact_phone": "138****0000", "contact_email": "a***@b.cn",
    }  # fmt: skip
