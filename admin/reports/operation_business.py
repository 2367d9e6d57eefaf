"""The chapters of the operation report on what was done for enterprises, and for the node above."""

from __future__ import annotations

from admin.reports.document import Fact, Section, Words, column, table_of
from admin.statistics.questions import Span
from node.database import Connection
from node.sql import statements_beside

SQL = statements_beside(__file__, "reports.sql")

_OPERATIONS = {
    "register": Words("注册", "register"), "update": Words("变更", "update"), "delete": Words("注销", "delete"),
    "suspend": Words("停用", "suspend"), "resume": Words("恢复启用", "resume"),
    "migrate": Words("迁移模板", "migrate"), "restore": Words("恢复", "restore"), "undo": Words("撤销", "undo"),
}  # fmt: skip
_STATES = {
    "running": Words("进行中", "running"), "paused": Words("已暂停", "paused"),
    "cancelled": Words("已取消", "cancelled"), "finished": Words("已完成", "finished"),
    "failed": Words("失败", "failed"),
}  # fmt: skip
_REQUESTS = {"service": Words("服务请求", "service request"), "complaint": Words("投诉举报", "complaint")}
_TAKEOVERS = {"drill": Words("演练", "exercise"), "takeover": Words("应急接管", "takeover")}
_LOGS = {"registration": Words("注册日志", "registrations"), "resolution": Words("解析日志", "resolutions")}


async def business_section(connection: Connection, span: Span) -> Section:
    """Applications for prefixes, batches, service requests and complaints of some days."""
    bounds = span.begins_at, span.ends_at
    return Section(
        "business",
        Words("业务办理", "Business"),
        facts=[
            Fact("prefixes_applied_for", Words("申请前缀", "Prefixes applied for"),
                 await connection.fetchval(SQL["prefixes_applied_for"], *bounds)),
        ],
        tables=[
            table_of(
                "batches", Words("批量操作", "Batches"), await connection.fetch(SQL["batches_of_window"], *bounds),
                column("operation", "操作", "Operation", lambda row: row["operation"], _OPERATIONS),
                column("state", "状态", "State", lambda row: row["state"], _STATES),
                column("batches", "批次", "Batches", lambda row: row["batches"]),
                column("done", "完成行", "Rows done", lambda row: row["done"]),
                column("unchanged", "未变行", "Unchanged", lambda row: row["unchanged"]),
                column("rejected", "驳回行", "Rejected", lambda row: row["rejected"]),
            ),
            table_of(
                "requests", Words("服务与投诉", "Requests and complaints"),
                await connection.fetch(SQL["requests_of_window"], *bounds),
                column("kind", "类别", "Kind", lambda row: row["kind"], _REQUESTS),
                column("received", "受理", "Received", lambda row: row["received"]),
                column("answered", "已答复", "Answered", lambda row: row["answered"]),
                column("overdue", "逾期", "Overdue", lambda row: row["overdue"]),
            ),
        ],
    )  # fmt: skip


async def national_section(connection: Connection, span: Span) -> Section:
    """What went between this node and the one above on some days, of what is kept for ever."""
    bounds = span.begins_at, span.ends_at
    takeovers = await connection.fetch(SQL["takeovers_of_window"], *bounds)
    return Section(
        "national",
        Words("国家顶级节点对接", "National link"),
        facts=[
            Fact("refused_messages", Words("被拒收的消息", "Messages refused"),
                 await connection.fetchval(SQL["refused_messages_of_window"], *bounds)),
        ],
        tables=[
            table_of(
                "instructions", Words("上级指令", "Instructions"),
                await connection.fetch(SQL["instructions_of_window"], *bounds),
                column("kind", "指令", "Instruction", lambda row: row["kind"]),
                column("received", "收到", "Received", lambda row: row["received"]),
                column("done", "已执行", "Done", lambda row: row["done"]),
                column("not_done", "未执行", "Not done", lambda row: row["not_done"]),
                column("open", "待办", "Open", lambda row: row["open"]),
            ),
            table_of(
                "log_files", Words("日志文件", "Log files"),
                await connection.fetch(SQL["log_files_of_window"], *bounds),
                column("kind", "类别", "Kind", lambda row: row["kind"], _LOGS),
                column("files", "文件", "Files", lambda row: row["files"]),
                column("delivered", "已送达", "Delivered", lambda row: row["delivered"]),
                column("rows", "行数", "Rows", lambda row: row["rows"]),
            ),
            table_of(
                "takeovers", Words("应急接管与演练", "Takeovers and exercises"), takeovers,
                column("kind", "类别", "Kind", lambda row: "drill" if row["drill"] else "takeover", _TAKEOVERS),
                column("takeovers", "次数", "Number", lambda row: row["takeovers"]),
            ),
        ],
    )  # fmt: skip
