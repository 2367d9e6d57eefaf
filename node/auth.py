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

    ENTERPRISE_CREATE = "enterprise.create"
    ENTERPRISE_READ = "enterprise.read"
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

    TEMPLATE_READ = "template.read"
    TEMPLATE_EDIT = "template.edit"
    TEMPLATE_EDIT_SHARED = "template.edit_shared"
    TEMPLATE_PUBLISH = "template.publish"

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

    HANDLE_POLICY_READ = "handle_policy.read"
    HANDLE_POLICY_EDIT = "handle_policy.edit"

    FILE_ADD = "file.add"
    FILE_READ = "file.read"

    HISTORY_READ = "history.read"
    NODE_READ = "node.read"


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
    Action.ENTERPRISE_CREATE: frozenset({_A}),
    Action.ENTERPRISE_READ: frozenset({_A, _R, _U, _E, _P}),
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
    Action.TEMPLATE_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.TEMPLATE_EDIT: frozenset({_A, _E}),
    Action.TEMPLATE_EDIT_SHARED: frozenset({_A}),
    Action.TEMPLATE_PUBLISH: frozenset({_A, _E}),
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
    Action.HANDLE_POLICY_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.HANDLE_POLICY_EDIT: frozenset({_A}),
    Action.FILE_ADD: frozenset({_A, _E, _P}),
    Action.FILE_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.HISTORY_READ: frozenset({_A, _R, _U, _E, _P}),
    Action.NODE_READ: frozenset({_A, _R, _U}),
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
