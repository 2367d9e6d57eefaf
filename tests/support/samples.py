"""For every operation of ``/v1`` something that makes sense: things that exist, and bodies."""

from __future__ import annotations

import copy
from typing import Any

from registry import credit_code
from tests.support.node import PASSWORD, Node
from tests.support.record import FULL, PEOPLE
from tests.support.world import PUMP

MAPPING = {
    "suffix": {"coding_rule": "pump", "values": {"line": {"columns": ["a", "b"], "join": "-"}}},
    "attributes": {
        "name": "品名",
        "made_on": {"column": "made", "trim": True, "date_format": "YYYY/M/D"},
        "grade": {"column": "quality", "split": ";", "lookup": {"优": "A"}, "otherwise": "B"},
        "passed": {"constant": True},
    },
}
CODING_RULE = {
    "segments": [
        {"kind": "value", "name": "model", "width": 8, "pad": "0", "case": "upper"},
        {"kind": "date", "format": "YYMM"},
        {"kind": "serial", "width": 5, "start": 1, "period": "month"},
        {"kind": "random", "length": 2, "alphabet": "AB"},
        {"kind": "check", "method": "mod_97_10"},
    ]
}


PLAN_TERMS = {"monthly_fee": 100_00, "prices": {"registrations": {"included": 1000, "unit": 100, "price": 5}}}


def living(node: Node, label: str) -> dict[str, Any]:
    """Parameters by name that mean something; the second enterprise and its prefix are there to be ruined."""
    holder = node.other if "/v1/prefixes/" in label else node.holder
    return {
        "enterprise_id": str(node.other.account.enterprise_id),
        "account_id": node.account_ids["other"],
        "template_id": node.template.template_id,
        "template_category_id": 1,
        "mapping_id": 1,
        "coding_rule_id": 1,
        "document_id": 1,
        "announcement_id": 1,
        "attachment_id": 1,
        "data_grant_id": 1,
        "enterprise_number": 1,
        "access_key": "AK" + 24 * "A",
        "notification_id": 1,
        "reserved_number_id": 1,
        "application_id": "00000000-0000-7000-8000-000000000007",
        "upload_id": "00000000-0000-7000-8000-000000000008",
        "report_id": "00000000-0000-7000-8000-000000000009",
        "report_kind": "operation",
        "docking_key": "AK-below-1",
        "audit_entry": "act-1",
        "recount_id": "00000000-0000-7000-8000-000000000009",
        "plan_order_id": "00000000-0000-7000-8000-000000000006",
        "transfer_id": "00000000-0000-7000-8000-000000000005",
        "review_id": "00000000-0000-7000-8000-000000000003",
        "service_request_id": "00000000-0000-7000-8000-000000000004",
        "document_name": "management-rules",
        "fee_plan_id": 1,
        "month": "2026-10",
        "day": "2026-10-31",
        "prefix": holder.prefix.text,
        "template": "pump",
        "suffix": "PUMP-1",
        "version": 1,
        "Idempotency-Key": "contract",
    }


