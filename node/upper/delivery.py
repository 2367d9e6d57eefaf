"""Messages of one delivery, inside the transaction of its request.

Idempotent by ``message_id``: a message is accepted once, and only acceptance has an effect. In order: when one
message of a stream is put off, so are all after it in the same delivery.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from node.database import Connection
from node.errors import NodeError
from node.national.messages import Delivery, Message, Result, Status
from node.sql import statements_beside
from node.upper.effects import CommonEffects, Effects, origin_of
from node.upper.exchange import Caller
from node.upper.nodes import DockedNode, note_node, note_node_below
from node.upper.reports import Body, BodyUnfit, body_of

_SQL = statements_beside(__file__, "delivery.sql")


async def apply_delivery(
    connection: Connection, caller: Caller, delivery: Delivery, effects: Effects, at: datetime, *, busy: float | None
) -> list[Result]:
    """Accept what is new; ``busy`` is where a message stands that is put off. Raises ``NodeOfAnother``."""
    # Holds the node's row: two deliveries of the same messages at once are applied one after the other.
    node = await note_node(connection, caller, delivery.node, delivery.laboratory, at)
    known = await _known(connection, delivery)
    last = len(delivery.messages) - 1
    busy_at = None if busy is None else min(last, int(busy * len(delivery.messages)))
    origins: dict[UUID, str] = {}
    results: list[Result] = []
    accepted: list[tuple[Message, Body | None]] = []
    halted: set[str] = set()
    for place, message in enumerate(delivery.messages):
        status, retry, reason = Status.ACCEPTED, False, ""
        if message.message_id in known:
            status = Status.DUPLICATE
        elif place == busy_at or message.stream in halted:
            halted.add(message.stream)
            status, retry, reason = Status.REFUSED, True, "暂缓 / busy, or behind a message that was put off"
        else:
            try:
                body = body_of(message, caller.delegated_prefix)
                await _check_origin(connection, caller, node, origin_of(body), origins, at)
            except BodyUnfit as unfit:
                status, reason = Status.REFUSED, f"{unfit.title_zh} / {unfit.detail}"
            else:
                known.add(message.message_id)
                accepted.append((message, body))
        results.append(Result(message_id=message.message_id, status=status, retry=retry, reason=reason))
    if accepted:
        await _keep(connection, node, delivery.laboratory, [message for message, _ in accepted], at)
        await _take_effect(connection, node, accepted, effects, at)
    return results


async def _known(connection: Connection, delivery: Delivery) -> set[UUID]:
    asked = [message.message_id for message in delivery.messages]
    return {row["message_id"] for row in await connection.fetch(_SQL["known_messages"], delivery.node, asked)}


async def _check_origin(
    connection: Connection, caller: Caller, node: DockedNode, origin: UUID | None, seen: dict[UUID, str], at: datetime
) -> None:
    """Raises ``BodyUnfit`` for the report of a node that does not stand below this one."""
    if origin is None or origin == node.node_id:
        return
    if origin not in seen:
        try:
            await note_node_below(connection, caller, origin, caller.delegated_prefix, node.laboratory, at)
            seen[origin] = ""
        except NodeError as error:
            seen[origin] = error.detail
    if seen[origin]:
        raise BodyUnfit(seen[origin])


async def _keep(
    connection: Connection, node: DockedNode, laboratory: bool, accepted: list[Message], at: datetime
) -> None:
    await connection.execute(
        _SQL["keep_messages"],
        node.node_id,
        laboratory,
        at,
        [message.message_id for message in accepted],
        [message.stream for message in accepted],
        [message.sequence for message in accepted],
        [message.kind for message in accepted],
        [message.created_at for message in accepted],
        [bytes(message.body).decode() for message in accepted],
    )
    streams = list({message.stream for message in accepted})
    rows = await connection.fetch(_SQL["streams"], node.node_id, streams)
    last = {row["stream"]: row["last_sequence"] for row in rows}
    counted: dict[str, list[int]] = {}
    for message in accepted:
        tally = counted.setdefault(message.stream, [0, 0])
        tally[0] += 1
        tally[1] += message.sequence <= last.get(message.stream, -1)
        last[message.stream] = max(message.sequence, last.get(message.stream, -1))
    await connection.execute(
        _SQL["note_streams"],
        node.node_id,
        list(counted),
        [last[stream] for stream in counted],
        [tally[0] for tally in counted.values()],
        [tally[1] for tally in counted.values()],
    )


async def _take_effect(
    connection: Connection,
    node: DockedNode,
    accepted: list[tuple[Message, Body | None]],
    effects: Effects,
    at: datetime,
) -> None:
    common = CommonEffects(connection, node, at)
    for message, body in accepted:
        await common.take(message, body)
        await effects.accepted(connection, node, message, at)
    await common.finish()
