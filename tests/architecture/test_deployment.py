"""The images, the compose files and the unit of systemd name what there is, and each other's parts.

Their own languages are checked by ``make docker-check`` (hadolint, the compose specification's schema).
"""

from __future__ import annotations

import configparser
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from node.config import Settings

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = ("compose.yaml", "compose.cluster.yaml")


def composed(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text(encoding="utf-8"))
    return found


def read(name: str) -> str:
    return (DOCKER / name).read_text(encoding="utf-8")


def test_the_builder_gets_every_package_and_nothing_that_is_not_there() -> None:
    admitted = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {*packages, *project["project"]["license-files"], project["project"]["readme"]} <= {*admitted}
    assert all((ROOT / path).exists() for path in admitted)
    copied = re.findall(
        r"^COPY (?!--from)(?:--\S+ )*([a-z]\S+) ", read("Dockerfile") + read("database.Dockerfile"), re.M
    )
    assert {*copied} <= {*admitted}


def test_the_image_opens_the_ports_of_the_settings() -> None:
    settings = Settings()
    opened = re.search(r"^EXPOSE (.+)$", read("Dockerfile"), re.MULTILINE)
    assert opened is not None
    handle = settings.handle.port
    assert opened[1].split() == [str(settings.http.port), str(settings.https.port), str(handle), f"{handle}/udp"]


@pytest.mark.parametrize("name", ["Dockerfile", "database.Dockerfile"])
def test_an_image_has_a_base_to_pin_and_a_user_of_its_own(name: str) -> None:
    text = read(name)
    assert re.search(r"^ARG BASE=", text, re.MULTILINE)
    assert {*re.findall(r"^FROM (\S+)", text, re.MULTILINE)} == {"${BASE}"}
    assert int(re.findall(r"^USER (\d+)$", text, re.MULTILINE)[-1]) > 1000


@pytest.mark.parametrize("name", COMPOSE)
def test_every_service_comes_back_by_itself_and_says_how_it_is(name: str) -> None:
    for service, what in composed(name)["services"].items():
        assert what["restart"] == "unless-stopped", service
        assert what["image"].startswith("biaoshi:") or "healthcheck" in what, service  # the node's image has its own
        assert "privileged" not in what, service


@pytest.mark.parametrize("name", COMPOSE)
def test_secrets_are_files_and_each_is_used(name: str) -> None:
    known = composed(name)
    used = {secret for service in known["services"].values() for secret in service.get("secrets", ())}
    assert used == set(known["secrets"])
    assert all(secret["file"].endswith(f"/{key}") for key, secret in known["secrets"].items())
    assert not re.search(r"(?i)^\s*\w*(password|secret_key)\w*: (?!/run/secrets/)\S", read(name), re.MULTILINE)


def test_a_machine_is_told_everything_that_the_cluster_asks_for() -> None:
    asked = {*re.findall(r"\$\{(\w+):\?\}", read("compose.cluster.yaml"))}
    told = {*re.findall(r"^(\w+)=", read("machine.example.env"), re.MULTILINE)}
    assert asked <= told


def test_the_balancer_is_told_every_address_that_its_settings_name() -> None:
    asked = {*re.findall(r"\$(\w+)", read("haproxy.cfg"))}
    assert asked == set(composed("compose.cluster.yaml")["services"]["balancer"]["environment"])


def test_patroni_replicates_synchronously_and_its_times_fit_into_each_other() -> None:
    settings = yaml.safe_load(read("patroni.yml"))
    shared = settings["bootstrap"]["dcs"]
    assert shared["synchronous_mode"] is True
    assert shared["loop_wait"] + 2 * shared["retry_timeout"] <= shared["ttl"] < 30  # seconds until writes are back
    assert "password" not in settings["postgresql"]["authentication"]["superuser"]


def test_the_program_that_starts_the_others_can_be_read_by_a_shell() -> None:
    subprocess.run(["sh", "-n", str(DOCKER / "database.sh")], check=True)
    started = {*re.findall(r"^  (\w+)\)", read("database.sh"), re.MULTILINE)}
    services = composed("compose.cluster.yaml")["services"]
    assert {services[name]["command"][0] for name in ("etcd", "database", "balancer")} <= started


def test_the_service_of_systemd_runs_the_node_where_operators_are_told_to_install_it() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names are told apart by their case
    unit.read(ROOT / "deploy" / "systemd" / "biaoshi.service", encoding="utf-8")
    service = unit["Service"]
    program, verb, option, settings = service["ExecStart"].split()
    told = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert (verb, option) == ("serve", "--config")
    assert program.removesuffix("/.venv/bin/biaoshi") in told
    assert settings in told
    assert f"useradd --system --create-home --home-dir /var/lib/{service['StateDirectory']} {service['User']}" in told
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "true"
