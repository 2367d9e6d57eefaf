"""Handle policies: what the Handle protocol may register under a prefix, said by the node's administrators.

Without a policy it registers nothing. A policy names one published template by its edition: a later edition is
taken up by setting the policy again. Its acts stand in the history of the prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from node.auth import Account, Action
from node.database import Connection, Pool, transaction
from node.errors import Malformed, NotFound
from node.identifier import Prefix
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.coding.rules import StoredCodingRule, coding_rule_by_name
from registry.prefix_grant import PrefixGrant
from registry.prefixes import readable_prefix
from registry.store import VersionChanged, check_version, reading, refusing
from registry.templates.stored import StoredTemplate, usable_template

SQL = statements_beside(__file__, "policy.sql")
Clock = Callable[[], datetime]


class HandlePolicyUnknown(NotFound):
    title_zh = "该前缀没有 Handle 协议注册策略"


class CodingRuleUnfit(Malformed):
    """The rule needs values that the template does not have. Evidence: ``coding_rule``, ``template``, ``missing``."""

    title_zh = "编码规则与数据模板不符"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy says. ``None`` for a limit is no limit.

    ``template`` is the name of a published template, ``coding_rule`` of a rule of the prefix's enterprise that makes
    minted suffixes; ``free_values``: values that the template does not know are kept as they came. ``daily_requests``
    are changes a day (Asia/Shanghai), ``identifiers`` all registrations, ``derived_prefixes`` those below the prefix.
    """

    template: str
    coding_rule: str | None = None
    free_values: bool = False
    daily_requests: int | None = None
    identifiers: int | None = None
    derived_prefixes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it, beside the ids."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class HandlePolicy:
    """The policy of a prefix, and what was counted for it: ``requests`` on ``request_day``, ``registered`` so far."""

    prefix_id: int
    terms: Terms
    template_id: int
    template_version: int
    coding_rule_id: int | None
    request_day: date | None
    requests: int
    registered: int
    version: int
    created_at: datetime
    updated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "handle_policy": {
                **self.terms.to_json(),
                "template_id": self.template_id,
                "template_version": self.template_version,
                "coding_rule_id": self.coding_rule_id,
                "version": self.version,
            }
        }


class HandlePolicies:
    """The use cases. All raise ``PrefixUnknown``, ``NotAllowed``, ``DatabaseAway`` besides what they name."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def get(self, account: Account, prefix: Prefix) -> HandlePolicy:
        """The policy as it stands. Raises ``HandlePolicyUnknown``."""
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.HANDLE_POLICY_READ, prefix)
            return _found(await policy_of(connection, grant.prefix_id), prefix)

    async def set(
        self, account: Account, actor: Actor, prefix: Prefix, terms: Terms, version: int | None
    ) -> HandlePolicy:
        """Terms anew for the expected version, ``None`` for the first. What was counted stays.

        Raises ``VersionChanged``, ``TemplateUnknown``, ``TemplateNotPublished``, ``CodingRuleUnknown``,
        ``CodingRuleUnfit``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.HANDLE_POLICY_EDIT, prefix)
            before = await _locked(connection, grant)
            check_version(version or 0, before.version if before else 0)
            stored, rule = await _meant(connection, grant, terms)
            number = before.version + 1 if before else 1
            values = (
                grant.prefix_id, stored.template_id, rule.number if rule else None, terms.free_values,
                terms.daily_requests, terms.identifiers, terms.derived_prefixes, number, at,
            )  # fmt: skip
            with refusing(handle_policy_pkey=VersionChanged("somebody else has just set it", expected=0, found=1)):
                await connection.execute(SQL["change_handle_policy" if before else "add_handle_policy"], *values)
            after = _found(await policy_of(connection, grant.prefix_id), prefix)
            await _trace(connection, grant, "set", before, after, actor, at)
        return after

    async def remove(self, account: Account, actor: Actor, prefix: Prefix, version: int) -> None:
        """Nothing may be registered by the protocol any more; what it registered stays, what was counted goes.

        Raises ``HandlePolicyUnknown``, ``VersionChanged``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.HANDLE_POLICY_EDIT, prefix)
            before = _found(await _locked(connection, grant), prefix)
            check_version(version, before.version)
            await connection.execute(SQL["remove_handle_policy"], grant.prefix_id)
            await _trace(connection, grant, "remove", before, None, actor, at)


async def policy_of(connection: Connection, prefix_id: int) -> HandlePolicy | None:
    """The policy of a prefix, if it has one."""
    row = await connection.fetchrow(SQL["find_handle_policy"], prefix_id)
    return None if row is None else _of_row(row)


async def _locked(connection: Connection, grant: PrefixGrant) -> HandlePolicy | None:
    row = await connection.fetchrow(SQL["lock_handle_policy"], grant.prefix_id)
    return None if row is None else _of_row(row)


async def _meant(
    connection: Connection, grant: PrefixGrant, terms: Terms
) -> tuple[StoredTemplate, StoredCodingRule | None]:
    """The template and the rule that the terms name."""
    stored = await usable_template(connection, grant, terms.template)
    if terms.coding_rule is None:
        return stored, None
    rule = await coding_rule_by_name(connection, grant.enterprise_id, terms.coding_rule)
    missing = [name for name in rule.definition.names if name not in stored.template.names]
    if missing:
        raise CodingRuleUnfit(
            f"the coding rule {rule.name} needs {', '.join(missing)}, which {stored.template.name} does not have",
            coding_rule=rule.name,
            template=stored.template.name,
            missing=missing,
        )
    return stored, rule


def _found(policy: HandlePolicy | None, prefix: Prefix) -> HandlePolicy:
    if policy is None:
        raise HandlePolicyUnknown(f"{prefix.key} has no policy for the Handle protocol", prefix=prefix.key)
    return policy


def _of_row(row: Mapping[str, Any]) -> HandlePolicy:
    return HandlePolicy(
        prefix_id=row["prefix_id"],
        terms=Terms(
            template=row["template_name"],
            coding_rule=row["coding_rule_name"],
            free_values=row["free_values"],
            daily_requests=row["daily_requests"],
            identifiers=row["identifiers"],
            derived_prefixes=row["derived_prefixes"],
        ),
        template_id=row["template_id"],
        template_version=row["template_version"],
        coding_rule_id=row["coding_rule_id"],
        request_day=row["request_day"],
        requests=row["requests"],
        registered=row["registered"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def _trace(
    connection: Connection,
    grant: PrefixGrant,
    verb: str,
    before: HandlePolicy | None,
    after: HandlePolicy | None,
    actor: Actor,
    at: datetime,
) -> None:
    act = Act(
        action=f"handle_policy.{verb}",
        subject_kind="prefix",
        subject_id=str(grant.prefix_id),
        before=before.to_json() if before else None,
        after=after.to_json() if after else None,
    )
    await record_act(connection, actor, act, at)
