"""File upload (snms-api 3): an attachment by multipart form, the part named ``file``."""

from __future__ import annotations

from typing import Any

from registry.api.compatible import Asked, Endpoint, FieldMissing
from registry.api.multipart import read_form
from registry.files.attachments import Attachments


def file_endpoints(attachments: Attachments) -> list[Endpoint]:
    """``/snms/api/file/upload``."""

    async def upload(asked: Asked) -> dict[str, Any]:
        form = await read_form(asked.request, attachments.limits.longest)
        sent = next((file for file in form.files if file.part == "file"), None)
        if sent is None:
            raise FieldMissing("the part file is missing", field="file")
        added = await attachments.add(asked.account, asked.actor, sent.name, sent.content)
        return {"id": added.attachment_id, "path": added.path}

    return [Endpoint("POST", "/snms/api/file/upload", upload, streamed=True)]
