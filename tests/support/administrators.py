"""Somebody who may register by the Handle protocol: a prefix with a policy, a secret key and a public one."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa

from node.handle_data import RsaPublicKey, encode_public_key
from node.own_certificate import Pair
from node.record import Value
from tests.support.certificates import certificate_of, rsa_key, written
from tests.support.registrar import Registrar, admin_value, administer, opened
from tests.support.world import World

SECRET_INDEX, KEY_INDEX = 301, 300


@dataclass(frozen=True)
class Administrator:
    """Of the prefix ``prefix``: by his secret at index 301, or his key at index 300."""

    registrar: Registrar
    secret: str
    key: rsa.RSAPrivateKey

    @property
    def prefix(self) -> str:
        return self.registrar.holder.prefix.text

    @property
    def handle(self) -> str:
        """Of the prefix."""
        return f"0.NA/{self.prefix}"

    @property
    def username(self) -> str:
        return f"{SECRET_INDEX}:{self.handle}"

    @property
    def key_name(self) -> str:
        return f"{KEY_INDEX}:{self.handle}"

    def basic(self, username: str | None = None, secret: str | None = None) -> dict[str, str]:
        """The header of Basic authentication, the user percent-encoded as Handle clients do it."""
        pair = f"{quote(username or self.username, safe='')}:{self.secret if secret is None else secret}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def certificate(self, folder: Path, name: str | None = None, **more: str) -> Pair:
        """A self-signed certificate of his key, as files."""
        return written(folder, self.key, certificate_of(self.key, name or self.key_name, user_id=more.get("user_id")))


def public_key_value(key: rsa.RSAPrivateKey, index: int = KEY_INDEX) -> Value:
    """An HS_PUBKEY value."""
    numbers = key.public_key().public_numbers()
    return Value(index, "HS_PUBKEY", encode_public_key(RsaPublicKey(numbers.n, numbers.e)))


async def keep_secret(world: World, prefix_key: str, secret: str, index: int = SECRET_INDEX) -> None:
    """A secret key of a prefix handle that stands."""
    await world.pool.execute(
        "INSERT INTO handle_secret (prefix, value_index, secret, created_at) VALUES ($1, $2, $3, $4)",
        prefix_key, index, secret.encode(), world.clock(),
    )  # fmt: skip


async def administrator(world: World, number: int = 3001, *, free_values: bool = True) -> Administrator:
    """Somebody with all rights over the prefix 88.101.<number>."""
    registrar = await opened(world, number, free_values=free_values)
    prefix, key, secret = registrar.holder.prefix, rsa_key(), f"Geheim-{number}-pump"
    await administer(world, prefix, admin_value(f"0.NA/{prefix.text}", 0), public_key_value(key))
    await keep_secret(world, prefix.key, secret)
    return Administrator(registrar, secret, key)
