"""What makes this node itself for others: its key, its certificate and its HS_SITE, as the settings have them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node import config
from node.config import Settings
from node.identifier import Prefix
from node.own_certificate import Pair, own_pair
from node.site import OwnSite, Ports, own_site
from node.site_key import public_key_data


def site_key_file(settings: Settings) -> Path:
    """Where the node's own key is: beside the data of the embedded PostgreSQL, unless the settings say so."""
    return settings.handle.key_file or _home(settings) / "handle-key.pem"


def seal_key_file(settings: Settings) -> Path:
    """Where the key of personal data is: in the same place, unless the settings say so."""
    return settings.security.seal_key_file or _home(settings) / "seal.key"


def outgoing_directory(settings: Settings) -> Path:
    """Where log files wait that are on their way to the node above: beside the counting folder."""
    return counting_directory(settings).with_name("outgoing")


def escrow_key_file(settings: Settings) -> Path:
    """Where the key is that signs packages of escrow: in the same place, unless the settings say so."""
    return settings.escrow.signing_key_file or _home(settings) / "escrow-key.pem"


def counting_directory(settings: Settings) -> Path:
    """Where counters and event files are: in the same place, unless the settings say so."""
    return settings.counting.directory or _home(settings) / "counting"


def _home(settings: Settings) -> Path:
    data_dir = settings.database.data_dir
    return data_dir.parent if data_dir is not None else config.data_home()


def certificate_of(settings: Settings) -> Pair:
    """The files of the HTTPS certificate: the configured ones, or the node's own, made now if need be.

    Raises ``CertificateNotMade``.
    """
    https = settings.https
    if https.certificate is not None and https.key is not None:
        return Pair(https.certificate, https.key)
    hosts = [settings.http.host, *settings.handle.public_addresses]
    return own_pair(site_key_file(settings).parent, settings.node.name, hosts, datetime.now(UTC))


def answers_below(settings: Settings) -> bool:
    """Whether nodes of enterprises dock at this one."""
    return settings.node.profile == "secondary" and settings.downward.enabled


def site_of(settings: Settings, key: RSAPrivateKey) -> OwnSite:
    """The node's HS_SITE. Raises ``InvalidPublicAddress``."""
    handle = settings.handle
    ports = Ports(
        tcp=handle.port,
        udp=handle.port if handle.udp else None,
        http=settings.http.port,
        https=settings.https.port if settings.https.enabled else None,
    )
    return own_site(
        Prefix.parse(settings.node.prefix),
        settings.node.name,
        handle.public_addresses,
        ports,
        handle.site_serial,
        public_key_data(key),
    )
