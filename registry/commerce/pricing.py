"""Terms of a fee plan and what they charge: whole 分 (a hundredth of a yuan), never a fraction.

A month is charged by the days of it that an order covers: of the monthly fee the part of these days, rounded down; of
what is included the part of these days, rounded up. What goes beyond is charged by begun units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from node.errors import Malformed
from registry.rejection import Fault

MOST = 10**12
"""Of any amount, price or unit."""


class Service(StrEnum):
    """What is counted for money."""

    REGISTRATIONS = "registrations"  # 注册
    CHANGES = "changes"  # 变更
    DELETIONS = "deletions"  # 注销
    RESOLUTIONS = "resolutions"  # 解析


class InvalidTerms(Malformed):
    """``faults`` lists everything wrong with the terms."""

    title_zh = "资费条款有误"

    def __init__(self, faults: Sequence[Fault]) -> None:
        sentences = "; ".join(fault.message for fault in faults)
        super().__init__(f"the terms are faulty: {sentences}", faults=[fault.to_json() for fault in faults])


@dataclass(frozen=True, slots=True)
class Price:
    """``included`` a month; beyond, ``price`` 分 for each begun ``unit``."""

    included: int
    unit: int
    price: int


@dataclass(frozen=True, slots=True)
class Terms:
    """``monthly_fee`` in 分. A service without a price costs nothing."""

    monthly_fee: int
    prices: Mapping[Service, Price]

    def to_json(self) -> dict[str, Any]:
        """As it is stored and shown."""
        return {
            "monthly_fee": self.monthly_fee,
            "prices": {
                str(service): {"included": price.included, "unit": price.unit, "price": price.price}
                for service, price in self.prices.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One service in a statement: used, included, units beyond that, and their amount in 分."""

    service: Service
    used: int
    included: int
    units: int
    unit: int
    price: int
    amount: int


def read_terms(said: Mapping[str, Any]) -> Terms:
    """Terms from ``{"monthly_fee": …, "prices": {"registrations": {"included", "unit", "price"}}}``.

    Raises ``InvalidTerms``.
    """
    faults: list[Fault] = []

    def number(of: Mapping[str, Any], place: str, member: str, least: int) -> int:
        value = of.get(member)
        if type(value) is int and least <= value <= MOST:
            return value
        message = f"应为 {least} 至 {MOST} 的整数 / must be a whole number of {least} to {MOST}"
        faults.append(Fault(f"{place}{member}", "bad_number", message))
        return least

    fee = number(said, "", "monthly_fee", 0)
    prices = {}
    listed = said.get("prices", {})
    for name, one in listed.items() if isinstance(listed, Mapping) else ():
        if name not in list(Service) or not isinstance(one, Mapping):
            known = ", ".join(Service)
            faults.append(Fault(f"prices.{name}", "unknown_service", f"应为 {known} / must be one of {known}"))
            continue
        place = f"prices.{name}."
        prices[Service(name)] = Price(
            number(one, place, "included", 0), number(one, place, "unit", 1), number(one, place, "price", 0)
        )
    if faults:
        raise InvalidTerms(faults)
    return Terms(fee, prices)


def fee_for(terms: Terms, days: int, of_days: int) -> int:
    """The monthly fee for some days of a month, in 分."""
    return terms.monthly_fee * days // of_days


def lines_for(terms: Terms, used: Mapping[Service, int], days: int, of_days: int) -> list[Line]:
    """What each priced service costs for some days of a month, given what was used on them."""
    lines = []
    for service in Service:
        price = terms.prices.get(service)
        if price is None:
            continue
        included = -(-price.included * days // of_days)
        units = -(-max(0, used[service] - included) // price.unit)
        lines.append(
            Line(service, used[service], included, units, price.unit, price.price, amount=units * price.price)
        )
    return lines
