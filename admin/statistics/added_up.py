"""Whether what a year is read from, totals of the node and months of prefixes, is what hours and days come to; of
registrations also totals of templates, all eight counts in the order of ``RegistrationCounts``.

Triggers keep them (``node/schema``), so they differ only where somebody wrote into them.
"""

from __future__ import annotations

from datetime import date

from admin.statistics.comparing import Difference
from admin.statistics.questions import Span, next_month
from admin.statistics.resolutions import interface_word, outcome_word
from node.china_time import CHINA, day_of
from node.database import Connection
from node.sql import statements_beside

SQL = statements_beside(__file__, "added_up.sql")
_SECONDS = 300.0


async def added_up_differ(connection: Connection, since: date, until: date) -> list[Difference]:
    """Totals of the days from ``since`` to ``until``, both included, and the months that these are in."""
    span = Span(since, until)
    months = since.replace(day=1), next_month(until)
    hours = await connection.fetch(SQL["hours_that_differ"], span.begins_at, span.ends_at, timeout=_SECONDS)
    return [
        *(
            Difference(
                "total", day_of(row["hour"]),
                f"{row['hour'].astimezone(CHINA):%H:%M} {_kind('all', row['interface'], row['outcome'])}",
                row["counted"], row["recounted"],
            )
            for row in hours
        ),
        *(
            Difference(
                "total", row["day"], _kind("all", row["interface"], row["outcome"]), row["counted"], row["recounted"]
            )
            for row in await connection.fetch(SQL["totals_that_differ"], since, until, timeout=_SECONDS)
        ),
        *(
            Difference(
                "month", row["month"], _kind(row["prefix"], row["interface"], row["outcome"]), row["counted"],
                row["recounted"],
            )
            for row in await connection.fetch(SQL["months_that_differ"], *months, timeout=_SECONDS)
        ),
        *(
            Difference("month", row["month"], f"{row['prefix'] or '-'} digests", row["counted"], row["recounted"])
            for row in await connection.fetch(SQL["digested_months_that_differ"], *months, timeout=_SECONDS)
        ),
        *(
            Difference("total", row["day"], f"{row['whose']} registrations", row["counted"], row["recounted"])
            for row in await connection.fetch(SQL["registration_totals_that_differ"], since, until, timeout=_SECONDS)
        ),
        *(
            Difference("month", row["month"], f"{row['whose']} registrations", row["counted"], row["recounted"])
            for row in await connection.fetch(SQL["registration_months_that_differ"], *months, timeout=_SECONDS)
        ),
    ]  # fmt: skip


def _kind(prefix: str, interface: int, outcome: int) -> str:
    return f"{prefix or '-'} {interface_word(interface)} {outcome_word(outcome)}"
