"""By what a day is digested. The steward records it as part of a rule of counting; it never changes a day before."""

from __future__ import annotations

from dataclasses import dataclass

from node.config import FlagSettings

DEDUPLICATION_SECONDS = 60
"""How long a client that asked for an identifier may ask for it again without being counted again."""


@dataclass(frozen=True, slots=True)
class DigestRule:
    """``deduplication_seconds`` and the thresholds of ``FlagSettings`` by their names there (docs/counting.md)."""

    deduplication_seconds: int
    least: int
    source_share: float
    walk_steps: int
    metronome_resolutions: int
    metronome_variation: float
    concentration_identifiers: float
    concentration_share: float
    burst_per_minute: int
    burst_sources: int


def digest_rule(settings: FlagSettings) -> DigestRule:
    """What the settings ask for."""
    return DigestRule(
        deduplication_seconds=DEDUPLICATION_SECONDS,
        least=settings.least,
        source_share=settings.source_share,
        walk_steps=settings.walk_steps,
        metronome_resolutions=settings.metronome_resolutions,
        metronome_variation=settings.metronome_variation,
        concentration_identifiers=settings.concentration_identifiers,
        concentration_share=settings.concentration_share,
        burst_per_minute=settings.burst_per_minute,
        burst_sources=settings.burst_sources,
    )
