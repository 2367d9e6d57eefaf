"""Profiles that ship say what the places ask for; one's own are read, and their faults are all named."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from admin.acceptance.figures import FIGURES
from admin.acceptance.profiles import (
    Criterion,
    Operator,
    ProfilesUnreadable,
    ProfileUnknown,
    find_profile,
    read_profiles,
)

ASKED = {
    "ningbo": {
        ("enterprises.connected", "ge", 20),
        ("registrations.live", "ge", 2_000_000),
        ("resolutions.daily_mean_30", "ge", 50_000),
    },
    "zhongshan": {
        ("registrations.new_in_year", "gt", 100_000_000),
        ("resolutions.daily_mean_year", "gt", 30_000),
    },
    "shandong": {
        ("enterprises.enterprise_nodes", "ge", 5),
        ("registrations.live", "ge", 100_000),
        ("registrations.new_in_year", "ge", 100_000),
        ("resolutions.total", "ge", 100_000),
        ("resolutions.total_in_year", "ge", 100_000),
    },
    "chongqing": {
        ("enterprises.connected", "ge", 30),
        ("registrations.live", "ge", 10_000_000),
        ("resolutions.total", "ge", 4_000_000),
    },
    "wuhan": {
        ("enterprises.new_in_year", "ge", 100),
        ("registrations.new_in_year", "ge", 100_000_000),
        ("resolutions.daily", "ge", 600_000),
    },
}
OWN = """
name_zh = "我的城市"
name_en = "My city"
place = "我的城市"
basis = "通知"
mark = "own"

[[criteria]]
id = "registrations"
title_zh = "注册量"
title_en = "registrations"
figure = "registrations.live"
operator = "ge"
threshold = 7
"""


def test_the_profiles_that_ship_ask_what_the_places_ask() -> None:
    shipped = read_profiles(None)
    said = {
        name: {(one.figure, str(one.operator), one.threshold) for one in profile.criteria}
        for name, profile in shipped.items()
    }
    assert said == ASKED
    assert all(profile.papers for profile in shipped.values())


def test_every_figure_is_asked_for_by_somebody() -> None:
    assert {figure for criteria in ASKED.values() for figure, _, _ in criteria} == set(FIGURES)


def test_more_than_a_threshold_is_not_the_threshold_itself() -> None:
    asked = Criterion(
        id="x", title_zh="x", title_en="x", figure="resolutions.total", operator=Operator.GT, threshold=5
    )
    assert not asked.met_by(Fraction(5))
    assert asked.met_by(Fraction(16, 3))
    assert asked.model_copy(update={"operator": Operator.GE}).met_by(Fraction(5))


def test_a_profile_of_one_s_own_stands_beside_those_that_ship_or_in_their_place(tmp_path: Path) -> None:
    (tmp_path / "my-city.toml").write_text(OWN, encoding="utf-8")
    (tmp_path / "ningbo.toml").write_text(OWN, encoding="utf-8")
    profiles = read_profiles(tmp_path)
    assert profiles.keys() == {*ASKED, "my-city"}
    assert profiles["my-city"].criteria[0].threshold == 7
    assert profiles["ningbo"].name_zh == "我的城市"


def test_every_fault_of_every_file_is_named(tmp_path: Path) -> None:
    for name, wrong in {
        "figure": OWN.replace("registrations.live", "registrations.dead"),
        "several": OWN.replace("threshold = 7", 'threshold = "7"\ncolour = "red"').replace('place = "我的城市"', ""),
        "twice": OWN + OWN[OWN.index("[[") :],
        "toml": "name_zh = ",
        "id": 'id = "other"\n' + OWN,
        "operator": OWN.replace('"ge"', '"eq"'),
    }.items():
        (tmp_path / f"{name}.toml").write_text(wrong, encoding="utf-8")
    (tmp_path / "latin.toml").write_bytes(b'name_zh = "\xff"')
    with pytest.raises(ProfilesUnreadable) as refused:
        read_profiles(tmp_path)
    faults = refused.value.evidence["faults"]
    assert {":".join(fault.split(":")[:2]) for fault in faults} >= {
        "figure.toml: criteria.1.figure", "several.toml: criteria.1.threshold", "several.toml: criteria.1.colour",
        "several.toml: place", "operator.toml: criteria.1.operator", "id.toml: id",
    }  # fmt: skip
    assert {fault.split(":")[0] for fault in faults} == {path.name for path in tmp_path.iterdir()}
    assert any("two criteria are called registrations" in fault for fault in faults)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProfilesUnreadable, match="no folder"):
        read_profiles(tmp_path / "nowhere")


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(ProfileUnknown, match="ningbo"):
        find_profile(read_profiles(None), "atlantis")
