"""Many datagrams by one system call: recvmmsg(2) and sendmmsg(2) of Linux, through ctypes.

Both calls take arrays of ``struct mmsghdr``; on every 64-bit Linux it is eight words::

    0 address of the peer's name, 1 its length (u32), 2 address of the iovec, 3 how many, 4 control, 5 its length,
    6 flags (i32), 7 bytes received (u32)

Everything is laid out once. A peer stays in the slot into which it was received, and answers point there.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import sys
from collections.abc import Iterator

_NAME = 28  # sockaddr_in6, the longest
_WORDS = 8
_LIBC = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter: the calls never wait
_RECEIVE, _SEND = _LIBC.recvmmsg, _LIBC.sendmmsg
_RECEIVE.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
_SEND.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
_NOW = int(socket.MSG_DONTWAIT)

assert sys.maxsize > 1 << 32, "words of eight bytes"


class ManyDatagrams:
    """``slots`` datagrams of at most ``largest`` bytes at a time on one socket; answers have at most ``answer``."""

    def __init__(self, bound: socket.socket, *, slots: int, largest: int, answer: int) -> None:
        self._descriptor = bound.fileno()
        self._slots = slots
        self._largest = largest
        self._answer = answer
        name = _NAME if bound.family == socket.AF_INET6 else 16
        self._name = name
        self._names = bytearray(slots * _NAME)
        self._in, self._out = bytearray(slots * largest), bytearray(slots * answer)
        self._names_at = _address(self._names)
        self._heads_in, self._heads_in_at = _heads(slots, _address(self._in), largest)
        self._heads_out, self._heads_out_at = _heads(slots, _address(self._out), answer)
        for slot in range(slots):
            self._heads_in[slot * _WORDS] = self._names_at + slot * _NAME
        for heads in (self._heads_in, self._heads_out):
            for slot in range(slots):
                heads[slot * _WORDS + 1] = name
        self._lengths_out = self._heads_out[slots * _WORDS :]
        self._view = memoryview(self._in)
        self._waiting = 0

    def receive(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Slot, bytes and sockaddr of what is there. Raises ``OSError``."""
        got = _RECEIVE(self._descriptor, self._heads_in_at, self._slots, _NOW, None)
        if got < 0:
            number = ctypes.get_errno()
            if number in (errno.EAGAIN, errno.EINTR):
                return
            raise OSError(number, "recvmmsg")
        heads, view, names, largest, name = self._heads_in, self._view, self._names, self._largest, self._name
        for slot in range(got):
            at = slot * largest
            yield (
                slot,
                view[at : at + heads[slot * _WORDS + 7]].tobytes(),
                bytes(names[slot * _NAME : slot * _NAME + name]),
            )

    def put(self, slot: int, message: bytes) -> None:
        """An answer to what came into that slot; at most one for each."""
        at, length = self._waiting, len(message)
        start = at * self._answer
        self._out[start : start + length] = message
        self._heads_out[at * _WORDS] = self._names_at + slot * _NAME
        self._lengths_out[at * 2 + 1] = length
        self._waiting = at + 1

    def send(self) -> int:
        """What was put leaves; returns how many did not, for want of room or of a way."""
        waiting, self._waiting = self._waiting, 0
        sent = _SEND(self._descriptor, self._heads_out_at, waiting, _NOW) if waiting else 0
        return waiting - max(sent, 0)


def _address(buffer: bytearray) -> int:
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))


def _heads(slots: int, data_at: int, size: int) -> tuple[memoryview, int]:
    """The ``mmsghdr`` of all slots with their ``iovec`` behind them, as words, and where they stand."""
    words = (ctypes.c_uint64 * (slots * (_WORDS + 2)))()
    at = ctypes.addressof(words)
    view = memoryview(words).cast("B").cast("Q")
    for slot in range(slots):
        vector = slots * _WORDS + slot * 2
        view[slot * _WORDS + 2], view[slot * _WORDS + 3] = at + vector * 8, 1
        view[vector], view[vector + 1] = data_at + slot * size, size
    return view, at
