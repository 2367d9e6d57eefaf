"""What the audit trail calls acts, things and doors, in both languages; what has no words keeps its name."""

from __future__ import annotations

from admin.console.enterprise_words import Words
from admin.console.timeline import action_words

ACTIONS: dict[str, Words] = {
    "token.create": ("登录", "signed in"),
    "token.revoke": ("退出或撤销凭证", "a token revoked"),
    "account.create": ("新建账号", "account created"),
    "account.lock": ("登录失败锁定账号", "account locked after failed sign-ins"),
    "account.enable": ("启用账号", "account enabled"),
    "account.disable": ("停用账号", "account disabled"),
    "account.change_password": ("修改本人口令", "own password changed"),
    "account.set_password": ("重置口令", "password set anew"),
    "access_key.create": ("新建访问密钥", "access key created"),
    "access_key.revoke": ("撤销访问密钥", "access key revoked"),
    "enterprise.approve": ("企业审核通过", "enterprise approved"),
    "prefix.enable": ("启用前缀", "prefix enabled"),
    "prefix.transfer": ("前缀转移", "prefix transferred"),
    "identifier.register": ("注册标识", "identifier registered"),
    "identifier.update": ("变更标识", "identifier updated"),
    "identifier.delete": ("注销标识", "identifier deleted"),
    "identifier.suspend": ("停用标识", "identifier suspended"),
    "identifier.resume": ("恢复标识", "identifier resumed"),
    "identifier.migrate": ("迁移模板版本", "identifier moved to another edition"),
    "identifier.undo": ("撤销批次", "undone with its batch"),
    "identifier.block": ("上级封堵标识", "identifier blocked from above"),
    "count.close": ("日结账", "day closed"),
    "laboratory_clock.wind": ("设定实验时钟", "laboratory clock wound"),
    "count.correct": ("更正日结账", "day corrected"),
    "statistics.recount": ("发起复核计数", "recount asked for"),
    "statistics.recounted": ("复核计数完成", "recount done"),
    "docking.approve": ("企业节点接入通过", "enterprise node let in"),
    "docking.reject": ("驳回企业节点接入", "enterprise node turned down"),
    "docking.revoke": ("吊销企业节点密钥", "key pair of an enterprise node revoked"),
    "docking.instruct": ("向企业节点下达指令", "enterprise node instructed"),
    "audit.export": ("导出审计日志", "audit trail exported"),
    "identifier.export": ("导出标识", "identifiers exported"),
    "upload.make": ("生成主管部门上报", "upload to the authority made"),
    "report.make": ("生成报告", "report made"),
    "report.schedule": ("设置定期报告", "report scheduled"),
}
"""Those that auditors ask for are offered for filtering."""

KINDS: dict[str, Words] = {
    "identifier": ("标识", "Identifier"),
    "account": ("账号", "Account"),
    "token": ("登录凭证", "Token"),
    "access_key": ("访问密钥", "Access key"),
    "enterprise": ("企业", "Enterprise"),
    "prefix": ("前缀", "Prefix"),
    "prefix_transfer": ("前缀转移", "Transfer"),
    "numbering_plan": ("号段规划", "Numbering plan"),
    "reserved_number": ("预留号段", "Reserved numbers"),
    "review": ("审核任务", "Review"),
    "template": ("数据模板", "Template"),
    "coding_rule": ("编码规则", "Coding rule"),
    "mapping": ("列映射", "Column mapping"),
    "application_identity": ("应用身份", "Application identity"),
    "authorisation": ("数据授权", "Data authorisation"),
    "file": ("文件", "File"),
    "attachment": ("证照附件", "Attachment"),
    "document": ("管理规范", "Document"),
    "announcement": ("公告", "Announcement"),
    "service_request": ("服务与投诉", "Service request"),
    "fee_plan": ("套餐", "Plan"),
    "order": ("订购", "Order"),
    "statement": ("账单", "Statement"),
    "counted_day": ("日结账", "Closed day"),
    "laboratory_clock": ("实验时钟", "Laboratory clock"),
    "counting_rule": ("计数规则", "Counting rule"),
    "recount": ("复核计数", "Recount"),
    "report": ("报告", "Report"),
    "upload": ("主管部门上报", "Upload"),
    "docking_application": ("企业节点申请", "Application of a node"),
    "docking_key": ("企业节点密钥", "Key pair of a node"),
    "docked_instruction": ("企业节点指令", "Instruction to a node"),
    "instruction": ("上级指令", "Instruction from above"),
    "takeover": ("应急接管", "Takeover"),
    "audit": ("审计日志", "Audit trail"),
}

INTERFACES: dict[str, Words] = {
    "console": ("控制台", "console"),
    "v1": ("管理接口 /v1", "/v1"),
    "command": ("命令行", "command line"),
    "steward": ("节点后台", "the node itself"),
    "page": ("公众页面", "public page"),
    "snms": ("SNMS 接口", "SNMS"),
    "idhub": ("IDHub 接口", "IDHub"),
    "handle_json": ("Handle JSON", "Handle JSON"),
    "handle_tcp": ("Handle TCP", "Handle TCP"),
    "handle_udp": ("Handle UDP", "Handle UDP"),
    "handle_http": ("Handle HTTP", "Handle HTTP"),
}


def words_of_action(action: str) -> Words:
    """``token.create`` is 登录."""
    return ACTIONS.get(action) or action_words(action)


def words_of_kind(kind: str) -> Words:
    return KINDS.get(kind, (kind, kind.replace("_", " ")))


def words_of_interface(interface: str) -> Words:
    return INTERFACES.get(interface, (interface, interface))
