"""What a password has to be like: ``dengbao`` (等保, GB/T 22239-2019 8.1.4.1 a) or ``nist`` (NIST SP 800-63B).

Assessors of the Chinese scheme ask for kinds of characters, a life, and that old passwords stay away; NIST forbids
the first two and asks for length and a dictionary. Both refuse what is guessed soon and what the place suggests.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from node.errors import Malformed
from registry.accounts.guessable import LEAST_COST, cost

MOST_LENGTH = 128

# Found inside a password whatever their case: the head of every guesser's list, and words of this place.
COMMON = (
    "password", "passw0rd", "p@ssw0rd", "p@ssword", "administrator", "welcome", "letmein", "iloveyou", "woaini",
    "qwerty", "asdfgh", "zxcvbn", "1qaz2wsx", "123456", "654321", "111111", "000000", "666666", "888888", "520520",
    "abc123", "abcdef", "monkey", "dragon", "sunshine", "football", "changeme", "default", "biaoshi", "handle",
)  # fmt: skip

_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"
_SHORTEST_CONTEXT = 4


class PasswordTooWeak(Malformed):
    """Evidence: ``faults``, each with ``field``, ``code`` and ``message`` (Chinese, a slash, English)."""

    title_zh = "口令强度不足"


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """``kinds`` of lower case, upper case, digits and others; ``life`` of a password, if it ends; the last
    ``remembered`` do not come again; ``context`` are words of the place that none may contain.
    """

    name: str
    least: int
    kinds: int
    remembered: int
    life: timedelta | None
    context: tuple[str, ...] = ()

    def check(self, password: str, account_name: str, context: Sequence[str] = ()) -> None:
        """Raises ``PasswordTooWeak`` with every fault; ``context`` are words of the account's enterprise."""
        found = self.faults(password, account_name, context)
        if found:
            raise too_weak(found)

    def faults(self, password: str, account_name: str, context: Sequence[str] = ()) -> list[tuple[str, str, str]]:
        """What there is against a password, as code, Chinese and English; empty when nothing."""
        found = []
        if not self.least <= len(password) <= MOST_LENGTH:
            found.append((
                "length", f"应为 {self.least} 至 {MOST_LENGTH} 个字符，现为 {len(password)} 个",
                f"it has {len(password)} characters, {self.least} to {MOST_LENGTH} are needed",
            ))  # fmt: skip
        if len({_kind_of(character) for character in password}) < self.kinds:
            found.append((
                "kinds", f"小写字母、大写字母、数字、其他字符中至少应有 {self.kinds} 类",
                f"it needs {self.kinds} of: lower-case letters, upper-case letters, digits, other characters",
            ))  # fmt: skip
        folded = password.casefold()
        words = [word.casefold() for word in (*self.context, *context) if len(word) >= _SHORTEST_CONTEXT]
        if account_name.casefold() in folded:
            found.append(("account_name", "包含账号名", "it contains the account's name"))
        if any(word in folded for word in words):
            found.append(
                ("context", "包含本节点或企业的名称", "it contains a name of this node or of the enterprise")
            )
        if any(word in folded for word in COMMON) or cost(password, (account_name, *words)) < LEAST_COST:
            found.append((
                "guessable", "由常见词语、姓名、键盘顺序、年份或重复字符组成，容易被猜中",
                "it is made of words, names, runs of keys, years or repetitions that everybody tries first",
            ))  # fmt: skip
        return found

    def ends_at(self, set_at: datetime) -> datetime | None:
        """When a password that was set then has to be changed; ``None`` for never."""
        return None if self.life is None else set_at + self.life


DENGBAO = PasswordPolicy("dengbao", least=12, kinds=3, remembered=5, life=timedelta(days=90))
NIST = PasswordPolicy("nist", least=8, kinds=0, remembered=0, life=None)


def too_weak(faults: Sequence[tuple[str, str, str]]) -> PasswordTooWeak:
    """The refusal of a password with these faults."""
    return PasswordTooWeak(
        "the password does not meet the policy: " + "; ".join(english for _, _, english in faults),
        faults=[
            {"field": "password", "code": code, "message": f"{chinese} / {english}"}
            for code, chinese, english in faults
        ],
    )


def random_password(choose: Callable[[str], str] = secrets.choice) -> str:
    """A password of 20 readable characters in five groups (about 115 bits) that meets the policy."""
    while True:
        password = "-".join("".join(choose(_LETTERS) for _ in range(4)) for _ in range(5))
        if not DENGBAO.faults(password, "admin"):
            return password


def _kind_of(character: str) -> str:
    if not character.isascii() or not character.isalnum():
        return "other"
    if character.isdigit():
        return "digit"
    return "lower" if character.islower() else "upper"
