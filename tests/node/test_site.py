"""The node's own HS_SITE, and the key that it names."""

from __future__ import annotations

import stat
import threading
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from node.config import Settings
from node.handle_data import Interface, Protocol, RsaPublicKey, decode_public_key, decode_site
from node.identifier import Prefix
from node.own_face import site_key_file, site_of
from node.record import Value
from node.site import InvalidPublicAddress, OwnSite, Ports, own_site
from node.site_key import SiteKeyUnusable, public_key_data, site_key

PREFIX = Prefix.parse("88.101")
PORTS = Ports(tcp=2641, udp=2642, http=8000, https=8443)


def site_with(*addresses: str, ports: Ports = PORTS) -> OwnSite:
    return own_site(PREFIX, "示例节点", addresses, ports, 7, b"the key")


def pem_of(key: RSAPrivateKey | Ed25519PrivateKey, password: bytes | None = None) -> bytes:
    sealed = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)


def test_the_site_names_addresses_ports_and_key() -> None:
    site = site_with("192.0.2.7")
    (value,) = site.values
    assert (value.index, value.type, value.data) == (1, "HS_SITE", site.data)
    decoded = decode_site(site.data)
    assert decoded.protocol == (2, 11)
    assert decoded.serial == 7
    assert decoded.primary
    assert not decoded.multi_primary
    assert decoded.attributes == (("desc", "示例节点"),)
    (server,) = decoded.servers
    assert server.address == ip_address("192.0.2.7")
    assert server.public_key == b"the key"
    assert server.interfaces == (
        Interface(admin=True, query=True, protocol=Protocol.TCP, port=2641),
        Interface(admin=False, query=True, protocol=Protocol.UDP, port=2642),
        Interface(admin=True, query=True, protocol=Protocol.HTTP, port=8000),
        Interface(admin=True, query=True, protocol=Protocol.HTTPS, port=8443),
    )


def test_ipv6_has_a_value_of_its_own() -> None:
    site = site_with("2001:db8::7", "192.0.2.7", "192.0.2.8")
    assert [(value.index, value.type) for value in site.values] == [(1, "HS_SITE"), (6, "HS_SITE.6")]
    four, six = (decode_site(value.data) for value in site.values)
    assert [(server.id, str(server.address)) for server in four.servers] == [(1, "192.0.2.7"), (2, "192.0.2.8")]
    assert [str(server.address) for server in six.servers] == ["2001:db8::7"]
    assert site.data == site.values[0].data


def test_a_node_with_ipv6_only_is_named_by_that() -> None:
    site = site_with("2001:db8::7")
    assert [value.type for value in site.values] == ["HS_SITE.6"]
    assert str(decode_site(site.data).servers[0].address) == "2001:db8::7"


def test_ports_that_are_closed_are_not_named() -> None:
    site = site_with("192.0.2.7", ports=Ports(tcp=2641, udp=None, http=None, https=None))
    assert [each.protocol for each in decode_site(site.data).servers[0].interfaces] == [Protocol.TCP]


@pytest.mark.parametrize("addresses", [(), ("node.example.cn",), ("::1",), ("::ffff",), ("192.0.2.7", "")])
def test_an_address_that_a_site_cannot_name_is_refused(addresses: tuple[str, ...]) -> None:
    with pytest.raises(InvalidPublicAddress):
        site_with(*addresses)


def test_a_site_knows_values_that_name_itself() -> None:
    site, other = site_with("192.0.2.7", "2001:db8::7"), site_with("192.0.2.9")
    assert all(site.is_named_by(value) for value in site.values)
    assert site.is_named_by(Value(3, "HS_NA_DELEGATE", site.data))
    assert site.is_named_by(Value(3, "hs_serv", b"0.site/88.101"))
    assert not site.is_named_by(Value(3, "HS_SERV", b"0.SITE/88.102"))
    assert not any(site.is_named_by(value) for value in other.values)


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "data" / "handle-key.pem"
    key = site_key(file)
    assert key.key_size == 2048
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert site_key(file).private_numbers() == key.private_numbers()
    assert list(file.parent.iterdir()) == [file]
    assert decode_public_key(public_key_data(key)) == RsaPublicKey(key.private_numbers().public_numbers.n, 65537)


def test_who_starts_at_once_has_the_same_key(tmp_path: Path) -> None:
    file = tmp_path / "handle-key.pem"
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(site_key(file).private_numbers().p)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("content", ["empty", "short", "other", "sealed", "public"])
def test_a_file_that_holds_no_such_key_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "handle-key.pem"
    file.write_bytes(
        {
            "empty": b"",
            "short": pem_of(generate_private_key(65537, 1024)),  # noqa: S505 - that is what is wrong with it
            "other": pem_of(Ed25519PrivateKey.generate()),
            "sealed": pem_of(generate_private_key(65537, 2048), b"word"),
            "public": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        }[content]
    )
    before = file.read_bytes()
    with pytest.raises(SiteKeyUnusable) as refused:
        site_key(file)
    assert refused.value.evidence == {"file": str(file)}
    assert file.read_bytes() == before


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a directory")
    with pytest.raises(SiteKeyUnusable):
        site_key(tmp_path / "data" / "handle-key.pem")


def test_the_settings_say_where_the_key_is_and_what_the_site_names(tmp_path: Path) -> None:
    beside = Settings(database={"data_dir": tmp_path / "postgresql"})
    assert site_key_file(beside) == tmp_path / "handle-key.pem"
    named = Settings(
        handle={"key_file": tmp_path / "own.pem", "udp": False, "public_addresses": "192.0.2.7", "site_serial": 9},
        https={"enabled": False},
    )
    assert site_key_file(named) == tmp_path / "own.pem"
    site = site_of(named, site_key(site_key_file(named)))
    decoded = decode_site(site.data)
    assert decoded.serial == site.serial == 9
    assert [each.protocol for each in decoded.servers[0].interfaces] == [Protocol.TCP, Protocol.HTTP]
    assert site.handle == "0.SITE/88.101"
