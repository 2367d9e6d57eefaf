"""Metadata of another node made here, through the same interface, and the files of its identifiers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from node.client import Client, Refused
from node.errors import Conflict, NodeError
from node.movein.idhub import Idhub
from node.movein.peer import PeerRefused, PeerStrange, whole_number
from node.movein.target import Target, TemplateOtherwise, check_items, target_of
from node.movein.wanted import identifier_of
from node.movein.workplace import Workplace

_UNCLASSIFIED = "UN_CLASSIFIED"
_UNFIT = frozenset({400, 409, 422})
_HEAD = ("metaName", "metaCode", "industryCategory", "industrySpecific", "industryTrade",
         "industrySubclass", "standard", "metaDesc")  # fmt: skip
_ITEM = ("itemIndex", "itemCode", "englishName", "chineseName", "itemState", "definition", "inputNecessary",
         "listItemNecessary", "required", "uniqueField", "comment")  # fmt: skip


async def make_metadata(client: Client, new: Idhub, work: Workplace) -> Mapping[str, Target | NodeError]:
    """What the metadata are here, made and published if they were missing.

    Metadata that identifiers have are published even if they were not there: an identifier needs them.
    Raises ``Refused`` where an identifier's prefix is missing, ``PeerAway``, and as the login.
    """
    used = {fetched.template: identifier_of(fetched.handle).prefix.key for fetched in work.fetched()}
    owners = {prefix: (await client.get(f"/v1/prefixes/{prefix}"))["enterprise_id"] for prefix in set(used.values())}
    categories = await _make_categories(client.acting_with(await new.token()), work)
    failed = await _make_all(new, work, categories)
    targets: dict[str, Target | NodeError] = {}
    for handle, there in work.templates.items():
        try:
            here = await _here(new, handle, failed)
            check_items(_items(there), _items(here), handle)
            if not whole_number(here.get("metaState")) and (handle in used or whole_number(there.get("metaState"))):
                await new.publish(handle)
            if handle in used:
                template = await client.get(f"/v1/templates/{await _template_id(new, handle, here)}")
                targets[handle] = target_of(template, owners[used[handle]])
        except (PeerRefused, PeerStrange, Conflict) as error:
            targets[handle] = error
            if handle not in used:
                work.problem_of(handle, error)
    return targets


async def send_files(client: Client, new: Idhub, work: Workplace) -> None:
    """Upload what is missing; an identifier whose file is refused is refused with it. Raises ``PeerAway``."""
    own = client.acting_with(await new.token())
    for path, line in work.files.items():
        try:
            await own.get(f"/v1/files/{line['file_id']}")
            continue
        except Refused as refusal:
            if refusal.status != 404:
                raise
        content = work.content_of(line["file_id"]).read_bytes()
        try:
            await new.upload(path, content, line["metadata"], line["item"])
        except (PeerRefused, PeerStrange) as error:
            work.problem_of(path, error)


async def _make_categories(own: Client, work: Workplace) -> Collection[str]:
    """The codes of the categories that are here, those that were missing made; one that is refused is a problem."""
    ids = {one["code"]: one["template_category_id"] for one in (await own.get("/v1/template-categories"))["items"]}
    for metadata in work.templates.values():
        for category in metadata["categories"]:
            code = category["classifyCode"]
            if code not in ids:
                body = {
                    "code": code,
                    "name": str(category["classifyName"] or code),
                    "parent_id": ids.get(category["parent"]),
                }
                try:
                    ids[code] = (await own.post("/v1/template-categories", body))["template_category_id"]
                except Refused as refusal:
                    if refusal.status not in _UNFIT:
                        raise
                    work.problem_of(code, refusal)
    return ids.keys()


async def _make_all(new: Idhub, work: Workplace, categories: Collection[str]) -> dict[str, NodeError]:
    """Make what is missing; metadata refer to one another, so what is refused is tried again while that helps."""
    waiting = dict(work.templates)
    failed: dict[str, NodeError] = {}
    while waiting:
        failed = {}
        for handle, there in waiting.items():
            try:
                await _make(new, handle, there, categories)
            except (PeerRefused, PeerStrange) as error:
                failed[handle] = error
        if len(failed) == len(waiting):
            return failed
        waiting = {handle: waiting[handle] for handle in failed}
    return failed


async def _make(new: Idhub, handle: str, there: Mapping[str, Any], categories: Collection[str]) -> None:
    try:
        await new.info(handle)
    except PeerRefused:
        head = {name: there[name] for name in _HEAD if there.get(name) is not None}
        codes = [category["classifyCode"] for category in there["categories"]]
        body = {
            **head,
            "metaHandle": handle,
            "classifyCode": next((code for code in reversed(codes) if code in categories), _UNCLASSIFIED),
            "metaItemCreateDTOS": [_item(item) for item in there["itemVOS"]],
        }
        await new.create_metadata(body)


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: item[name] for name in _ITEM if item.get(name) is not None}
    reference = _part(item, "itemReferenceVO").get("referenceMetaHandle")
    schema = {name: fact for name, fact in _part(item, "itemSchemaVO").items() if fact is not None}
    return {
        **said,
        "itemSchemaCreateDTO": schema,
        "itemReferenceDTO": {"referenceMetaHandle": reference} if reference else {},
    }


def _part(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = item.get(name)
    return part if isinstance(part, Mapping) else {}


def _items(metadata: Mapping[str, Any]) -> dict[int, str]:
    return {whole_number(item.get("itemIndex")) or 0: str(item.get("englishName")) for item in metadata["itemVOS"]}


async def _here(new: Idhub, handle: str, failed: Mapping[str, NodeError]) -> Mapping[str, Any]:
    try:
        return await new.info(handle)
    except PeerRefused as refusal:
        raise failed.get(handle, refusal) from None


async def _template_id(new: Idhub, handle: str, here: Mapping[str, Any]) -> int:
    async for listed in new.metadata(str(here.get("classifyCode")), handle):
        number = whole_number(listed.get("id"))
        if listed["metaHandle"] == handle and number is not None:
            return number
    raise TemplateOtherwise(f"{handle} is not listed here")
