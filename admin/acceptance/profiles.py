"""Profiles: what one place asks of a node at its acceptance, as data files, for places differ and change every year.

A file ``ningbo.toml`` is the profile ``ningbo``. Thresholds are judged; papers are named and never judged.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from admin.acceptance.figures import FIGURES
from node.errors import Malformed, NotFound

_SHIPPED = Path(__file__).with_name("data")
_NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"


class ProfileUnknown(NotFound):
    """Evidence: ``profile``."""

    title_zh = "没有该验收指标方案"


class ProfilesUnreadable(Malformed):
    """Evidence: ``faults``, each the file, the field and what is wrong with it."""

    title_zh = "验收指标方案有误"


class Operator(StrEnum):
    GE = "ge"
    GT = "gt"

    @property
    def sign(self) -> str:
        """As people write it."""
        return "≥" if self is Operator.GE else ">"


def _figure(name: str) -> str:
    if name not in FIGURES:
        raise ValueError(f"is no figure; there are {', '.join(FIGURES)}")
    return name


_Words = Annotated[str, Field(min_length=1, max_length=400)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Criterion(_Part):
    """One threshold: ``figure`` names what is compared with it."""

    id: Annotated[str, Field(pattern=_NAME)]
    title_zh: _Words
    title_en: _Words
    figure: Annotated[str, AfterValidator(_figure)]
    operator: Annotated[Operator, Field(strict=False)]
    threshold: Annotated[int, Field(ge=0)]

    def met_by(self, value: Fraction) -> bool:
        """Whether a value suffices, exactly."""
        return value >= self.threshold if self.operator is Operator.GE else value > self.threshold


class Paper(_Part):
    """A paper that is asked for; people hand it in, and people judge it."""

    title_zh: _Words
    title_en: _Words


class Profile(_Part):
    """What a place asks for; ``mark`` says how the text is known: ``seed`` and ``read`` it was read, ``own`` is whose
    file it is.
    """

    id: Annotated[str, Field(pattern=_NAME)]
    name_zh: _Words
    name_en: _Words
    place: _Words
    basis: _Words
    mark: Literal["seed", "read", "own"]
    year: Annotated[int, Field(ge=2000, le=2999)] | None = None
    note_zh: str = ""
    note_en: str = ""
    criteria: Annotated[list[Criterion], Field(min_length=1, max_length=50)]
    papers: Annotated[list[Paper], Field(max_length=50)] = []

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        ids = [criterion.id for criterion in self.criteria]
        if twice := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"two criteria are called {', '.join(sorted(twice))}")
        return self


def read_profiles(own: Path | None) -> dict[str, Profile]:
    """The profiles that ship and those of one's own folder by their ids, in this order.

    A file of one's own stands in the place of a shipped one of its name. Raises ``ProfilesUnreadable`` with every
    fault of every file.
    """
    profiles: dict[str, Profile] = {}
    faults: list[str] = []
    for path in [*_files(_SHIPPED), *(_files(own) if own else ())]:
        try:
            profiles[path.stem] = Profile.model_validate({"id": path.stem, **_table(path)})
        except ValidationError as error:
            faults += [f"{path.name}: {fault}" for fault in _told(error)]
        except (OSError, ValueError) as error:  # tomllib's faults and UnicodeDecodeError are ValueErrors
            faults.append(f"{path.name}: {error}")
    if own is not None and not own.is_dir():
        faults.append(f"{own}: acceptance.profiles is no folder")
    if faults:
        raise ProfilesUnreadable("; ".join(faults), faults=faults)
    return profiles


def find_profile(profiles: Mapping[str, Profile], profile_id: str) -> Profile:
    """Raises ``ProfileUnknown``."""
    found = profiles.get(profile_id)
    if found is None:
        raise ProfileUnknown(f"there is no profile {profile_id}; there are {', '.join(profiles)}", profile=profile_id)
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml"))


def _table(path: Path) -> dict[str, Any]:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    if "id" in table:
        raise ValueError("id: a profile's id is the name of its file")
    return table


def _told(error: ValidationError) -> Iterator[str]:
    for fault in error.errors():
        place = ".".join(str(part + 1) if isinstance(part, int) else part for part in fault["loc"])
        yield f"{place}: {fault['msg']}" if place else fault["msg"]
