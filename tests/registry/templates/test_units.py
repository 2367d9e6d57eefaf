"""Units: exact or refused, and never a guess about milli and mega."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.rejection import Fault
from registry.templates.attributes import Attribute, Kind
from registry.templates.template import Encoder, Template
from registry.templates.units import QUANTITIES, NotExact, UnknownUnit, conversion, known_units


@pytest.mark.parametrize(
    ("unit", "number", "beside", "expected"),
    [
        ("kW", "5.50", "kW", "5.50"),
        ("kW", "5500", "W", "5.5"),
        ("W", "5.5", "kW", "5500"),
        ("W", "0.0", "kW", "0"),
        ("W", "-1.50", "kW", "-1500"),
        ("h", "90", "min", "1.5"),
        ("K", "20", "°C", "293.15"),
        ("°C", "0", "K", "-273.15"),
        ("mm", "1", "in", "25.4"),
        ("kg", "2", "t", "2000"),
        ("m³/h", "10", "L/s", "36"),
        ("km/h", "1", "m/s", "3.6"),
        ("Ah", "3200", "mAh", "3.2"),
        ("GiB", "1024", "MiB", "1"),
        ("F", "1", "pF", "0.000000000001"),
    ],
)
def test_a_number_is_converted_exactly(unit: str, number: str, beside: str, expected: str) -> None:
    assert conversion(unit)(number, beside) == expected


@pytest.mark.parametrize(
    ("unit", "beside", "meant"),
    [
        ("kW", "KW", "kW"), ("kW", "千瓦", "kW"), ("MPa", "Mpa", "MPa"), ("MPa", "MPA", "MPa"), ("m²", "㎡", "m²"),
        ("m²", "m2", "m²"), ("°C", "℃", "°C"), ("μm", "µm", "μm"), ("Ω", "Ω", "Ω"), ("kg", "㎏", "kg"),
        ("L", "l", "L"), ("N·m", "Nm", "N·m"), ("r/min", "RPM", "r/min"), ("kWh", "度", "kWh"), ("%", "％", "%"),
    ],
)  # fmt: skip
def test_a_unit_has_several_spellings(unit: str, beside: str, meant: str) -> None:
    assert meant == unit
    assert conversion(unit)("7.0", beside) == "7.0"


@pytest.mark.parametrize(
    ("unit", "beside"),
    [
        ("MPa", "mPa"), ("MW", "mw"), ("kW", "kg"), ("mm", "MM"), ("GB", "Gb"), ("kB", "KB"), ("kW", "e3"),
        ("kW", "kW kW"), ("h", "hours"), ("m", "\u202em"),
    ],
)  # fmt: skip
def test_what_could_mean_something_else_is_refused(unit: str, beside: str) -> None:
    with pytest.raises(UnknownUnit) as refused:
        conversion(unit)("1", beside)
    assert unit in refused.value.known


def test_a_conversion_without_end_is_refused() -> None:
    with pytest.raises(NotExact):
        conversion("h")("100", "min")
    with pytest.raises(NotExact):
        conversion("in")("1", "mm")


PAIRS = [(one, other) for scales in QUANTITIES.values() for one in scales for other in scales]


@given(st.sampled_from(PAIRS), st.decimals(min_value=-(10**20), max_value=10**20, places=6))
def test_a_conversion_is_true_to_the_fraction(pair: tuple[str, str], number: Decimal) -> None:
    own, beside = pair
    scales = next(scales for scales in QUANTITIES.values() if own in scales)
    base = Fraction(number) * Fraction(scales[beside].factor) + Fraction(scales[beside].offset)
    true = (base - Fraction(scales[own].offset)) / Fraction(scales[own].factor)
    try:
        found = conversion(own)(format(number, "f"), beside)
    except NotExact:
        left = true.denominator
        for prime in (2, 5):
            while left % prime == 0:
                left //= prime
        assert left != 1
    else:
        assert Fraction(found) == true
        assert "E" not in found


def test_no_symbol_stands_in_two_quantities() -> None:
    assert len(known_units()) == sum(map(len, QUANTITIES.values()))
    for symbol in known_units():
        assert conversion(symbol)("1.10", symbol) == "1.10"


def encoder(maximum: str | None = None) -> Encoder:
    attribute = Attribute("power", "功率", kind=Kind.NUMBER, unit="kW", maximum=maximum)
    return Template("motor", 1, "电机", attributes=(attribute,)).compile()


def stored(value: object, maximum: str | None = None) -> str:
    checked, faults = encoder(maximum).check({"power": value})
    assert not faults
    return checked[0].text


def fault(value: object, maximum: str | None = None) -> Fault:
    checked, faults = encoder(maximum).check({"power": value})
    assert not checked
    assert len(faults) == 1
    return faults[0]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("5.5", "5.5"), ("5.50 kW", "5.50"), (" 5500W ", "5.5"), ("+5.5 千瓦", "5.5"), (5.5, "5.5"),
     (Decimal("5.50"), "5.50"), ("-0 W", "0"), ("1\u00a0MW", "1000")],
)  # fmt: skip
def test_a_cell_may_say_its_unit(cell: object, expected: str) -> None:
    assert stored(cell) == expected


def test_limits_hold_for_the_number_that_is_stored() -> None:
    assert stored("900 W", maximum="1") == "0.9"
    assert fault("1100 W", maximum="1").code == "too_large"


def test_an_unknown_unit_names_the_known_ones() -> None:
    assert fault("5.5 HP").message == (
        "未知的单位：HP（可用：mW, W, kW, MW, GW） / unknown unit: HP (known here: mW, W, kW, MW, GW)"
    )
    assert fault("5.5 kg").code == "unknown_unit"
    assert fault("1,5 kW").code == "not_a_number"
    assert fault("kW").code == "not_a_number"
    assert fault("1e3 W").code == "unknown_unit"
    assert fault("9" * 39 + " W").code == "too_many_digits"
    assert fault("0." + "1" * 37 + " W").code == "too_many_digits"


def test_a_number_without_a_unit_of_its_own_takes_none() -> None:
    plain = Template("motor", 1, "电机", attributes=(Attribute("power", "功率", kind=Kind.NUMBER),)).compile()
    assert [found.code for found in plain.check({"power": "5.5 kW"})[1]] == ["not_a_number"]
