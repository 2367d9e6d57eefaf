"""The use cases: the code of one identifier, and sheets of many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from admin.labels.content import ContentUnfit, Wanted, code_of
from admin.labels.gs1 import NoGtin
from admin.labels.layouts import Layout
from admin.labels.selection import Item, Selected, Selection, refused, select
from admin.labels.sheet import SOURCE, CodeTooDense, Label, check_density, inputs_of
from admin.labels.symbol import CodeTooLong, Symbol
from admin.typesetting import Typesetter
from node.auth import Account
from node.database import Pool, transaction
from node.errors import NodeError
from node.identifier import Identifier
from registry.authorisations.reading import readable_values

Clock = Callable[[], datetime]


class Labels:
    """The use cases. Every method raises ``NotAllowed``, ``PrefixUnknown`` and ``DatabaseAway`` besides its own."""

    def __init__(self, pool: Pool, clock: Clock, typesetter: Typesetter) -> None:
        self._pool = pool
        self._clock = clock
        self._typesetter = typesetter

    async def code(self, account: Account, identifier: Identifier, wanted: Wanted) -> Symbol:
        """The code of an identifier that the account may read; of its record it says what the account may see.

        Raises ``IdentifierUnknown``, ``NotReadable`` and what ``code_of`` raises.
        """
        async with transaction(self._pool) as connection:
            found, stored, _ = await readable_values(connection, account, identifier)
        return code_of(wanted, found.prefix.text, found.suffix, stored.template.attributes_of(found.record))

    async def selected(self, account: Account, selection: Selection) -> Selected:
        """What a sheet of this selection would show. Raises what ``select`` raises."""
        async with transaction(self._pool) as connection:
            return await select(connection, account, selection)

    async def sheet(
        self, account: Account, selection: Selection, wanted: Wanted, layout: Layout
    ) -> tuple[bytes, str | None]:
        """A PDF with a label of everything selected, and the suffix key behind which there is more.

        Raises what ``select`` and ``Typesetter.pdf`` raise, and ``LabelsRefused`` with a fault for each label that
        cannot be made.
        """
        chosen = await self.selected(account, selection)
        inputs = await asyncio.to_thread(_inputs, chosen.items, wanted, layout)
        return await self._typesetter.pdf(SOURCE, inputs, at=self._clock()), chosen.following


def _inputs(items: Sequence[Item], wanted: Wanted, layout: Layout) -> dict[str, str]:
    labels: list[Label] = []
    errors: dict[str, NodeError] = {}
    for item in items:
        found = item.found
        try:
            symbol = code_of(wanted, found.prefix.text, found.suffix, item.attributes)
            label = Label(symbol, found.text, item.product, item.enterprise)
            check_density(label, layout)
        except (CodeTooDense, CodeTooLong, ContentUnfit, NoGtin) as error:
            errors[found.text] = error
        else:
            labels.append(label)
    if errors:
        raise refused(errors)
    return inputs_of(labels, layout)
