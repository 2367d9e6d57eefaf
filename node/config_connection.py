"""The settings of what connects this node with others: the node above, nodes below, foreign nodes, the city."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from node.config_fields import Group, Networks, Seconds, Servers


class NationalSettings(Group):
    """The node above: the national top-level node, or the secondary node of an enterprise node."""

    url: Annotated[str, Field(pattern="^https?://")] | None = Field(
        None, description="the interface of the node above; none: reports wait"
    )
    access_key: str = Field("", description="AccessKey issued by the node above; none: apply for access")
    secret_key: str = Field("", repr=False, description="SecretKey issued by the node above")
    certificate: Path | None = Field(None, description="PEM client certificate for mutual TLS")
    certificate_key: Path | None = Field(None, description="PEM private key of that certificate")
    authority: Path | None = Field(
        None, description="PEM of the authority that signs the certificate of the node above; none: the system's"
    )
    contact: str = Field("", description="whom the node above may ask about an application for access")
    credit_code: str = Field("", description="credit code of this node's operator, for that application")
    key_days: int = Field(90, ge=1, le=3650, description="age at which the key pair is replaced")
    heartbeat_seconds: Seconds = Field(30, description="time between heartbeats")
    poll_seconds: Seconds = Field(2, description="time between looks for verification results")
    deadline_seconds: Seconds = Field(10, description="deadline of one delivery")
    count_seconds: Seconds = Field(60, description="time between statements of counts")
    outbox_days: int = Field(30, ge=1, le=3650, description="days for which delivered messages are kept")
    logs: bool = Field(True, description="send logs of registrations and resolutions as files")
    log_rows: int = Field(50_000, ge=100, le=1_000_000, description="most rows of one file of registrations")
    log_minutes: float = Field(10, gt=0, le=1440, description="longest wait of a registration for its file")
    standby: bool = Field(True, description="keep standby records with the node above, for emergency takeover")
    standby_rows: int = Field(10_000, ge=100, le=100_000, description="records of one page of them")

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if (self.certificate is None) is not (self.certificate_key is None):
            raise ValueError("certificate and certificate_key are given together or not at all")
        return self


class DownwardSettings(Group):
    enabled: bool = Field(True, description="answer the interface for enterprise nodes at /docking")
    approve: Literal["reviewed", "known"] = Field(
        "reviewed", description="applications for access: by a reviewer, or at once where prefix and credit code fit"
    )
    key_hours: float = Field(24, gt=0, le=8760, description="how long a replaced key pair still holds")


class RecursionSettings(Group):
    enabled: bool = Field(False, description="resolve for clients what other nodes answer")
    roots: Servers = Field((), description="where to begin: HOST:PORT of the national node's Handle service")
    networks: Networks = Field(
        (), description="networks, besides the public internet, in which delegated addresses may be asked"
    )
    clients: Networks = Field(
        (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")),
        description="networks for whose clients the node asks others",
    )
    per_minute: float = Field(600, gt=0, description="questions to others a minute for one network (/24, /56)")
    seconds: Seconds = Field(4, description="deadline of one recursive resolution")
    hop_seconds: Seconds = Field(1.5, description="deadline of one question to one server")
    hops: int = Field(8, ge=1, le=32, description="most questions of one resolution")
    answer_bytes: int = Field(65_536, ge=512, le=262_144, description="largest answer that is read")
    cache_bytes: int = Field(48 << 20, ge=1 << 16, description="memory of each worker for answers of others it keeps")
    ttl_seconds: Seconds = Field(3_600, description="longest life of a kept answer or route")
    missing_seconds: Seconds = Field(60, description="how long a not-found of others is kept")
    stale_seconds: Seconds = Field(86_400, description="oldest answer given while its node is silent")


class AuthoritySettings(Group):
    """Regular uploads of statistics and masked data (定期上传统计数据和脱敏数据) to a city authority."""

    url: Annotated[str, Field(pattern="^https?://")] | None = Field(None, description="where to; none: nothing goes")
    access_key: str = Field("", description="AccessKey that signs uploads")
    secret_key: str = Field("", repr=False, description="SecretKey that signs uploads")
    ca_file: Path | None = Field(None, description="PEM of the authority of its certificate; none: the system's")
    profile: str = Field("city", description="which fields go, and how they are masked: a profile by name")
    profiles: Path | None = Field(None, description="folder of profiles of your own, beside those that ship")
    every: Literal["day", "week", "month"] = Field("month", description="what period one upload covers")
    hour: int = Field(2, ge=0, le=23, description="hour of China time from which a finished period is uploaded")


class EscrowSettings(Group):
    signing_key_file: Path | None = Field(
        None, description="Ed25519 key that signs packages; without it one is made beside the node's own"
    )


def check_enterprise_node(prefix: str, national: NationalSettings) -> None:
    """Whether these suit an enterprise's own node. Raises ``ValueError``."""
    if prefix.count(".") != 2:
        raise ValueError(
            "node.profile = enterprise needs the enterprise's own prefix, of three segments, as node.prefix"
        )
    if national.access_key:
        # Whose node it is comes with the answer to its application, and with nothing else.
        raise ValueError("node.profile = enterprise applies for access: national.access_key stays empty")
