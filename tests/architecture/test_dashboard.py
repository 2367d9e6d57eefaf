"""The dashboard for Grafana asks for metrics that there are, all of them, and fits together."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY

import admin.uploads.uploads
import node.metrics
import node.national.steward
import registry.connection.instructions
import registry.connection.standby
import registry.connection.takeover
import resolver.metrics

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "biaoshi.json").read_text(encoding="utf-8"))
LOADED = (admin.uploads.uploads, node.metrics, node.national.steward, registry.connection, resolver.metrics)

_METRIC = re.compile(r"\b(biaoshi_[a-z_]+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r"([a-z_]+)=~?\"")
_BY = re.compile(r"by \(([^)]*)\)")
_ADDED = {"instance", "le"}
"""Labels that Prometheus and histograms add."""


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def exported() -> dict[str, set[str]]:
    """Names of the node's metrics as they are exported, with their labels."""
    return {
        name: set(getattr(collector, "_labelnames", ()))
        for collector, names in list(REGISTRY._collector_to_names.items())
        for name in names
        if name.startswith("biaoshi_")
    }


def test_every_metric_and_label_that_the_dashboard_names_is_there() -> None:
    known = exported()
    for panel in panels():
        for target in panel["targets"]:
            asked = _METRIC.findall(target["expr"])
            assert asked, panel["title"]
            for name, narrowed in asked:
                assert name in known, f"{panel['title']}: {name}"
                labels = set(_LABEL.findall(narrowed)) | {
                    label.strip() for told in _BY.findall(target["expr"]) for label in told.split(",")
                }
                assert labels - _ADDED <= known[name], f"{panel['title']}: {name} has no {labels}"
            told = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            summed = {label.strip() for told in _BY.findall(target["expr"]) for label in told.split(",")}
            assert told <= summed, f"{panel['title']}: a name of a series that is summed away"


def test_every_metric_of_the_documents_is_on_the_dashboard() -> None:
    table = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(biaoshi_[a-z_]+)` \|", table, re.MULTILINE))
    drawn = {
        name.removesuffix("_bucket")
        for panel in panels() for target in panel["targets"] for name, _ in _METRIC.findall(target["expr"])
    }  # fmt: skip
    assert documented == drawn


def test_panels_have_titles_in_both_languages_and_do_not_overlap() -> None:
    assert [
        number for number, times in Counter(panel["id"] for panel in DASHBOARD["panels"]).items() if times > 1
    ] == []
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        chinese, _, english = panel["title"].partition("· ")
        assert re.search("[\u4e00-\u9fff]", chinese), panel["title"]
        assert english.isascii(), panel["title"]
        assert english, panel["title"]


def test_the_data_source_is_chosen_where_it_is_used() -> None:
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"source", "instance"}
    assert {target["datasource"]["uid"] for panel in panels() for target in panel["targets"]} == {"${source}"}
