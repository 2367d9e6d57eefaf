"""What the fronts of a worker share: the desk, the answers that are ready, and how each resolution counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns

from node.journal import Interface
from resolver import metrics
from resolver.counting.counter import ResolutionCounter
from resolver.handle.bodies import encode_error
from resolver.handle.codes import ResponseCode
from resolver.handle.conversation import Conversation, Transport
from resolver.handle.desk import Reply
from resolver.handle.envelope import Envelope, WireFault, read_envelope
from resolver.handle.message import encode_message, reply_to, unreadable
from resolver.handle.ready import ReadyAnswer, ReadyAnswers

_INTERFACES: Mapping[Transport, Interface] = {
    Transport.UDP: Interface.HANDLE_UDP,
    Transport.TCP: Interface.HANDLE_TCP,
    Transport.HTTP: Interface.HANDLE_HTTP,
}

Answering = Callable[[Envelope, bytes, Conversation], AsyncIterator[Reply]]
"""What ``Desk.answer`` is."""


@dataclass(slots=True)
class Front:
    """One way in. ``requests`` counts what was answered since the metrics were told."""

    transport: Transport
    answer: Answering
    ready: ReadyAnswers
    counter: ResolutionCounter
    requests: int = 0
    interface: Interface = field(init=False)

    def __post_init__(self) -> None:
        self.interface = _INTERFACES[self.transport]

    def count(self, answered: Reply | ReadyAnswer, source: str, began: int, marks: int = 0) -> None:
        """One resolution, if it was one; ``began``: ``perf_counter_ns`` when its request was there."""
        if answered.outcome is not None:
            micros = (perf_counter_ns() - began) // 1000
            self.counter.count(answered.key, self.interface, answered.outcome, source, micros, marks=marks)

    def count_reply(self, reply: Reply, source: str, began: int, marks: int = 0) -> None:
        """As ``count``; what others were asked for counts apart, whichever way the client came."""
        if not reply.recursed:
            self.count(reply, source, began, marks | reply.marks)
        elif reply.outcome is not None:
            micros = (perf_counter_ns() - began) // 1000
            marks |= reply.marks
            self.counter.count(reply.key, Interface.RECURSIVE, reply.outcome, source, micros, marks=marks)

    def count_ready(self, answers: Sequence[tuple[ReadyAnswer, str]], began: int) -> None:
        """Ready answers that have left, each with its source; ``began`` is when their requests were there."""
        micros, interface = (perf_counter_ns() - began) // 1000, self.interface
        self.counter.count_left(
            [(answer.key, interface, answer.outcome, source, micros, 0, 0) for answer, source in answers]
        )

    def tell_metrics(self) -> None:
        """Add what was answered since the last time."""
        requests, self.requests = self.requests, 0
        if requests:
            metrics.HANDLE_REQUESTS.labels(self.transport.value).inc(requests)


def refusal(request: bytes, fault: WireFault) -> bytes:
    """The reply to what is no message; ``request`` has at least an envelope's 20 bytes."""
    return short_reply(request, fault.response_code, fault.detail)


def short_reply(request: bytes, code: ResponseCode, told: str) -> bytes:
    """A reply that says no more than a code and a few words, to a request that nobody decoded."""
    answered = unreadable(read_envelope(request), request[20:])
    return encode_message(reply_to(answered, code, encode_error(told)))
