"""The bodies by which Handle.Net's mirrors follow a primary server. This node has mirrors of its own kind and refuses
these operations; it reads them so that a trace of a strange peer can be read too. Reference: Handle.Net 9.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from resolver.handle.envelope import WireFault
from resolver.handle.fields import packed

_ASKED = struct.Struct(">Bii")
_SINCE = struct.Struct(">qqBii")
_TRANSACTION = struct.Struct(">q")


class Share(NamedTuple):
    """Which part of the handles: those that ``hash_type`` sends to server ``server`` of ``servers``."""

    hash_type: int
    servers: int
    server: int


class TransactionsRequest(NamedTuple):
    """The transactions after ``last_transaction``, as of ``last_query`` in milliseconds since 1970.

    ``form`` is the byte that programs since 2.9 put in front, 0 here; ``None``: there is none.
    """

    last_transaction: int
    last_query: int
    share: Share
    form: int | None = 0


def decode_transactions_request(body: bytes) -> TransactionsRequest:
    bare = len(body) == _SINCE.size
    if not bare and (len(body) != _SINCE.size + 1 or body[0]):
        raise WireFault("The request for transactions is of no known form.", offset=0)
    transaction, query, *share = _SINCE.unpack_from(body, 0 if bare else 1)
    return TransactionsRequest(transaction, query, Share(*share), None if bare else 0)


def encode_transactions_request(request: TransactionsRequest) -> bytes:
    front = b"" if request.form is None else bytes((request.form,))
    return front + packed(_SINCE, request.last_transaction, request.last_query, *request.share)


def decode_dump_request(body: bytes) -> Share:
    """Where to begin may follow; it is not read."""
    if len(body) < _ASKED.size:
        raise WireFault("The request for a dump breaks off.", offset=0)
    return Share(*_ASKED.unpack_from(body))


def encode_dump_request(share: Share) -> bytes:
    return packed(_ASKED, *share)


def decode_next_transaction(body: bytes) -> int:
    if len(body) != _TRANSACTION.size:
        raise WireFault("The number of a transaction has eight bytes.", offset=0)
    number: int = _TRANSACTION.unpack(body)[0]
    return number


def encode_next_transaction(number: int) -> bytes:
    return packed(_TRANSACTION, number)
