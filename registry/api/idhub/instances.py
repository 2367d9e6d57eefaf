"""DOIP operations (snms-api 9): identifiers registered, changed, deleted and resolved by metadata.

An instance is an identifier whose template has a metadata handle. Both updates change the keys that are sent and
leave the others as they are, for neither can drop one. What the caller may is decided by the use cases of the node;
here it gets IDHub's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from aiohttp import web
from yarl import URL

from node.auth import Account, Action, NotAllowed, may_ever
from node.database import Connection, Pool
from node.errors import NodeError
from node.identifier import Identifier
from node.web import Authenticate, bearer_token, signed_in
from registry.api.compatible import Asked
from registry.api.counted_reads import CountedReads
from registry.api.idhub.content import by_english_name, elements, files_in, values_of
from registry.api.idhub.listing import enterprise_of, shown_time
from registry.api.idhub.lists import file_suffixes, hands_on
from registry.api.idhub.metadata import (
    Metadata,
    check_own,
    find_metadata,
    needed_metadata,
    retrieved_view,
)
from registry.api.idhub.shapes import Operation
from registry.api.idhub.status import IdhubRefusal, Status, parameter_error
from registry.authorisations.reading import NotReadable, NotWritable, readable_values
from registry.identifiers.identifiers import AttributesInvalid, IdentifierChanged, Identifiers
from registry.identifiers.many import ManyIdentifiers, Wanted
from registry.identifiers.stored import IdentifierUnknown, StoredIdentifier
from registry.prefixes import PrefixUnknown, known_prefix
from registry.store import reading
from registry.templates.aliases import Scheme, alias_of
from registry.templates.editions import StoredTemplate, is_granted
from registry.transitions import PrefixState

_SERVICE = "DOIPSERVICEINFO"
_SERVICE_TYPE = "0.TYPE/DO.DOIPServiceInfo"
_ATTEMPTS = 5
"""Updates of what somebody else has changed meanwhile."""


class Op(StrEnum):
    CREATE = "0.DOIP/Op.Create"
    UPDATE = "0.DOIP/Op.Update"
    UPDATE_SOME = "0.DOIP.EXTEND/Op.Update.Non.Overlay"
    DELETE = "0.DOIP/Op.Delete"
    RETRIEVE = "0.DOIP/Op.Retrieve"
    HELLO = "0.DOIP/Op.Hello"
    LIST_OPERATIONS = "0.DOIP/Op.ListOperations"
    SEARCH = "0.DOIP/Op.Search"


_OF_SERVICE = (Op.HELLO, Op.LIST_OPERATIONS, Op.CREATE)
_OF_OBJECT = (Op.RETRIEVE, Op.UPDATE, Op.UPDATE_SOME, Op.DELETE, Op.LIST_OPERATIONS)
_READING = frozenset({Op.RETRIEVE, Op.HELLO, Op.LIST_OPERATIONS})


@dataclass(frozen=True, slots=True)
class Instances:
    """The operations. ``authenticate`` knows a token's owner: resolving needs none, but may bring one."""

    pool: Pool
    identifiers: Identifiers
    many: ManyIdentifiers
    authenticate: Authenticate
    reads: CountedReads

    async def write(self, asked: Asked) -> Any:
        """``POST /api/v1/doip``: whatever operation it names."""
        operation, target = _asked_for(asked)
        match operation:
            case Op.CREATE:
                return await self._create(asked, target)
            case Op.UPDATE | Op.UPDATE_SOME:
                return await self._update(asked, target)
            case Op.DELETE:
                return await self._delete(asked, target)
            case _:
                return await self._read(asked, operation, target)

    async def read(self, asked: Asked) -> Any:
        """``GET /api/v1/doip``: what changes nothing; without a token, what anybody may see."""
        operation, target = _asked_for(asked)
        if "Authorization" in asked.request.headers:
            caller = await self.authenticate(bearer_token(asked.request))
            signed_in(asked.request, caller)
            asked = replace(asked, caller=caller)
        if operation not in _READING:
            raise IdhubRefusal(Status.UN_SUPPORTED_OPERATION)
        return await self._read(asked, operation, target)

    async def _read(self, asked: Asked, operation: Op, target: Identifier) -> Any:
        match operation:
            case Op.RETRIEVE:
                return await self._retrieve(asked, target)
            case Op.HELLO:
                return await self._hello(asked.request, target)
            case Op.LIST_OPERATIONS:
                return [str(one) for one in (_OF_SERVICE if target.key == _SERVICE else _OF_OBJECT)]
            case _:
                raise IdhubRefusal(Status.UN_SUPPORTED_OPERATION)

    async def _create(self, asked: Asked, target: Identifier) -> dict[str, Any]:
        body = asked.body(Operation)
        enterprise_of(asked.account)
        async with reading(self.pool) as connection:
            metadata = await needed_metadata(connection, body.type)
            check_own(asked.account, metadata, Action.TEMPLATE_READ)
            if metadata.published is None:
                raise IdhubRefusal(Status.META_UN_PUBLISHED)
            if await find_metadata(connection, target.text) is not None:
                raise IdhubRefusal(Status.DO_ALREADY_EXIST)
        published = metadata.published
        values = values_of(published.template, metadata.said, body.attributes.values)
        with _wording(Status.NOT_OWN_HANDLE, Status.NOT_OWN_HANDLE), _in_english_names(metadata.said, published):
            await self.identifiers.register(asked.account, asked.actor, target, published.template_id, values)
        return _echoed(body)

    async def _update(self, asked: Asked, target: Identifier) -> dict[str, Any]:
        body = asked.body(Operation)
        for attempt in range(_ATTEMPTS):
            try:
                with _wording(Status.NOT_OWN_HANDLE, Status.DO_NOT_FOUND):
                    await self._update_once(asked, target, body)
            except IdentifierChanged:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                break
        return _echoed(body)

    async def _update_once(self, asked: Asked, target: Identifier, body: Operation) -> None:
        account = asked.account
        async with reading(self.pool) as connection:
            stored, template, _ = await readable_values(connection, account, target)
            grant = await known_prefix(connection, target.prefix, account.enterprise_id)
            metadata = await needed_metadata(connection, body.type)
            if (metadata.alias.enterprise_id, metadata.name) != (template.enterprise_id, template.template.name):
                said = Status.ITEM_NOT_BELONG_TO_META.text.format(target.text)
                raise IdhubRefusal(Status.ITEM_NOT_BELONG_TO_META, said)
        if grant.enterprise_id != account.enterprise_id:
            values = values_of(template.template, metadata.said, body.attributes.values)
            with _in_english_names(metadata.said, template):
                await self.identifiers.update(account, asked.actor, target, stored.version, values)
            return
        # A template that another enterprise once brought along with its prefix is not ours to follow.
        own = metadata.alias.enterprise_id == account.enterprise_id
        edition = (metadata.published if own else None) or template
        values = values_of(edition.template, metadata.said, body.attributes.values)
        whole = {**_standing(stored, template, edition), **values}
        with _in_english_names(metadata.said, edition):
            if edition.template_id == template.template_id:
                await self.identifiers.update(account, asked.actor, target, stored.version, whole)
                return
            wanted = Wanted(target, edition.template_id, whole, stored.version)
            for refusal in await self.many.update(account, asked.actor, [wanted]):
                if refusal is not None:
                    raise refusal

    async def _delete(self, asked: Asked, target: Identifier) -> None:
        with _wording(Status.NOT_OWN_HANDLE, Status.DO_NOT_FOUND):
            if not may_ever(asked.account, Action.IDENTIFIER_DELETE):
                raise IdhubRefusal(Status.NO_PERMISSION_DELETE_DO)
            for refusal in await self.many.delete(asked.account, asked.actor, [target]):
                if refusal is not None:
                    raise refusal

    async def _retrieve(self, asked: Asked, target: Identifier) -> dict[str, Any]:
        """Metadata, or an instance, whose retrieval counts as a resolution."""
        try:
            async with reading(self.pool) as connection:
                metadata = await find_metadata(connection, target.text)
                if metadata is not None:
                    return await _resolved_metadata(connection, asked.caller, metadata)
                told = await _resolved_instance(connection, *await readable_values(connection, asked.caller, target))
        except NodeError as error:
            self.reads.refused(asked, target, error)
            if isinstance(error, PrefixUnknown | IdentifierUnknown):
                raise IdhubRefusal(Status.DO_NOT_FOUND) from None
            if isinstance(error, NotReadable):
                raise IdhubRefusal(Status.NO_PERMISSION_VIEW_DATA) from None
            raise
        self.reads.answered(asked, target)
        return told

    async def _hello(self, request: web.Request, target: Identifier) -> dict[str, Any]:
        async with reading(self.pool) as connection:
            try:
                grant = await known_prefix(connection, target.prefix, None)
            except PrefixUnknown:
                raise IdhubRefusal(Status.DO_NOT_FOUND) from None
        if target.key != _SERVICE or grant.state is not PrefixState.ENABLED:
            raise IdhubRefusal(Status.DO_NOT_FOUND)
        place: URL = request.url
        return {
            "id": target.text,
            "type": _SERVICE_TYPE,
            "attributes": {
                "ipAddress": place.host,
                "port": place.port,
                "protocol": place.scheme.upper(),
                "protocolVersion": "2.0",
            },
        }


