"""How the holder of an account is reached: sealed in the database, unique by digest, masked wherever it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec

from node.sealing import Seal


@dataclass(frozen=True, slots=True)
class Contact:
    """E-mail address, mobile number, and the account's name at a third party; empty where nobody said."""

    email: str = ""
    mobile: str = ""
    open_id: str = ""
    open_user_name: str = ""


NOBODY = Contact()


@dataclass(frozen=True, slots=True)
class SealedContact:
    """The columns of a contact."""

    personal: bytes | None
    email_digest: bytes | None
    mobile_digest: bytes | None


def seal_contact(seal: Seal, account_id: UUID, contact: Contact) -> SealedContact:
    """The contact as it is stored; addresses are the same whatever their case."""
    return SealedContact(
        None if contact == NOBODY else seal.seal(msgspec.json.encode(contact), _context(account_id)),
        seal.digest(f"email:{contact.email.casefold()}") if contact.email else None,
        seal.digest(f"mobile:{contact.mobile}") if contact.mobile else None,
    )


def open_contact(seal: Seal, account_id: UUID, personal: bytes | None) -> Contact:
    """The contact again. Raises ``SealBroken``."""
    if personal is None:
        return NOBODY
    return msgspec.json.decode(seal.open(personal, _context(account_id)), type=Contact)


def _context(account_id: UUID) -> str:
    return f"account:{account_id}"
