"""Structured logs: one JSON object per line on standard error, control characters escaped by the encoder."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import msgspec
import structlog
import structlog.tracebacks

# Without the variables of each frame: among them are passwords and tokens.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)


def configure(level: str = "info") -> None:
    """Send structlog and the standard library's logging through one chain, from ``level`` upwards."""
    least = getattr(logging, level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            _TRACEBACKS,
            structlog.processors.JSONRenderer(_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _TRACEBACKS,
                structlog.processors.JSONRenderer(_encode),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(least, logging.WARNING), force=True)
    # While a database is away every pool would add a traceback a second to what its users say in one line.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)


def _encode(value: Any, **_: Any) -> str:
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:  # an address that was not UTF-8: its halves of pairs as escapes
        return json.dumps(value, default=str)