def samples(node: Node) -> dict[str, Any]:
    """A body that makes sense for every operation that takes one."""
    enterprise_id = str(node.other.account.enterprise_id)
    facts = {
        "credit_code": credit_code.complete("91330212MAD01001"), "name": "示例阀门有限公司", "name_en": "Valves",
        "division_code": "330212", "industry_code": "3443", "address": "示例路1号", "contact_name": "示例联系人",
        "contact_phone": "13800000000", "contact_email": "ops@example.com", "website": "https://example.com",
        "profile": FULL.to_json(), "personal": PEOPLE.to_json(),
    }  # fmt: skip
    definition = {name: copy.deepcopy(value) for name, value in PUMP.items() if name != "version"}
    reason = {"reason": "理由"}
    return {
        "POST /v1/tokens": {"name": "auditor", "password": PASSWORD, "label": "contract", "hours": 1},
        "POST /v1/challenges": {"handle": "88.101.2001/App_mes"},
        "POST /v1/challenges/answers": {"handle": "88.101.2001/App_mes", "signature": "aaaa"},
        "POST /v1/template-categories": {
            "code": "valves", "name": "阀门", "parent_id": 1, "sort": 1, "enterprise_id": enterprise_id,
        },
        "PUT /v1/template-categories/{template_category_id}": {"name": "阀门", "parent_id": None, "sort": 1},
        "POST /v1/accounts": {
            "name": "clerk", "role": "enterprise_user", "enterprise_id": enterprise_id, "password": PASSWORD,
        },
        "POST /v1/accounts/{account_id}/access-keys": {"label": "MES"},
        "POST /v1/second-factor/confirm": {"code": "123456"},
        "POST /v1/second-factor/remove": {"code": "123456"},
        "POST /v1/onboarding": {
            "account": {
                "name": "valves", "password": PASSWORD, "email": "valves@example.com", "mobile": "13800000001",
            },
            "enterprise": {**facts, "profile": None, "credit_code": credit_code.complete("91330212MAD01002")},
            "prefix": "88.101.3002", "purpose": "阀门", "hosting": "hosted",
        },
        "POST /v1/accounts/{account_id}/password": {"password": "Neu9-leiter-Hof", "old": PASSWORD},
        "POST /v1/enterprises": facts,
        "PUT /v1/enterprises/{enterprise_id}": {**facts, "version": 1},
        "POST /v1/enterprises/{enterprise_id}/return": reason,
        "POST /v1/enterprises/{enterprise_id}/reject": reason,
        "POST /v1/enterprises/{enterprise_id}/suspend": reason,
        "POST /v1/enterprises/{enterprise_id}/close": reason,
        "POST /v1/prefixes": {"prefix": "88.101.3001", "enterprise_id": enterprise_id, "purpose": "阀门"},
        "POST /v1/prefixes/{prefix}/reject": reason,
        "POST /v1/prefixes/{prefix}/hosting/reject": reason,
        "PUT /v1/prefixes/{prefix}/route": {
            "sites": [
                {"address": "192.0.2.10", "tcp_port": 2641, "udp_port": 2641, "http_port": 8000},
                {"address": "2001:db8::10", "tcp_port": 2641, "udp_port": None, "http_port": None},
            ],
        },
        "POST /v1/prefixes/{prefix}/transfers": {
            "to_enterprise_id": str(node.holder.account.enterprise_id), "reason": "业务合并",
        },
        "POST /v1/transfers/{transfer_id}/reject": reason,
        "PUT /v1/numbering-plan": {
            "segments": [
                {"kind": "region", "digits": 4}, {"kind": "industry", "digits": 2}, {"kind": "fixed", "digits": "08"},
                {"kind": "serial", "width": 5, "first": 1},
            ],
            "version": None,
        },
        "POST /v1/numbering-plan/preview": {
            "division_code": "330212", "industry_code": "3443",
            "segments": [{"kind": "serial", "width": 4, "first": 1}],
        },
        "POST /v1/reserved-numbers": {
            "first_number": "8880", "last_number": "8889", "kind": "vanity", "reason": "靓号",
        },
        "POST /v1/prefixes/{prefix}/suspend": reason,
        "POST /v1/prefixes/{prefix}/withdraw": reason,
        "POST /v1/templates": {**definition, "name": "valve", "enterprise_id": enterprise_id},
        "PUT /v1/templates/{template_id}": {**definition, "version": 1},
        "PATCH /v1/templates/{template_id}": {
            "title_zh": "泵", "display": {"title": "model", "hidden": ["grade"]},
            "attributes": [{"name": "grade", "title_zh": "等级", "kind": "enum", "choices": ["A"]}],
        },
        "POST /v1/templates/{template_id}/copy": {"name": "copy", "enterprise_id": enterprise_id, "fixed": True},
        "POST /v1/templates/{template_id}/grants": {"enterprise_id": enterprise_id},
        "POST /v1/mappings": {"enterprise_id": enterprise_id, "name": "erp", "definition": MAPPING},
        "PUT /v1/mappings/{mapping_id}": {"name": "erp", "definition": MAPPING, "version": 1},
        "POST /v1/coding-rules": {"enterprise_id": enterprise_id, "name": "pump", "definition": CODING_RULE},
        "PUT /v1/coding-rules/{coding_rule_id}": {"name": "pump", "definition": CODING_RULE, "version": 1},
        "POST /v1/coding-rules/{coding_rule_id}/preview": {"values": {"model": "CP-12"}, "serial": 7},
        "POST /v1/coding-rules/{coding_rule_id}/copies": {"enterprise_id": enterprise_id, "name": "copy"},
        "POST /v1/coding-rules/{coding_rule_id}/draws": {
            "prefix": "88.101.2002", "count": 3, "values": {"model": "CP-12"},
        },
        "POST /v1/coding-rules/{coding_rule_id}/checks": {"suffixes": ["00CP-122611000011A12"]},
        "PUT /v1/prefixes/{prefix}/suffix-rule": {"coding_rule": "pump", "version": 1},
        "PUT /v1/prefixes/{prefix}/quota": {"identifiers": 100, "daily_registrations": 10},
        "POST /v1/document-versions": {
            "kind": "management", "name": "management-rules", "title_zh": "管理规范", "body": "# 一\n\n- 甲\n",
        },
        "PUT /v1/document-versions/{document_id}": {
            "kind": "management", "title_zh": "管理规范", "title_en": "Rules", "body": "正文", "version": 1,
        },
        "POST /v1/reports": {"kind": "masked", "profile": "city", "since": "2026-10-01", "until": "2026-10-08"},
        "PUT /v1/reports/schedules/{report_kind}": {
            "enabled": True, "every": "month", "day": 1, "hour": 3, "version": 0,
        },
        "POST /v1/plans": {"name": "standard", "title_zh": "标准", "terms": PLAN_TERMS},
        "PUT /v1/plans/{fee_plan_id}": {"name": "standard", "title_zh": "标准", "terms": PLAN_TERMS, "version": 1},
        "POST /v1/orders": {
            "enterprise_id": enterprise_id, "fee_plan_id": 1, "begins_on": "2026-12-01", "ends_on": "2027-11-30",
        },
        "POST /v1/statements": {"enterprise_id": enterprise_id, "month": "2026-10"},
        "POST /v1/identifiers": {
            "prefix": "88.101.2001", "suffix": "PUMP-1", "template": "pump",
            "attributes": {"name": "离心泵", "weight_kg": 1.5, "passed": True},
        },
        "PUT /v1/identifiers/{prefix}/{suffix}": {"version": 1, "attributes": {"name": "离心泵"}},
        "POST /v1/reviews/{review_id}/decision": {
            "verdict": "return", "reasons": [{"text": "与营业执照不符", "field": "name", "code": "differs"}],
        },
        "POST /v1/service-requests": {
            "kind": "service", "subject": "无法批量注册", "said": "第三行\n被驳回", "about": "88.101.2001",
            "enterprise_id": enterprise_id,
        },
        "POST /v1/service-requests/{service_request_id}/entries": {"said": "补充说明", "internal": True},
        "POST /v1/service-requests/{service_request_id}/answer": {"said": "已处理"},
        "POST /v1/service-requests/{service_request_id}/reopen": {"said": "仍未解决"},
        "POST /v1/complaints": {
            "subject": "二维码无法识别", "said": "显示他人商品", "about": "88.101.2001/A-1",
            "contact": {"name": "王五", "phone": "13900000000", "email": "wang@example.com"},
        },
        "POST /v1/complaints/look-up": {"number": "C20261121-AAAAAAAA", "code": "ABCDEF"},
        "POST /v1/complaints/statements": {"number": "C20261121-AAAAAAAA", "code": "ABCDEF", "said": "补充"},
        "POST /v1/managed-announcements": {"title_zh": "公告", "title_en": "News", "body": "正文\n\n第二段"},
        "PUT /v1/managed-announcements/{announcement_id}": {
            "title_zh": "公告", "title_en": "News", "body": "正文", "version": 1,
        },
        "POST /v1/docking/applications/{application_id}/reject": reason,
        "POST /v1/statistics/recounts": {"since": "2026-11-20", "until": "2026-11-21", "correct": False},
        "POST /v1/docking/instructions": {
            "prefix": "88.101.2002", "kind": "verify", "body": {"prefix": "88.101.2002"},
        },
        "POST /v1/batches": "suffix,name\nA-1,离心泵\nA-2,\n",
        "POST /v1/labels/selections": {"search": {"prefix": "88.101.2001", "filters": {"template": "pump"}}},
        "POST /v1/labels/sheets": {
            "identifiers": ["88.101.2001/PUMP-1"], "kind": "datamatrix", "content": "identifier",
            "layout": "roll-50x30",
        },
        "POST /v1/batches/by-query": {
            "operation": "update", "prefix": "88.101.2001", "filters": {"template": "pump"}, "set": {"grade": "A"},
            "dry_run": True,
        },
    }  # fmt: skip
