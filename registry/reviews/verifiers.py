"""What an external real-name service (实名核验服务) has to offer to this node.

A verifier is asked by a reviewer, about the enterprise of a review. Its answer is kept and never overwritten; it
decides nothing, the reviewer does. Whoever connects a service writes a ``Verifier`` and adds it to ``use_cases`` in
``node/worker.py``, with a word of its own for the setting ``review.verifiers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from node.errors import Unavailable
from registry.profiles.personal import Person
from registry.profiles.profile import Licence


class Outcome(StrEnum):
    PASSED = "passed"  # the service compared with its register, and all agrees
    FAILED = "failed"
    FORM_ONLY = "form_only"  # nothing was compared with any register
    UNAVAILABLE = "unavailable"


class VerifierAway(Unavailable):
    """The service did not answer, or not in words that the verifier knows."""

    title_zh = "实名核验服务不可用"


@dataclass(frozen=True, slots=True, repr=False)
class IdentitySubject:
    """Who is to be verified. It holds personal data in clear: it is handed to verifiers and kept nowhere."""

    name: str
    credit_code: str
    other_certificate: str
    legal_representative: Person
    contact: Person
    licences: tuple[Licence, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one field, Chinese, a slash, English; it repeats nothing of what the field holds."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    outcome: Outcome
    findings: tuple[Finding, ...]


class Verifier(Protocol):
    """``name`` is what the result is kept under."""

    name: str

    async def check(self, subject: IdentitySubject) -> CheckResult:
        """What the service says. Raises ``VerifierAway``."""
        ...
