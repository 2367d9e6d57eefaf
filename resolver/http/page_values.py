"""The Handle System's own values as people read them: who administers, where servers are, which keys there are.

Handles become links to this node's pages; data that is not what its type promises is only measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from node.handle_data import (
    ADMIN_PERMISSIONS,
    ALL_ADMIN_PERMISSIONS,
    DhPublicKey,
    DsaPublicKey,
    Interface,
    OpaquePublicKey,
    RsaPublicKey,
    Site,
    Sm2PublicKey,
    decode_admin,
    decode_public_key,
    decode_site,
    decode_vlist,
)
from node.identifier import fold
from node.record import InvalidRecord, Reference, Value
from resolver.http.meaning import Item
from resolver.http.page_texts import CHINESE, ENGLISH, PERMISSIONS_ZH, TYPES_EN, TYPES_ZH
from resolver.http.weblink import page_of

_LISTED = 100  # members, servers, references of one value; the record itself is one link away
_SHOWN_CHARACTERS = 2100  # of one entry: the longest handle, its index, and a word or two
_PROGRAMS_CHARACTERS = 200  # of a text that only programs read, a signature for example


@dataclass(frozen=True, slots=True)
class Line:
    """One value as the page shows it: a line for each thing it says."""

    title: str
    entries: tuple[Item, ...]


def is_handle_systems(value: Value) -> bool:
    """Whether a value is the Handle System's own, for its programs and administrators."""
    return fold(value.type).startswith("HS_")


def own_lines(values: Iterable[Value], english: bool) -> Iterator[Line]:
    """The Handle System's own values among these, by index."""
    for value in sorted(filter(is_handle_systems, values), key=lambda value: value.index):
        name = (TYPES_EN if english else TYPES_ZH).get(fold(value.type), "")
        yield Line(f"{name} {value.type}".strip(), (*_said(value, english), *references(value, english)))


def references(value: Value, english: bool) -> tuple[Item, ...]:
    """What a value refers to beside its data."""
    said = ENGLISH if english else CHINESE
    return tuple(
        Item(f"{said['refers']} {reference.index}:{reference.handle}", page_of(reference.handle))
        for reference in value.references[:_LISTED]
    )


def _said(value: Value, english: bool) -> tuple[Item, ...]:
    said = ENGLISH if english else CHINESE
    try:
        read = _READERS.get(fold(value.type), _text)
        items = tuple(read(value.data, english))
    except (InvalidRecord, UnicodeDecodeError):
        return (Item(said["binary"].format(bytes=len(value.data)), None),)
    shown = tuple(Item(_cut(item.text, _SHOWN_CHARACTERS), item.href) for item in items[:_LISTED])
    return shown if len(items) <= _LISTED else (*shown, Item("…", None))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"


def _text(data: bytes, _: bool) -> Iterator[Item]:
    yield Item(_cut(data.decode(), _PROGRAMS_CHARACTERS), None)


def _handle(data: bytes, _: bool) -> Iterator[Item]:
    handle = data.decode()
    yield Item(handle, page_of(handle))


def _admin(data: bytes, english: bool) -> Iterator[Item]:
    admin = decode_admin(data)
    yield _identity(Reference(admin.handle, admin.index))
    said = ENGLISH if english else CHINESE
    named = [name for bit, name in enumerate(ADMIN_PERMISSIONS) if admin.permissions & (1 << bit)]
    if admin.permissions & ALL_ADMIN_PERMISSIONS == ALL_ADMIN_PERMISSIONS:
        listed = said["all_permissions"]
    elif english:
        listed = ", ".join(name.replace("_", " ") for name in named)
    else:
        listed = "、".join(f"{PERMISSIONS_ZH[name]} {name}" for name in named)
    yield Item(f"{said['permissions']}{listed or said['none']}", None)


def _group(data: bytes, _: bool) -> Iterator[Item]:
    return map(_identity, decode_vlist(data))


def _identity(reference: Reference) -> Item:
    return Item(f"{reference.index}:{reference.handle}", page_of(reference.handle))


def _site(data: bytes, english: bool) -> Iterator[Item]:
    said = ENGLISH if english else CHINESE
    site = decode_site(data)
    yield Item(" · ".join(_of_site(site, said)), None)
    for server in site.servers:
        yield Item(f"{said['server']} {server.id} · {server.address} · {_key_name(server.public_key, said)}", None)
        for interface in server.interfaces:
            yield Item(f"{interface.protocol.name} {interface.port}{_purpose(interface, said)}", None)


def _of_site(site: Site, said: dict[str, str]) -> Iterator[str]:
    yield said["primary_site"] if site.primary else said["mirror_site"]
    yield f"{said['serial']} {site.serial}"
    yield f"{said['protocol']} {site.protocol[0]}.{site.protocol[1]}"
    for name, text in site.attributes:
        yield f"{name}: {text}"


def _purpose(interface: Interface, said: dict[str, str]) -> str:
    purposes = [said["queries"]] if interface.query else []
    purposes += [said["administration"]] if interface.admin else []
    return said["purposes"].format(purposes=said["and"].join(purposes) or said["none"])


def _key(data: bytes, english: bool) -> Iterator[Item]:
    yield Item(_key_name(data, ENGLISH if english else CHINESE), None)
    yield Item(f"SHA-256 {hashlib.sha256(data).hexdigest()}", None)


def _key_name(data: bytes, said: dict[str, str]) -> str:
    try:
        key = decode_public_key(data)
    except InvalidRecord:
        return said["binary"].format(bytes=len(data))
    match key:
        case RsaPublicKey(n, _):
            return said["key"].format(algorithm="RSA", bits=n.bit_length())
        case DsaPublicKey(p=p):
            return said["key"].format(algorithm="DSA", bits=p.bit_length())
        case DhPublicKey(p=p):
            return said["key"].format(algorithm="DH", bits=p.bit_length())
        case Sm2PublicKey():
            return said["key"].format(algorithm="SM2", bits=256)
        case OpaquePublicKey(algorithm, _):
            return algorithm or said["binary"].format(bytes=len(data))


_READERS: dict[str, Callable[[bytes, bool], Iterator[Item]]] = {
    "HS_ADMIN": _admin,
    "HS_VLIST": _group,
    "HS_ALIAS": _handle,
    "HS_SERV": _handle,
    "HS_SERV.PREFIX": _handle,
    "HS_SITE": _site,
    "HS_SITE.6": _site,
    "HS_SITE.PREFIX": _site,
    "HS_NA_DELEGATE": _site,
    "HS_PUBKEY": _key,
}
