"""What the statistics answer from the event files: times to the answer, flags, how evenly all were asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field

from admin.statistics.digest.digest import PrefixDigest
from admin.statistics.digest.flags.table import FLAG_TITLES
from admin.statistics.digest.latency import percentile
from admin.statistics.digest.sketch import BOUND, estimate
from admin.statistics.digest.tops import DISTANCES
from admin.statistics.resolutions import interface_word
from admin.statistics.views import FiguresView, LeaderView, RowView


class LatencyRowView(RowView):
    """Microseconds within which that share of the answers came."""

    interface: str
    answers: int
    p50: int
    p90: int
    p95: int
    p99: int


class LatencyView(FiguresView):
    """A percentile may lie above the true value by this share of it (``error``), never below."""

    error: float
    items: list[LatencyRowView]


class FlagsRowView(RowView):
    """``flags``: resolutions of each kind; one may be of several."""

    day: date
    examined: int
    deduplicated: int
    flagged: int
    net: int
    flags: dict[str, int]


class FlagView(RowView):
    """A kind of conspicuous resolutions."""

    flag: str
    title_zh: str
    title_en: str
    flagged: int


class FlagsView(FiguresView):
    kinds: list[FlagView]
    items: list[FlagsRowView]


class EstimateView(RowView):
    """True to within ``plus_minus``, but for once in a hundred times."""

    estimate: int
    plus_minus: int

    @classmethod
    def of(cls, sketch: bytes) -> Self:
        """How many different ones a sketch has seen."""
        about = estimate(sketch)
        return cls(estimate=about, plus_minus=math.ceil(about * BOUND))


class BandView(RowView):
    """So many members with ``least`` to ``most`` resolutions each, and what these come to."""

    least: int
    most: int
    members: int
    resolutions: int


class DistanceView(RowView):
    """Distances in time between one resolution of a client and its next; ``up_to`` in seconds, null: longer."""

    up_to: float | None
    distances: int


class DistributionView(FiguresView):
    """How evenly all were asked: a loop over all identifiers fills one band, people's questions ever smaller ones."""

    examined: int
    deduplicated: int
    flagged: int
    identifiers: EstimateView
    clients: EstimateView
    by_identifier: list[BandView]
    by_client: list[BandView]
    by_network: list[BandView]
    distances: list[DistanceView]
    hours: Annotated[list[int], Field(description="valid resolutions by hour of the day, 0 to 23")]
    top_identifiers: list[LeaderView]
    top_clients: list[LeaderView]
    top_networks: list[LeaderView]


def latency_rows(digest: PrefixDigest) -> list[LatencyRowView]:
    """One row for each interface that somebody took the time of."""
    return [
        LatencyRowView(
            interface=interface_word(interface),
            answers=sum(histogram.values()),
            **{f"p{share}": percentile(histogram, share / 100) or 0 for share in (50, 90, 95, 99)},
        )
        for interface, histogram in sorted(digest.latency.items())
    ]


def flag_rows(days: Mapping[date, PrefixDigest]) -> list[FlagsRowView]:
    """One row for each day that was looked through."""
    return [
        FlagsRowView(
            day=day,
            examined=digest.valid,
            deduplicated=digest.deduplicated,
            flagged=digest.flagged,
            net=digest.net,
            flags=digest.flags,
        )
        for day, digest in days.items()
    ]


def kinds_of(rows: Sequence[FlagsRowView]) -> list[FlagView]:
    """Every kind with what all days together have of it."""
    return [
        FlagView(flag=flag, title_zh=zh, title_en=en, flagged=sum(row.flags.get(flag, 0) for row in rows))
        for flag, (zh, en) in FLAG_TITLES.items()
    ]


def distribution_fields(digest: PrefixDigest) -> dict[str, Any]:
    """The fields of ``DistributionView`` beyond the frame."""
    return {
        "examined": digest.valid,
        "deduplicated": digest.deduplicated,
        "flagged": digest.flagged,
        "identifiers": EstimateView.of(digest.identifiers),
        "clients": EstimateView.of(digest.clients),
        "by_identifier": _bands(digest.identifier_bands),
        "by_client": _bands(digest.client_bands),
        "by_network": _bands(digest.network_bands),
        "distances": _distances(digest.distance_bands),
        "hours": digest.hours,
        "top_identifiers": _leaders(digest.top_identifiers),
        "top_clients": _leaders(digest.top_clients),
        "top_networks": _leaders(digest.top_networks),
    }


def _bands(bands: Sequence[tuple[int, int]]) -> list[BandView]:
    """Band k holds those with more than 2^(k-1) and up to 2^k resolutions."""
    return [
        BandView(least=(1 << band >> 1) + 1 if band else 1, most=1 << band, members=members, resolutions=resolutions)
        for band, (members, resolutions) in enumerate(bands)
    ]


def _distances(bands: Sequence[int]) -> list[DistanceView]:
    ends = [*(micros / 1_000_000 for micros in DISTANCES), None]
    return [DistanceView(up_to=end, distances=number) for end, number in zip(ends, bands, strict=True)]


def _leaders(top: Sequence[tuple[str, int]]) -> list[LeaderView]:
    return [LeaderView(key=key, name="", valid=valid) for key, valid in top]
