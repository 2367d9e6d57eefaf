"""Fonts that have Chinese characters: those of the system, or those in a folder that the settings name.

The node ships none: a family with the characters of GB 18030 weighs more than the node itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import typst

from node.errors import Unavailable

SYSTEM_FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("~/.local/share/fonts"),
    Path("~/.fonts"),
    Path("/System/Library/Fonts"),
    Path("/Library/Fonts"),
)
FAMILIES = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Noto Serif CJK SC",
    "Noto Serif SC", "Source Han Serif SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "SimSun",
)  # fmt: skip
"""Families that are known to have them, the best first."""


class FontMissing(Unavailable):
    title_zh = "缺少中文字体"


@dataclass(frozen=True, slots=True)
class CjkFonts:
    """A folder of font files, and the families in it to set Chinese in, the best first."""

    folder: Path
    families: tuple[str, ...]


def cjk_fonts(configured: Path | None) -> CjkFonts:
    """The fonts in ``configured`` (whatever their families), else the first known family of the system's folders.

    Raises ``FontMissing``.
    """
    if configured is not None:
        families = families_in(configured)
        if not families:
            raise FontMissing(
                "there is no font file in the folder that typesetting.fonts names", folder=str(configured)
            )
        known = [family for family in FAMILIES if family in families]
        return CjkFonts(configured, tuple(known or families))
    return system_fonts(SYSTEM_FOLDERS)


def system_fonts(folders: tuple[Path, ...]) -> CjkFonts:
    """The best known family in the first of these folders that has one. Raises ``FontMissing``."""
    for folder in (Path(os.path.expanduser(folder)) for folder in folders):  # noqa: PTH111 - nobody may have a home
        families = families_in(folder)
        for family in FAMILIES:
            if family in families:
                return CjkFonts(folder, (family,))
    raise FontMissing(
        "this machine has no font with Chinese characters: install one, such as fonts-noto-cjk of Debian, or name a "
        "folder with one in the setting typesetting.fonts",
        folders=[str(folder) for folder in folders],
    )


def families_in(folder: Path) -> list[str]:
    """The families of the font files in a folder and below, sorted; none where there is no such folder."""
    found = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])
    return found.families()
