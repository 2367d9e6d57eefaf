"""The Handle System's own values on the page: readable, in both languages, and only ever text and known links."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.handle_data import (
    ADMIN_PERMISSIONS,
    AdminData,
    DsaPublicKey,
    Interface,
    OpaquePublicKey,
    Protocol,
    RsaPublicKey,
    Server,
    Site,
    Sm2PublicKey,
    encode_admin,
    encode_public_key,
    encode_site,
    encode_vlist,
)
from node.record import Reference, Value
from resolver.http.meaning import Item
from resolver.http.page_texts import ENGLISH, PERMISSIONS_ZH, TYPES_EN, TYPES_ZH
from resolver.http.page_values import own_lines, references
from tests.support.dom import ENGLISH as ENGLISH_BROWSER
from tests.support.dom import dom
from tests.support.shelf import Front, Shelf, values

RSA = encode_public_key(RsaPublicKey(n=(1 << 2047) | 1, e=65537))
ADMIN = encode_admin(AdminData("0.NA/88.101.1", 300, 0b11))
SITE = encode_site(
    Site(
        protocol=(2, 11), serial=7, primary=True, multi_primary=False, attributes=(("desc", "biaoshi"),),
        servers=(
            Server(1, ip_address("192.0.2.1"), RSA, (
                Interface(admin=True, query=True, protocol=Protocol.TCP, port=2641),
                Interface(admin=False, query=True, protocol=Protocol.UDP, port=2641),
                Interface(admin=False, query=False, protocol=Protocol.HTTP, port=8000),
            )),
            Server(2, ip_address("2001:db8::1"), b"rubbish", ()),
        ),
    )
)  # fmt: skip


def entries(kind: str, data: bytes, *, english: bool = False) -> list[Item]:
    """What the page says of one value."""
    (line,) = own_lines(values((1, kind, data)), english)
    return list(line.entries)


def texts(kind: str, data: bytes, *, english: bool = False) -> list[str]:
    return [item.text for item in entries(kind, data, english=english)]


def test_an_administrator_is_shown_with_permissions_by_name() -> None:
    assert entries("HS_ADMIN", ADMIN) == [
        Item("300:0.NA/88.101.1", "/0.NA/88.101.1"),
        Item("权限：注册标识 add_handle、注销标识 delete_handle", None),
    ]
    assert texts("hs_admin", ADMIN, english=True)[1] == "Permissions: add handle, delete handle"


@pytest.mark.parametrize("bit", range(12))
def test_each_permission_has_its_name(bit: int) -> None:
    name = ADMIN_PERMISSIONS[bit]
    data = encode_admin(AdminData("88.1/A", 1, 1 << bit))
    assert texts("HS_ADMIN", data)[1] == f"权限：{PERMISSIONS_ZH[name]} {name}"


def test_all_permissions_and_none_are_one_word() -> None:
    assert texts("HS_ADMIN", encode_admin(AdminData("88.1/A", 1, 0xFFF)))[1] == "权限：全部权限"
    assert texts("HS_ADMIN", encode_admin(AdminData("88.1/A", 1, 0)), english=True)[1] == "Permissions: none"


def test_a_group_names_its_members_with_links_where_this_node_has_pages() -> None:
    data = encode_vlist((Reference("0.NA/88.101.1", 300), Reference("88.101.1/a b", 0), Reference("10.1000/1", 1)))
    assert entries("HS_VLIST", data) == [
        Item("300:0.NA/88.101.1", "/0.NA/88.101.1"),
        Item("0:88.101.1/a b", "/88.101.1/a%20b"),
        Item("1:10.1000/1", None),
    ]


def test_a_long_group_is_cut() -> None:
    found = texts("HS_VLIST", encode_vlist(tuple(Reference(f"88.1/{n}", 1) for n in range(101))))
    assert len(found) == 101
    assert found[-1] == "…"


def test_aliases_and_services_are_links() -> None:
    assert entries("HS_ALIAS", b"88.101.1/B") == [Item("88.101.1/B", "/88.101.1/B")]
    assert entries("HS_SERV", b"0.SITE/x") == [Item("0.SITE/x", None)]
    assert entries("HS_ALIAS", b"javascript:alert(1)") == [Item("javascript:alert(1)", None)]


def test_a_site_names_its_servers_and_what_their_ports_are_for() -> None:
    assert texts("HS_SITE", SITE) == [
        "主站点 · 序号 7 · 协议版本 2.11 · desc: biaoshi",
        "服务器 1 · 192.0.2.1 · RSA 公钥，2048 位",
        "TCP 2641（解析、管理）",
        "UDP 2641（解析）",
        "HTTP 8000（无）",
        "服务器 2 · 2001:db8::1 · （二进制数据，7 字节）",
    ]
    assert texts("HS_NA_DELEGATE", SITE, english=True)[1:3] == [
        "Server 1 · 192.0.2.1 · RSA public key, 2048 bits",
        "TCP 2641 (queries, administration)",
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (RSA, "RSA 公钥，2048 位"),
        (encode_public_key(DsaPublicKey(y=3, p=(1 << 1023) | 1, q=5, g=2)), "DSA 公钥，1024 位"),
        (encode_public_key(Sm2PublicKey("-----BEGIN PUBLIC KEY-----\n")), "SM2 公钥，256 位"),
        (encode_public_key(OpaquePublicKey("SM9_PUB_KEY", b"x")), "SM9_PUB_KEY"),
    ],
)
def test_a_key_is_shown_by_kind_size_and_fingerprint(data: bytes, said: str) -> None:
    assert texts("HS_PUBKEY", data) == [said, f"SHA-256 {hashlib.sha256(data).hexdigest()}"]


@pytest.mark.parametrize("kind", sorted(TYPES_ZH))
def test_what_is_not_as_its_type_promises_is_only_measured(kind: str) -> None:
    assert texts(kind, b"\xff\x00\xfe")[0] in ("（二进制数据，3 字节）",)
    assert TYPES_EN.keys() == TYPES_ZH.keys()


@given(st.sampled_from(sorted(TYPES_ZH)), st.binary(max_size=200))
def test_no_data_breaks_the_page(kind: str, data: bytes) -> None:
    found = entries(kind, data)
    assert all(item.href is None or item.href.startswith(("/88.", "/86.", "/0.NA/")) for item in found)


def test_a_long_text_for_programs_is_cut() -> None:
    assert texts("HS_SIGNATURE", b"x" * 5000) == ["x" * 200 + "…"]
    site = replace(Site((2, 11), 1, True, False, (("d" * 60_000, ""),), ()))
    assert len(texts("HS_SITE", encode_site(site))[0]) < 2200


def test_values_say_what_they_refer_to() -> None:
    value = Value(1, "URL", b"x", references=(Reference("88.101.1/B", 2), Reference("10.1/x", 0)))
    assert references(value, True) == (
        Item(f"{ENGLISH['refers']} 2:88.101.1/B", "/88.101.1/B"),
        Item(f"{ENGLISH['refers']} 0:10.1/x", None),
    )
    many = replace(value, references=tuple(Reference("88.1/A", n) for n in range(500)))
    assert len(references(many, True)) == 100


async def test_the_page_of_an_identifier_shows_them_folded_up(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    record = values((1, "URL", "https://a.example/"), (100, "HS_ADMIN", ADMIN), (7, "X-FREE", "自由值"))
    record[0] = replace(record[0], references=(Reference("88.101.1/Other", 1),))
    await shelf.register("88.101.1/A", record)
    page = await dom(front, "/88.101.1/A")
    assert ("details", {}) in page.elements
    for said in ("Handle 系统数据", "管理员 HS_ADMIN", "300:0.NA/88.101.1", "注册标识 add_handle", "X-FREE", "自由值",
                 "引用 1:88.101.1/Other"):  # fmt: skip
        assert said in page.text
    assert {"/0.NA/88.101.1", "/88.101.1/Other"} <= set(page.links)
    english = await dom(front, "/88.101.1/A", ENGLISH_BROWSER)
    for said in ("Handle System data", "Administrator HS_ADMIN", "add handle", "refers to 1:88.101.1/Other"):
        assert said in english.text


async def test_a_secret_is_not_on_the_page_whatever_its_permissions(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.register("88.101.1/A", values((1, "DESC", "x"), (300, "HS_SECKEY", "geheim-1234"), permissions=0x0F))
    assert "geheim" not in (await dom(front, "/88.101.1/A")).text
