from __future__ import annotations

from pathlib import Path

import pytest

from admin.uploads.profiles import (
    UploadProfilesUnreadable,
    UploadProfileUnknown,
    find_upload_profile,
    read_upload_profiles,
)

OWN = 'name_zh = "自有方案"\nname_en = "ours"\n[tables.days]\nday = "month"\nvalid = "round:10"\n'


def test_the_shipped_profile_hides_who_an_enterprise_is() -> None:
    enterprises = read_upload_profiles(None)["city"].tables["enterprises"]
    assert str(enterprises["credit_code"]) == "pseudonym"
    assert str(enterprises["enterprise"]) == "stars:2"


def test_a_profile_of_ones_own_stands_in_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text(OWN, encoding="utf-8")
    profiles = read_upload_profiles(tmp_path)
    assert [(profile.id, profile.name_zh) for profile in profiles.values()] == [("city", "自有方案")]
    assert profiles["city"].least_enterprises == 3


def test_every_fault_of_every_file_is_told_together(tmp_path: Path) -> None:
    faults = {
        "a.toml": OWN + '[tables.people]\nname = "keep"\n',
        "b.toml": OWN + 'contact = "keep"\n',
        "c.toml": OWN.replace('"month"', '"hide"'),
        "d.toml": OWN.replace('"month"', '"band"'),
        "e.toml": 'id = "e"\n' + OWN,
        "f.toml": "[",
    }
    for name, text in faults.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UploadProfilesUnreadable) as refused:
        read_upload_profiles(tmp_path)
    told = refused.value.evidence["faults"]
    assert [fault.partition(":")[0] for fault in told] == list(faults)
    for fault, words in zip(told, ("no table people", "no field contact", "hide is no mask", "days.day is no number",
                                   "known from the file itself", ""), strict=True):  # fmt: skip
        assert words in fault


def test_a_profile_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(UploadProfileUnknown, match="there are city"):
        find_upload_profile(read_upload_profiles(None), "town")
