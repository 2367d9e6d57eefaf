"""Who may do what: roles, actions and one deny-first table.

An account of the node's staff acts on everything its role allows; an enterprise's account acts on what its own
enterprise owns. Whatever the table does not name is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from node.errors import Forbidden


class Role(StrEnum):
    ADMINISTRATOR = "administrator"  # 平台管理员
    REVIEWER = "reviewer"  # 审核员
    AUDITOR = "auditor"  # 审计员
    ENTERPRISE_USER = "enterprise_user"  # 企业用户
    APPLICATION = "application"  # 应用身份


ENTERPRISE_ROLES = frozenset({Role.ENTERPRISE_USER, Role.APPLICATION})


class Action(StrEnum):
    """A verb on a thing; the value is also the name of the act in history."""

    ACCOUNT_CREATE = "account.create"
    ACCOUNT_READ = "account.read"
    ACCOUNT_CHANGE = "account.change"
    OWN_PASSWORD_CHANGE = "account.change_password"  # noqa: S105 - the name of an act
    TOKEN_CREATE = "token.create"  # noqa: S105
    TOKEN_READ = "token.read"  # noqa: S105
    TOKEN_REVOKE = "token.revoke"  # noqa: S105
    ACCESS_KEY_CREATE = "access_key.create"
    ACCESS_KEY_READ = "access_key.read"
    ACCESS_KEY_REVOKE = "access_key.revoke"
    ONBOARD = "onboarding.enter"

    ENTERPRISE_CREATE = "enterprise.create"
    ENTERPRISE_READ = "enterprise.read"
    ENTERPRISE_PERSONAL_READ = "enterprise.read_personal"
    ENTERPRISE_EDIT = "enterprise.edit"
    ENTERPRISE_SUBMIT = "enterprise.submit"
    ENTERPRISE_REVIEW = "enterprise.review"
    ENTERPRISE_SUSPEND = "enterprise.suspend"
    ENTERPRISE_CLOSE = "enterprise.close"

    PREFIX_APPLY = "prefix.apply"
    PREFIX_READ = "prefix.read"
    PREFIX_REVIEW = "prefix.review"
    PREFIX_ENABLE = "prefix.enable"
    PREFIX_SUSPEND = "prefix.suspend"
    PREFIX_WITHDRAW = "prefix.withdraw"

    NUMBERING_READ = "numbering.read"
    NUMBERING_EDIT = "numbering.edit"
    HOSTING_APPLY = "hosting.apply"
    HOSTING_REVIEW = "hosting.review"
    HOSTING_GRANT = "hosting.grant"
    ROUTE_EDIT = "route.edit"
    ROUTE_CHECK = "route.check"
    TRANSFER_READ = "transfer.read"
    TRANSFER_OFFER = "transfer.offer"
    TRANSFER_ANSWER = "transfer.answer"
    TRANSFER_REVIEW = "transfer.review"

    TEMPLATE_READ = "template.read"
    TEMPLATE_EDIT = "template.edit"
    TEMPLATE_EDIT_SHARED = "template.edit_shared"
    TEMPLATE_PUBLISH = "template.publish"
    TEMPLATE_GRANT = "template.grant"

    IDENTIFIER_READ = "identifier.read"
    IDENTIFIER_REGISTER = "identifier.register"
    IDENTIFIER_UPDATE = "identifier.update"
    IDENTIFIER_DELETE = "identifier.delete"
    IDENTIFIER_SUSPEND = "identifier.suspend"
    IDENTIFIER_EXPORT = "identifier.export"
    IDENTIFIER_RESTORE = "identifier.restore"

    MAPPING_READ = "mapping.read"
    MAPPING_EDIT = "mapping.edit"
    CODING_RULE_READ = "coding_rule.read"
    CODING_RULE_EDIT = "coding_rule.edit"
    CODING_RULE_DRAW = "coding_rule.draw"
    SUFFIX_RULE_EDIT = "suffix_rule.edit"

    DOCUMENT_READ = "document.read"
    DOCUMENT_EDIT = "document.edit"

    QUOTA_READ = "quota.read"
    QUOTA_EDIT = "quota.edit"
    PLAN_READ = "plan.read"
    PLAN_EDIT = "plan.edit"
    ORDER_PLACE = "order.place"
    ORDER_READ = "order.read"
    ORDER_CONFIRM = "order.confirm"
    STATEMENT_READ = "statement.read"
    STATEMENT_DRAW_UP = "statement.draw_up"

    HANDLE_POLICY_READ = "handle_policy.read"
    HANDLE_POLICY_EDIT = "handle_policy.edit"

    FILE_ADD = "file.add"
    FILE_READ = "file.read"
    ATTACHMENT_ADD = "attachment.add"
    ATTACHMENT_READ = "attachment.read"

    IDENTITY_READ = "identity.read"
    IDENTITY_EDIT = "identity.edit"
    GROUP_READ = "group.read"
    GROUP_EDIT = "group.edit"
    GRANT_READ = "grant.read"
    GRANT_EDIT = "grant.edit"
    NOTIFICATION_READ = "notification.read"

    REVIEW_READ = "review.read"
    REVIEW_CLAIM = "review.claim"
    REVIEW_CHECK = "review.check"
    SERVICE_REQUEST_FILE = "service_request.file"
    SERVICE_REQUEST_READ = "service_request.read"
    SERVICE_REQUEST_HANDLE = "service_request.handle"
    SERVICE_REQUEST_CLOSE = "service_request.close"
    ANNOUNCEMENT_READ = "announcement.read"
    ANNOUNCEMENT_EDIT = "announcement.edit"

    STATISTICS_READ = "statistics.read"
    NODE_STATISTICS_READ = "node_statistics.read"
    HISTORY_READ = "history.read"
    NODE_READ = "node.read"
    ACCEPTANCE_READ = "acceptance.read"
    NATIONAL_READ = "national.read"
    DOCKING_READ = "docking.read"
    DOCKING_REVIEW = "docking.review"
    DOCKING_EDIT = "docking.edit"
    UPLOAD_READ = "upload.read"
    UPLOAD_MAKE = "upload.make"

    AUDIT_READ = "audit.read"
    RECOUNT = "statistics.recount"
    COUNT_CORRECT = "statistics.correct"
    REPORT_READ = "report.read"
    REPORT_MAKE = "report.make"
    REPORT_SCHEDULE = "report.schedule"
    SETTINGS_READ = "settings.read"
    SECOND_FACTOR_EDIT = "account.second_factor"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who has proved who they are."""

    account_id: UUID
    name: str
    role: Role
    enterprise_id: UUID | None

    @property
    def of_enterprise(self) -> bool:
        return self.role in ENTERPRISE_ROLES


