"""Operations 100 to 104, 300 and 301: changes of handles and prefixes, for those who may make them.

First everything is checked that is wrong whoever asks, in Handle.Net's order, so that nobody proves who he is in
vain; then the registry decides whether a proof is needed. Reference: RFC 3652 sections 3.5, 3.6.
"""

from __future__ import annotations

from node.administration import (
    AddValues,
    Administration,
    Change,
    CreateHandle,
    DeleteHandle,
    HomePrefix,
    ModifyValues,
    RemoveValues,
    UnhomePrefix,
)
from resolver.chain import Resolver
from resolver.handle.asked import Asked, Told
from resolver.handle.bodies import decode_handle, decode_remove, decode_values_request, encode_created
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.names import parse_name

CHANGES = frozenset(
    {
        OpCode.CREATE_HANDLE,
        OpCode.DELETE_HANDLE,
        OpCode.ADD_VALUES,
        OpCode.REMOVE_VALUES,
        OpCode.MODIFY_VALUES,
        OpCode.HOME_PREFIX,
        OpCode.UNHOME_PREFIX,
    }
)


async def change(asked: Asked, administration: Administration, resolver: Resolver) -> Told:
    """Make the change. Raises ``ProofNeeded`` and the refusals of ``node.administration``."""
    wanted = change_of(asked)
    await administration.check(wanted)
    done = await administration.perform(wanted, asked.identity, asked.interface)
    resolver.changed(parse_name(done.handle))
    created = isinstance(wanted, CreateHandle)
    return Told(asked.reply(ResponseCode.SUCCESS, encode_created(done.handle) if created else b""))


def change_of(asked: Asked) -> Change:
    """What a request of one of CHANGES asks for. Raises ``WireFault``."""
    body = asked.message.body
    match asked.message.header.op_code:
        case OpCode.CREATE_HANDLE:
            handle, values = decode_values_request(body)
            return CreateHandle(handle, values, overwrite=asked.has(Flag.OVERWRITE), mint=asked.has(Flag.MINT))
        case OpCode.ADD_VALUES:
            handle, values = decode_values_request(body)
            return AddValues(handle, values, overwrite=asked.has(Flag.OVERWRITE))
        case OpCode.MODIFY_VALUES:
            return ModifyValues(*decode_values_request(body))
        case OpCode.REMOVE_VALUES:
            return RemoveValues(*decode_remove(body))
        case OpCode.DELETE_HANDLE:
            return DeleteHandle(decode_handle(body))
        case OpCode.HOME_PREFIX:
            return HomePrefix(decode_handle(body))
        case other:
            assert other == OpCode.UNHOME_PREFIX, other
            return UnhomePrefix(decode_handle(body))
