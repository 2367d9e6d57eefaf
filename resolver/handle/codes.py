"""Operation codes, response codes and flags of the Handle protocol, and which response code each of our refusals is.

Reference: RFC 3652 sections 2.2.2.1 to 2.2.2.3; 2001 and 601 to 605 are the Teleinfo programs' own.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from node.administration import (
    DailyRequestLimit,
    HandleExists,
    HandleUnknown,
    InvalidAdministrator,
    InvalidHandle,
    InvalidProof,
    InvalidValue,
    NotPermitted,
    OperationUnsupported,
    PrefixElsewhere,
    PrefixLimit,
    ProofFailed,
    ProofLate,
    ProofNeeded,
    ProofUnsupported,
    RegistrationCountLimit,
    RegistryElsewhere,
    ValueExists,
    ValueUnknown,
)
from node.errors import (
    Conflict,
    Forbidden,
    Internal,
    Malformed,
    NodeError,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from node.identifier import InvalidIdentifier, InvalidPrefix, InvalidSuffix
from node.record import DuplicateIndex, InvalidRecord
from resolver.answer import NotResponsible


class OpCode(IntEnum):
    RESOLVE = 1
    GET_SITE_INFO = 2
    CREATE_HANDLE = 100
    DELETE_HANDLE = 101
    ADD_VALUES = 102
    REMOVE_VALUES = 103
    MODIFY_VALUES = 104
    LIST_HANDLES = 105
    CHALLENGE_ANSWER = 200
    VERIFY_CHALLENGE = 201
    HOME_PREFIX = 300
    UNHOME_PREFIX = 301
    LIST_HOMED = 302
    SESSION_SETUP = 400
    SESSION_TERMINATE = 401
    SESSION_KEY_EXCHANGE = 402
    GET_NEXT_TXN_ID = 1000
    RETRIEVE_TXN_LOG = 1001
    DUMP_HANDLES = 1002
    BACKUP = 1003
    LOGIN = 2001


class ResponseCode(IntEnum):
    """Every code that clients know; one they do not know makes their decoders give up, so none is invented."""

    SUCCESS = 1
    ERROR = 2
    TOO_BUSY = 3
    PROTOCOL_ERROR = 4
    OPERATION_UNSUPPORTED = 5
    RECURSION_TOO_HIGH = 6
    SERVER_BACKUP = 7
    HANDLE_NOT_FOUND = 100
    HANDLE_EXISTS = 101
    INVALID_HANDLE = 102
    VALUES_NOT_FOUND = 200
    VALUE_EXISTS = 201
    INVALID_VALUE = 202
    OUTDATED_SITE_INFO = 300
    NOT_RESPONSIBLE = 301
    SERVICE_REFERRAL = 302
    PREFIX_REFERRAL = 303
    INVALID_ADMIN = 400
    NOT_PERMITTED = 401
    AUTHENTICATION_NEEDED = 402
    AUTHENTICATION_FAILED = 403
    INVALID_CREDENTIAL = 404
    AUTHENTICATION_TIMEOUT = 405
    AUTHENTICATION_ERROR = 406
    SESSION_TIMEOUT = 500
    SESSION_FAILED = 501
    INVALID_SESSION_KEY = 502
    RSA_KEY_NEEDED = 503
    INVALID_SESSION_SETUP = 504
    SESSION_MESSAGE_REJECTED = 505
    CLIENT_CHANNEL_ERROR = 601
    CLIENT_TIMEOUT = 602
    DAILY_REQUEST_LIMIT = 603
    REGISTRATION_COUNT_LIMIT = 604
    PREFIX_LIMIT = 605


class Flag(IntFlag):
    """The header's option flags. Where speed counts, combine them once into a plain ``int``."""

    AUTHORITATIVE = 0x80000000
    CERTIFY = 0x40000000
    ENCRYPT = 0x20000000
    RECURSIVE = 0x10000000
    CACHE_CERTIFY = 0x08000000
    CONTINUES = 0x04000000
    KEEP_ALIVE = 0x02000000
    PUBLIC_ONLY = 0x01000000
    RETURN_DIGEST = 0x00800000
    OVERWRITE = 0x00400000
    MINT = 0x00200000
    NO_REFERRAL = 0x00100000
    RECURSIVE_IDENTITY = 0x00000004


_RESPONSE_CODE: dict[type[NodeError], ResponseCode] = {
    Malformed: ResponseCode.PROTOCOL_ERROR,
    Unauthenticated: ResponseCode.AUTHENTICATION_NEEDED,
    Forbidden: ResponseCode.INVALID_ADMIN,
    NotFound: ResponseCode.HANDLE_NOT_FOUND,
    Conflict: ResponseCode.ERROR,
    TooMany: ResponseCode.TOO_BUSY,
    Unavailable: ResponseCode.TOO_BUSY,
    Internal: ResponseCode.ERROR,
    InvalidIdentifier: ResponseCode.INVALID_HANDLE,
    InvalidPrefix: ResponseCode.INVALID_HANDLE,
    InvalidSuffix: ResponseCode.INVALID_HANDLE,
    InvalidRecord: ResponseCode.INVALID_VALUE,
    DuplicateIndex: ResponseCode.VALUE_EXISTS,
    NotResponsible: ResponseCode.NOT_RESPONSIBLE,
    InvalidHandle: ResponseCode.INVALID_HANDLE,
    InvalidValue: ResponseCode.INVALID_VALUE,
    OperationUnsupported: ResponseCode.OPERATION_UNSUPPORTED,
    RegistryElsewhere: ResponseCode.OPERATION_UNSUPPORTED,
    HandleUnknown: ResponseCode.HANDLE_NOT_FOUND,
    ValueUnknown: ResponseCode.VALUES_NOT_FOUND,
    PrefixElsewhere: ResponseCode.NOT_RESPONSIBLE,
    HandleExists: ResponseCode.HANDLE_EXISTS,
    ValueExists: ResponseCode.VALUE_EXISTS,
    InvalidAdministrator: ResponseCode.INVALID_ADMIN,
    NotPermitted: ResponseCode.NOT_PERMITTED,
    ProofNeeded: ResponseCode.AUTHENTICATION_NEEDED,
    ProofFailed: ResponseCode.AUTHENTICATION_FAILED,
    InvalidProof: ResponseCode.INVALID_CREDENTIAL,
    ProofLate: ResponseCode.AUTHENTICATION_TIMEOUT,
    ProofUnsupported: ResponseCode.AUTHENTICATION_ERROR,
    DailyRequestLimit: ResponseCode.DAILY_REQUEST_LIMIT,
    RegistrationCountLimit: ResponseCode.REGISTRATION_COUNT_LIMIT,
    PrefixLimit: ResponseCode.PREFIX_LIMIT,
}

_ONLY_TELEINFO = frozenset(
    {ResponseCode.DAILY_REQUEST_LIMIT, ResponseCode.REGISTRATION_COUNT_LIMIT, ResponseCode.PREFIX_LIMIT}
)


def response_code_of(error: NodeError, *, teleinfo: bool = False) -> ResponseCode:
    """The response code that an error is; the nearest class in the table counts.

    A refusal of the protocol itself names its code as its attribute ``response_code``. The limits 603 to 605 are
    told only to a client that knows them (``teleinfo``: one that logged in by 2001); to others it is "too busy".
    """
    own = getattr(error, "response_code", None)
    if isinstance(own, ResponseCode):
        return own
    code = next(_RESPONSE_CODE[kind] for kind in type(error).__mro__ if kind in _RESPONSE_CODE)
    return ResponseCode.TOO_BUSY if code in _ONLY_TELEINFO and not teleinfo else code
