"""The alert rules ask for metrics that there are, and each names a page that says what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import REGISTRY

import admin.uploads.uploads
import node.national.steward
import registry.connection.instructions
import registry.connection.standby
import registry.connection.takeover

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "biaoshi.rules.yml"
LOADED = (admin.uploads.uploads, node.national.steward, registry.connection)

_METRIC = re.compile(r"\b(biaoshi_[a-z_]+)(?:\{([a-z_]+)(?:=~?)\"([^\"]*)\"\})?")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def known() -> dict[str, set[str]]:
    """Names of metrics as they are exported, with their labels."""
    found: dict[str, set[str]] = {}
    for collector in list(REGISTRY._collector_to_names):
        for name in REGISTRY._collector_to_names[collector]:
            found[name] = set(getattr(collector, "_labelnames", ()))
    return found


def test_every_alert_asks_for_metrics_and_labels_that_there_are() -> None:
    metrics = known()
    for rule in rules():
        asked = _METRIC.findall(rule["expr"])
        assert asked, rule["alert"]
        for name, label, _ in asked:
            assert name in metrics, f"{rule['alert']}: {name}"
            assert not label or label in metrics[name], f"{rule['alert']}: {name}{{{label}}}"


def test_every_alert_has_a_page_that_names_it_and_says_what_to_do() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    named = {rule["annotations"]["runbook"] for rule in rules()}
    assert named == pages
    for rule in rules():
        assert f"`{rule['alert']}`" in (ROOT / rule["annotations"]["runbook"]).read_text(encoding="utf-8")


def test_an_alert_says_in_both_languages_what_is_the_matter() -> None:
    for rule in rules():
        chinese, _, english = rule["annotations"]["summary"].partition(" · ")
        assert re.search("[\u4e00-\u9fff]", chinese), rule["alert"]
        assert english, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
