"""Fonts with Chinese characters: found, or asked for by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typst

from node.fonts import FAMILIES, SYSTEM_FOLDERS, FontMissing, cjk_fonts, families_in, system_fonts


def test_the_best_known_family_of_the_system_is_found() -> None:
    found = cjk_fonts(None)
    assert found.folder in SYSTEM_FOLDERS
    assert len(found.families) == 1
    assert found.families[0] in FAMILIES
    assert found.families[0] in families_in(found.folder)


def test_a_folder_of_the_settings_comes_before_the_system(tmp_path: Path) -> None:
    system = cjk_fonts(None)
    known = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(system.folder)])
    shutil.copy(next(font.path for font in known.fonts() if font.family in system.families and font.path), tmp_path)
    assert cjk_fonts(tmp_path).folder == tmp_path
    assert system.families[0] in cjk_fonts(tmp_path).families


def test_without_any_font_the_refusal_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(FontMissing, match="fonts-noto-cjk"):
        system_fonts((tmp_path, tmp_path / "absent"))


def test_a_folder_of_the_settings_without_fonts_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no font", encoding="utf-8")
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(FontMissing) as refused:
            cjk_fonts(folder)
        assert refused.value.evidence == {"folder": str(folder)}
