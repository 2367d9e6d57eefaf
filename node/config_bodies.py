"""The settings of what is sent to the node: files, where they are kept, and bulk bodies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from node.config_fields import Group


class FilesSettings(Group):
    file_bytes: int = Field(50 << 20, ge=1, le=256 << 20, description="largest file that attributes can name")
    enterprise_bytes: int = Field(2 << 30, ge=1, description="room for all files of one enterprise")
    attachment_image_bytes: int = Field(1 << 20, ge=1, description="largest image of a certificate")
    attachment_pdf_bytes: int = Field(5 << 20, ge=1, description="largest PDF document of a certificate or contract")
    store: Literal["database", "s3"] = Field("database", description="where contents are kept")


class S3Settings(Group):
    url: Annotated[str, Field(pattern="^https?://")] | None = Field(None, description="address of the store")
    bucket: str = Field("biaoshi", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="bucket")
    region: str = Field("us-east-1", description="region that requests are signed for")
    access_key: str = Field("", description="AccessKey of the store")
    secret_key: str = Field("", repr=False, description="SecretKey of the store")


class BulkSettings(Group):
    undo_hours: float = Field(72, ge=0, le=8760, description="how long after its end a batch can be undone")
    watchers: int = Field(64, ge=1, le=4096, description="event streams of batches per worker")
    ratio: int = Field(100, ge=2, description="most that a packed body may grow to, by what was sent")
    unpacked_bytes: int = Field(8 << 30, ge=1024, description="largest text in a gzip")
    workbook_bytes: int = Field(100 << 20, ge=1024, description="largest workbook as a file")
    workbook_unpacked_bytes: int = Field(600 << 20, ge=1024, description="largest workbook when unpacked")
    workbook_entries: int = Field(100, ge=10, description="most parts of a workbook")
    child_bytes: int = Field(256 << 20, ge=64 << 20, description="memory of the process that reads a workbook")
    child_seconds: int = Field(120, ge=1, le=86_400, description="CPU time of that process")
