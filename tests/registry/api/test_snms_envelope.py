"""Every refusal of the node in the words of SNMS: a documented status, a Chinese sentence, nothing of our insides."""

from __future__ import annotations

import json
import re

from node.auth import Role
from node.errors import Forbidden, Internal, NodeError, Unauthenticated, Unavailable
from node.identifier import Prefix
from registry.api.snms.envelope import TABLE, SnmsEnvelope, row_outcome
from registry.identifiers.identifiers import faulty
from registry.identifiers.stored import unknown_identifier
from registry.rejection import Code
from tests.support.errors import FACTS, example
from tests.support.world import Holder, staff

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def told(error: NodeError) -> dict[str, object]:
    answer: dict[str, object] = json.loads(SnmsEnvelope().refusal(error))
    return answer


def test_every_refusal_has_a_documented_status_and_a_chinese_sentence() -> None:
    for kind in FACTS:
        answer = told(example(kind))
        assert list(answer) == ["message", "status", "data"]
        assert answer["data"] is None
        assert answer["status"] in (-1, -2, -3, -4), kind
        message = answer["message"]
        assert isinstance(message, str)
        assert _CHINESE.search(message), kind
        assert "so it is" not in message, kind


def test_only_whoever_is_not_signed_in_is_told_to_and_only_our_faults_are_internal() -> None:
    own_words = {kind for kind in TABLE if kind in FACTS}
    for kind in FACTS:
        if kind in own_words:
            continue
        status = told(example(kind))["status"]
        assert (status == -1) is issubclass(kind, Unauthenticated), kind
        assert (status == -3) is issubclass(kind, Forbidden), kind
        assert (status == -4) is issubclass(kind, Internal | Unavailable), kind


def test_a_failure_of_our_own_says_that_the_system_is_busy() -> None:
    assert json.loads(SnmsEnvelope().failure()) == {"message": "系统繁忙", "status": -4, "data": None}


def test_a_missing_identifier_has_other_words_in_a_batch() -> None:
    holder = Holder(staff(Role.ADMINISTRATOR), Prefix.parse("88.101.2001"))
    missing = unknown_identifier(holder.identifier("V-1"))
    assert told(missing)["message"] == "没有找到标识"
    assert row_outcome("88.101.2001/V-1", missing) == {"handle": "88.101.2001/V-1", "code": -2, "msg": "标识不存在"}


def test_faults_are_told_by_their_chinese_halves() -> None:
    faults = [Code.REQUIRED.fault("产品名称"), Code.TOO_LONG.fault("型号", limit=3, found=4)]
    assert told(faulty(faults))["message"] == "标识数据有误：产品名称: 必填；型号: 最多 3 个字符，实际 4 个"
