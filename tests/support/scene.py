"""A node in the middle of its work: something of every kind, made by ``/v1`` as its users would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from node.china_time import day_of
from registry import credit_code
from tests.support.node import PASSWORD, Node
from tests.support.samples import samples

NUMBERS = 60
LONG = "宁波杭州湾新区超长名称示例智能装备与工业互联网标识应用联合研究制造股份有限公司第一分公司水泵与阀门事业部"
"""A name that no column was made for."""


def furnish(node: Node, *, hostile: str = "") -> dict[str, Any]:
    """Fill the node; what was made, by a word. ``hostile`` is put into every text that its users write."""
    told: dict[str, Any] = {}
    sample = samples(node)
    own = str(node.holder.account.enterprise_id)
    prefix = node.holder.prefix.text

    def ask(method: str, path: str, body: Any = None, by: str = "administrator", **headers: str) -> Any:
        answer = requests.request(
            method, f"{node.url}{path}", timeout=30,
            headers={"Authorization": f"Bearer {node.tokens[by]}", **headers},
            **({"data": body.encode()} if isinstance(body, str) else {"json": body}),
        )  # fmt: skip
        assert answer.status_code < 300, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    facts = {
        key: value for key, value in sample["POST /v1/enterprises"].items() if key not in ("name", "credit_code")
    }
    told["enterprise"] = ask("POST", "/v1/enterprises", {
        **facts, "name": hostile or LONG, "credit_code": credit_code.complete("91330212MAD01009"),
    })["enterprise_id"]  # fmt: skip
    ask("POST", f"/v1/enterprises/{told['enterprise']}/submit", {})
    ask("POST", "/v1/onboarding", {
        **sample["POST /v1/onboarding"], "enterprise": {
            **facts, "profile": None, "name": f"{hostile}+" if hostile else "待审核阀门有限公司",
            "credit_code": credit_code.complete("91330212MAD01008"),
        },
    })  # fmt: skip
    for number in range(NUMBERS):
        ask("POST", "/v1/identifiers", {
            "prefix": prefix, "suffix": f"PUMP-{number:06}", "template": "pump",
            "attributes": {
                "name": hostile or f"离心泵 {number}", "serial": f"S{number}", "model": "CP-12", "weight_kg": 1.5,
            },
        }, by="enterprise_user")  # fmt: skip
    ask("PUT", f"/v1/identifiers/{prefix}/PUMP-000001", {
        "version": 1, "attributes": {"name": hostile or "改名的泵", "serial": "S1"},
    }, by="enterprise_user")  # fmt: skip
    rows = "suffix,name\nB-1,泵\nB-2,\nB-3,泵\n"
    told["batch"] = ask(
        "POST", f"/v1/batches?prefix={prefix}&template=pump", rows, by="enterprise_user",
        **{"Content-Type": "text/csv", "Idempotency-Key": "scene"},
    )["batch_id"]  # fmt: skip
    own_template = {
        **sample["POST /v1/templates"],
        "name": "valve",
        "enterprise_id": own,
        "title_zh": hostile or "阀门",
    }
    told["template"] = ask("POST", "/v1/templates", own_template, by="enterprise_user")["template_id"]
    told["coding_rule"] = ask("POST", "/v1/coding-rules", {
        **sample["POST /v1/coding-rules"], "enterprise_id": own,
    }, by="enterprise_user")["coding_rule_id"]  # fmt: skip
    application, group = f"{prefix}/App_mes", f"{prefix}/Group_partners"
    for path, body in (
        ("/v1/application-identities", {"handle": application, "title": hostile or "制造执行系统"}),
        ("/v1/identity-groups", {"handle": group, "title": hostile or "合作伙伴", "members": [application]}),
        ("/v1/data-grants", {"template": "pump", "attributes": ["serial"], "access": "read", "to": [group]}),
        ("/v1/template-categories", {"code": "machines", "name": hostile or "机械"}),
    ):
        ask("POST", path, body, by="enterprise_user")
    ask("PUT", "/v1/class-scopes", {"template": "pump", "readable": {"serial": "granted"}}, by="enterprise_user")
    ask("POST", "/v1/mappings", {**sample["POST /v1/mappings"], "enterprise_id": own}, by="enterprise_user")
    document = ask("POST", "/v1/document-versions", {
        **sample["POST /v1/document-versions"], "title_zh": hostile or "管理规范",
        "body": f"# {hostile or '一'}\n\n{hostile or '正文'}\n",
    })  # fmt: skip
    ask("POST", f"/v1/document-versions/{document['document_id']}/publish")
    for title in ("升级通知", "第二则"):
        news = {**sample["POST /v1/managed-announcements"], "title_zh": hostile or title, "body": hostile or "正文"}
        made = ask("POST", "/v1/managed-announcements", news)
    ask("POST", f"/v1/managed-announcements/{made['announcement_id']}/publish")
    plan = ask("POST", "/v1/plans", {**sample["POST /v1/plans"], "title_zh": hostile or "标准"})
    ask("POST", f"/v1/plans/{plan['fee_plan_id']}/offer")
    ask("POST", "/v1/orders", {
        **sample["POST /v1/orders"], "enterprise_id": own, "fee_plan_id": plan["fee_plan_id"],
    }, by="enterprise_user")  # fmt: skip
    ask("POST", "/v1/statements", {"enterprise_id": own, "month": "2026-10"})
    ask("POST", "/v1/service-requests", {
        **sample["POST /v1/service-requests"], "enterprise_id": own, "subject": hostile or "无法批量注册",
        "said": hostile or "第三行被驳回",
    }, by="enterprise_user")  # fmt: skip
    complaint = {
        **sample["POST /v1/complaints"],
        "subject": hostile or "二维码无法识别",
        "said": hostile or "显示他人商品",
    }
    requests.post(f"{node.url}/v1/complaints", json=complaint, timeout=30).raise_for_status()
    ask("POST", "/v1/reserved-numbers", {**sample["POST /v1/reserved-numbers"], "reason": hostile or "靓号"})
    ask("PUT", f"/v1/prefixes/{prefix}/quota", {"identifiers": 100_000, "daily_registrations": 10_000})
    ask("POST", "/v1/prefixes", {
        "prefix": "88.101.3009", "enterprise_id": own, "purpose": hostile or "第二条产线",
    }, by="enterprise_user")  # fmt: skip
    ask("POST", f"/v1/prefixes/{node.other.prefix.text}/transfers", {
        "to_enterprise_id": own, "reason": hostile or "业务合并",
    }, by="other")  # fmt: skip
    ask("POST", "/v1/accounts", {
        "name": "clerk", "role": "enterprise_user", "enterprise_id": own, "password": PASSWORD, "remarks": hostile,
    })  # fmt: skip
    ask(
        "POST",
        f"/v1/accounts/{node.account_ids['enterprise_user']}/access-keys",
        {"label": hostile or "MES"},
        by="enterprise_user",
    )
    ask("POST", "/v1/reports", {"kind": "acceptance"})
    yesterday = str(day_of(datetime.now(UTC)) - timedelta(days=1))
    ask("POST", "/v1/statistics/recounts", {"since": yesterday, "until": yesterday}, by="auditor")
    ask("POST", "/v1/uploads", {})
    told["prefix"] = prefix
    return told
