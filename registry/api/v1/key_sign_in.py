"""``/v1/challenges`` and ``/v1/challenges/answers``: application identities sign in by their key."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from node.rate_limit import TooManyRequests
from node.routes import Call, Reply, Route
from registry.accounts.key_sign_in import (
    CHALLENGE_LIFE,
    LONGEST_SIGNATURE,
    ChallengeFailed,
    KeySignIn,
    NotAnIdentity,
)
from registry.api.v1.accounts import IssuedTokenView
from registry.api.v1.application_identities import IdentityHandle
from registry.api.v1.fields import Body, View

_TAG = "tokens"


class ChallengeBody(Body):
    handle: IdentityHandle


class ChallengeView(View):
    """``nonce`` is to be signed, as the text it is, within ``seconds``; it is good for one token."""

    nonce: str
    seconds: float


class SignedBody(Body):
    """``signature``: Base64 of RSASSA-PKCS1-v1_5 with SHA-256 over the nonce."""

    handle: IdentityHandle
    signature: Annotated[str, Field(min_length=1, max_length=LONGEST_SIGNATURE)]


def key_sign_in_routes(key_sign_in: KeySignIn) -> list[Route]:
    """Both routes."""

    async def challenge(call: Call, body: ChallengeBody) -> Reply:
        nonce = await key_sign_in.challenge(body.handle, call.source)
        return Reply(ChallengeView(nonce=nonce, seconds=CHALLENGE_LIFE.total_seconds()), status=201)

    async def sign_in(call: Call, body: SignedBody) -> Reply:
        issued = await key_sign_in.sign_in(body.handle, body.signature, call.source, interface=call.interface)
        return Reply(IssuedTokenView.of(issued), status=201)

    return [
        Route("POST", "/v1/challenges", challenge, action=None, tag=_TAG,
              summary="A nonce for an application identity to sign", summary_zh="获取应用身份登录的挑战",
              body=ChallengeBody, answers={201: ChallengeView}, errors=(NotAnIdentity, TooManyRequests)),
        Route("POST", "/v1/challenges/answers", sign_in, action=None, tag=_TAG,
              summary="Sign in by key: a token for a signed nonce", summary_zh="应用身份密钥登录，换取凭证",
              body=SignedBody, answers={201: IssuedTokenView},
              errors=(NotAnIdentity, ChallengeFailed, TooManyRequests)),
    ]  # fmt: skip
