"""Units of numbers: what stands behind a number in a cell, and its exact conversion into the attribute's own unit.

Every scale is a decimal factor to the base of its quantity (temperatures have an offset too), so a conversion either
comes out exactly or is refused: 90 min are 1.5 h, 100 min are no decimal number of hours. Left out is what has no
exact decimal factor to the others (°F, psi, 亩). Factors: SI brochure, 9th edition, table 8; in, ft, lb, kgf and atm
by their definitions in NIST SP 811 appendix B.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NamedTuple


class UnknownUnit(ValueError):
    """``known`` are the symbols that would have been understood."""

    def __init__(self, known: tuple[str, ...]) -> None:
        super().__init__(known)
        self.known = known


class NotExact(ValueError):
    """The converted number has no end."""


class Scale(NamedTuple):
    """A number of this unit times ``factor`` plus ``offset`` is the number of the quantity's base."""

    factor: Decimal
    offset: Decimal = Decimal(0)


def _scales(text: str) -> dict[str, Scale]:
    """``symbol factor[+offset]`` pairs between commas."""
    found = {}
    for pair in text.split(","):
        symbol, numbers = pair.split()
        factor, _, offset = numbers.partition("+")
        found[symbol] = Scale(Decimal(factor), Decimal(offset or 0))
    return found


QUANTITIES: dict[str, dict[str, Scale]] = {
    "length": _scales("nm 1e-9, μm 1e-6, mm 0.001, cm 0.01, dm 0.1, m 1, km 1000, in 0.0254, ft 0.3048"),
    "mass": _scales("μg 1e-6, mg 0.001, g 1, kg 1000, t 1e6, lb 453.59237"),
    "time": _scales("μs 1e-6, ms 0.001, s 1, min 60, h 3600, d 86400"),
    "temperature": _scales("K 1, °C 1+273.15"),
    "area": _scales("mm² 1e-6, cm² 1e-4, dm² 0.01, m² 1, ha 1e4, km² 1e6"),
    "volume": _scales("mm³ 1e-6, cm³ 0.001, mL 0.001, dm³ 1, L 1, m³ 1000"),
    "speed": _scales("m/min 0.06, m/s 3.6, km/h 1"),
    "rotational speed": _scales("r/min 1, r/s 60"),
    "flow": _scales("mL/min 6e-5, L/min 0.06, L/h 0.001, L/s 3.6, m³/h 1, m³/min 60, m³/s 3600"),
    "density": _scales("kg/m³ 1, kg/L 1000, g/L 1, g/cm³ 1000"),
    "force": _scales("mN 0.001, N 1, kN 1000, MN 1e6, kgf 9.80665"),
    "torque": _scales("mN·m 0.001, N·m 1, kN·m 1000"),
    "pressure": _scales("Pa 1, hPa 100, kPa 1000, MPa 1e6, GPa 1e9, mbar 100, bar 1e5, atm 101325"),
    "energy": _scales("J 1, kJ 1000, MJ 1e6, GJ 1e9, Wh 3600, kWh 3.6e6, MWh 3.6e9"),
    "power": _scales("mW 0.001, W 1, kW 1000, MW 1e6, GW 1e9"),
    "apparent power": _scales("VA 1, kVA 1000, MVA 1e6"),
    "reactive power": _scales("var 1, kvar 1000, Mvar 1e6"),
    "voltage": _scales("μV 1e-6, mV 0.001, V 1, kV 1000"),
    "current": _scales("μA 1e-6, mA 0.001, A 1, kA 1000"),
    "charge": _scales("C 1, mAh 3.6, Ah 3600"),
    "resistance": _scales("mΩ 0.001, Ω 1, kΩ 1000, MΩ 1e6"),
    "capacitance": _scales("pF 1e-12, nF 1e-9, μF 1e-6, mF 0.001, F 1"),
    "inductance": _scales("μH 1e-6, mH 0.001, H 1"),
    "frequency": _scales("Hz 1, kHz 1000, MHz 1e6, GHz 1e9"),
    "information": _scales("bit 1, B 8, kB 8000, MB 8e6, GB 8e9, TB 8e12, KiB 8192, MiB 8388608, GiB 8589934592"),
    "data rate": _scales("bit/s 1, kbit/s 1000, Mbit/s 1e6, Gbit/s 1e9"),
    "amount of substance": _scales("mmol 0.001, mol 1, kmol 1000"),
    "luminous flux": _scales("lm 1"),
    "illuminance": _scales("lx 1"),
    "sound level": _scales("dB 1"),
    "proportion": _scales("ppm 1e-6, ‰ 0.001, % 0.01"),
}

