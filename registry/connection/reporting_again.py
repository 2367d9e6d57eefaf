"""What the node above asks to have reported again (核验): a prefix or an enterprise, as it stands now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from node.database import Connection
from node.errors import Conflict
from node.identifier import Prefix
from node.journal import report_upward
from node.national.instructions import Verify
from registry.enterprise_acts import REPORTED
from registry.enterprise_record import enterprise_of
from registry.hosting.hosting import route_report
from registry.prefixes import held_prefix
from registry.store import SQL
from registry.transitions import Hosting


class NothingToReport(Conflict):
    title_zh = "当前状态无需上报"


async def report_again(connection: Connection, verify: Verify, at: datetime) -> dict[str, Any]:
    """Put the report into the outbox; the answer says as what it stands.

    Raises ``InvalidPrefix``, ``PrefixUnknown``, ``EnterpriseUnknown``, ``NothingToReport``.
    """
    if verify.enterprise_id is not None:
        enterprise_id = verify.enterprise_id
        enterprise = enterprise_of(await connection.fetchrow(SQL["share_enterprise"], enterprise_id), enterprise_id)
        if enterprise.state not in REPORTED:
            detail = f"nothing is reported of the enterprise {enterprise_id}, which is {enterprise.state}"
            raise NothingToReport(detail, state=str(enterprise.state))
        await report_upward(connection, enterprise.report(), at)
        return {"enterprise_id": str(enterprise_id), "state": str(enterprise.state)}
    grant = await held_prefix(connection, Prefix.parse_derived(verify.prefix))
    report = grant.report()
    if report is None:
        detail = f"nothing is reported of {grant.prefix.key}, which is {grant.state}"
        raise NothingToReport(detail, prefix=grant.prefix.key, state=str(grant.state))
    await report_upward(connection, report, at)
    if grant.hosting is Hosting.SELF_HOSTED:
        await report_upward(connection, await route_report(connection, grant), at)
    return {"prefix": grant.prefix.key, "state": str(grant.state)}
