from __future__ import annotations

from tests.support.docking_fixtures import lower, session, upper, world

__all__ = ["lower", "session", "upper", "world"]
