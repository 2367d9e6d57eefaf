"""What an enterprise says about people: its contact and its legal representative.

In the database it lies sealed (``node/sealing.py``); whoever looks at an enterprise sees it masked, and so do
history and logs. A masked value that comes back in an edit stands for what is stored, so that a form can be shown,
changed elsewhere and sent again by somebody who may not see the people's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
import structlog

from node.sealing import Seal, SealBroken

log = structlog.get_logger(__name__)


class PersonCertificate(StrEnum):
    """证件类型, in the order of the SNMS interface's numbers."""

    IDENTITY_CARD = "identity_card"  # 中国居民身份证
    PASSPORT = "passport"  # 护照
    OTHER = "other"  # 其他


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """One person; what is not said is empty."""

    name: str = ""
    certificate: PersonCertificate | None = None
    certificate_number: str = ""
    email: str = ""
    phone: str = ""
    fax: str = ""

    def masked(self) -> Person:
        """As it may be shown."""
        shown: dict[str, Any] = {name: mask(getattr(self, name)) for name, mask in _MASKS.items()}
        return replace(self, **shown)

    def resolved(self, stored: Person) -> Person:
        """With what is stored wherever this says its mask."""
        shown = stored.masked()
        meant = {name: getattr(stored, name) for name in _MASKS if getattr(self, name) == getattr(shown, name)}
        return replace(self, **meant)

    def identity(self) -> tuple[str, PersonCertificate | None, str]:
        """Who it is: what a review is about."""
        return self.name, self.certificate, self.certificate_number


@dataclass(frozen=True, slots=True, repr=False)
class Personal:
    contact: Person = Person()
    legal_representative: Person = Person()

    def masked(self) -> Personal:
        """As it may be shown to whoever sees the enterprise."""
        return Personal(self.contact.masked(), self.legal_representative.masked())

    def resolved(self, stored: Personal) -> Personal:
        """With what is stored wherever this says its mask."""
        return Personal(
            self.contact.resolved(stored.contact),
            self.legal_representative.resolved(stored.legal_representative),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; in clear unless masked before."""
        said: dict[str, Any] = msgspec.to_builtins(self)
        return said

    def sealed(self, seal: Seal, enterprise_id: UUID) -> bytes | None:
        """As the database keeps it; ``None`` when nothing is said."""
        if self == Personal():
            return None
        return seal.seal(msgspec.json.encode(self), _context(enterprise_id))


def opened(sealed: bytes | None, seal: Seal, enterprise_id: UUID) -> Personal:
    """What was sealed for that enterprise, in clear. Raises ``SealBroken``."""
    if sealed is None:
        return Personal()
    return msgspec.json.decode(seal.open(sealed, _context(enterprise_id)), type=Personal)


def readable(sealed: bytes | None, seal: Seal, enterprise_id: UUID) -> Personal:
    """As ``opened``, but nobody when it does not open: a node that lost its key goes on, and is told people anew."""
    try:
        return opened(sealed, seal, enterprise_id)
    except SealBroken as error:
        log.warning("personal_data_unreadable", enterprise_id=str(enterprise_id), detail=error.detail)
        return Personal()


def changed_fields(before: Personal, after: Personal) -> Iterator[str]:
    """Which fields differ, as ``contact.phone``: what history says of values that it does not keep."""
    for part in ("contact", "legal_representative"):
        old, new = getattr(before, part), getattr(after, part)
        yield from (
            f"{part}.{one.name}" for one in fields(Person) if getattr(old, one.name) != getattr(new, one.name)
        )


def mask_name(name: str) -> str:
    """张三 is 张*, 欧阳小明 is 欧***."""
    return name[:1] + "*" * (len(name) - 1) if len(name) > 1 else "*" * len(name)


def mask_phone(phone: str) -> str:
    """13800000000 is 138****0000; of a short number nothing is left but its last two digits."""
    if not phone:
        return ""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) > 8 else f"****{phone[-2:] if len(phone) > 4 else ''}"


def mask_email(address: str) -> str:
    """ops@example.com is o***@example.com."""
    if not address:
        return ""
    local, at, host = address.rpartition("@")
    return f"{local[:1]}***@{host}" if at else "***"


def mask_number(number: str) -> str:
    """Four characters at either end of a long number, one of a short one."""
    kept = 4 if len(number) >= 12 else 1
    if len(number) <= 3:
        return "*" * len(number)
    return number[:kept] + "*" * (len(number) - 2 * kept) + number[-kept:]


_MASKS: dict[str, Callable[[str], str]] = {
    "name": mask_name,
    "certificate_number": mask_number,
    "email": mask_email,
    "phone": mask_phone,
    "fax": mask_phone,
}


def _context(enterprise_id: UUID) -> str:
    return f"enterprise:{enterprise_id}"
