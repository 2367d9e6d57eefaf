"""Key pairs of the nodes below: issued, succeeded without a gap, revoked.

A successor is handed out as often as it is asked for until its first use; only with that its predecessor begins to
expire. So a lost answer locks nobody out, and no request falls between two keys.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from node.database import Connection
from node.errors import Conflict, NotFound
from node.national.access import IssuedKey, Kind
from node.national.signature import KeyPair
from node.sealing import Seal
from node.sql import statements_beside
from node.upper.exchange import Caller

_SQL = statements_beside(__file__, "keys.sql")


class KeyUnknown(NotFound):
    """Evidence: ``access_key``."""

    title_zh = "密钥对不存在"


class KeySucceeded(Conflict):
    """Evidence: ``access_key``."""

    title_zh = "密钥对已被新的密钥对取代"


def new_key_pair() -> KeyPair:
    """One that nobody can guess: 32 hexadecimal digits, and 43 letters, digits, ``-`` and ``_``."""
    return KeyPair(secrets.token_hex(16), secrets.token_urlsafe(32))


async def issue_key(
    connection: Connection,
    seal: Seal,
    keys: KeyPair,
    *,
    name: str,
    kind: Kind,
    delegated_prefix: str,
    at: datetime,
    certificate_sha256: str = "",
) -> None:
    """Let a node in by this pair, with a certificate (hex of its SHA-256) only together with that.

    The same AccessKey again replaces what was known of it; a revoked one stays revoked.
    """
    certificate = bytes.fromhex(certificate_sha256) or None
    await _write(connection, seal, keys, name, kind, delegated_prefix.upper(), certificate, at, None)


async def next_key(
    connection: Connection, seal: Seal, caller: Caller, at: datetime, *, key_hours: float
) -> IssuedKey:
    """The successor of the caller's key, the same one until it is used.

    Raises ``KeySucceeded`` when it was: who asks now with the old one is not who has the new one.
    """
    holder = await connection.fetchrow(_SQL["hold_key"], caller.access_key)
    known = await connection.fetchrow(_SQL["successor"], caller.access_key)
    if known is None:
        keys = new_key_pair()
        await _write(
            connection, seal, keys, holder["name"], Kind(holder["kind"]), holder["delegated_prefix"],
            holder["certificate_sha256"], at, caller.access_key,
        )  # fmt: skip
    elif known["used_at"] is not None:
        raise KeySucceeded("this key has a successor that is in use", access_key=caller.access_key)
    else:
        keys = _opened(seal, known["access_key"], known["secret_sealed"])
    return IssuedKey(
        access_key=keys.access_key, secret_key=keys.secret_key, previous_expires_at=at + timedelta(hours=key_hours)
    )


async def revoke_key(connection: Connection, access_key: str, at: datetime) -> None:
    """It is believed no more. Raises ``KeyUnknown``."""
    if await connection.fetchval(_SQL["revoke_key"], access_key, at) is None:
        raise KeyUnknown(f"there is no key pair {access_key}", access_key=access_key)


async def forget_nonces(connection: Connection, seen_before: datetime) -> None:
    """Those that no believable request can carry any more."""
    await connection.execute(_SQL["forget_nonces"], seen_before)


def unused_key(seal: Seal, access_key: str, secret_sealed: bytes) -> IssuedKey:
    """A pair for its holder's eyes, before its first use."""
    keys = _opened(seal, access_key, secret_sealed)
    return IssuedKey(access_key=keys.access_key, secret_key=keys.secret_key)


def _opened(seal: Seal, access_key: str, secret_sealed: bytes) -> KeyPair:
    return KeyPair(access_key, seal.open(secret_sealed, f"docking_key:{access_key}").decode())


async def _write(
    connection: Connection,
    seal: Seal,
    keys: KeyPair,
    name: str,
    kind: Kind,
    delegated_prefix: str,
    certificate: bytes | None,
    at: datetime,
    replaces: str | None,
) -> None:
    sealed = seal.seal(keys.secret_key.encode(), f"docking_key:{keys.access_key}")
    await connection.execute(
        _SQL["issue_key"], keys.access_key, sealed, name, kind, delegated_prefix, certificate, at, replaces
    )
