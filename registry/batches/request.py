"""What a batch is asked to do: an operation on the rows of a body, or on whatever a query selects."""

from __future__ import annotations

from collections.abc import Mapping as Object
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from node.auth import Action
from node.errors import Malformed
from node.identifier import Prefix
from registry.identifiers.leaves import Change
from registry.mappings.mapping import Mapping
from registry.rows.form import Form
from registry.search.filters import Filters


class OperationUnfit(Malformed):
    title_zh = "操作与参数不符"


class Operation(StrEnum):
    REGISTER = "register"
    UPDATE = "update"
    DELETE = "delete"
    SUSPEND = "suspend"
    RESUME = "resume"
    MIGRATE = "migrate"
    RESTORE = "restore"
    UNDO = "undo"

    @property
    def action(self) -> Action:
        """What its account must be allowed to do."""
        return _ACTIONS[self]

    @property
    def change(self) -> Change:
        """What it does to one standing identifier; not for ``REGISTER``, ``RESTORE``."""
        return Change[self.name]

    @property
    def confirmed(self) -> bool:
        """Whether it is only done with the confirmation that its preview gave."""
        return self in _CONFIRMED


_ACTIONS = {
    Operation.REGISTER: Action.IDENTIFIER_REGISTER,
    Operation.UPDATE: Action.IDENTIFIER_UPDATE,
    Operation.DELETE: Action.IDENTIFIER_DELETE,
    Operation.SUSPEND: Action.IDENTIFIER_SUSPEND,
    Operation.RESUME: Action.IDENTIFIER_SUSPEND,
    Operation.MIGRATE: Action.IDENTIFIER_UPDATE,
    Operation.RESTORE: Action.IDENTIFIER_RESTORE,
    Operation.UNDO: Action.IDENTIFIER_UPDATE,
}
_CONFIRMED = frozenset(
    {Operation.UPDATE, Operation.DELETE, Operation.SUSPEND, Operation.RESUME, Operation.MIGRATE}
)  # fmt: skip
_WITH_TEMPLATE = frozenset({Operation.REGISTER, Operation.UPDATE})


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """An operation on the rows of a body. ``mapping`` is what ``mapping_name`` meant when the batch was opened."""

    prefix: Prefix
    form: Form
    operation: Operation = Operation.REGISTER
    template: str | None = None
    mapping: Mapping | None = None
    mapping_name: str | None = None

    def __post_init__(self) -> None:
        if self.operation in _WITH_TEMPLATE and self.template is None:
            raise OperationUnfit(f"{self.operation} needs a template", field="template")
        if self.operation not in _WITH_TEMPLATE and self.template is not None:
            raise OperationUnfit(f"{self.operation} takes no template", field="template")
        if self.operation is Operation.RESTORE and (self.mapping is not None or self.mapping_name is not None):
            raise OperationUnfit("restore takes rows as they were exported, without a mapping", field="mapping")

    def to_json(self) -> dict[str, Any]:
        """What the batch keeps of it, and what another request under its key is compared with."""
        return {
            "operation": self.operation.value,
            "prefix": self.prefix.key,
            "template": self.template,
            "format": self.form.format.value,
            "gzip": self.form.gzip,
            "encoding": self.form.encoding,
            "delimiter": self.form.delimiter,
            "sheet": self.form.sheet,
            "mapping": None if self.mapping is None else self.mapping.to_json(),
            "mapping_name": self.mapping_name,
        }


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """An operation on all identifiers that meet ``filters``.

    ``values`` by attribute: what an update sets (``None`` clears), or what a migration fills in whatever stood.
    A migration to ``template`` keeps the names of attributes unless ``renamed`` says another, or ``None``: dropped.
    """

    prefix: Prefix
    operation: Operation
    filters: Filters
    values: Object[str, Any] = field(default_factory=dict)
    template: str | None = None
    renamed: Object[str, str | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What the batch keeps of it, and what another request under its key is compared with."""
        return {
            "operation": self.operation.value,
            "prefix": self.prefix.key,
            "template": self.template,
            "filters": self.filters.to_json(),
            "set": dict(self.values),
            "rename": dict(self.renamed),
        }


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """Everything that another batch did is undone."""

    prefix: Prefix
    undoes: UUID

    operation = Operation.UNDO
    template = None

    def to_json(self) -> dict[str, Any]:
        """What the batch keeps of it, and what another request under its key is compared with."""
        return {
            "operation": self.operation.value,
            "prefix": self.prefix.key,
            "template": None,
            "undoes": str(self.undoes),
        }
