"""What an account's password is kept as: argon2id of it, and where the ciphered login is on, its sealed digest.

Whoever made an account through SNMS knew the SHA-256 of its password only: then that digest is what argon2id has
hashed, and who signs in with the password itself has it digested first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from node.sealing import Seal
from node.sql import statements_beside
from registry.accounts.digests import inner_digest
from registry.accounts.password_policy import DENGBAO, PasswordPolicy
from registry.accounts.passwords import Passwords

SQL = statements_beside(__file__, "credentials.sql")


class PasswordForm(StrEnum):
    PLAIN = "plain"
    SHA256 = "sha256"

    def presented(self, password: str) -> str:
        """What is held against the hash, of a password as its owner types it."""
        return password if self is PasswordForm.PLAIN else inner_digest(password)


@dataclass(frozen=True, slots=True)
class Credential:
    """``verifier`` is the inner digest, sealed; ``None`` where the ciphered login is off."""

    form: PasswordForm
    password_hash: str = field(repr=False)
    verifier: bytes | None = field(repr=False)


class Credentials:
    """Makes credentials of one node; ``seal`` closes verifiers, ``digest_login`` says whether there are any."""

    def __init__(
        self, hashing: Passwords, seal: Seal, *, digest_login: bool, policy: PasswordPolicy = DENGBAO
    ) -> None:
        self._hashing = hashing
        self._seal = seal
        self.digest_login = digest_login
        self.policy = policy

    async def of_password(self, account_id: UUID, password: str) -> Credential:
        """Raises ``TooManySignIns``."""
        hashed = await self._hashing.hash(password)
        return Credential(PasswordForm.PLAIN, hashed, self.verifier(str(account_id), inner_digest(password)))

    async def of_digest(self, account_id: UUID, inner: str) -> Credential:
        """Of a password that only its digest is known of. Raises ``TooManySignIns``."""
        hashed = await self._hashing.hash(inner)
        return Credential(PasswordForm.SHA256, hashed, self.verifier(str(account_id), inner))

    def verifier(self, owner: str, inner: str) -> bytes | None:
        """The digest for its column, sealed for the account or access key it belongs to."""
        return self._seal.seal(inner.encode(), f"verifier:{owner}") if self.digest_login else None

    def inner_of(self, owner: str, verifier: bytes) -> str:
        """The digest again. Raises ``SealBroken``."""
        return self._seal.open(verifier, f"verifier:{owner}").decode()