class NotAllowed(Forbidden):
    title_zh = "没有权限"


_A, _R, _U, _E, _P = (
    Role.ADMINISTRATOR,
    Role.REVIEWER,
    Role.AUDITOR,
    Role.ENTERPRISE_USER,
    Role.APPLICATION,
)

# Roles that may; enterprise roles only on what their own enterprise owns.
MAY: dict[Action, frozenset[Role]] = {
    Action.ACCOUNT_CREATE: frozenset({_A}),
    Action.ACCOUNT_READ: frozenset({_A, _U}),
    Action.ACCOUNT_CHANGE: frozenset({_A}),
    Action.OWN_PASSWORD_CHANGE: frozenset({_A, _R, _U, _E}),
    Action.TOKEN_CREATE: frozenset({_A, _R, _U, _E, _P}),
    Action.TOKEN_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.TOKEN_REVOKE: frozenset({_A, _R, _U, _E, _P}),
    Action.ACCESS_KEY_CREATE: frozenset({_A, _E, _P}),
    Action.ACCESS_KEY_READ: frozenset({_A, _E, _P}),
    Action.ACCESS_KEY_REVOKE: frozenset({_A, _E, _P}),
    Action.ONBOARD: frozenset({_A}),
    Action.ENTERPRISE_CREATE: frozenset({_A}),
    Action.ENTERPRISE_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.ENTERPRISE_PERSONAL_READ: frozenset({_A, _R, _E}),
    Action.ENTERPRISE_EDIT: frozenset({_A, _E}),
    Action.ENTERPRISE_SUBMIT: frozenset({_A, _E}),
    Action.ENTERPRISE_REVIEW: frozenset({_R}),
    Action.ENTERPRISE_SUSPEND: frozenset({_A}),
    Action.ENTERPRISE_CLOSE: frozenset({_A}),
    Action.PREFIX_APPLY: frozenset({_A, _E}),
    Action.PREFIX_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.PREFIX_REVIEW: frozenset({_R}),
    Action.PREFIX_ENABLE: frozenset({_A}),
    Action.PREFIX_SUSPEND: frozenset({_A}),
    Action.PREFIX_WITHDRAW: frozenset({_A}),
    Action.NUMBERING_READ: frozenset({_A, _R, _U}),
    Action.NUMBERING_EDIT: frozenset({_A}),
    Action.HOSTING_APPLY: frozenset({_A, _E}),
    Action.HOSTING_REVIEW: frozenset({_R}),
    Action.HOSTING_GRANT: frozenset({_A}),
    Action.ROUTE_EDIT: frozenset({_A, _E}),
    Action.ROUTE_CHECK: frozenset({_A, _R, _E}),
    Action.TRANSFER_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.TRANSFER_OFFER: frozenset({_A, _E}),
    Action.TRANSFER_ANSWER: frozenset({_E}),
    Action.TRANSFER_REVIEW: frozenset({_R}),
    Action.TEMPLATE_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.TEMPLATE_EDIT: frozenset({_A, _E, _P}),
    Action.TEMPLATE_EDIT_SHARED: frozenset({_A}),
    Action.TEMPLATE_PUBLISH: frozenset({_A, _E, _P}),
    Action.TEMPLATE_GRANT: frozenset({_A, _E, _P}),
    Action.IDENTIFIER_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.IDENTIFIER_REGISTER: frozenset({_A, _E, _P}),
    Action.IDENTIFIER_UPDATE: frozenset({_A, _E, _P}),
    Action.IDENTIFIER_DELETE: frozenset({_A, _E, _P}),
    Action.IDENTIFIER_SUSPEND: frozenset({_A, _E, _P}),
    Action.IDENTIFIER_EXPORT: frozenset({_A, _U, _E, _P}),
    Action.IDENTIFIER_RESTORE: frozenset({_A}),
    Action.MAPPING_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.MAPPING_EDIT: frozenset({_A, _E}),
    Action.CODING_RULE_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.CODING_RULE_EDIT: frozenset({_A, _E}),
    Action.CODING_RULE_DRAW: frozenset({_A, _E, _P}),
    Action.SUFFIX_RULE_EDIT: frozenset({_A, _E}),
    Action.DOCUMENT_READ: frozenset({_A, _R, _U}),
    Action.DOCUMENT_EDIT: frozenset({_A}),
    Action.QUOTA_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.QUOTA_EDIT: frozenset({_A}),
    Action.PLAN_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.PLAN_EDIT: frozenset({_A}),
    Action.ORDER_PLACE: frozenset({_A, _E}),
    Action.ORDER_READ: frozenset({_A, _U, _E}),
    Action.ORDER_CONFIRM: frozenset({_A}),
    Action.STATEMENT_READ: frozenset({_A, _U, _E}),
    Action.STATEMENT_DRAW_UP: frozenset({_A}),
    Action.HANDLE_POLICY_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.HANDLE_POLICY_EDIT: frozenset({_A}),
    Action.FILE_ADD: frozenset({_A, _E, _P}),
    Action.FILE_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.ATTACHMENT_ADD: frozenset({_A, _E}),
    Action.ATTACHMENT_READ: frozenset({_A, _R, _E}),
    Action.IDENTITY_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.IDENTITY_EDIT: frozenset({_A, _E}),
    Action.GROUP_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.GROUP_EDIT: frozenset({_A, _E}),
    Action.GRANT_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.GRANT_EDIT: frozenset({_A, _E, _P}),
    Action.NOTIFICATION_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.REVIEW_READ: frozenset({_A, _R, _U}),
    Action.REVIEW_CLAIM: frozenset({_R}),
    Action.REVIEW_CHECK: frozenset({_R}),
    Action.SERVICE_REQUEST_FILE: frozenset({_A, _E}),
    Action.SERVICE_REQUEST_READ: frozenset({_A, _R, _U, _E}),
    Action.SERVICE_REQUEST_HANDLE: frozenset({_A}),
    Action.SERVICE_REQUEST_CLOSE: frozenset({_A, _E}),
    Action.ANNOUNCEMENT_READ: frozenset({_A, _R, _U}),
    Action.ANNOUNCEMENT_EDIT: frozenset({_A}),
    Action.STATISTICS_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.NODE_STATISTICS_READ: frozenset({_A, _R, _U}),
    Action.HISTORY_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.NODE_READ: frozenset({_A, _R, _U}),
    Action.ACCEPTANCE_READ: frozenset({_A, _R, _U}),
    Action.NATIONAL_READ: frozenset({_A, _R, _U}),
    Action.DOCKING_READ: frozenset({_A, _R, _U}),
    Action.DOCKING_REVIEW: frozenset({_R}),
    Action.DOCKING_EDIT: frozenset({_A}),
    Action.UPLOAD_READ: frozenset({_A, _U}),
    Action.UPLOAD_MAKE: frozenset({_A}),
    Action.AUDIT_READ: frozenset({_A, _U}),
    Action.RECOUNT: frozenset({_A, _U}),
    Action.COUNT_CORRECT: frozenset({_A}),
    Action.REPORT_READ: frozenset({_A, _R, _U, _E}),
    Action.REPORT_MAKE: frozenset({_A, _U}),
    Action.REPORT_SCHEDULE: frozenset({_A}),
    Action.SETTINGS_READ: frozenset({_A, _U}),
    Action.SECOND_FACTOR_EDIT: frozenset({_A, _R, _U, _E}),
}


def may(account: Account, action: Action, owner: UUID | None) -> bool:
    """Whether the account may do this to a thing of that enterprise (``None``: a thing of the node's own)."""
    if account.role not in MAY.get(action, frozenset()):
        return False
    return not account.of_enterprise or (owner is not None and owner == account.enterprise_id)


def may_ever(account: Account, action: Action) -> bool:
    """Whether there is anything at all that the account may do this to."""
    return account.role in MAY.get(action, frozenset())


def require(account: Account, action: Action, owner: UUID | None) -> None:
    """``may`` or ``NotAllowed``."""
    if not may(account, action, owner):
        raise NotAllowed(f"{account.role} may not do {action} here", action=str(action), role=str(account.role))
