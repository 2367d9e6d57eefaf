"""What is in force is told with its origin, and no secret with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from admin.settings.effective import MASKED, Effective, EffectiveSetting, Origin, effective_settings
from admin.settings.libraries import libraries
from node.config import Settings, load
from tests.support.node import running_node

SECRET = "s3cr3t-hunter2"


def of(effective: Effective, name: str) -> EffectiveSetting:
    return next(one for group in effective.groups for one in group.settings if one.name == name)


def test_every_setting_is_told_once() -> None:
    told = [one.name for group in effective_settings(Settings(), None, {}).groups for one in group.settings]
    declared = [
        f"{name}.{field}" for name in Settings.model_fields for field in type(getattr(Settings(), name)).model_fields
    ]
    assert told == declared


def test_a_setting_says_where_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "node.toml"
    file.write_text('[http]\nport = 8100\nhost = "0.0.0.0"\n[https]\nenabled = false\n', encoding="utf-8")
    variables = {"BIAOSHI_HTTP_PORT": "8200", "BIAOSHI_LOG_LEVEL": "", "BIAOSHI_NODE_LABORATORY": "true"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    effective = effective_settings(load(file), file, variables)
    assert effective.file == "node.toml"
    port, host = of(effective, "http.port"), of(effective, "http.host")
    assert (port.value, port.default, port.origin) == ("8200", "8000", Origin.ENVIRONMENT)
    assert (host.value, host.default, host.origin) == ("0.0.0.0", "127.0.0.1", Origin.FILE)
    assert of(effective, "https.enabled").value == "false"
    assert of(effective, "log.level").origin is Origin.DEFAULT
    assert of(effective, "node.laboratory").origin is Origin.ENVIRONMENT
    handed_down = effective_settings(load(file), file, variables | {"BIAOSHI_WORKER_PLACE": "0/2"})
    assert of(handed_down, "node.laboratory").origin is Origin.START
    assert of(handed_down, "http.port").origin is Origin.ENVIRONMENT


def test_of_a_secret_only_that_it_is_set_is_told(tmp_path: Path) -> None:
    settings = Settings(
        database={"url": f"postgresql://owner:{SECRET}@db/node"},
        s3={"secret_key": SECRET},
        national={"url": f"https://node:{SECRET}@above.example/v1", "certificate": str(tmp_path / "own.pem"),
                  "certificate_key": str(tmp_path / "own.key")},
    )  # fmt: skip
    effective = effective_settings(settings, tmp_path / "node.toml", {})
    said = repr(effective)
    assert SECRET not in said
    assert str(tmp_path) not in said
    url = of(effective, "database.url")
    assert (url.value, url.default, url.secret) == (MASKED, None, True)
    longer = effective_settings(Settings(s3={"secret_key": 9 * SECRET}), None, {})
    assert of(longer, "s3.secret_key").value == of(effective, "s3.secret_key").value == MASKED
    assert of(effective, "national.secret_key").value is None
    assert of(effective, "national.url").value == f"https://{MASKED}@above.example/v1"
    assert of(effective, "national.certificate").value == "…/own.pem"


def test_every_library_has_a_licence() -> None:
    found = {library.name: library for library in libraries()}
    assert {"aiohttp", "asyncpg", "jinja2"} <= set(found)
    assert all(library.version and library.licence for library in found.values())
    assert "pytest" not in found


async def test_administrators_and_auditors_read_them(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True}, s3={"secret_key": SECRET}) as node:
        for by in ("administrator", "auditor"):
            answer = await node("GET", "/v1/settings", by=by)
            assert answer.status == 200
            assert SECRET.encode() not in answer.body
            facts = answer.json["node"]
            assert (facts["prefix"], facts["profile"], facts["laboratory"]) == ("88.101", "secondary", True)
            assert int(facts["postgresql"].split(".")[0]) >= 15
            assert facts["file"] is None
        for by in ("reviewer", "enterprise_user", "application"):
            assert (await node("GET", "/v1/settings", by=by)).code == "not_allowed"