async def _resolved_metadata(connection: Connection, caller: Account | None, metadata: Metadata) -> dict[str, Any]:
    """Published metadata, for its enterprise and those it is granted to."""
    owner = metadata.alias.enterprise_id
    own = caller is not None and caller.enterprise_id in (None, owner)
    nobody = owner if caller is None or caller.enterprise_id is None else caller.enterprise_id
    if metadata.published is None:
        raise IdhubRefusal(Status.META_UN_PUBLISHED)
    if not own and (caller is None or not await is_granted(connection, owner, metadata.name, nobody)):
        raise IdhubRefusal(Status.NO_PERMISSION_VIEW_DATA)
    return retrieved_view(metadata, metadata.published, str(metadata.said.get("createdBy", "")))


async def _resolved_instance(
    connection: Connection, stored: StoredIdentifier, template: StoredTemplate, visible: frozenset[str]
) -> dict[str, Any]:
    grant = await known_prefix(connection, stored.prefix, None)
    owner, name = template.enterprise_id, template.template.name
    alias = await alias_of(connection, Scheme.IDHUB, owner, name) if owner is not None else None
    said: Mapping[str, Any] = alias.said if alias else {}
    kind = said.get("metaHandle") or f"{grant.prefix.text}/{name}"
    values = template.template.attributes_of(stored.record)
    suffixes = await file_suffixes(connection, grant.enterprise_id, files_in(template.template, values))
    creator, updater = await hands_on(connection, grant.prefix_id, stored.suffix_key)
    return {
        "id": stored.text,
        "type": kind,
        "attributes": {
            "id": stored.text,
            "type": kind,
            "attributes": {
                "metaData": {
                    "createTime": shown_time(stored.registered_at),
                    "updateTime": shown_time(stored.updated_at),
                    "creator": creator,
                    "updater": updater,
                }
            },
        },
        "elements": elements(template.template, said, values, visible, suffixes),
    }


