"""What nodes before schema 4 kept of the contact person in clear: sealed at the start, masked in history.

History is append-only and its leaves commit to what it says: what was written there stays and is masked when shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from node.database import Pool, transaction
from node.journal import PastAct
from node.sealing import Seal
from node.sql import statements_beside
from registry.profiles.personal import Person, Personal, mask_email, mask_name, mask_phone

_SQL = statements_beside(__file__, "sealing_old.sql")
_MOST = 500
_MASKS = {"contact_name": mask_name, "contact_phone": mask_phone, "contact_email": mask_email}


async def seal_old_contacts(pool: Pool, seal: Seal) -> int:
    """Seal what lies in clear and empty its columns; how many enterprises that were. Raises ``DatabaseAway``.

    Several workers may do it at once: each row is done by one of them.
    """
    done = 0
    while True:
        async with transaction(pool) as connection:
            rows = await connection.fetch(_SQL["lock_old_contacts"], _MOST)
            for row in rows:
                contact = Person(name=row["contact_name"], phone=row["contact_phone"], email=row["contact_email"])
                sealed = Personal(contact).sealed(seal, row["enterprise_id"])
                await connection.execute(_SQL["seal_old_contact"], row["enterprise_id"], sealed)
        done += len(rows)
        if not rows:
            return done


def masked_act(act: PastAct) -> PastAct:
    """The act with the contact of older nodes masked, as it may be shown."""
    return replace(act, before=masked_content(act.before), after=masked_content(act.after))


def masked_content(content: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What an act says of a thing before or after it, likewise."""
    if content is None:
        return None
    return {name: _MASKS[name](value) if name in _MASKS else value for name, value in content.items()}
