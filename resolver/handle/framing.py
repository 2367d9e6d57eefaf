"""Cutting a stream into messages, by the length that each envelope announces, wherever the stream breaks."""

from __future__ import annotations

import struct

from resolver.handle.envelope import ENVELOPE_BYTES, HEADER_BYTES, MAX_MESSAGE, decode_envelope

_LENGTH = struct.Struct(">I").unpack_from
_LENGTH_AT = 16
_HEAD = ENVELOPE_BYTES + HEADER_BYTES


class Frames:
    """``feed`` it what came, then ``take`` until nothing whole is left. Keeps one unfinished message and one read."""

    __slots__ = ("_at", "_data", "_needed", "_tail")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._tail = bytearray()  # of a message that has not come whole; joined once, however small the pieces
        self._needed = 0

    @property
    def unfinished(self) -> int:
        """Bytes of a message that has not come whole."""
        return len(self._tail)

    def feed(self, data: bytes) -> None:
        """More has come."""
        if self._tail:
            self._tail += data
            if len(self._tail) < self._needed:
                return
            data = bytes(self._tail)
            self._tail = bytearray()
        elif self._at < len(self._data):
            data = self._data[self._at :] + data
        self._data = data
        self._at = 0

    def take(self, most: int) -> list[bytes]:
        """The next whole messages with their envelopes, ``most`` of them (1 or more) at a time; empty: all taken.

        Raises WireFault when what comes next cannot be one; nothing behind it can be read then.
        """
        data, at, end = self._data, self._at, len(self._data)
        whole: list[bytes] = []
        needed = ENVELOPE_BYTES
        while end - at >= ENVELOPE_BYTES and len(whole) < most:
            length = _LENGTH(data, at + _LENGTH_AT)[0]
            if not HEADER_BYTES <= length <= MAX_MESSAGE:
                if not whole:
                    self._at = at
                    decode_envelope(data, at)  # which raises
                break
            needed = ENVELOPE_BYTES + length
            if end - at < needed:
                break
            whole.append(data[at : at + needed])
            at += needed
        self._at = at
        if not whole:
            self._tail += data[at:]
            self._needed = needed
            self._data = b""
            self._at = 0
        return whole

    def head(self) -> bytes:
        """What there is of envelope and header of the message that ``take`` could not give."""
        return bytes(self._tail[:_HEAD]) or self._data[self._at : self._at + _HEAD]
