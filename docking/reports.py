"""Reports of a node that exists for the test only: 对接测试企业, its prefixes, templates and numbers."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from docking.node_below import NodeBelow
from node.national.messages import Message

OTHER_CREDIT_CODE = "91442000MAD000021G"
"""Another one that is valid and nobody's."""


def enterprise(enterprise_id: UUID, credit_code: str, state: str = "approved") -> dict[str, Any]:
    """The body of ``enterprise.{state}``; the division is 中山市, the industry 焙烤食品."""
    return {
        "enterprise_id": str(enterprise_id), "credit_code": credit_code, "other_certificate": "",
        "name": "对接测试企业", "division_code": "442000", "industry_code": "1411", "state": state,
    }  # fmt: skip


def prefix(name: str, enterprise_id: UUID, credit_code: str, state: str, *, application: int = 0) -> dict[str, Any]:
    """The body of ``prefix.{state}``."""
    return {
        "prefix": name, "node_prefix": name.rpartition(".")[0], "enterprise_id": str(enterprise_id),
        "credit_code": credit_code, "other_certificate": "", "state": state, "application": application,
    }  # fmt: skip


def route(node: NodeBelow, address: str, serial: int = 1) -> dict[str, Any]:
    """The body of ``route.node``."""
    site = {"address": address, "tcp_port": 2641, "udp_port": 2641, "http_port": 8000}
    return {"prefix": node.prefix, "serial": serial, "sites": [site], "public_key": ""}


def every_kind(node: NodeBelow) -> list[Message]:
    """One message of each kind that has an effect, of an enterprise and a prefix that nobody used before."""
    enterprise_id, below = uuid4(), node.prefix if node.is_enterprise else node.fresh_prefix()
    of_prefix = prefix(below, enterprise_id, node.credit_code, "reviewed", application=1)
    summary = {"prefix": below, "registered": 5, "updated": 1, "deleted": 1, "suspended": 0, "resumed": 0}
    template = {"template_id": 7, "name": "产品", "template_version": 1, "state": "released", "definition": {}}
    bodies = {
        "enterprise.approved": enterprise(enterprise_id, node.credit_code),
        "prefix.reviewed": of_prefix,
        "prefix.route": {**of_prefix, "hosting": "hosted", "sites": []},
        "prefix.enabled": {**of_prefix, "state": "enabled"},
        "registration.summary": summary,
        "route.node": route(node, "192.0.2.1"),
        "template.released": template,
        "instruction.answered": {"instruction_id": str(uuid4()), "sequence": 0, "outcome": "done", "detail": ""},
    }
    return [node.message(kind, body) for kind, body in bodies.items()]