def _asked_for(asked: Asked) -> tuple[Op, Identifier]:
    """The operation and what it is about. Raises ``IdhubRefusal``, ``InvalidIdentifier`` and its kin."""
    told, target = asked.query.get("operationId", ""), asked.query.get("targetId", "")
    if not told:
        raise parameter_error("operationId", "operationId不能为空")
    if not target:
        raise parameter_error("targetId", "targetId不能为空")
    try:
        operation = Op(told)
    except ValueError:
        raise IdhubRefusal(Status.OP_NOT_FOUND) from None
    return operation, Identifier.parse(target)


def _standing(stored: StoredIdentifier, template: StoredTemplate, edition: StoredTemplate) -> dict[str, Any]:
    """What an instance says now, as far as the edition takes it: attributes that are off keep theirs untouched."""
    taking = {attribute.name for attribute in edition.template.attributes if attribute.enabled}
    values = template.template.attributes_of(stored.record)
    return {name: value for name, value in values.items() if name in taking}


def _echoed(body: Operation) -> dict[str, Any]:
    return {"type": body.type, "attributes": {"content": body.attributes.content}}


@contextmanager
def _wording(foreign: Status, absent: Status) -> Iterator[None]:
    """Refusals of the node in the words that an operation has for them."""
    try:
        yield
    except (NotAllowed, NotReadable):
        raise IdhubRefusal(foreign) from None
    except PrefixUnknown:
        raise IdhubRefusal(absent) from None
    except NotWritable:
        raise IdhubRefusal(Status.NO_PERMISSION_MODIFY_DATA) from None


@contextmanager
def _in_english_names(said: Mapping[str, Any], stored: StoredTemplate) -> Iterator[None]:
    """Faults name the items as the client does."""
    try:
        yield
    except AttributesInvalid as error:
        english = {one.name: name for name, one in by_english_name(stored.template, said).items()}
        faults = [
            {**fault, "field": english.get(fault["field"], fault["field"])} for fault in error.evidence["faults"]
        ]
        raise AttributesInvalid(error.detail, faults=faults) from None
