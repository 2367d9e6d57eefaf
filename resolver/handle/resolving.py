"""Operation 1: the values of a handle, or why there are none.

Without the flag "public only" a value that not everybody may read has to be proved for, and one that nobody may
read refuses the whole question; with it such values are passed over. A suspended prefix answers "not responsible"
(301), as one does that was unhomed: its clients then ask where the prefix is answered now, which "error" would not
make them do, and "not found" would be untrue; so does an identifier that the node above blocks. What counts as a
resolution is an answer about an identifier; prefix handles and the heartbeat are how clients find the way.
Reference: RFC 3652 section 3.2.
"""

from __future__ import annotations

from dataclasses import replace

from node.administration import Administration, NotPermitted, ReadValues
from node.errors import Internal, Unavailable
from node.identifier import Identifier
from node.record import ADMIN_READ, PUBLIC_READ, Record, select
from node.resolutions import Outcome
from resolver.answer import NOT_OURS, Absence, Found, Key, NotResponsible, Referral
from resolver.chain import Resolver
from resolver.handle import bodies
from resolver.handle.asked import Asked, Told
from resolver.handle.bodies import ResolveRequest, encode_error, encode_found
from resolver.handle.codes import Flag, ResponseCode
from resolver.handle.recursing import delegation_of, go_on, goes_on
from resolver.names import Name, PrefixHandle
from resolver.recursion.beyond import Beyond

# What makes a reply one of a kind: digest or signature of it or its request, a question to the database, a session.
_SINGULAR = int(Flag.AUTHORITATIVE | Flag.CERTIFY | Flag.ENCRYPT | Flag.RETURN_DIGEST)
_READABLE = ADMIN_READ | PUBLIC_READ
_DENIED = {Absence.SUSPENDED: "the prefix of {} is suspended", Absence.BLOCKED: "{} is blocked by the node above"}


async def resolve(
    asked: Asked,
    request: ResolveRequest,
    name: Name,
    resolver: Resolver,
    administration: Administration,
    beyond: Beyond | None,
) -> Told:
    """``name`` is what the request's handle names; by ``beyond`` others are asked for names that are theirs.

    Raises ``ProofNeeded`` and the refusals of reading; what counts as a resolution is told, whatever came of it.
    """
    told = await _answered(asked, request, name, resolver, administration, beyond)
    return told if isinstance(name, Identifier) else replace(told, outcome=None, key=NOT_OURS)


async def _answered(
    asked: Asked,
    request: ResolveRequest,
    name: Name,
    resolver: Resolver,
    administration: Administration,
    beyond: Beyond | None,
) -> Told:
    key = (name.prefix.key, name.key) if isinstance(name, Identifier) else NOT_OURS
    try:
        answer = await resolver.resolve_name(
            name,
            request.types,
            request.indexes,
            referrals=not asked.has(Flag.NO_REFERRAL),
            anew=asked.has(Flag.AUTHORITATIVE),
        )
    except NotResponsible as error:
        if beyond is None or not goes_on(asked, beyond):
            return Told(asked.refusal(error), Outcome.MISSING)
        referral = await delegation_of(resolver, name) if asked.has(Flag.NO_REFERRAL) else None
        return await go_on(asked, request, beyond, referral, (referral.prefix, key[1]) if referral else NOT_OURS)
    except (Unavailable, Internal) as error:
        return Told(asked.refusal(error), Outcome.ERROR, key)
    if isinstance(answer, Referral):
        if beyond is not None and goes_on(asked, beyond):
            return await go_on(asked, request, beyond, answer, (answer.prefix, key[1]))
        body = bodies.encode_referral(bodies.Referral(answer.handle, answer.values))
        return Told(asked.reply(ResponseCode(answer.code), body), Outcome.REFERRED, (answer.prefix, key[1]))
    if isinstance(answer, Found):
        return await _found(asked, request, name, answer, administration)
    if answer.reason in _DENIED:
        return denied(asked, request, answer.reason, key)
    return Told(asked.reply(ResponseCode.HANDLE_NOT_FOUND, encode_error("")), Outcome.MISSING, key)


def denied(asked: Asked, request: ResolveRequest, reason: Absence, key: Key = NOT_OURS) -> Told:
    """A suspended prefix's, or a blocked identifier's."""
    body = encode_error(_DENIED[reason].format(request.handle))
    return Told(asked.reply(ResponseCode.NOT_RESPONSIBLE, body), Outcome.DENIED, key)


async def _found(
    asked: Asked, request: ResolveRequest, name: Name, found: Found, administration: Administration
) -> Told:
    entry, values, private = found.entry, found.values, False
    if not asked.has(Flag.PUBLIC_ONLY):
        wanted = select(entry.values(), request.indexes, request.types)
        private = len(wanted) > len(values)
        if private:
            values = await _private(asked, request, name, values, wanted, administration)
    if values:
        hit = Outcome.HIT if found.age is None else Outcome.STALE_HIT
        record = encode_found(request.handle, entry.bytes_of(values))
        reply, outcome = asked.reply(ResponseCode.SUCCESS, record), hit
    else:
        reply, outcome = asked.reply(ResponseCode.VALUES_NOT_FOUND, encode_error("")), Outcome.MISSING
    if not isinstance(name, Identifier):
        return Told(reply, private=private)
    key = name.prefix.key, name.key
    alike = found.age is None and not private and asked.heard.session is None
    if not alike or asked.message.header.flags & _SINGULAR:
        return Told(reply, outcome, key, private=private)
    return Told(reply, outcome, key, entry)


async def _private(
    asked: Asked, request: ResolveRequest, name: Name, public: Record, wanted: Record, administration: Administration
) -> Record:
    """The values with those that not everybody may read. Raises ``NotPermitted`` and what reading raises."""
    closed = next((value.index for value in wanted if not value.permissions & _READABLE), None)
    if closed is not None:
        raise NotPermitted(f"nobody may read value {closed}", index=closed)
    reading = ReadValues(request.handle, request.indexes, request.types)
    values = await administration.read(reading, asked.identity)
    if isinstance(name, PrefixHandle):  # the node's own site is not stored, so nobody but the resolver knows it
        stored = {value.index for value in values}
        values = (*(value for value in public if value.index not in stored), *values)
    return values
