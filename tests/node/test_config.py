"""Settings: one file, overridden by the environment, every fault told at once and no secret with it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from node import config
from node.cli import app
from node.config import InvalidSettings, Settings, data_home, load

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests themselves run with is none of the node's business."""
    for name in list(os.environ):
        if name.startswith(config.PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "biaoshi.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def faults(path: Path | None = None) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load(path)
    found = caught.value.evidence["faults"]
    assert isinstance(found, list)
    assert all(fault in caught.value.detail for fault in found)
    return found


def test_without_a_file_the_defaults_stand() -> None:
    settings = load()
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8000)
    assert settings.database.url is None
    assert not settings.node.laboratory


def test_a_file_sets_what_it_names_and_nothing_else(write: Write) -> None:
    settings = load(write('[node]\nname = "中山节点"\n[http]\nport = 8080\n'))
    assert (settings.node.name, settings.http.port, settings.http.host) == ("中山节点", 8080, "127.0.0.1")


def test_the_environment_wins_over_the_file_setting_by_setting(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("[http]\nport = 8080\nconnections = 7\n")
    monkeypatch.setenv("BIAOSHI_HTTP_PORT", "9090")
    settings = load(path)
    assert (settings.http.port, settings.http.connections) == (9090, 7)


@pytest.mark.parametrize(
    ("variable", "text", "group", "name", "value"),
    [
        ("BIAOSHI_NODE_LABORATORY", "true", "node", "laboratory", True),
        ("BIAOSHI_HTTP_HEADER_SECONDS", "2.5", "http", "header_seconds", 2.5),
        ("BIAOSHI_HTTP_CONNECTIONS_PER_SOURCE", "9", "http", "connections_per_source", 9),
        ("BIAOSHI_DATABASE_DATA_DIR", "/srv/a b", "database", "data_dir", Path("/srv/a b")),
        ("BIAOSHI_DATABASE_READER_URL", "postgres://h/d", "database", "reader_url", "postgres://h/d"),
        ("BIAOSHI_REGISTRY_ENABLE_VERIFIED", "0", "registry", "enable_verified", False),
        ("BIAOSHI_LOG_LEVEL", "debug", "log", "level", "debug"),
        ("BIAOSHI_HTTP_TRUSTED_PROXIES", "", "http", "trusted_proxies", ()),
        (
            "BIAOSHI_HTTP_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32", "http", "trusted_proxies",
            (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32")),
        ),
    ],
)  # fmt: skip
def test_every_kind_of_setting_can_stand_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, group: str, name: str, value: object
) -> None:
    monkeypatch.setenv(variable, text)
    assert getattr(getattr(load(), group), name) == value


def test_every_setting_has_a_name_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file can say the environment can say, with the same value: here, its default."""
    for group, field in Settings.model_fields.items():
        for name in as_model(field.annotation).model_fields:
            value = getattr(getattr(Settings(), group), name)
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            monkeypatch.setenv(f"BIAOSHI_{group}_{name}".upper(), "" if value is None else text)
    assert load() == Settings()


def as_model(annotation: Any) -> type[BaseModel]:
    model: type[BaseModel] = annotation
    assert issubclass(model, BaseModel)
    return model


def test_every_setting_says_what_it_is_for() -> None:
    for field in Settings.model_fields.values():
        for name, setting in as_model(field.annotation).model_fields.items():
            assert setting.description, name


def test_an_empty_variable_says_nothing(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIAOSHI_HTTP_PORT", "")
    assert load(write("[http]\nport = 8080\n")).http.port == 8080


def test_all_faults_are_told_together_each_with_its_name(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIAOSHI_DATABASE_POOL", "many")
    monkeypatch.setenv("BIAOSHI_HTTP_ALLOW_LIST", "nonsense")
    monkeypatch.setenv("BIAOSHI_HTPP_PORT", "1")
    monkeypatch.setenv("BIAOSHI_HTTP_PROT", "1")
    path = write(
        'surprise = 1\n[node]\nprefix = "99.1"\nworkers = 0\n[http]\nport = 70000\nbody_secondz = 1\n'
        'header_seconds = inf\ntrusted_proxies = ["10.0.0.1/8"]\n[database]\nurl = "mysql://h/d"\n'
        '[national]\nurl = "ftp://h"\n[log]\nlevel = "loud"\n[surprises]\nmore = 1\n'
    )
    assert {fault.partition(":")[0] for fault in faults(path)} == {
        "BIAOSHI_HTPP_PORT", "surprise", "surprises", "node.prefix", "node.workers", "http.port", "http.body_secondz",
        "http.prot", "http.header_seconds", "http.trusted_proxies", "http.allow_list", "database.url",
        "database.pool", "national.url", "log.level",
    }  # fmt: skip


def test_an_unknown_setting_is_called_that(write: Write) -> None:
    assert faults(write("[http]\nprot = 1\n")) == ["http.prot: no such setting"]


@pytest.mark.parametrize("name", sorted(config.OTHER_VARIABLES))
def test_variables_of_other_programs_of_the_node_are_no_settings(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "anything")
    assert load() == Settings()


@pytest.mark.parametrize("value", ["5", "[1]", "{", '{"port": 1}'])
def test_a_group_cannot_be_set_at_one_stroke(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("BIAOSHI_HTTP", value)
    (fault,) = faults()
    assert fault.startswith("http: ")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e300"])
def test_a_deadline_is_a_time_that_comes(write: Write, seconds: str) -> None:
    (fault,) = faults(write(f"[http]\nidle_seconds = {seconds}\n"))
    assert fault.startswith("http.idle_seconds: ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path / "nowhere.toml")
    assert "nowhere.toml" in fault


@pytest.mark.parametrize("content", [b"[http\nport = 1", b"port = = 1", b"\xff\xfe[http]", b"[http]\n[http]\n"])
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidSettings, match=r"odd\.toml"):
        load(path)


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings):
        load(tmp_path)


def test_secrets_are_not_shown(write: Write) -> None:
    settings = load(
        write(
            '[database]\nurl = "postgresql://u:hunter2@h/d"\nreader_url = "postgresql://u:hunter3@h/d"\n'
            '[national]\naccess_key = "known"\nsecret_key = "hunter4"\n'
        )
    )
    assert "hunter" not in repr(settings)
    assert "hunter" not in str(settings)
    assert "known" in repr(settings)
    assert settings.national.secret_key == "hunter4"


def test_a_fault_does_not_show_the_secret_that_has_it(write: Write) -> None:
    found = faults(write('[database]\nurl = "mysql://u:hunter2@h/d"\n[national]\nsecret_key = ["hunter4"]\n'))
    assert len(found) == 2
    assert "hunter" not in "".join(found)


def test_settings_stand_still() -> None:
    settings = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.http.port = 1  # type: ignore[misc]  # that is the point


def test_data_live_at_the_user_s_own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert data_home() == tmp_path / ".local" / "share" / "biaoshi"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    assert data_home() == tmp_path / "elsewhere" / "biaoshi"


def test_root_s_data_live_at_the_system_s_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert data_home() == Path("/var/lib/biaoshi")


def test_the_check_of_the_settings_looks_into_the_profiles_they_name(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("name_zh = 1\n", encoding="utf-8")
    checked = CliRunner().invoke(app, ["check-config"], env={"BIAOSHI_ACCEPTANCE_PROFILES": str(tmp_path)})
    assert checked.exit_code == 1
    assert "mine.toml: name_zh" in checked.stderr
    checked = CliRunner().invoke(app, ["check-config"], env={"BIAOSHI_ACCEPTANCE_PROFILE": "nowhere"})
    assert checked.exit_code == 1
    assert "nowhere" in checked.stderr


def test_a_machine_either_resolves_only_or_does_not(write: Write) -> None:
    database = '[database]\nurl = "postgresql://h/d"\n'
    assert not load(write('[node]\nroles = ["steward"]\n')).node.resolves_only
    assert load(write('[node]\nroles = ["resolver", "resolver"]\n' + database)).node.roles == ("resolver",)
    alone = "node: roles are worker, steward or both; or resolver alone"
    assert faults(write('[node]\nroles = ["resolver", "worker"]\n' + database)) == [alone]
    assert faults(write("[node]\nroles = []\n")) == [alone]
    (needed,) = faults(write('[node]\nroles = ["resolver"]\n'))
    assert "database.url" in needed
