"""Operation 1 for names of other nodes: resolved for the client who asks for it and may.

He asks by the flag RECU, which Handle.Net's clients set, and for what everybody may read: nobody proves here who he
is to another node. Whoever does not ask, or may not, is told as ever whom to ask. The answer is not authoritative.
"""

from __future__ import annotations

from node.errors import Malformed, NodeError
from node.resolutions import Outcome
from resolver.answer import NOT_OURS, Found, Key, NotResponsible, Referral
from resolver.chain import Resolver
from resolver.handle.asked import Asked, Told
from resolver.handle.bodies import ResolveRequest, encode_error, encode_found
from resolver.handle.codes import Flag, ResponseCode
from resolver.names import Name
from resolver.recursion.beyond import Beyond

_WANTED = int(Flag.RECURSIVE | Flag.PUBLIC_ONLY)


def goes_on(asked: Asked, beyond: Beyond) -> bool:
    """Whether a client wants what others answer, and is one for whom they are asked."""
    return asked.message.header.flags & _WANTED == _WANTED and beyond.serves(asked.conversation.source)


async def go_on(
    asked: Asked, request: ResolveRequest, beyond: Beyond, referral: Referral | None, key: Key = NOT_OURS
) -> Told:
    """What others answer; ``referral`` is what the client would have been told, ``key`` what it counts under."""
    try:
        answer = await beyond.find(
            request.handle,
            request.types,
            request.indexes,
            source=asked.conversation.source,
            referral=referral,
            depth=asked.message.header.recursion,
            anew=asked.has(Flag.AUTHORITATIVE),
        )
    except (NotResponsible, Malformed) as error:
        return Told(asked.refusal(error), Outcome.MISSING, key, recursed=True)
    except NodeError as error:
        return Told(asked.refusal(error), Outcome.ERROR, key, recursed=True)
    if not isinstance(answer, Found):
        return Told(asked.relay(ResponseCode.HANDLE_NOT_FOUND, encode_error("")), Outcome.MISSING, key, recursed=True)
    if not answer.values:
        return Told(asked.relay(ResponseCode.VALUES_NOT_FOUND, encode_error("")), Outcome.MISSING, key, recursed=True)
    body = encode_found(request.handle, answer.entry.bytes_of(answer.values))
    return Told(asked.relay(ResponseCode.SUCCESS, body), Outcome.RECURSED, key, recursed=True)


async def delegation_of(resolver: Resolver, name: Name) -> Referral | None:
    """Whom this node would name to somebody who wants no referral but the answer."""
    try:
        answer = await resolver.resolve_name(name)
    except NodeError:
        return None
    return answer if isinstance(answer, Referral) else None