# Other spellings that cells have; compatibility forms (㎡, ℃, µ) need no entry, for they are folded.
_OTHER_SPELLINGS = {
    "纳米": "nm", "微米": "μm", "毫米": "mm", "厘米": "cm", "分米": "dm", "米": "m", "公里": "km", "千米": "km",
    "微克": "μg", "毫克": "mg", "克": "g", "千克": "kg", "公斤": "kg", "吨": "t",
    "毫秒": "ms", "秒": "s", "分钟": "min", "小时": "h", "天": "d", "开": "K", "摄氏度": "°C",
    "平方毫米": "mm²", "平方厘米": "cm²", "平方米": "m²", "公顷": "ha", "平方公里": "km²",
    "立方毫米": "mm³", "立方厘米": "cm³", "立方米": "m³", "毫升": "mL", "升": "L",
    "rpm": "r/min", "转/分": "r/min", "转/秒": "r/s", "米/秒": "m/s", "公里/小时": "km/h",
    "升/分": "L/min", "升/秒": "L/s", "立方米/小时": "m³/h", "Nm": "N·m", "N.m": "N·m", "牛·米": "N·m",
    "牛": "N", "千牛": "kN", "帕": "Pa", "千帕": "kPa", "兆帕": "MPa", "巴": "bar",
    "焦": "J", "千焦": "kJ", "兆焦": "MJ", "千瓦时": "kWh", "度": "kWh", "瓦": "W", "千瓦": "kW", "兆瓦": "MW",
    "千伏安": "kVA", "毫伏": "mV", "伏": "V", "千伏": "kV", "毫安": "mA", "安": "A", "毫安时": "mAh", "安时": "Ah",
    "欧": "Ω", "欧姆": "Ω", "千欧": "kΩ", "兆欧": "MΩ", "ohm": "Ω", "赫兹": "Hz", "赫": "Hz", "千赫": "kHz",
    "兆赫": "MHz", "分贝": "dB", "流明": "lm", "勒克斯": "lx",
}  # fmt: skip

_EXACT = Context(prec=120, traps=[Inexact, InvalidOperation])
_QUANTITY_OF = {symbol: quantity for quantity, scales in QUANTITIES.items() for symbol in scales}


def known_units() -> tuple[str, ...]:
    """All symbols, quantity by quantity."""
    return tuple(_QUANTITY_OF)


def conversion(unit: str) -> Callable[[str, str], str]:
    """The function from a plain decimal number and the unit beside it to the number in ``unit``, a known symbol.

    A number that has that unit already stays as it was written. The function raises ``UnknownUnit`` for what is no
    unit of the same quantity and ``NotExact``. Case is overlooked where it makes no difference: KW and Mpa, but not
    mPa for MPa nor Gb for GB.
    """
    scales = QUANTITIES[_QUANTITY_OF[unit]]
    spelled = _spellings(scales)
    own = scales[unit]

    def converted(number: str, beside: str) -> str:
        folded = unicodedata.normalize("NFKC", beside)
        symbol = spelled.get(folded) or spelled.get(_caseless(folded))
        if symbol is None:
            raise UnknownUnit(tuple(scales))
        if symbol == unit:
            return number
        scale = scales[symbol]
        try:
            base = _EXACT.fma(Decimal(number), scale.factor, scale.offset)
            found = _EXACT.divide(_EXACT.subtract(base, own.offset), own.factor)
        except Inexact:
            raise NotExact(number) from None
        return format(found.normalize(_EXACT), "f") if found else "0"

    return converted


def _spellings(scales: dict[str, Scale]) -> dict[str, str]:
    """The symbols by every way to write them: folded, and without case where only one symbol can be meant."""
    folded = {unicodedata.normalize("NFKC", symbol): symbol for symbol in scales}
    folded |= {spelling: symbol for spelling, symbol in _OTHER_SPELLINGS.items() if symbol in scales}
    if "B" in scales:
        return folded
    meant: dict[str, set[str]] = {}
    for spelling, symbol in folded.items():
        meant.setdefault(spelling.lower(), set()).add(symbol)
    plain = {_caseless(spelling): symbol for spelling, symbol in folded.items() if len(meant[spelling.lower()]) == 1}
    return plain | folded


def _caseless(spelling: str) -> str:
    """Lower case behind a first m or M, which are milli and mega."""
    return spelling[:1] + spelling[1:].lower() if spelling[:1] in ("m", "M") else spelling.lower()
