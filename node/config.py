"""The node's settings: one TOML file, overridden by ``BIAOSHI_GROUP_NAME`` environment variables.

In the environment the members of a list stand between commas. Read once by the composition root; functions get
values, never the settings. Every fault is reported together with the others. ``docs/configuration.md`` lists each
setting and is tested against this file.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from node.config_accounts import AccountsSettings
from node.config_bodies import BulkSettings, FilesSettings, S3Settings
from node.config_connection import (
    AuthoritySettings,
    DownwardSettings,
    EscrowSettings,
    NationalSettings,
    RecursionSettings,
    check_enterprise_node,
)
from node.config_fields import (
    DatabaseUrl,
    Group,
    Networks,
    NeverCounts,
    Port,
    PrefixText,
    Rate,
    Seconds,
    Share,
    Texts,
    each_once,
    texts_of,
)
from node.config_print import LabelsSettings, TypesettingSettings
from node.errors import Malformed

PREFIX = "BIAOSHI_"
# Names that are no settings: a client's token, keys of the mock national node and of the docking test, the
# supervisor's link, a worker's place, the laboratory's clock.
OTHER_VARIABLES = frozenset(
    {
        "BIAOSHI_TOKEN",
        "BIAOSHI_MOCK_SECRET_KEY",
        "BIAOSHI_MOCK_NODES",
        "BIAOSHI_SUPERVISOR_FD",
        "BIAOSHI_WORKER_PLACE",
        "BIAOSHI_WORKER_DIRECTORY",
        "BIAOSHI_WOUND_CLOCK",
        "BIAOSHI_DOCKING_SECRET_KEY",
    }
)


class InvalidSettings(Malformed):
    title_zh = "配置有误"


Roles = Annotated[
    tuple[Literal["worker", "steward", "resolver"], ...], BeforeValidator(texts_of), AfterValidator(each_once)
]


class NodeSettings(Group):
    name: str = Field("biaoshi", description="the node's name in answers, logs and upward messages")
    prefix: PrefixText = Field("88.101", description="the prefix the node above delegated to this node")
    profile: Literal["secondary", "enterprise"] = Field(
        "secondary", description="a secondary node, or an enterprise's own with a smaller set of parts"
    )
    laboratory: bool = Field(False, description="count loopback, mark everything 实验数据; for ever")
    workers: int = Field(2, ge=1, le=256, description="worker processes; one per core is a good start")
    roles: Roles = Field(
        ("worker", "steward"), description="what this machine does: worker, steward, or resolver alone"
    )

    @property
    def resolves_only(self) -> bool:
        """Whether this machine answers resolutions of a node whose registry is elsewhere."""
        return "resolver" in self.roles

    @model_validator(mode="after")
    def _resolver_alone(self) -> Self:
        if not self.roles or (self.resolves_only and len(self.roles) > 1):
            raise ValueError("roles are worker, steward or both; or resolver alone")
        return self


class LaboratorySettings(Group):
    """The laboratory clock (``node/laboratory_clock.py``)."""

    clock_origin: AwareDatetime | None = Field(None, description="what the laboratory clock shows when it is wound")
    clock_rate: Rate = Field(1, description="how many times as fast as the time of day it runs")


class HttpSettings(Group):
    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 or :: for the public")
    port: Port = Field(8000, description="HTTP port")
    extra_ports: Annotated[tuple[Port, ...], BeforeValidator(texts_of)] = Field(
        (), description="more HTTP ports, such as 3000 for clients of an enterprise node"
    )
    front: bool = Field(True, description="answer simple GET /api/handles/… before aiohttp; false: all by aiohttp")
    header_seconds: Seconds = Field(30, description="a connection's time to its first complete request head")
    idle_seconds: Seconds = Field(75, description="a connection's time between requests, or to read an answer")
    body_seconds: Seconds = Field(30, description="longest wait for the next 64 KiB of a request body, or its end")
    connections: int = Field(4096, ge=1, description="open connections per worker")
    connections_per_source: int = Field(256, ge=1, description="open connections per client address and worker")
    body_bytes: int = Field(1 << 20, ge=1024, description="largest request body, bulk bodies excepted")
    trusted_proxies: Networks = Field((), description="networks whose X-Forwarded-For is believed")
    allow_list: Networks = Field(
        (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")),
        description="networks exempt from the per-source bounds",
    )


class HttpsSettings(Group):
    enabled: bool = Field(True, description="answer HTTPS beside HTTP")
    port: Port = Field(8443, description="HTTPS port")
    certificate: Path | None = Field(
        None, description="PEM chain; without it one is made and signed by the node itself at the first start"
    )
    key: Path | None = Field(None, description="PEM private key of the certificate")

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("certificate and key are given together or not at all")
        return self


class HandleSettings(Group):
    enabled: bool = Field(True, description="speak the native Handle protocol")
    port: Port = Field(2641, description="port of the Handle protocol, TCP and UDP, on the host of HTTP")
    udp: bool = Field(True, description="answer by UDP too")
    public_addresses: Texts = Field(
        ("127.0.0.1",), description="IPv4 and IPv6 addresses of this node as its HS_SITE names them"
    )
    site_serial: int = Field(1, ge=0, le=65_534, description="raised whenever addresses, ports or the key change")
    first_seconds: Seconds = Field(30, description="a connection's time to its first complete message")
    idle_seconds: Seconds = Field(600, description="a connection's time between messages")
    connections: int = Field(8192, ge=1, description="open Handle connections per worker")
    connections_per_source: int = Field(256, ge=1, description="open Handle connections per address and worker")
    pipelined: int = Field(64, ge=1, le=4096, description="requests of one connection under way at once")
    udp_ratio: float = Field(4, ge=1, description="answers longer than this many times their request are limited")
    udp_answers: float = Field(50, gt=0, description="such answers a second for one network (/24, /56) and worker")
    udp_slip: int = Field(
        2, ge=0, le=100, description="each so many limited answers one tells to ask by TCP; 0: none"
    )
    udp_reassemblies: int = Field(1024, ge=1, description="fragmented requests put together at once per worker")
    udp_reassembly_seconds: Seconds = Field(5, description="how long the fragments of a request are waited for")
    challenge_seconds: Seconds = Field(60, description="how long a challenge can be answered")
    session_seconds: Seconds = Field(86_400, description="longest life of a session, whatever its client asks")
    iterations: int = Field(100_000, ge=10_000, description="most PBKDF2 iterations a client may ask for")
    legacy_proofs: bool = Field(False, description="accept DSA and signatures over SHA-1 of old clients")
    login_networks: Networks = Field(
        (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")),
        description="networks whose Teleinfo login (opcode 2001) is accepted without TLS",
    )
    key_file: Path | None = Field(
        None, description="the node's own RSA key (PEM); without it one is made at the first start"
    )


class DatabaseSettings(Group):
    url: DatabaseUrl | None = Field(
        None, repr=False, description="PostgreSQL 15 or newer; without it the embedded one is used"
    )
    reader_url: DatabaseUrl | None = Field(
        None, repr=False, description="where the resolver reads, for example a replica"
    )
    data_dir: Path | None = Field(None, description="directory of the embedded PostgreSQL")
    pool: int = Field(6, ge=2, le=100, description="connections per worker for the writer")
    seconds: Seconds = Field(10, description="deadline of an ordinary statement")


class ResolverSettings(Group):
    cache_bytes: int = Field(128 << 20, ge=1 << 20, description="memory of each worker for answers it keeps")
    missing_bytes: int = Field(
        16 << 20, ge=1 << 16, description="memory of each worker for not-found answers it keeps"
    )
    warm_entries: int = Field(20_000, ge=0, le=500_000, description="the hottest of before, loaded after a start")
    missing_seconds: Seconds = Field(10, description="how long a not-found answer is kept")
    stale_seconds: Seconds = Field(86_400, description="oldest answer given while the database is away")
    lookup_seconds: Seconds = Field(2, description="deadline of one look-up")
    replica_seconds: Seconds = Field(
        10, description="without the writer's notices for longer, answers of a replica are marked stale"
    )


class RegistrySettings(Group):
    token_hours: float = Field(24, gt=0, le=8760, description="life of a token unless it asks for less")
    enable_verified: bool = Field(True, description="a prefix the national node verified is enabled at once")
    chunk_rows: int = Field(5_000, ge=10, le=50_000, description="rows of a bulk registration per transaction")
    batch_bytes: int = Field(8 << 30, ge=1024, description="largest body of a bulk registration")
    xlsx_characters: int = Field(200_000_000, ge=1000, description="most characters in the cells of one XLSX export")
    route_networks: Networks = Field(
        (), description="networks, besides the public internet, where self-hosted routes may be tried out"
    )
    reminder_days: Annotated[tuple[Annotated[int, Field(ge=0, le=3650)], ...], BeforeValidator(texts_of)] = Field(
        (90, 30, 7, 0), description="days before the end of a certificate or licence at which to remind"
    )


class SecuritySettings(Group):
    seal_key_file: Path | None = Field(
        None, description="the key of personal data; without it one is made at the first start, beside the node's own"
    )


class FilingSettings(Group):
    per_minute: float = Field(60, gt=0, description="questions a minute for one network (/24, /56) and worker")
    burst: int = Field(30, ge=1, description="questions at once, saved up")


class SnmsSettings(Group):
    enabled: bool = Field(True, description="answer the SNMS interface: /identity, /identityv2, /snms/api")
    digest_login: bool = Field(False, description="accept the ciphered login /identity/token/v1 (can be replayed)")
    registrar_name: str = Field(
        "工业互联网标识解析国家顶级节点", description="the registrar above this node, as prefix queries name it"
    )


class IdhubSettings(Group):
    enabled: bool = Field(True, description="answer the IDHub interface: /api/v1/doip, /api/v1/open")
    verify_by_get: bool = Field(False, description="accept a GET with a body at verify-response")


class ReviewSettings(Group):
    four_eyes: bool = Field(False, description="two reviewers have to approve; returning and rejecting take one")
    claim_minutes: float = Field(30, gt=0, le=1440, description="how long a claimed review is reserved")
    verifiers: Annotated[tuple[Literal["form"], ...], BeforeValidator(texts_of)] = Field(
        ("form",), description="what a reviewer's check asks, in this order"
    )


class ServiceSettings(Group):
    request_days: int = Field(10, ge=1, le=365, description="days in which a service request has to be answered")
    complaint_days: int = Field(15, ge=1, le=365, description="days in which a complaint has to be answered")
    complaints_per_minute: float = Field(
        6, gt=0, le=6000, description="complaints and looks at them without an account, for one network and worker"
    )
    open_complaints: int = Field(10_000, ge=1, description="most unanswered complaints of people without an account")


class CountingSettings(Group):
    never: Annotated[tuple[NeverCounts, ...], BeforeValidator(texts_of)] = Field(
        ("127.0.0.0/8", "::1/128"),
        description="whose resolutions never count: networks, account:NAME, handle:IDENTITY",
    )
    flush_seconds: Seconds = Field(2, description="time between writes of the counters to the database")
    directory: Path | None = Field(
        None, description="folder of counters and event files; by default beside the embedded database"
    )
    evidence_days: int = Field(400, ge=180, le=36_500, description="days for which sealed event files are kept")
    minute_days: int = Field(400, ge=35, le=36_500, description="days for which counts by the minute are kept")
    client_addresses: Literal["hashed", "kept"] = Field(
        "hashed", description="what event files say of clients: keyed hashes, or addresses too"
    )


class FlagSettings(Group):
    """What makes resolutions conspicuous; the reasons stand in docs/counting.md."""

    least: int = Field(1000, ge=1, description="valid resolutions of a day below which shares say nothing")
    source_share: Share = Field(0.2, description="share of a day that one source network (/24, /56) may have")
    walk_steps: int = Field(50, ge=3, description="identifiers in numeric order that one client asks one by one")
    metronome_resolutions: int = Field(50, ge=3, description="resolutions of a client in an hour that make a rhythm")
    metronome_variation: Share = Field(0.1, description="variation of their distances below which it is a machine")
    concentration_identifiers: Share = Field(0.01, description="the most asked part of a prefix's identifiers …")
    concentration_share: Share = Field(0.9, description="… and the share of its resolutions that is too much for it")
    burst_per_minute: int = Field(300, ge=1, description="resolutions of one prefix in a minute that are a burst …")
    burst_sources: int = Field(3, ge=1, description="… unless they come from more source networks than these")
    bots: Networks = Field((), description="networks of known bots, beside those known by User-Agent")


class AcceptanceSettings(Group):
    profile: str = Field("ningbo", description="the profile of acceptance criteria shown when none is named")
    profiles: Path | None = Field(None, description="folder of profiles of your own, beside those that ship")


class LogSettings(Group):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severe event logged")
    requests: bool = Field(True, description="one line per request")


class Settings(BaseSettings):
    """All groups; attribute names are the TOML tables and the first word of the environment names."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        enable_decoding=False,  # JSON in the environment would fail one variable at a time
        extra="forbid",
        frozen=True,
    )

    node: NodeSettings = NodeSettings()
    laboratory: LaboratorySettings = LaboratorySettings()
    http: HttpSettings = HttpSettings()
    https: HttpsSettings = HttpsSettings()
    handle: HandleSettings = HandleSettings()
    database: DatabaseSettings = DatabaseSettings()
    resolver: ResolverSettings = ResolverSettings()
    registry: RegistrySettings = RegistrySettings()
    accounts: AccountsSettings = AccountsSettings()
    security: SecuritySettings = SecuritySettings()
    filing: FilingSettings = FilingSettings()
    snms: SnmsSettings = SnmsSettings()
    idhub: IdhubSettings = IdhubSettings()
    files: FilesSettings = FilesSettings()
    s3: S3Settings = S3Settings()
    review: ReviewSettings = ReviewSettings()
    service: ServiceSettings = ServiceSettings()
    bulk: BulkSettings = BulkSettings()
    national: NationalSettings = NationalSettings()
    downward: DownwardSettings = DownwardSettings()
    recursion: RecursionSettings = RecursionSettings()
    authority: AuthoritySettings = AuthoritySettings()
    escrow: EscrowSettings = EscrowSettings()
    counting: CountingSettings = CountingSettings()
    flags: FlagSettings = FlagSettings()
    acceptance: AcceptanceSettings = AcceptanceSettings()
    typesetting: TypesettingSettings = TypesettingSettings()
    labels: LabelsSettings = LabelsSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _clock_of_a_laboratory(self) -> Self:
        if self.laboratory != LaboratorySettings() and not self.node.laboratory:
            raise ValueError("laboratory.clock_origin and laboratory.clock_rate need node.laboratory")
        return self

    @model_validator(mode="after")
    def _store_with_address(self) -> Self:
        if self.files.store == "s3" and self.s3.url is None:
            raise ValueError("files.store = s3 needs s3.url")
        return self

    @model_validator(mode="after")
    def _resolver_with_database(self) -> Self:
        if self.node.resolves_only and self.database.url is None:
            raise ValueError("node.roles = resolver needs database.url, to hear the writer and to keep counts")
        return self

    @model_validator(mode="after")
    def _enterprise_node_applies(self) -> Self:
        if self.node.profile == "enterprise":
            check_enterprise_node(self.node.prefix, self.national)
        return self

    @model_validator(mode="after")
    def _recursion_with_roots(self) -> Self:
        if self.recursion.enabled and not self.recursion.roots:
            raise ValueError("recursion.enabled needs recursion.roots")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def load(path: Path | None = None) -> Settings:
    """Settings from the file (if any) and the environment; the environment wins.

    Raises ``InvalidSettings`` with every fault in ``faults``, each naming its setting.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidSettings(f"{path} cannot be read: {error}", faults=[str(error)]) from None
    faults = [f"{name}: {_told('extra_forbidden', '')}" for name in _unknown_variables()]
    settings = None
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults += [
            f"{'.'.join(str(part) for part in fault['loc'])}: {_told(fault['type'], fault['msg'])}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
    if settings is None or faults:
        raise InvalidSettings("the settings have faults: " + "; ".join(faults), faults=faults)
    return settings


def _unknown_variables() -> list[str]:
    """Variables that look like settings and belong to no group; within a group pydantic names them."""
    return [
        name
        for name in sorted(os.environ)
        if name.startswith(PREFIX)
        and name not in OTHER_VARIABLES
        and name.removeprefix(PREFIX).partition("_")[0].lower() not in Settings.model_fields
    ]


def _told(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "no such setting"
    message = message.removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def data_home() -> Path:
    """Where the node keeps its data by default: the user's data home, for root the system's."""
    if os.geteuid() == 0:
        return Path("/var/lib/biaoshi")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "biaoshi"
