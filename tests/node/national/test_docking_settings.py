from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.config import Settings
from node.database import Pool
from node.national.access import Kind, Site
from node.national.docking import Docking, NotDocked, check_docking, docked, docking_of
from node.national.signature import KeyPair, KeyPairInvalid
from node.national.transport import AuthorityUnusable, ClientCertificateUnusable
from tests.support.docking import SEAL, now


def settings(**groups: Any) -> Settings:
    return Settings(**groups)


def test_a_node_says_about_itself_what_its_settings_say() -> None:
    docking = docking_of(
        settings(
            node={"name": "示例节点", "prefix": "88.101.7", "profile": "enterprise"},
            http={"port": 8001},
            handle={"port": 2642, "udp": False, "public_addresses": ["203.0.113.7", "2001:db8::7"]},
            national={
                "url": "http://127.0.0.1:8000/docking",
                "credit_code": "91442000MAD0000198",
                "contact": "值班室",
            },
        )
    )
    applicant = docking.applicant
    assert applicant is not None
    assert (applicant.kind, applicant.name, applicant.prefix) == (Kind.ENTERPRISE, "示例节点", "88.101.7")
    assert (applicant.credit_code, applicant.contact) == ("91442000MAD0000198", "值班室")
    assert applicant.sites == tuple(
        Site(address=address, tcp_port=2642, http_port=8001) for address in ("203.0.113.7", "2001:db8::7")
    )
    assert docking.given_keys() is None


def test_a_key_pair_of_the_settings_is_whole_or_absent(tmp_path: Path) -> None:
    url = {"url": "http://127.0.0.1:9"}
    whole = url | {"access_key": "node-1", "secret_key": "sixteen characters"}
    assert docking_of(settings(national=whole)).given_keys() == KeyPair("node-1", "sixteen characters")
    for half in (url | {"access_key": "node-1"}, url | {"secret_key": "sixteen characters"}):
        with pytest.raises(KeyPairInvalid):
            check_docking(settings(national=half))
    check_docking(settings(national={"access_key": "node-1"}))  # nobody is asked
    with pytest.raises(AuthorityUnusable):
        check_docking(settings(national=url | {"authority": tmp_path / "nowhere.pem"}))
    nowhere = {"certificate": tmp_path / "a.pem", "certificate_key": tmp_path / "a.key"}
    with pytest.raises(ClientCertificateUnusable):
        check_docking(settings(national=url | nowhere))


async def test_without_an_address_nobody_is_spoken_to(pool: Pool) -> None:
    with pytest.raises(NotDocked):
        async with docked(pool, Docking(None), SEAL, clock=now):
            pass
