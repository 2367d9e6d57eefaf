"""What a record says by GS1's identification keys, as Digital Link and as element string.

The keys come from attributes by their names: ``gtin`` (AI 01), ``serial`` (21), ``lot`` (10). GTINs of 8, 12 and 13
digits are filled up to 14 (GS1 General Specifications, section 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from node.errors import Conflict
from registry.coding.check_digits import Check, fits

GTIN = "gtin"
SERIAL = "serial"
LOT = "lot"
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}", re.ASCII)
_SET_82 = re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}""", re.ASCII)
"""GS1 AI encodable character set 82, the form X..20 of AI 10 and AI 21."""


class NoGtin(Conflict):
    """Evidence: ``field``, the attribute at fault."""

    title_zh = "标识数据没有有效的 GTIN"


@dataclass(frozen=True, slots=True)
class TradeItem:
    """A product by its GTIN of 14 digits; lot and serial number where they are known."""

    gtin: str
    lot: str | None
    serial: str | None


def trade_item(attributes: Mapping[str, object]) -> TradeItem:
    """The trade item of a record's attributes, whatever the case of their names.

    Raises ``NoGtin`` where there is no GTIN, its check digit is wrong, or lot or serial number are not GS1's.
    """
    said = {name.casefold(): value for name, value in attributes.items() if isinstance(value, str) and value}
    gtin = said.get(GTIN, "")
    if not gtin:
        raise NoGtin("the record has no attribute gtin", field=GTIN)
    if not _GTIN.fullmatch(gtin) or not fits(Check.GS1, gtin):
        raise NoGtin("gtin is not 8, 12, 13 or 14 digits that end in their check digit", field=GTIN)
    for name in (LOT, SERIAL):
        if name in said and not _SET_82.fullmatch(said[name]):
            raise NoGtin(f"{name} has more than 20 characters, or one that GS1 does not allow", field=name)
    return TradeItem(gtin.zfill(14), said.get(LOT), said.get(SERIAL))


def digital_link(item: TradeItem, stem: str) -> str:
    """GS1 Digital Link URI (canonical order 01, 10, 21) below a stem such as ``https://id.gs1.org``."""
    parts = [f"/01/{item.gtin}"]
    if item.lot is not None:
        parts.append(f"/10/{_escaped(item.lot)}")
    if item.serial is not None:
        parts.append(f"/21/{_escaped(item.serial)}")
    return stem.rstrip("/") + "".join(parts)


def element_string(item: TradeItem) -> str:
    """Element string in square brackets, which no value can have."""
    parts = [f"[01]{item.gtin}"]
    if item.lot is not None:
        parts.append(f"[10]{item.lot}")
    if item.serial is not None:
        parts.append(f"[21]{item.serial}")
    return "".join(parts)


def _escaped(value: str) -> str:
    return quote(value, safe="")
