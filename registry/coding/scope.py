"""Whom a coding rule of the node is meant for: an industry, a region, both, or everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from registry.reference_data import industries


@dataclass(frozen=True, slots=True)
class Scope:
    """``industry`` is a code of GB/T 4754 (a letter, or two to four digits), ``division`` one of GB/T 2260.

    What lies below them is meant too: 39 are all of 39xx, 440000 is the whole province.
    """

    industry: str | None = None
    division: str | None = None

    def fits(self, industry_code: str, division_code: str) -> bool:
        """Whether an enterprise of this industry and place is meant."""
        return self._industry_fits(industry_code) and self._division_fits(division_code)

    def to_json(self) -> dict[str, Any]:
        """What is said, without what is not."""
        said = {"industry": self.industry, "division": self.division}
        return {name: code for name, code in said.items() if code is not None}

    def _industry_fits(self, code: str) -> bool:
        if self.industry is None or code.startswith(self.industry):
            return True
        known = industries().get(code)
        return self.industry.isalpha() and known is not None and known.category == self.industry

    def _division_fits(self, code: str) -> bool:
        if self.division is None:
            return True
        # Provinces end in four zeros, cities in two.
        within = self.division.removesuffix("00").removesuffix("00")
        return code.startswith(within)


EVERYBODY = Scope()
