"""The ``data`` member of a value in Handle JSON: ``{"format": …, "value": …}``.

The Handle System's own types are shown as what they mean (admin, vlist, site, key), other data as a string when it
is UTF-8 and in base64 when it is not. Integers of keys are JWK's: base64url without padding (RFC 7518 section 2).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from typing import Any

from node.handle_data import (
    HASH_BY_ALL,
    AdminData,
    DsaPublicKey,
    Interface,
    Protocol,
    PublicKey,
    RsaPublicKey,
    Server,
    Site,
    decode_admin,
    decode_public_key,
    decode_site,
    decode_vlist,
    encode_admin,
    encode_public_key,
    encode_site,
    encode_vlist,
)
from node.identifier import fold
from node.record import InvalidRecord, Reference
from resolver.http.json_place import JsonPlace

_ADMIN_PERMISSIONS = re.compile(r"[01]{12}")
_VERSION = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_KEY_MEMBERS = {"RSA": ("n", "e"), "DSA": ("y", "p", "q", "g")}


def data_json(kind: str, data: bytes) -> dict[str, Any]:
    """The data of a value of type ``kind``. Data that is not what its type promises is shown in base64."""
    read = _READERS.get(fold(kind))
    if read is not None:
        try:
            return read(data)
        except InvalidRecord:
            return _base64_json(data)
    try:
        return {"format": "string", "value": data.decode()}
    except UnicodeDecodeError:
        return _base64_json(data)


def data_from_json(place: JsonPlace) -> bytes:
    """The bytes of a ``data`` member, whose format stands in it; a bare string is text, and so is a whole number.

    Raises InvalidValueJson with the path of the fault.
    """
    if isinstance(place.value, str):
        return place.text().encode()
    if isinstance(place.value, int) and not isinstance(place.value, bool):
        return str(place.value).encode()
    return _formatted(place, tuple(_WRITERS))


def reference_json(reference: Reference) -> dict[str, Any]:
    return {"handle": reference.handle, "index": reference.index}


def reference_from_json(place: JsonPlace) -> Reference:
    members = place.members(("handle", "index"))
    return Reference(members["handle"].text(), members["index"].integer())


def _formatted(place: JsonPlace, formats: tuple[str, ...]) -> bytes:
    members = place.members(("format", "value"))
    name = members["format"].text()
    if name not in formats:
        raise members["format"].fault("is none of " + ", ".join(formats))
    write = _WRITERS[name]
    try:
        return write(members["value"])
    except InvalidRecord as fault:
        raise members["value"].fault(f"cannot be encoded: {fault.detail}") from fault


def _base64_json(data: bytes) -> dict[str, Any]:
    return {"format": "base64", "value": base64.b64encode(data).decode()}


def _admin_json(data: bytes) -> dict[str, Any]:
    admin = decode_admin(data)
    value = {"handle": admin.handle, "index": admin.index, "permissions": admin.permission_text}
    if admin.legacy:
        return {"format": "admin", "value": {**value, "legacyByteLength": True}}
    return {"format": "admin", "value": value}


def _admin_from_json(place: JsonPlace) -> bytes:
    members = place.members(("handle", "index", "permissions"), ("legacyByteLength",))
    permissions = members["permissions"].matching(_ADMIN_PERMISSIONS, "twelve characters 0 and 1")
    admin = AdminData(
        handle=members["handle"].text(),
        index=members["index"].integer(or_text=True),
        permissions=int(permissions[0], 2),
        legacy="legacyByteLength" in members and members["legacyByteLength"].boolean(),
    )
    return encode_admin(admin)


def _vlist_json(data: bytes) -> dict[str, Any]:
    return {"format": "vlist", "value": [reference_json(member) for member in decode_vlist(data)]}


def _vlist_from_json(place: JsonPlace) -> bytes:
    return encode_vlist(tuple(reference_from_json(item) for item in place.items()))


def _site_json(data: bytes) -> dict[str, Any]:
    site = decode_site(data)
    value: dict[str, Any] = {
        "version": site.version,
        "protocolVersion": f"{site.protocol[0]}.{site.protocol[1]}",
        "serialNumber": site.serial,
        "primarySite": site.primary,
        "multiPrimary": site.multi_primary,
    }
    if site.hash_option != HASH_BY_ALL:
        value["hashOption"] = site.hash_option
    if site.hash_filter:
        value["hashFilter"] = site.hash_filter
    value["attributes"] = [{"name": name, "value": text} for name, text in site.attributes]
    value["servers"] = [_server_json(server) for server in site.servers]
    return {"format": "site", "value": value}


def _server_json(server: Server) -> dict[str, Any]:
    return {
        "serverId": server.id,
        "address": str(server.address),
        "publicKey": data_json("HS_PUBKEY", server.public_key),
        "interfaces": [
            {
                "query": interface.query,
                "admin": interface.admin,
                "protocol": interface.protocol.name,
                "port": interface.port,
            }
            for interface in server.interfaces
        ],
    }


def _site_from_json(place: JsonPlace) -> bytes:
    required = ("version", "protocolVersion", "serialNumber", "primarySite", "multiPrimary", "servers")
    members = place.members(required, ("hashOption", "hashFilter", "attributes"))
    version = members["protocolVersion"].matching(_VERSION, "a version such as 2.11")
    attributes = []
    if "attributes" in members:
        for item in members["attributes"].items():
            attribute = item.members(("name", "value"))
            attributes.append((attribute["name"].text(), attribute["value"].text()))
    site = Site(
        protocol=(int(version[1]), int(version[2])),
        serial=members["serialNumber"].integer(0, 65535),
        primary=members["primarySite"].boolean(),
        multi_primary=members["multiPrimary"].boolean(),
        attributes=tuple(attributes),
        servers=tuple(_server_from_json(item) for item in members["servers"].items()),
        hash_option=members["hashOption"].integer(0, 2) if "hashOption" in members else HASH_BY_ALL,
        hash_filter=members["hashFilter"].text() if "hashFilter" in members else "",
        version=members["version"].integer(0, 65535),
    )
    return encode_site(site)


def _server_from_json(place: JsonPlace) -> Server:
    members = place.members(("serverId", "address", "publicKey", "interfaces"))
    try:
        address = ipaddress.ip_address(members["address"].text())
    except ValueError as fault:
        raise members["address"].fault("is no IP address") from fault
    return Server(
        id=members["serverId"].integer(),
        address=address,
        public_key=_formatted(members["publicKey"], ("key", "base64", "hex")),
        interfaces=tuple(_interface_from_json(item) for item in members["interfaces"].items()),
    )


def _interface_from_json(place: JsonPlace) -> Interface:
    members = place.members(("query", "admin", "protocol", "port"))
    name = members["protocol"].text()
    if name not in Protocol.__members__:
        raise members["protocol"].fault("is none of " + ", ".join(Protocol.__members__))
    return Interface(
        admin=members["admin"].boolean(),
        query=members["query"].boolean(),
        protocol=Protocol[name],
        port=members["port"].integer(0, 65535),
    )


def _key_json(data: bytes) -> dict[str, Any]:
    match decode_public_key(data):
        case RsaPublicKey(n, e):
            return {"format": "key", "value": {"kty": "RSA", "n": _base64url(n), "e": _base64url(e)}}
        case DsaPublicKey(y, p, q, g):
            numbers = {"y": _base64url(y), "p": _base64url(p), "q": _base64url(q), "g": _base64url(g)}
            return {"format": "key", "value": {"kty": "DSA", **numbers}}
        case _:
            return _base64_json(data)  # the Handle JSON has no shape for the other algorithms


def _key_from_json(place: JsonPlace) -> bytes:
    algorithm = place.members(("kty",), ("n", "e", "y", "p", "q", "g"))["kty"]
    names = _KEY_MEMBERS.get(algorithm.text())
    if names is None:
        raise algorithm.fault("is neither RSA nor DSA")
    members = place.members(("kty", *names))
    numbers = {name: _number_from_base64url(members[name]) for name in names}
    key: PublicKey = RsaPublicKey(**numbers) if names == _KEY_MEMBERS["RSA"] else DsaPublicKey(**numbers)
    return encode_public_key(key)


def _base64url(number: int) -> str:
    packed = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def _number_from_base64url(place: JsonPlace) -> int:
    text = place.matching(_BASE64URL, "base64url without padding")[0]
    if len(text) % 4 == 1:
        raise place.fault("is not base64url without padding")
    number = int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
    if not number:
        raise place.fault("is not a positive number")
    return number


def _bytes_from_base64(place: JsonPlace) -> bytes:
    try:
        return base64.b64decode(place.text(), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise place.fault("is not base64") from fault


def _bytes_from_hex(place: JsonPlace) -> bytes:
    return bytes.fromhex(place.matching(_HEX, "pairs of hexadecimal digits")[0])


_READERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "HS_ADMIN": _admin_json,
    "HS_VLIST": _vlist_json,
    "HS_SITE": _site_json,
    "HS_SITE.6": _site_json,
    "HS_SITE.PREFIX": _site_json,
    "HS_NA_DELEGATE": _site_json,
    "HS_PUBKEY": _key_json,
}

_WRITERS: dict[str, Callable[[JsonPlace], bytes]] = {
    "string": lambda place: place.text().encode(),
    "base64": _bytes_from_base64,
    "hex": _bytes_from_hex,
    "admin": _admin_from_json,
    "vlist": _vlist_from_json,
    "site": _site_from_json,
    "key": _key_from_json,
}
