"""Files of instances (snms-api 12): uploaded for an item, fetched by whoever may see the value that names them.

The name of a file here, its ``filePath``, is the file's id, which is its content's digest, with the ending of the
name that it came with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web

from node.auth import Action, may
from node.database import Pool
from node.identifier import Identifier
from node.routes import Reply
from node.web import render
from registry.api.compatible import Asked
from registry.api.idhub.content import by_english_name, file_id_in, file_path
from registry.api.idhub.listing import enterprise_of
from registry.api.idhub.metadata import needed_metadata
from registry.api.idhub.status import IdhubRefusal, Status, parameter_error
from registry.api.multipart import read_form
from registry.authorisations.reading import NotReadable, readable_values
from registry.files.files import Files, FileUnknown
from registry.files.media_types import media_type_of, suffix_of
from registry.identifiers.stored import IdentifierUnknown
from registry.prefixes import PrefixUnknown
from registry.store import reading
from registry.templates.aliases import Scheme, alias_of
from registry.templates.attributes import Kind
from registry.templates.media import has_suffix, is_media
from registry.templates.value_rules import digest_of

LARGEST = 50 << 20
"""Octets of one file, if the node's own bound is not below it."""
_LONGEST_FIELD = 1024


@dataclass(frozen=True, slots=True)
class FileDesk:
    """The two operations on files."""

    pool: Pool
    files: Files

    async def upload(self, asked: Asked) -> dict[str, Any]:
        """``POST /api/v1/doip/file-upload``: multipart, the parameters in the query or as fields (C-19)."""
        enterprise_id = enterprise_of(asked.account)
        form = await read_form(asked.request, min(LARGEST, self.files.limits.file_bytes))
        fields = {**form.fields, **asked.query}
        handle, item = _told(fields, "metaHandle"), _told(fields, "fileField")
        async with reading(self.pool) as connection:
            metadata = await needed_metadata(connection, handle)
        if not may(asked.account, Action.FILE_ADD, metadata.alias.enterprise_id):
            raise IdhubRefusal(Status.NOT_OWN_HANDLE)
        edition = metadata.published or metadata.newest
        attribute = by_english_name(edition.template, metadata.said).get(item)
        if attribute is None or attribute.kind is not Kind.FILE:
            said = Status.ITEM_NOT_BELONG_TO_META.text.format(item[:100])
            raise IdhubRefusal(Status.ITEM_NOT_BELONG_TO_META, said)
        sent = next((file for file in form.files if file.part == "file"), None)
        if sent is None:
            raise parameter_error("file", "file不能为空")
        name = sent.name
        media_type = media_type_of(name)
        wrong_media = media_type and attribute.media and not is_media(attribute.media, media_type, name)
        if media_type is None or wrong_media or (attribute.suffixes and not has_suffix(attribute.suffixes, name)):
            raise parameter_error("file", f"文件后缀{suffix_of(name)}不在允许范围内")
        stored, _ = await self.files.add(
            asked.account, asked.actor, enterprise_id, name, media_type, sent.content, private=True
        )
        return {"id": stored.file_id, "filePath": file_path(stored.file_id, suffix_of(name))}

    async def acquire(self, asked: Asked) -> web.StreamResponse:
        """``GET /api/v1/doip/file-acquire``: the file, if an item that the caller may see names it."""
        path, handle, item = (_told(asked.query, name) for name in ("filePath", "handle", "field"))
        file_id = file_id_in(path)
        async with reading(self.pool) as connection:
            try:
                stored, template, visible = await readable_values(connection, asked.account, Identifier.parse(handle))
            except (PrefixUnknown, IdentifierUnknown):
                raise IdhubRefusal(Status.DO_NOT_FOUND) from None
            except NotReadable:
                raise IdhubRefusal(Status.NO_PERMISSION_VIEW_DATA) from None
            owner, name = template.enterprise_id, template.template.name
            alias = await alias_of(connection, Scheme.IDHUB, owner, name) if owner is not None else None
        attribute = by_english_name(template.template, alias.said if alias else {}).get(item)
        if attribute is not None and attribute.name not in visible:
            raise IdhubRefusal(Status.NO_PERMISSION_VIEW_DATA)
        named = template.template.attributes_of(stored.record).get(attribute.name, ()) if attribute else ()
        if file_id is None or file_id not in ([named] if isinstance(named, str) else named):
            raise IdhubRefusal(Status.FILE_ACQUIRE_ERROR)
        try:
            file = await self.files.served(digest_of(file_id), named=True)
        except FileUnknown:
            raise IdhubRefusal(Status.FILE_ACQUIRE_ERROR) from None
        headers = {
            "Content-Length": str(file.size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        }
        return await render(
            asked.request, Reply(self.files.content(file), headers=headers, content_type=file.media_type)
        )


def _told(fields: dict[str, str], name: str) -> str:
    told = fields.get(name, "")
    if not told or len(told) > _LONGEST_FIELD or not told.isprintable():
        raise parameter_error(name, f"{name}不能为空")
    return told
