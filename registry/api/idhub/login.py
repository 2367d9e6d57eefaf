"""The login (snms-api 8): a nonce for an application identity, a token for its signature."""

from __future__ import annotations

from dataclasses import dataclass

from node.journal import Interface
from registry.accounts.key_sign_in import ChallengeFailed, KeySignIn, NotAnIdentity
from registry.api.compatible import Asked
from registry.api.idhub.shapes import Proof
from registry.api.idhub.status import PROCESSED, Done, IdhubRefusal, Status

_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Login:
    """The two open endpoints."""

    key_sign_in: KeySignIn

    async def challenge(self, asked: Asked) -> Done:
        """``GET …/challenge?handle=``: the nonce, as a string of digits."""
        handle = asked.query.get("handle", "")
        if not handle or len(handle) > _LONGEST:
            raise IdhubRefusal(Status.HANDLE_FORMAT)
        try:
            nonce = await self.key_sign_in.challenge(handle, asked.source)
        except NotAnIdentity:
            raise IdhubRefusal(Status.HANDLE_FORMAT) from None
        return Done(nonce, PROCESSED)

    async def verify(self, asked: Asked) -> Done:
        """``POST …/verify-response``: the token. Clients compare the code of this answer with 1 (8.2)."""
        proof = asked.body(Proof)
        try:
            issued = await self.key_sign_in.sign_in(
                proof.handle, proof.signature, asked.source, interface=Interface.IDHUB
            )
        except NotAnIdentity:
            raise IdhubRefusal(Status.HANDLE_FORMAT) from None
        except ChallengeFailed:
            raise IdhubRefusal(Status.AUTH_FAILED) from None
        return Done({"token": issued.text}, PROCESSED)
