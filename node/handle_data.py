"""The data of the Handle System's own value types: administrators, groups, sites and public keys.

``HS_ADMIN`` who may change what, ``HS_VLIST`` a group of identities, ``HS_SITE`` where servers are, ``HS_PUBKEY`` a
public key. Each pair of functions turns a value's data into a fact and back; undecodable data raises InvalidRecord
with its byte ``offset``. Integers are big-endian. Reference: RFC 3651 section 3, and the bytes of tests/vectors.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum

from node.record import InvalidRecord, Reference, decode_references, encode_references

ADMIN_PERMISSIONS = (
    "add_handle",
    "delete_handle",
    "add_derived_prefix",
    "delete_derived_prefix",
    "modify_value",
    "remove_value",
    "add_value",
    "modify_admin",
    "remove_admin",
    "add_admin",
    "read_value",
    "list_handles",
)
"""The bits of an administrator's permissions by name, the lowest first: ``1 << ADMIN_PERMISSIONS.index(name)``."""
ALL_ADMIN_PERMISSIONS = (1 << len(ADMIN_PERMISSIONS)) - 1

HASH_BY_ALL = 2
"""A site's hash option: 0 chooses the server by prefix, 1 by suffix, 2 by the whole identifier."""

_PRIMARY = 0x80
_MULTI_PRIMARY = 0x40
_IPV4_PADDING = bytes(12)


@dataclass(frozen=True, slots=True)
class AdminData:
    """The value ``index`` of ``handle`` administers, with ``permissions`` as a mask of ADMIN_PERMISSIONS.

    ``legacy``: two zero bytes follow, as old programs wrote; kept, since signatures cover the data.
    """

    handle: str
    index: int
    permissions: int
    legacy: bool = False

    @property
    def permission_text(self) -> str:
        """The mask as twelve characters 0 and 1, ``list_handles`` first."""
        return f"{self.permissions & ALL_ADMIN_PERMISSIONS:012b}"


class Protocol(IntEnum):
    UDP = 0
    TCP = 1
    HTTP = 2
    HTTPS = 3


@dataclass(frozen=True, slots=True)
class Interface:
    """One port of a server, for administration, for queries, for both or (out of service) for neither."""

    admin: bool
    query: bool
    protocol: Protocol
    port: int


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a site; ``public_key`` is the data of an HS_PUBKEY value, undecoded."""

    id: int
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    public_key: bytes
    interfaces: tuple[Interface, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A service's servers; ``protocol`` is the highest version they speak, ``attributes`` name and value."""

    protocol: tuple[int, int]
    serial: int
    primary: bool
    multi_primary: bool
    attributes: tuple[tuple[str, str], ...]
    servers: tuple[Server, ...]
    hash_option: int = HASH_BY_ALL
    hash_filter: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class RsaPublicKey:
    n: int
    e: int


@dataclass(frozen=True, slots=True)
class DsaPublicKey:
    y: int
    p: int
    q: int
    g: int


@dataclass(frozen=True, slots=True)
class DhPublicKey:
    y: int
    p: int
    g: int


@dataclass(frozen=True, slots=True)
class Sm2PublicKey:
    """``pem`` is the X.509 SubjectPublicKeyInfo as the Teleinfo programs write it, line ends included."""

    pem: str


@dataclass(frozen=True, slots=True)
class OpaquePublicKey:
    """A key of an algorithm we do not read; ``rest`` is everything behind name and flags."""

    algorithm: str
    rest: bytes


PublicKey = RsaPublicKey | DsaPublicKey | DhPublicKey | Sm2PublicKey | OpaquePublicKey


def encode_admin(admin: AdminData) -> bytes:
    """HS_ADMIN: 2 bytes of permissions, a block with the identifier, the index."""
    fields = (_number(admin.permissions, 2), _text(admin.handle), _number(admin.index, 4, signed=True))
    return b"".join(fields) + bytes(2 if admin.legacy else 0)


