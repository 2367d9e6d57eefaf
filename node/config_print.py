"""The settings of what is printed: documents set in type, labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from node.config_fields import Group, Seconds

Address = Annotated[str, Field(pattern=r"^https?://[0-9A-Za-z._:\[\]-]+(/[!-~]*)?$", max_length=255)]


class TypesettingSettings(Group):
    fonts: Path | None = Field(
        None, description="folder with fonts that have Chinese characters; without it, the system's are looked for"
    )
    seconds: Seconds = Field(60, description="deadline of one document")


class LabelsSettings(Group):
    address: Address | None = Field(
        None, description="address of this node in labels; without it, that by which a label was asked for"
    )
    digital_link: Address = Field("https://id.gs1.org", description="where GS1 Digital Link addresses begin")
