"""The valid events of a day as columns, in the order in which they were answered; of the others only their numbers.

A busy node has millions of events a day, and objects for each would not fit into memory. What repeats is a number:
its place in ``prefixes``, ``suffixes``, ``clients``. A valid event takes 30 bytes, some 120 while they are sorted; a
different identifier or client about 250, with what is summed up by them afterwards.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, islice
from operator import eq
from uuid import UUID

from admin.statistics.digest.latency import bucket_of
from node.resolutions import OWN, VALID
from resolver.counting.event_format import Event, TenantSeen

MINUTE = 60_000_000
"""In microseconds, as all times of events."""
HOUR = 60 * MINUTE

PAIR_BITS = 32
"""Two numbers as one: the first is shifted by so many bits."""
_VALID = frozenset(map(int, VALID))


@dataclass(frozen=True, slots=True)
class Day:
    """One recorder's events of a day.

    By prefix number: ``prefixes`` their keys, ``holders`` the tenants that hold them (0: nobody). By identifier
    number: ``suffixes`` and ``prefix_of``. By client number: ``clients`` the hashes, ``networks`` the hashes of their
    networks.
    By row, each a valid event, in time order: ``at``, ``prefix``, ``identifier``, ``client``, ``marks``.
    Of all events: ``answers`` by prefix number, interface and bucket of ``latency.py`` (0: nobody took the time);
    ``askers``, pairs of prefix and client number; ``tenants``, by hash of a client those that acted from it.
    """

    prefixes: list[str]
    holders: list[int]
    suffixes: list[str]
    prefix_of: array[int]
    clients: array[int]
    networks: array[int]
    at: array[int]
    prefix: array[int]
    identifier: array[int]
    client: array[int]
    marks: bytearray
    answers: dict[tuple[int, int, int], int]
    askers: set[int]
    tenants: dict[int, set[int]]

    def rows_of_clients(self, least: int) -> list[list[int]]:
        """The rows, in time order, of each client that has at least so many."""
        busy: dict[int, list[int]] = {client: [] for client, rows in Counter(self.client).items() if rows >= least}
        if busy:
            for row, client in enumerate(self.client):
                if client in busy:
                    busy[client].append(row)
        return list(busy.values())


def columns_of(events: Iterable[Event | TenantSeen], holders: Mapping[str, int]) -> Day:
    """A day's events, given in any order. ``holders``: by prefix key the tenant that holds it."""
    prefix_numbers: defaultdict[str, int] = defaultdict(count().__next__)
    client_numbers: defaultdict[int, int] = defaultdict(count().__next__)
    next_identifier = count().__next__
    identifier_numbers: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(next_identifier))
    suffixes: list[str] = []
    prefix_of, networks = array("I"), array("Q")
    ats, positions, boots = array("q"), array("Q"), array("I")
    prefixes, identifiers, clients, marks = array("I"), array("I"), array("I"), bytearray()
    answers: defaultdict[tuple[int, int, int], int] = defaultdict(int)
    askers: set[int] = set()
    tenants: defaultdict[int, set[int]] = defaultdict(set)
    boot_numbers: dict[UUID, int] = {}
    boot_before, boot_number = None, 0
    bucket = lru_cache(1 << 14)(bucket_of)
    for event in events:
        if isinstance(event, TenantSeen):
            tenants[event.client].add(event.tenant)
            continue
        at, boot, position, prefix, suffix, interface, outcome, source, network, tenant, micros, mark = event
        prefix_number = prefix_numbers[prefix]
        client = client_numbers[source]
        if client == len(networks):
            networks.append(network)
        answers[prefix_number, interface, bucket(micros)] += 1
        if tenant:
            tenants[source].add(tenant)
        if mark & OWN and (holder := holders.get(prefix, 0)):
            tenants[source].add(holder)
        if outcome not in _VALID:
            askers.add(prefix_number << PAIR_BITS | client)
            continue
        identifier = identifier_numbers[prefix_number][suffix]
        if identifier == len(suffixes):
            suffixes.append(suffix)
            prefix_of.append(prefix_number)
        if boot is not boot_before:  # the events of a file share theirs; to hash a UUID each time would be dear
            boot_before, boot_number = boot, boot_numbers.setdefault(boot, len(boot_numbers))
        ats.append(at)
        boots.append(boot_number)
        positions.append(position)
        prefixes.append(prefix_number)
        identifiers.append(identifier)
        clients.append(client)
        marks.append(mark)
    del identifier_numbers
    order = _in_order(ats, [boot.int for boot in boot_numbers], boots, positions)
    return Day(
        prefixes=list(prefix_numbers),
        holders=[holders.get(prefix, 0) for prefix in prefix_numbers],
        suffixes=suffixes,
        prefix_of=prefix_of,
        clients=array("Q", client_numbers),
        networks=networks,
        at=array("q", map(ats.__getitem__, order)),
        prefix=array("I", map(prefixes.__getitem__, order)),
        identifier=array("I", map(identifiers.__getitem__, order)),
        client=array("I", map(clients.__getitem__, order)),
        marks=bytearray(map(marks.__getitem__, order)),
        answers=answers,
        askers=askers,
        tenants=tenants,
    )


def _in_order(ats: array[int], boot_ids: list[int], boots: array[int], positions: array[int]) -> array[int]:
    """The rows by time, boot and position: a digest must not depend on the order in which files are read."""
    order = array("I", sorted(range(len(ats)), key=ats.__getitem__))
    times = array("q", map(ats.__getitem__, order))
    end = 0
    for place, tied in enumerate(map(eq, times, islice(times, 1, None))):
        if tied and place >= end:
            end = bisect_right(times, times[place], place)
            rows = sorted(order[place:end], key=lambda row: (boot_ids[boots[row]], positions[row]))
            order[place:end] = array("I", rows)
    return order
