"""Column mappings that an enterprise keeps under a name, to be used by one batch after the other."""

from __future__ import annotations

from uuid import UUID

from node.auth import Action
from node.database import Connection, Pool
from node.errors import Conflict, NotFound
from node.sql import statements_beside
from registry.mappings.mapping import Mapping
from registry.named_definitions import Clock, NamedDefinitions, Noun, Stored, definition_by_name

_SQL = statements_beside(__file__, "column_mappings.sql")


class MappingUnknown(NotFound):
    title_zh = "列映射不存在"


class MappingNameTaken(Conflict):
    title_zh = "列映射名已被使用"


_NOUN = Noun(
    word="mapping",
    read_action=Action.MAPPING_READ,
    edit_action=Action.MAPPING_EDIT,
    read=Mapping.parse,
    unknown=MappingUnknown,
    name_taken=MappingNameTaken,
    name_constraint="column_mapping_name_unique",
    enterprise_constraint="column_mapping_enterprise_known",
    in_use={},
    add=_SQL["add_column_mapping"],
    find=_SQL["find_column_mapping"],
    find_by_name=_SQL["column_mapping_by_name"],
    lock=_SQL["lock_column_mapping"],
    list=_SQL["list_column_mappings"],
    change=_SQL["change_column_mapping"],
    remove=_SQL["remove_column_mapping"],
)

StoredMapping = Stored[Mapping]


class Mappings(NamedDefinitions[Mapping]):
    """The use cases of column mappings."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        super().__init__(_NOUN, pool, clock)


async def mapping_by_name(connection: Connection, enterprise_id: UUID, name: str) -> StoredMapping:
    """The mapping that an enterprise means; a batch keeps a copy of it. Raises ``MappingUnknown``."""
    return await definition_by_name(_NOUN, connection, enterprise_id, name)
