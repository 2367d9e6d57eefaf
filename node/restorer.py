"""Bring an exported directory back into a node: its templates, its files, its rows as they were.

Every file is compared with its digest before anything is sent. All of it may be repeated: what stands already is
left alone, so an import that was interrupted is simply begun again.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from node import export_directory
from node.client import Client
from node.errors import Conflict
from node.export_directory import Manifest
from node.importer import FileUnusable, Import, import_file, save_rejections

_BLOCK = 256 * 1024
_LIMIT = 200  # items of one list
_ATTEMPTS = 5  # to send rejected rows again
_COUNTS = ("registered", "changed", "unchanged", "rejected")
_NODE = "@node"  # behind the name of a template of the node's own that stands behind the enterprise's own

Progress = Callable[[int, int], None]


class TemplateDiffers(Conflict):
    title_zh = "同名数据模板的定义不同"


class FileChanged(Conflict):
    title_zh = "节点上的文件与导出的不同"


async def restore(
    client: Client,
    directory: Path,
    *,
    rejections: Path | None = None,
    progress: Progress = lambda _sent, _total: None,
    patience: float = 60.0,
) -> dict[str, Any]:
    """Send a directory to a node as its administrator; returns what became of it, batch by batch.

    The prefix must be there, enabled. Rejected rows are written to the directory ``rejections``, by default one
    beside the export. Raises ``NotAnExport``, ``ExportDamaged``, ``TemplateDiffers``, ``FileChanged``,
    ``FileUnusable``, ``Refused``, ``NodeAway``, ``NotANode``.
    """
    manifest = await asyncio.to_thread(export_directory.verified, directory)
    prefix = await client.get(f"/v1/prefixes/{manifest.prefix}")
    enterprise_id = prefix["enterprise_id"]
    published = await _restore_templates(client, directory, manifest, enterprise_id)
    files = await _restore_files(client, directory, manifest, enterprise_id)
    parts = manifest.of_kind("rows")
    total = sum(part.octets for part in parts)
    done = 0
    batches = []
    beside = directory.parent / f"{directory.name}.rejections"
    for part in parts:
        so_far = partial(_so_far, progress, done, total)
        batch = await _rows(client, directory / part.name, manifest.prefix, so_far, patience)
        if batch["rejected"]:
            target = (rejections or beside) / part.name
            await _save_rejected(client, batch["batch_id"], target)
            batch["rejections"] = str(target)
        batches.append({"file": part.name, **batch})
        done += part.octets
    return {
        "prefix": manifest.prefix,
        "position": manifest.position,
        "templates": published,
        "files": files,
        **{name: sum(batch[name] for batch in batches) for name in _COUNTS},
        "batches": batches,
    }


def _so_far(progress: Progress, done: int, total: int, sent: int) -> None:
    progress(done + sent, total)


# Rows ---------------------------------------------------------------------------------------------


async def _rows(
    client: Client, path: Path, prefix: str, progress: Callable[[int], None], patience: float
) -> dict[str, Any]:
    """One file as a batch; what is rejected is sent again as long as that helps.

    A row may be rejected because another one still holds its unique value and gives it up only in a row that comes
    later: increments come in the order of the last changes.
    """
    batch = await _batch(client, path, prefix, progress, patience)
    report = dict(batch)
    with tempfile.TemporaryDirectory(prefix="biaoshi-import-") as folder:
        for attempt in range(_ATTEMPTS if batch["rejected"] and batch["state"] == "finished" else 0):
            again = Path(folder) / f"{attempt}{path.suffix}"
            await save_rejections(client, batch["batch_id"], again)
            batch = await _batch(client, again, prefix, lambda _: None, patience)
            for name in ("registered", "changed"):
                report[name] += batch[name]
            report.update(batch_id=batch["batch_id"], rejected=batch["rejected"], state=batch["state"])
            helped = batch["registered"] + batch["changed"]
            if not batch["rejected"] or not helped or batch["state"] != "finished":
                break
    return report


async def _save_rejected(client: Client, batch_id: str, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnusable(f"{target.parent} cannot be made: {error.strerror}", file=str(target)) from None
    await save_rejections(client, batch_id, target)


async def _batch(
    client: Client, path: Path, prefix: str, progress: Callable[[int], None], patience: float
) -> dict[str, Any]:
    task = Import(path, prefix, operation="restore")
    return await import_file(client, task, progress=lambda sent, _: progress(sent), patience=patience)


# Templates ----------------------------------------------------------------------------------------


async def _restore_templates(client: Client, directory: Path, manifest: Manifest, enterprise_id: str) -> int:
    """Publish what is missing; returns how many were. Raises ``TemplateDiffers``."""
    published = 0
    for part in manifest.of_kind("templates"):
        wanted = json.loads((directory / part.name).read_bytes())
        here = [one async for one in _templates(client) if one["enterprise_id"] in (None, enterprise_id)]
        for template in wanted:
            owner = None if template["shared"] else enterprise_id
            standing = _standing(here, template)
            if standing is None:
                made = await _published(client, here, template, owner)
                here = [*(one for one in here if one["template_id"] != made["template_id"]), made]
                published += 1
            elif standing["definition"] != template["definition"]:
                raise _differs(template, "its definition here is another one")
    return published


async def _templates(client: Client) -> AsyncIterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = await client.get("/v1/templates", limit=_LIMIT, **cursor)
        for one in page["items"]:
            yield one
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def _standing(here: list[dict[str, Any]], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """What rows of this template would get here: the enterprise's own before the node's."""
    node_s_only = str(wanted["template"]).endswith(_NODE)
    meant = [
        one
        for one in here
        if (one["name"], one["template_version"]) == (wanted["name"], wanted["edition"])
        and one["state"] != "draft"
        and not (node_s_only and one["enterprise_id"] is not None)
    ]
    return max(meant, key=lambda one: one["enterprise_id"] is not None, default=None)


async def _published(
    client: Client, here: list[dict[str, Any]], wanted: Mapping[str, Any], owner: str | None
) -> dict[str, Any]:
    """Make this edition, its predecessors being there."""
    definition = {name: said for name, said in wanted["definition"].items() if name != "version"}
    editions = {
        one["template_version"]: one for one in here if (one["name"], one["enterprise_id"]) == (wanted["name"], owner)
    }
    edition = wanted["edition"]
    draft = editions.get(edition)
    if max(editions, default=0) not in (edition - 1, edition):
        raise _differs(wanted, f"the newest edition here is {max(editions, default=0)}")
    if draft is None and edition == 1:
        draft = await client.post("/v1/templates", {**definition, "enterprise_id": owner})
    elif draft is None:
        draft = await client.post(f"/v1/templates/{editions[edition - 1]['template_id']}/revise")
    if draft["definition"] != wanted["definition"]:
        former = editions.get(edition - 1)
        if former is None or {**former["definition"], "version": edition} != draft["definition"]:
            raise _differs(wanted, "somebody is drafting this edition here")
        path = f"/v1/templates/{draft['template_id']}"
        draft = await client.put(path, {**definition, "version": draft["version"]})
    made: dict[str, Any] = await client.post(f"/v1/templates/{draft['template_id']}/publish")
    if made["definition"] != wanted["definition"]:
        raise _differs(wanted, "this node makes another definition of it")
    if wanted["state"] == "withdrawn":
        made = await client.post(f"/v1/templates/{draft['template_id']}/withdraw")
    return made


def _differs(wanted: Mapping[str, Any], why: str) -> TemplateDiffers:
    name, edition = wanted["name"], wanted["edition"]
    return TemplateDiffers(f"template {name}, edition {edition}: {why}", template=name, edition=edition)


# Files --------------------------------------------------------------------------------------------


async def _restore_files(client: Client, directory: Path, manifest: Manifest, enterprise_id: str) -> int:
    """Send the files that the rows name; returns how many were new."""
    new = 0
    for part in manifest.of_kind("file_list"):
        for line in (directory / part.name).read_bytes().splitlines():
            file = json.loads(line)
            path = directory / "files" / file["file_id"]
            async with client.request(
                "POST",
                "/v1/files",
                params={
                    "name": file["name"],
                    "enterprise_id": enterprise_id,
                    "private": "true" if file.get("private") else "false",
                },
                headers={"Content-Type": file["media_type"], "Content-Length": str(path.stat().st_size)},
                data=_blocks(path),
            ) as response:
                stored = await response.json()
            if stored["file_id"] != file["file_id"]:
                raise FileChanged(f"{file['file_id']} became {stored['file_id']}", file_id=file["file_id"])
            new += response.status == 201
    return new


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block
