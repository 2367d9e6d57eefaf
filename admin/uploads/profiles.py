"""Upload profiles: which fields go to a city authority, and how they are masked, as data files.

A file ``city.toml`` is the profile ``city``. What it does not name does not leave.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from admin.uploads.masks import NUMERIC, Mask, MaskUnknown, parse_mask
from node.errors import Malformed, NotFound

_SHIPPED = Path(__file__).with_name("data")

NUMBERS = frozenset(
    {
        "registered", "first_registered", "updated", "deleted", "live", "raw", "valid", "daily_mean", "enterprises",
        "approved", "connected_enterprises", "active_enterprises", "enterprise_nodes", "prefixes",
    }
)  # fmt: skip
"""Fields that hold numbers, in whatever table."""

FIELDS: Mapping[str, frozenset[str]] = {
    "figures": frozenset(
        {
            "registered", "first_registered", "updated", "deleted", "live", "raw", "valid", "daily_mean",
            "enterprises", "approved", "connected_enterprises", "active_enterprises", "enterprise_nodes",
        }
    ),
    "days": frozenset({"day", "registered", "deleted", "raw", "valid"}),
    "industries": frozenset({"industry_code", "industry", "enterprises", "registered", "valid"}),
    "enterprises": frozenset(
        {
            "enterprise", "credit_code", "division_code", "industry_code", "state", "connected_on", "connected",
            "active", "prefixes", "registered", "valid",
        }
    ),
    "prefixes": frozenset({"prefix", "enterprise", "registered", "valid"}),
}  # fmt: skip
"""What can go: tables, and the fields of their rows."""


class UploadProfileUnknown(NotFound):
    """Evidence: ``profile``."""

    title_zh = "没有该上传方案"


class UploadProfilesUnreadable(Malformed):
    """Evidence: ``faults``, each the file, the field and what is wrong with it."""

    title_zh = "上传方案有误"


def _mask(text: object) -> Mask:
    if not isinstance(text, str):
        raise ValueError("a mask is a text")  # noqa: TRY004 - pydantic collects ValueErrors
    try:
        return parse_mask(text)
    except MaskUnknown as error:
        raise ValueError(error.detail) from None


MaskField = Annotated[Mask, BeforeValidator(_mask)]
_Words = Annotated[str, Field(min_length=1, max_length=400)]


class UploadProfile(BaseModel):
    """``tables`` are those of ``FIELDS`` with the fields that go. A row of industries that fewer enterprises than
    ``least_enterprises`` share goes without its numbers: they would be those of one enterprise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    id: str
    name_zh: _Words
    name_en: _Words
    least_enterprises: Annotated[int, Field(ge=1, le=100)] = 3
    tables: dict[str, dict[str, MaskField]]
    sha256: str

    @model_validator(mode="after")
    def _known(self) -> UploadProfile:
        for table, fields in self.tables.items():
            if table not in FIELDS:
                raise ValueError(f"there is no table {table}; there are {', '.join(FIELDS)}")
            for field, mask in fields.items():
                if field not in FIELDS[table]:
                    raise ValueError(f"{table} has no field {field}; it has {', '.join(sorted(FIELDS[table]))}")
                if mask.kind in NUMERIC and field not in NUMBERS:
                    raise ValueError(f"{table}.{field} is no number: {mask} does not fit")
        return self


def read_upload_profiles(own: Path | None) -> dict[str, UploadProfile]:
    """The profiles that ship and those of one's own folder by their ids; one's own stand before shipped ones.

    Raises ``UploadProfilesUnreadable`` with every fault of every file.
    """
    profiles: dict[str, UploadProfile] = {}
    faults: list[str] = []
    for path in [*_files(_SHIPPED), *(_files(own) if own else ())]:
        try:
            profiles[path.stem] = UploadProfile.model_validate({**_table(path), "id": path.stem})
        except ValidationError as error:
            faults += [f"{path.name}: {fault}" for fault in _told(error)]
        except (OSError, ValueError) as error:  # tomllib's faults and UnicodeDecodeError are ValueErrors
            faults.append(f"{path.name}: {error}")
    if own is not None and not own.is_dir():
        faults.append(f"{own}: authority.profiles is no folder")
    if faults:
        raise UploadProfilesUnreadable("; ".join(faults), faults=faults)
    return profiles


def find_upload_profile(profiles: Mapping[str, UploadProfile], profile_id: str) -> UploadProfile:
    """Raises ``UploadProfileUnknown``."""
    found = profiles.get(profile_id)
    if found is None:
        raise UploadProfileUnknown(
            f"there is no upload profile {profile_id}; there are {', '.join(profiles)}", profile=profile_id
        )
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml"))


def _table(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    table = tomllib.loads(content.decode())
    if taken := {"id", "sha256"} & table.keys():
        raise ValueError(f"{', '.join(sorted(taken))}: known from the file itself")
    return table | {"sha256": hashlib.sha256(content).hexdigest()}


def _told(error: ValidationError) -> Iterator[str]:
    for fault in error.errors():
        place = ".".join(map(str, fault["loc"]))
        yield f"{place}: {fault['msg']}" if place else fault["msg"]
