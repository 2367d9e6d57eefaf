"""Sheets and rolls that labels are printed on; all lengths in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

A4 = (210.0, 297.0)


@dataclass(frozen=True, slots=True)
class Layout:
    """Labels in rows and columns on a page. ``left`` and ``top`` are the edges of the first, ``across`` and ``down``
    the distances from one label's corner to the next one's.
    """

    name: str
    title_zh: str
    title_en: str
    page: tuple[float, float]
    label: tuple[float, float]
    columns: int
    rows: int
    left: float = 0
    top: float = 0
    across: float = 0
    down: float = 0

    @property
    def a_page(self) -> int:
        """Labels of one page."""
        return self.columns * self.rows


def _sheet(
    width: float, height: float, columns: int, rows: int, left: float, top: float, across: float, down: float
) -> Layout:
    return Layout(
        name=f"a4-{width:g}x{height:g}",
        title_zh=f"A4，{width:g} × {height:g} 毫米，每页 {columns} 列 {rows} 行",
        title_en=f"A4, {width:g} × {height:g} mm, {columns} columns of {rows}",
        page=A4, label=(width, height), columns=columns, rows=rows, left=left, top=top, across=across, down=down,
    )  # fmt: skip


def _roll(width: float, height: float) -> Layout:
    return Layout(
        name=f"roll-{width:g}x{height:g}",
        title_zh=f"卷纸，{width:g} × {height:g} 毫米",
        title_en=f"Roll, {width:g} × {height:g} mm",
        page=(width, height), label=(width, height), columns=1, rows=1,
    )  # fmt: skip


LAYOUTS = {
    layout.name: layout
    for layout in (
        _sheet(70, 37, 3, 8, 0, 0.5, 70, 37),
        _sheet(70, 35, 3, 8, 0, 8.5, 70, 35),
        _sheet(63.5, 38.1, 3, 7, 7.25, 15.15, 66, 38.1),
        _sheet(48.5, 25.4, 4, 11, 8, 8.8, 48.5, 25.4),
        _sheet(38.1, 21.2, 5, 13, 4.75, 10.7, 40.6, 21.2),
        _sheet(105, 74, 2, 4, 0, 0.5, 105, 74),
        _roll(50, 30),
        _roll(40, 30),
        _roll(60, 40),
        _roll(100, 70),
    )
}
"""By their names, the usual first."""
