"""Identifiers by the Handle protocol: what a change makes of one, whether that may be, and its writing.

Everything is found out in one order, that of Handle.Net: the prefix is here, the indexes are sound, the identifier
stands or not, the values fit, and then whether the one who asks may. ``check`` goes as far as it matters to nobody in
particular and holds nothing; ``perform`` goes all the way with the rows held, and writes as every other interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any

from node.administration import (
    AddValues,
    CreateHandle,
    DeleteHandle,
    Done,
    HandleExists,
    HandleUnknown,
    Identity,
    InvalidHandle,
    ModifyValues,
    NotPermitted,
    RegistrationCountLimit,
    RemoveValues,
    ValueExists,
    ValueUnknown,
)
from node.database import Connection
from node.identifier import Identifier, Prefix
from node.journal import Interface
from node.record import Record, decode_values
from registry.enterprises import EnterpriseNotApproved, check_approved
from registry.handle.accounts import account_of
from registry.handle.authorisation import Place, authorise
from registry.handle.minting import minted
from registry.handle.names import prefix_handle
from registry.handle.permissions import RecordChange, ways
from registry.handle.policy import HandlePolicy, policy_of
from registry.handle.prefix_usage import grant_in_use
from registry.handle.quotas import check_quotas, count_request
from registry.handle.values import check_indexes, fitted, merged, refused, removed
from registry.identifiers.leaves import Change
from registry.identifiers.revisions import EMPTY, NOTHING, Indexed, Revision, Standing, updated
from registry.identifiers.rewriting import locked, rewrite, seen
from registry.identifiers.state import IdentifierState
from registry.identifiers.writing import Signature, TooContended, write_signed
from registry.prefix_grant import PrefixGrant
from registry.rejection import Code
from registry.templates.encoder import Encoded, Encoder, Entry, timestamp_of
from registry.templates.named_files import file_faults
from registry.templates.stored import StoredTemplate, template_by_id
from registry.transitions import Hosting, TemplateState

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, through which door, and when; the administrators of ``node_prefix`` are those of the node."""

    identity: Identity | None
    interface: Interface
    at: datetime
    node_prefix: Prefix


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change makes of an identifier; ``encoded`` is ``None`` where it is deleted.

    ``change`` has the values as they are to be stored; what rights it needs depends on them.
    """

    grant: PrefixGrant
    policy: HandlePolicy
    change: RecordChange
    standing: Standing | None
    stored: StoredTemplate
    encoder: Encoder
    encoded: Encoded | None


async def check(
    connection: Connection, identifier: Identifier, change: RecordChange, node_prefix: Prefix, at: datetime
) -> None:
    """Everything that is wrong before it matters who asks; takes no serial number and holds nothing.

    Raises ``PrefixElsewhere``, ``NotPermitted``, ``InvalidValue``, ``HandleExists``, ``HandleUnknown``,
    ``ValueExists``, ``ValueUnknown``.
    """
    await _planned(connection, identifier, change, node_prefix, at, hold=False)


async def perform(
    connection: Connection, identifier: Identifier, change: RecordChange, asking: Asking, rng: Random
) -> Done:
    """Do it inside the caller's transaction.

    Of a handle to be minted ``identifier`` is only a stand-in for what is wrong with its beginning. Raises also
    ``ProofNeeded``, ``InvalidAdministrator``, ``DailyRequestLimit``, ``RegistrationCountLimit``, ``InvalidHandle``
    and ``TooContended``.
    """
    for _ in range(_ATTEMPTS):
        plan = await _planned(connection, identifier, change, asking.node_prefix, asking.at, hold=True)
        standing = plan.standing if _lives(plan.standing) else None
        record = decode_values(standing.record) if standing else None
        place = Place(identifier.prefix, asking.node_prefix, record or ())
        await authorise(connection, asking.identity, ways(plan.change, record), place)
        registered = 0 if standing else 1
        check_quotas(plan.policy, asking.at, registered=registered)
        signed = await _signature(connection, identifier.prefix, asking)
        if standing is not None:
            await _rewrite(connection, plan, standing, signed)
            named = identifier
        else:
            named = await _named(connection, identifier, plan, asking.at, rng)
            if not await _register(connection, plan, named, signed):
                continue  # somebody else was faster: look again
        await count_request(connection, plan.policy, asking.at, registered=registered)
        return Done(named.text, _overwrites(change, record))
    if isinstance(change, CreateHandle) and change.mint:
        raise HandleExists(f"what is minted stands already, {named.text} for one", handle=named.text)
    raise TooContended("others keep registering the same identifiers; try again")


async def _planned(
    connection: Connection,
    identifier: Identifier,
    change: RecordChange,
    node_prefix: Prefix,
    at: datetime,
    *,
    hold: bool,
) -> Plan:
    grant = await _usable_prefix(connection, identifier.prefix, node_prefix, hold=hold)
    check_indexes(_indexes(change))
    look = locked if hold else seen
    minting = isinstance(change, CreateHandle) and change.mint
    standing = None if minting else (await look(connection, grant, [identifier.key])).get(identifier.key)
    _check_standing(identifier, change, standing)
    if not _lives(standing) and grant.hosting is not Hosting.HOSTED:
        raise NotPermitted(
            f"the identifiers of {grant.prefix.key} are not hosted here ({grant.hosting})",
            prefix=grant.prefix.key, hosting=str(grant.hosting),
        )  # fmt: skip
    policy = await policy_of(connection, grant.prefix_id)
    if policy is None:
        raise NotPermitted(
            f"no template is named for registrations by the Handle protocol under {grant.prefix.key}",
            prefix=grant.prefix.key,
        )
    stored = await _template(connection, policy, None if isinstance(change, CreateHandle) else standing)
    encoder = stored.template.compile()
    plan = Plan(grant, policy, change, standing, stored, encoder, None)
    if isinstance(change, DeleteHandle):
        return plan
    before = EMPTY if standing is None or isinstance(change, CreateHandle) else standing.record
    timestamp = timestamp_of(at)
    if isinstance(change, RemoveValues):
        fit = removed(change.indexes, stored.template)
    else:
        fit = fitted(change.values, stored.template, free_values=policy.terms.free_values, timestamp=timestamp)
    encoded = merged(encoder, before, fit, timestamp)
    await _check_files(connection, grant, stored, encoded)
    return replace(plan, change=_as_stored(change, encoded), encoded=encoded)


async def _usable_prefix(connection: Connection, prefix: Prefix, node_prefix: Prefix, *, hold: bool) -> PrefixGrant:
    grant = await grant_in_use(connection, prefix, node_prefix, "shared" if hold else None)
    if grant is None:
        raise NotPermitted(f"identifiers stand under the prefixes of enterprises, not under {prefix.key} itself")
    try:
        check_approved(grant.enterprise_state)
    except EnterpriseNotApproved as error:
        raise NotPermitted(error.detail, **error.evidence) from error
    return grant


def _overwrites(change: RecordChange, record: Record | None) -> bool:
    match change:
        case CreateHandle():
            return record is not None
        case AddValues(values=values):
            return not {value.index for value in values}.isdisjoint(value.index for value in record or ())
    return False


def _indexes(change: RecordChange) -> list[int]:
    match change:
        case DeleteHandle():
            return []
        case RemoveValues(indexes=indexes):
            return list(dict.fromkeys(indexes))  # to remove one twice is to remove it
    return [value.index for value in change.values]


def _lives(standing: Standing | None) -> bool:
    return standing is not None and standing.state is not IdentifierState.DELETED


def _check_standing(identifier: Identifier, change: RecordChange, standing: Standing | None) -> None:
    """Whether it stands as the change needs it, with the values that it needs."""
    if isinstance(change, CreateHandle):
        if _lives(standing) and not change.overwrite:
            raise HandleExists(f"{identifier.text} is registered already", handle=identifier.text)
    elif not _lives(standing):
        raise HandleUnknown(f"{identifier.text} is not registered", handle=identifier.text)
    if standing is None or standing.state is IdentifierState.DELETED:
        return
    if standing.state is IdentifierState.SUSPENDED:
        raise NotPermitted(
            f"{identifier.text} is suspended (已停用); it is changed again when it is resumed", handle=identifier.text
        )
    present = {value.index for value in decode_values(standing.record)}
    match change:
        case AddValues(values=values, overwrite=False):
            taken = next((value.index for value in values if value.index in present), None)
            if taken is not None:
                raise ValueExists(f"Index conflict for {taken}", index=taken)
        case ModifyValues() | RemoveValues():
            missing = next((index for index in _indexes(change) if index not in present), None)
            if missing is not None:
                raise ValueUnknown(f"{identifier.text} has no value at index {missing}", index=missing)


async def _template(connection: Connection, policy: HandlePolicy, standing: Standing | None) -> StoredTemplate:
    """The template of what stands; of what is new, the one that the policy names."""
    if standing is not None:
        return await template_by_id(connection, standing.template_id)
    stored = await template_by_id(connection, policy.template_id)
    if stored.state is not TemplateState.PUBLISHED:
        name = stored.template.name
        raise NotPermitted(f"the template {name} is {stored.state}; the policy has to name another", template=name)
    return stored


async def _check_files(connection: Connection, grant: PrefixGrant, stored: StoredTemplate, encoded: Encoded) -> None:
    unfit = await file_faults(connection, grant.enterprise_id, stored.template, encoded.files)
    if unfit:
        raise refused(list(unfit.values()))


def _as_stored(change: RecordChange, encoded: Encoded) -> RecordChange:
    """The change with its values as the new record has them: rules write numbers their own way."""
    if isinstance(change, DeleteHandle | RemoveValues):
        return change
    wanted = {value.index for value in change.values}
    return replace(change, values=tuple(value for value in decode_values(encoded.record) if value.index in wanted))


async def _signature(connection: Connection, prefix: Prefix, asking: Asking) -> Signature:
    # What the public may write nobody in particular writes: it goes by the prefix's own account.
    identity = asking.identity or Identity(prefix_handle(prefix), 0)
    account = await account_of(
        connection, identity, node_prefix=asking.node_prefix, interface=asking.interface, at=asking.at
    )
    return Signature(account.account_id, asking.interface, asking.at, batch_id=None)


async def _named(connection: Connection, identifier: Identifier, plan: Plan, at: datetime, rng: Random) -> Identifier:
    """The identifier itself, or the one that is minted."""
    change = plan.change
    if not isinstance(change, CreateHandle) or not change.mint:
        return identifier
    assert plan.encoded is not None, "what is created has a record"
    attributes: Mapping[str, Any] = plan.stored.template.attributes_of(plan.encoded.record)
    start = change.handle.partition("/")[2]
    return await minted(connection, identifier.prefix, plan.policy, start, attributes, at, rng)


async def _register(connection: Connection, plan: Plan, identifier: Identifier, signed: Signature) -> bool:
    """False when somebody else has registered it meanwhile."""
    assert plan.encoded is not None, "what is created has a record"
    entry = Entry(identifier.suffix, identifier.key, *plan.encoded)
    outcome = await write_signed(
        connection, plan.grant, plan.stored.template_id, [(entry, signed)],
        expect_taken=plan.standing is not None,
    )  # fmt: skip
    for taken in outcome.taken:
        if taken.attribute_index is not None:
            raise refused([Code.VALUE_TAKEN.fault(_names(plan.stored)[taken.attribute_index])])
    for one in outcome.refused:
        kind = RegistrationCountLimit if one.fault.code == Code.QUOTA_REACHED else InvalidHandle
        raise kind(one.fault.message, handle=identifier.text)
    return outcome.registered == 1


async def _rewrite(connection: Connection, plan: Plan, standing: Standing, signed: Signature) -> None:
    """The next version; none where the change says what stands."""
    revision = _revision(plan, standing)
    if not revision.effects:
        return
    change = Change.DELETE if plan.encoded is None else Change.UPDATE
    lost = await rewrite(connection, plan.grant, change, [revision], signed)
    for claim in lost.values():
        raise refused([Code.VALUE_TAKEN.fault(_names(plan.stored)[claim[1]])])


def _revision(plan: Plan, standing: Standing) -> Revision:
    template_id, encoded = plan.stored.template_id, plan.encoded
    if encoded is None:
        return Revision(standing, IdentifierState.DELETED, template_id, EMPTY, NOTHING)
    if template_id == standing.template_id:
        return updated(standing, encoded, plan.encoder)
    # Overwritten, and the policy names another template than before.
    indexed = Indexed(encoded.side, encoded.references)
    return Revision(standing, standing.state, template_id, encoded.record, indexed, encoded.files)


def _names(stored: StoredTemplate) -> Mapping[int, str]:
    return {attribute.index: attribute.name for attribute in stored.template.attributes}
