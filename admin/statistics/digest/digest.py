"""The digest of a day: of one prefix or of the whole node, as one recorder saw it, or of several joined into one.

``digest_day`` makes it from events, ``to_json`` and ``from_json`` keep it, ``merge`` joins recorders and days.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec

from admin.statistics.digest.day import Day, columns_of
from admin.statistics.digest.flags.table import FLAGS
from admin.statistics.digest.latency import added
from admin.statistics.digest.rule import DigestRule
from admin.statistics.digest.sketch import mark_of, sketch_of, union
from admin.statistics.digest.tally import Tally, tallies_of
from admin.statistics.digest.tops import DISTANCES, bands_of, joined_bands, joined_tops, most_asked
from resolver.counting.event_format import Event, TenantSeen

__all__ = ["WHOLE_NODE", "DigestRule", "PrefixDigest", "digest_day", "from_json", "merge", "to_json"]

WHOLE_NODE = ""
"""The key of the digest of all prefixes and of what was asked under none of ours."""
_SKETCHES = ("clients", "identifiers")


@dataclass(frozen=True, slots=True)
class PrefixDigest:
    """What the events of a day say about a prefix, or about the whole node.

    ``raw`` counts every event, ``valid`` those answered with a registered identifier, ``deduplicated`` the valid ones
    that repeat nothing of the minute before, ``flagged`` the valid ones with at least one flag, ``flags`` those of
    each kind (every name of ``FLAGS``; one may have several). Further down everything but ``latency`` and ``clients``
    is of valid events: ``hours`` of the day (24, Asia/Shanghai); ``latency`` by interface a histogram of
    ``latency.py``, of all events somebody took the time of; the tops, most asked first: identifiers in their
    comparison form, clients and networks as 16 hexadecimal digits of their hashes; the bands (``tops.py``) how many
    identifiers, clients and networks were asked, or asked, how often, and the distances in time between one
    resolution of a client and its next under the same prefix. ``clients`` (of all events) and ``identifiers`` are
    sketches (``sketch.py``: ``estimate``).
    """

    raw: int
    valid: int
    deduplicated: int
    flagged: int
    flags: dict[str, int]
    hours: list[int]
    latency: dict[int, dict[int, int]]
    top_identifiers: list[tuple[str, int]]
    top_clients: list[tuple[str, int]]
    top_networks: list[tuple[str, int]]
    identifier_bands: list[tuple[int, int]]
    client_bands: list[tuple[int, int]]
    network_bands: list[tuple[int, int]]
    distance_bands: list[int]
    clients: bytes
    identifiers: bytes

    @property
    def net(self) -> int:
        """Valid and not conspicuous."""
        return self.valid - self.flagged


def digest_day(
    events: Iterable[Event | TenantSeen], rule: DigestRule, holders: Mapping[str, int]
) -> dict[str, PrefixDigest]:
    """The digests of one recorder's events of one China day, in any order, by prefix key and under ``WHOLE_NODE``.

    ``holders`` says by prefix key whose it is (``tenant_of`` the enterprise). The whole node's is there even when
    nothing was asked. Memory: see ``day.py``.
    """
    day = columns_of(events, holders)
    marks = array("I", (mark_of(client.to_bytes(8, "little")) for client in day.clients))
    by_prefix = {
        prefix: _digest_of(day, prefix, tally, marks)
        for prefix, tally in zip(day.prefixes, tallies_of(day, rule), strict=True)
    }
    # Sums, identifiers and sketches are those of the prefixes together; clients ask under several prefixes.
    whole = replace(merge(by_prefix.values()), **_sources(day, Counter(day.client)))
    return by_prefix | {WHOLE_NODE: whole}


def merge(digests: Iterable[PrefixDigest]) -> PrefixDigest:
    """Several digests of recorders, days or prefixes as one; of none it is all zeros.

    Sums and sketches are exact. The tops name who is in one of theirs (``joined_tops``), the bands count a client
    once in each (``joined_bands``); clients of two months have different hashes and are never known to be the same.
    """
    several = list(digests)
    return PrefixDigest(
        raw=sum(one.raw for one in several),
        valid=sum(one.valid for one in several),
        deduplicated=sum(one.deduplicated for one in several),
        flagged=sum(one.flagged for one in several),
        flags={name: sum(one.flags.get(name, 0) for one in several) for name in FLAGS},
        hours=[sum(one.hours[hour] for one in several) for hour in range(24)],
        latency=added(one.latency for one in several),
        top_identifiers=joined_tops(one.top_identifiers for one in several),
        top_clients=joined_tops(one.top_clients for one in several),
        top_networks=joined_tops(one.top_networks for one in several),
        identifier_bands=joined_bands(one.identifier_bands for one in several),
        client_bands=joined_bands(one.client_bands for one in several),
        network_bands=joined_bands(one.network_bands for one in several),
        distance_bands=[sum(one.distance_bands[band] for one in several) for band in range(len(DISTANCES) + 1)],
        clients=union(one.clients for one in several),
        identifiers=union(one.identifiers for one in several),
    )


def to_json(digest: PrefixDigest) -> str:
    """Everything but the two sketches, for ``resolution_digest.content``."""
    kept = {field.name: getattr(digest, field.name) for field in fields(digest) if field.name not in _SKETCHES}
    return msgspec.json.encode(kept).decode()


def from_json(content: str | bytes, clients: bytes, identifiers: bytes) -> PrefixDigest:
    """A digest as it was kept. Raises ``msgspec.MsgspecError`` when it is none."""
    kept = msgspec.json.decode(content)
    return msgspec.convert(kept | {"clients": clients, "identifiers": identifiers}, PrefixDigest, str_keys=True)


def _digest_of(day: Day, prefix: str, tally: Tally, marks: array[int]) -> PrefixDigest:
    """``marks``: by client number what it leaves in a sketch."""
    identifiers = {f"{prefix}/{day.suffixes[number]}": asked for number, asked in tally.identifiers.items()}
    return PrefixDigest(
        raw=tally.raw,
        valid=sum(tally.hours),
        deduplicated=tally.deduplicated,
        flagged=tally.flagged,
        flags=tally.flags,
        hours=tally.hours,
        latency=tally.latency,
        top_identifiers=most_asked(identifiers),
        **_sources(day, tally.clients),
        identifier_bands=bands_of(identifiers.values()),
        distance_bands=tally.distance_bands,
        clients=sketch_of(marks[client] for client in tally.clients.keys() | tally.askers),
        identifiers=sketch_of(mark_of(identifier.encode()) for identifier in identifiers),
    )


def _sources(day: Day, resolutions: Mapping[int, int]) -> dict[str, Any]:
    """Who asked, by the names of the fields. ``resolutions``: by number of the client."""
    clients: Counter[int] = Counter()
    networks: Counter[int] = Counter()
    for number, asked in resolutions.items():
        clients[day.clients[number]] = asked
        networks[day.networks[number]] += asked
    return {
        "top_clients": [(f"{client:016x}", asked) for client, asked in most_asked(clients)],
        "top_networks": [(f"{network:016x}", asked) for network, asked in most_asked(networks)],
        "client_bands": bands_of(clients.values()),
        "network_bands": bands_of(networks.values()),
    }
