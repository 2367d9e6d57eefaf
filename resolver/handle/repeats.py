"""Datagrams that a client sends again because no reply reached it: they are answered again and count once.

The same client, request number and question within 5 seconds are one request. What is remembered is bounded; where
more comes in, the time is shorter.
"""

from __future__ import annotations

_SECONDS = 5.0
_REMEMBERED = 200_000


class Repeats:
    """The requests of the last ``seconds``, in two halves of at most ``remembered`` each."""

    def __init__(self, *, seconds: float = _SECONDS, remembered: int = _REMEMBERED) -> None:
        self._seconds = seconds
        self._remembered = remembered
        self._young: dict[int, float] = {}
        self._old: dict[int, float] = {}
        self._turned_at = 0.0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def is_repeat(self, source: str, request_id: bytes, question: bytes, now: float) -> bool:
        """Whether the request came before; ``question`` is what ``question_of`` says, ``now`` in seconds.

        Only its digest in 64 bits is remembered: it is keyed anew in each process, so nobody can aim at another's.
        """
        if now - self._turned_at >= self._seconds or len(self._young) >= self._remembered:
            self._old = self._young if now - self._turned_at < 2 * self._seconds else {}
            self._young = {}
            self._turned_at = now
        request_hash = hash((source, request_id, question))
        counted_at = self._young.get(request_hash)
        if counted_at is None:
            counted_at = self._old.get(request_hash)
        if counted_at is not None and now - counted_at < self._seconds:
            return True
        self._young[request_hash] = now
        return False
