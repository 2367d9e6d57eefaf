"""Out of IDHub: an application's metadata, their identifiers with their times, and the files that these name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from node.errors import NodeError
from node.movein import idhub
from node.movein.crew import each
from node.movein.from_snms import IdentifierAbsent
from node.movein.idhub import Idhub
from node.movein.peer import PeerRefused, PeerStrange, whole_number
from node.movein.wanted import Wanted, wanted
from node.movein.workplace import Workplace

_FILES = frozenset({4, 6, 7, 8})
"""``dataType`` of files, sound, films and pictures."""
Progress = Callable[[int, int], None]


async def fetch(old: Idhub, work: Workplace, progress: Progress) -> None:
    """Fill the workplace with what is missing; what cannot be had is a problem of its own.

    Raises ``PeerAway``, ``PeerRefused`` and ``PeerStrange`` of the login and the lists.
    """
    seen = 0

    async def missing() -> AsyncIterator[tuple[Wanted, str]]:
        nonlocal seen
        async for metadata in _metadata(old, work):
            async for listed in old.identifiers(metadata):
                seen += 1
                progress(seen, seen)
                try:
                    times = (str(listed.get("createTime") or listed.get("createdTime") or ""),
                             str(listed.get("updateTime") or ""))  # fmt: skip
                    one = wanted(listed["handleName"], *times)
                except NodeError as error:
                    work.problem_of(listed["handleName"][:300], error)
                    continue
                if not work.has(one):
                    yield one, metadata

    async def bring(one: tuple[Wanted, str]) -> None:
        identifier, metadata = one
        handle = identifier.identifier.text
        try:
            elements = await old.elements(handle)
            values = {_index(handle, element): element.get("data") for element in elements}
            for element in elements:
                if whole_number(element.get("dataType")) in _FILES:
                    await _bring_files(old, work, handle, metadata, element)
        except PeerRefused as refusal:
            absent = idhub.is_absent(refusal)
            work.problem_of(handle, IdentifierAbsent(refusal.evidence["said"]) if absent else refusal)
        except PeerStrange as error:
            work.problem_of(handle, error)
        else:
            work.keep(identifier, handle, metadata, values)

    await each(missing(), bring)


async def _metadata(old: Idhub, work: Workplace) -> AsyncIterator[str]:
    """The handles of all metadata, each once; what they say is kept."""
    categories = await old.categories()
    seen = set()
    for category in categories:
        async for listed in old.metadata(category["classifyCode"]):
            handle = listed["metaHandle"]
            if handle in seen:
                continue
            seen.add(handle)
            if handle not in work.templates:
                above = _above(categories, category)
                work.keep_template(handle, {**await old.info(handle), "categories": above})
            yield handle


def _above(categories: list[dict[str, Any]], category: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A category and those it stands in, the outermost first."""
    by_code = {one["classifyCode"]: one for one in categories}
    path: list[dict[str, Any]] = []
    code = category["classifyCode"]
    while code is not None and len(path) < len(categories):
        path.insert(0, by_code[code])
        code = by_code[code]["parent"]
    return path


def _index(handle: str, element: Mapping[str, Any]) -> int:
    index = whole_number(element.get("index"))
    if index is None or not isinstance(element.get("type"), str):
        raise PeerStrange(f"an element of {handle} has no index or no type")
    return index


async def _bring_files(old: Idhub, work: Workplace, handle: str, metadata: str, element: Mapping[str, Any]) -> None:
    data = element.get("data")
    for path in data if isinstance(data, list) else [data]:
        if not isinstance(path, str):
            raise PeerStrange(f"the item {element['type']} of {handle} names no file")
        if path and path not in work.files:
            content = await old.file(path, handle, element["type"])
            work.keep_file(path, content, metadata, element["type"])
