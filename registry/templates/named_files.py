"""Whether the files that new values name are there, and are what their attributes demand."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from node.database import Connection
from node.sql import statements_beside
from registry.rejection import Code, Fault
from registry.templates.attributes import Attribute
from registry.templates.beside import NamedFile
from registry.templates.media import has_suffix, is_media
from registry.templates.template import Template

SQL = statements_beside(__file__, "named_files.sql")


async def file_faults(
    connection: Connection, enterprise_id: UUID, template: Template, named: Collection[NamedFile]
) -> dict[NamedFile, Fault]:
    """What is wrong with files of an enterprise as values of a template; those that fit are left out."""
    if not named:
        return {}
    digests = list({file.digest for file in named})
    rows = await connection.fetch(SQL["files_named"], enterprise_id, digests)
    described = {row["sha256"]: (row["media_type"], row["name"]) for row in rows}
    attributes = {attribute.index: attribute for attribute in template.attributes}
    faults = {file: _fault(attributes[file.attribute_index], described.get(file.digest)) for file in named}
    return {file: fault for file, fault in faults.items() if fault is not None}


def _fault(attribute: Attribute, described: tuple[str, str] | None) -> Fault | None:
    if described is None:
        return Code.FILE_UNKNOWN.fault(attribute.name)
    media_type, name = described
    if attribute.media is not None and not is_media(attribute.media, media_type, name):
        return Code.WRONG_MEDIA.fault(attribute.name, media_type=media_type, media=attribute.media.value)
    if attribute.suffixes and not has_suffix(attribute.suffixes, name):
        return Code.WRONG_FILE_SUFFIX.fault(attribute.name, name=name, known=", ".join(attribute.suffixes))
    return None
