"""Where somebody else answers: the values of a prefix handle that name another service, and this node's own site.

    HS_SITE, HS_SITE.6, HS_SERV                   answers for the identifiers of the prefix (302, service referral)
    HS_SITE.PREFIX, HS_NA_DELEGATE, HS_SERV.PREFIX   answers for the prefixes derived from it (303, prefix referral)

HS_NA_DELEGATE is the old name of HS_SITE.PREFIX. A value that names this node refers nobody: a client would come
back for ever. Reference: RFC 3652 section 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from node.identifier import Prefix, fold
from node.record import encode_values
from node.site import OwnSite
from resolver.answer import Entry, Referral
from resolver.names import SITE_SPACE
from resolver.prefix_handles import SERVICE_TYPES

SERVICE_REFERRAL = 302
PREFIX_REFERRAL = 303

_BELOW_TYPES = frozenset({"HS_SITE.PREFIX", "HS_NA_DELEGATE", "HS_SERV.PREFIX"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def line_of(prefix: Prefix) -> Iterator[Prefix]:
    """The prefixes above, the nearest first."""
    above = prefix.parent
    while above is not None:
        yield above
        above = above.parent


def service_referral(entry: Entry, site: OwnSite) -> Referral | None:
    """Where the identifiers of a prefix are that are not here; ``entry`` is its prefix handle."""
    return _referral(SERVICE_REFERRAL, entry, site, SERVICE_TYPES)


def prefix_referral(entry: Entry, site: OwnSite) -> Referral | None:
    """Where the prefixes derived from a prefix are that are not here; ``entry`` is its prefix handle."""
    return _referral(PREFIX_REFERRAL, entry, site, _BELOW_TYPES)


def site_entry(site: OwnSite) -> Entry:
    """The site handle, as if it were stored."""
    return Entry(f"{SITE_SPACE}/{site.prefix.key}", encode_values(site.values), 0, 0, _EPOCH, _EPOCH, "", None)


def _referral(code: int, entry: Entry, site: OwnSite, types: frozenset[str]) -> Referral | None:
    naming = tuple(value for value in entry.public_values() if fold(value.type) in types)
    if not naming or any(site.is_named_by(value) for value in naming):
        return None
    return Referral(code, entry.text, naming)