def decode_admin(data: bytes) -> AdminData:
    cursor = _Cursor(data)
    permissions, handle, index = cursor.number(2), cursor.text(), cursor.number(4, signed=True)
    legacy = cursor.rest() == bytes(2)
    if not legacy:
        cursor.finish()
    return AdminData(handle, index, permissions, legacy)


def encode_vlist(members: tuple[Reference, ...]) -> bytes:
    """HS_VLIST: the number of members, then a block with the identifier and an index each."""
    return encode_references(members)


def decode_vlist(data: bytes) -> tuple[Reference, ...]:
    members, end = decode_references(data, 0)
    _Cursor(data, end).finish()
    return members


def encode_site(site: Site) -> bytes:
    """HS_SITE, and the same for HS_SITE.6, HS_SITE.PREFIX and its old name HS_NA_DELEGATE."""
    flags = (_PRIMARY if site.primary else 0) | (_MULTI_PRIMARY if site.multi_primary else 0)
    parts = [
        _number(site.version, 2),
        _number(site.protocol[0], 1),
        _number(site.protocol[1], 1),
        _number(site.serial, 2),
        _number(flags, 1),
        _number(site.hash_option, 1),
        _text(site.hash_filter),
        _number(len(site.attributes), 4),
        *(_text(word) for attribute in site.attributes for word in attribute),
        _number(len(site.servers), 4),
    ]
    for server in site.servers:
        parts += (_number(server.id, 4, signed=True), _address_bytes(server.address), _block(server.public_key))
        parts.append(_number(len(server.interfaces), 4))
        for interface in server.interfaces:
            service = (1 if interface.admin else 0) | (2 if interface.query else 0)
            parts += (_number(service, 1), _number(interface.protocol, 1), _number(interface.port, 4))
    return b"".join(parts)


def decode_site(data: bytes) -> Site:
    cursor = _Cursor(data)
    version, protocol, serial = cursor.number(2), (cursor.number(1), cursor.number(1)), cursor.number(2)
    flags = cursor.number(1)
    hash_option = cursor.number(1, most=HASH_BY_ALL)
    hash_filter = cursor.text()
    attributes = tuple((cursor.text(), cursor.text()) for _ in range(cursor.count(least=8)))
    servers = tuple(_decode_server(cursor) for _ in range(cursor.count(least=28)))
    cursor.finish()
    return Site(
        protocol=protocol,
        serial=serial,
        primary=bool(flags & _PRIMARY),
        multi_primary=bool(flags & _MULTI_PRIMARY),
        attributes=attributes,
        servers=servers,
        hash_option=hash_option,
        hash_filter=hash_filter,
        version=version,
    )


def encode_public_key(key: PublicKey) -> bytes:
    """HS_PUBKEY: a block with the algorithm, 2 zero bytes of flags, the algorithm's own blocks."""
    match key:
        case RsaPublicKey(n, e):
            # Handle.Net leaves four zero bytes behind an RSA key; ours are the same bytes.
            return _text("RSA_PUB_KEY") + bytes(2) + _big(e) + _big(n) + bytes(4)
        case DsaPublicKey(y, p, q, g):
            return _text("DSA_PUB_KEY") + bytes(2) + _big(q) + _big(p) + _big(g) + _big(y)
        case DhPublicKey(y, p, g):
            return _text("DH_PUB_KEY") + bytes(2) + _big(y) + _big(p) + _big(g)
        case Sm2PublicKey(pem):
            return _text("SM2_PUB_KEY") + bytes(2) + _text(pem)
        case OpaquePublicKey(algorithm, rest):
            return _text(algorithm) + bytes(2) + rest


