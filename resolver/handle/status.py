"""``0.SITE/status``: how this node fares, as one value of JSON, for those who administer the node.

The type CNRI.SERVER_STATUS is Handle.Net's, so its administration tool shows the value; what stands in it is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from node.administration import Administration, InvalidAdministrator, ProofNeeded
from node.record import ADMIN_READ, Value, encode_values, select
from resolver.handle.asked import Asked, Told
from resolver.handle.bodies import ResolveRequest, encode_error, encode_found
from resolver.handle.codes import Flag, ResponseCode

STATUS = "0.SITE/STATUS"
STATUS_TYPE = "CNRI.SERVER_STATUS"


async def tell_status(
    asked: Asked, request: ResolveRequest, administration: Administration, status: Mapping[str, Any], at: datetime
) -> Told:
    """The status to a node administrator; who asks for public values only is told that there are none.

    Raises ``ProofNeeded``, ``InvalidAdministrator``.
    """
    value = Value(
        1, STATUS_TYPE, msgspec.json.encode(status), 0, permissions=ADMIN_READ, timestamp=int(at.timestamp())
    )
    values = () if asked.has(Flag.PUBLIC_ONLY) else select([value], request.indexes, request.types)
    if not values:
        return Told(asked.reply(ResponseCode.VALUES_NOT_FOUND, encode_error("")))
    if asked.identity is None:
        raise ProofNeeded("the status of this node is told to its administrators")
    if not await administration.is_node_administrator(asked.identity):
        raise InvalidAdministrator(f"{asked.identity} does not administer this node")
    return Told(asked.reply(ResponseCode.SUCCESS, encode_found(request.handle, encode_values(values))), private=True)
