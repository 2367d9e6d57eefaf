"""The mock national node's judgement on a prefix: four rules, asked in turn, each with its reason.

A simulation: what the real national node examines is not published. The rules are those that follow from its
role: it delegated a prefix to the node, it hears of enterprises from the node, and a prefix has one holder.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog

from node.database import AWAY, Pool
from node.upper.verdicts import decide_verification, next_undecided

log = structlog.get_logger("mock_national")

_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_CODE = re.compile(rf"[{_CREDIT_ALPHABET}]{{2}}[0-9]{{6}}[{_CREDIT_ALPHABET}]{{10}}")
_DIVISION = re.compile(r"[0-9]{6}")
_INDUSTRY = re.compile(r"[A-T]|[A-T]?[0-9]{2,4}")

GRACE = timedelta(seconds=5)
"""How long an enterprise that was not reported yet is waited for: streams are ordered, but not among each other."""


@dataclass(frozen=True, slots=True)
class Decision:
    passed: bool
    reason: str


PASSED = Decision(True, "核验通过 / verified")
OUTSIDE = Decision(
    False, "前缀不在该二级节点的授权范围内 / the prefix does not lie under the node's delegated prefix"
)
UNREPORTED = Decision(False, "企业未作为审核通过上报 / the enterprise was not reported as approved")
MALFORMED = Decision(False, "企业信息有误 / the enterprise's data are not valid")
HELD = Decision(False, "前缀已由其他企业持有 / the prefix has another holder")


def judge(application: Mapping[str, Any], at: datetime) -> Decision | None:
    """The decision on what ``next_undecided`` gave, ``None`` to wait for its enterprise."""
    if not _is_below(application["prefix"], application["delegated_prefix"]):
        return OUTSIDE
    if application["enterprise_state"] != "approved":
        return None if at - application["asked_at"] < GRACE else UNREPORTED
    if not _is_valid(application):
        return MALFORMED
    holder = application["holder"], application["holding_certificate"]
    if holder not in ((None, None), (application["credit_code"], application["other_certificate"])):
        return HELD
    return PASSED


async def verify_for_ever(pool: Pool, clock: Callable[[], datetime], pause_seconds: float = 0.1) -> None:
    """Decide what can be decided, again and again."""
    while True:
        try:
            while await _decide_next(pool, clock()):
                pass
        except (*AWAY, asyncpg.PostgresError) as error:  # also a deadlock: the next turn finds what this one left
            log.warning("verification_waits_for_the_database", cause=type(error).__name__)
        await asyncio.sleep(pause_seconds)


async def _decide_next(pool: Pool, at: datetime) -> bool:
    """Decide the oldest application that need not wait; whether there was one."""
    after = 0
    async with pool.acquire(timeout=10) as connection, connection.transaction():
        while (application := await next_undecided(connection, after=after)) is not None:
            decision = judge(application, at)
            if decision is not None:
                await decide_verification(connection, application, decision.passed, decision.reason, at)
                return True
            after = application["verification_id"]
    return False


def _is_below(prefix: str, delegated: str) -> bool:
    return prefix.upper().startswith(delegated.upper() + ".")


def _is_valid(application: Mapping[str, Any]) -> bool:
    return (
        application["reported_code"] == application["credit_code"]
        and application["reported_certificate"] == application["other_certificate"]
        and (is_credit_code(application["credit_code"]) if application["credit_code"] else _certified(application))
        and bool(application["name"].strip())
        and _DIVISION.fullmatch(application["division_code"]) is not None
        and _INDUSTRY.fullmatch(application["industry_code"]) is not None
    )


def _certified(application: Mapping[str, Any]) -> bool:
    """Whether another certificate stands for the credit code; of its form nothing is known here."""
    return bool(application["other_certificate"].strip())


def is_credit_code(code: str) -> bool:
    """Form and check character of GB 32100-2015, clause 4.5; the far side does its own sums."""
    if not _CREDIT_CODE.fullmatch(code):
        return False
    total = sum(_CREDIT_ALPHABET.index(character) * pow(3, place, 31) for place, character in enumerate(code[:17]))
    return _CREDIT_ALPHABET[-total % 31] == code[17]