def decode_public_key(data: bytes) -> PublicKey:
    cursor = _Cursor(data)
    algorithm = cursor.text()
    cursor.number(2, most=0)
    key: PublicKey
    match algorithm:
        case "RSA_PUB_KEY":
            e, n = cursor.big(), cursor.big()
            key = RsaPublicKey(n, e)
            if cursor.rest() == bytes(4):
                return key
        case "DSA_PUB_KEY":
            q, p, g, y = cursor.big(), cursor.big(), cursor.big(), cursor.big()
            key = DsaPublicKey(y, p, q, g)
        case "DH_PUB_KEY":
            key = DhPublicKey(cursor.big(), cursor.big(), cursor.big())
        case "SM2_PUB_KEY":
            key = Sm2PublicKey(cursor.text())
        case _:
            return OpaquePublicKey(algorithm, cursor.rest())
    cursor.finish()
    return key


class _Cursor:
    """A place in a value's data that moves on with every read."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if len(taken) != size:
            raise InvalidRecord(f"The data breaks off at byte {self.at}.", offset=self.at)
        self.at += size
        return taken

    def number(self, size: int, *, signed: bool = False, most: int | None = None) -> int:
        start = self.at
        number = int.from_bytes(self.take(size), "big", signed=signed)
        if most is not None and number > most:
            raise InvalidRecord(f"{number} at byte {start} has no meaning here.", offset=start)
        return number

    def block(self) -> bytes:
        return self.take(self.number(4))

    def text(self) -> str:
        start = self.at
        try:
            return self.block().decode()
        except UnicodeDecodeError as fault:
            raise InvalidRecord(f"The text at byte {start} is not UTF-8.", offset=start) from fault

    def big(self) -> int:
        """A positive number of any size. A first bit of 1 is read as magnitude, as Handle.Net does."""
        start = self.at
        number = int.from_bytes(self.block(), "big")
        if not number:
            raise InvalidRecord(f"The number at byte {start} is not positive.", offset=start)
        return number

    def count(self, least: int) -> int:
        """A number of things of at least ``least`` bytes each; more than can follow are refused at once."""
        start = self.at
        count = self.number(4)
        if count * least > len(self.data) - self.at:
            raise InvalidRecord(f"{count} things are announced at byte {start}; the data ends before.", offset=start)
        return count

    def rest(self) -> bytes:
        return self.data[self.at :]

    def finish(self) -> None:
        if self.at != len(self.data):
            raise InvalidRecord(f"Bytes are left behind the data, from byte {self.at} on.", offset=self.at)


def _decode_server(cursor: _Cursor) -> Server:
    return Server(
        id=cursor.number(4, signed=True),
        address=_address(cursor.take(16)),
        public_key=cursor.block(),
        interfaces=tuple(_decode_interface(cursor) for _ in range(cursor.count(least=6))),
    )


def _decode_interface(cursor: _Cursor) -> Interface:
    service = cursor.number(1, most=3)
    protocol = Protocol(cursor.number(1, most=max(Protocol)))
    return Interface(bool(service & 1), bool(service & 2), protocol, cursor.number(4, most=65535))


def _address(packed: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if packed.startswith(_IPV4_PADDING):
        return ipaddress.IPv4Address(packed[12:])
    address = ipaddress.IPv6Address(packed)
    return address.ipv4_mapped or address


def _address_bytes(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    if isinstance(address, ipaddress.IPv4Address):
        return _IPV4_PADDING + address.packed
    if address.packed.startswith(_IPV4_PADDING):
        # The padding is how the encoding marks IPv4, so ::1 would be read as 0.0.0.1.
        raise InvalidRecord(f"A site cannot name the address {address}.", address=str(address))
    return address.packed


def _number(number: int, size: int, *, signed: bool = False) -> bytes:
    try:
        return number.to_bytes(size, "big", signed=signed)
    except OverflowError as fault:
        raise InvalidRecord(f"{number} does not fit into {size} bytes.", number=number, size=size) from fault


def _big(number: int) -> bytes:
    """A block with the shortest two's complement of a positive number, a leading zero byte where needed."""
    return _block(_number(number, number.bit_length() // 8 + 1))


def _block(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _text(text: str) -> bytes:
    try:
        return _block(text.encode())
    except UnicodeEncodeError as fault:
        raise InvalidRecord("A text holds half of a surrogate pair.", position=fault.start + 1) from fault
