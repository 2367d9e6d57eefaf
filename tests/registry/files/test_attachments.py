"""Papers of enterprises: checked by content, sealed where they lie, bound once, shown to those who review."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from node.auth import Account, NotAllowed, Role
from node.database import transaction
from node.sealing import Seal
from registry.files.attachments import (
    MOST_UNBOUND,
    Attachment,
    AttachmentBound,
    AttachmentLimits,
    Attachments,
    AttachmentsWaiting,
    AttachmentUnknown,
    NoAttachmentType,
    bind_attachment,
)
from registry.files.files import FileEmpty, FileTooLarge
from registry.files.media_types import MediaTypeMismatch
from registry.files.storage import DatabaseStorage
from tests.support.office import Office, acting, person

PNG = b"\x89PNG\r\n\x1a\n" + b"papers of somebody" * 10
LIMITS = AttachmentLimits(image_bytes=1000, pdf_bytes=3000)


@pytest.fixture
def attachments(office: Office) -> Attachments:
    return Attachments(office.pool, office.clock, Seal(bytes(32)), DatabaseStorage(office.pool), LIMITS)


async def bind(office: Office, account: Account, attachment: Attachment, enterprise_id: UUID, to: str) -> Attachment:
    async with transaction(office.pool) as connection:
        return await bind_attachment(
            connection, attachment.attachment_id, account, enterprise_id, to, office.clock.now
        )


async def test_an_attachment_lies_sealed_and_comes_back_as_it_was(office: Office, attachments: Attachments) -> None:
    admin = office.admin
    async with office.leaving(None):
        added = await attachments.add(admin, acting(admin), "执照.PNG", PNG)
    assert (added.media_type, added.size, added.bound_to) == ("image/png", len(PNG), None)
    assert added.path.endswith(".png")
    stored = await office.pool.fetchval("SELECT content FROM stored_content WHERE content_key LIKE 'attachment/%'")
    assert b"papers" not in stored
    async with office.leaving(None):
        assert await attachments.read(admin, acting(admin), added.attachment_id) == (added, PNG)


async def test_what_an_attachment_may_be_is_checked_by_content_and_size(
    office: Office, attachments: Attachments
) -> None:
    admin = office.admin
    refused = [
        ("a.html", b"<html>", NoAttachmentType),
        ("a.mp4", b"\x00\x00\x00\x18ftypmp42", NoAttachmentType),
        ("a", PNG, NoAttachmentType),
        ("a.png", b"", FileEmpty),
        ("a.png", b"%PDF-1.7", MediaTypeMismatch),
        ("a.png", PNG + bytes(1000), FileTooLarge),
        ("a.pdf", b"%PDF-" + bytes(3000), FileTooLarge),
    ]
    async with office.nothing_left():
        for name, content, error in refused:
            with pytest.raises(error):
                await attachments.add(admin, acting(admin), name, content)
    assert (
        await attachments.add(admin, acting(admin), "a.pdf", b"%PDF-" + bytes(2995))
    ).media_type == "application/pdf"


async def test_it_is_bound_once_by_who_sent_it(office: Office, attachments: Attachments) -> None:
    enterprise, other = await office.enterprise(), await office.enterprise()
    user, stranger = office.user(enterprise), office.user(other)
    added = await attachments.add(user, acting(user), "a.png", PNG)
    with pytest.raises(AttachmentUnknown):
        await bind(office, stranger, added, other.enterprise_id, "licence_image")
    bound = await bind(office, user, added, enterprise.enterprise_id, "licence_image")
    assert (bound.enterprise_id, bound.bound_to) == (enterprise.enterprise_id, "licence_image")
    assert await bind(office, user, added, enterprise.enterprise_id, "licence_image") == bound
    for to in ((enterprise.enterprise_id, "legal_front_image"), (other.enterprise_id, "licence_image")):
        with pytest.raises(AttachmentBound):
            await bind(office, office.admin, added, *to)
    with pytest.raises(AttachmentUnknown):
        await attachments.read(user, acting(user), added.attachment_id + 1)


async def test_only_those_who_review_and_its_own_enterprise_see_it(office: Office, attachments: Attachments) -> None:
    enterprise = await office.enterprise()
    admin = office.admin
    added = await attachments.add(admin, acting(admin), "a.png", PNG)
    await bind(office, admin, added, enterprise.enterprise_id, "licence_image")
    for account in (office.reviewer, office.admin, office.user(enterprise)):
        assert (await attachments.read(account, acting(account), added.attachment_id))[1] == PNG
    application = person(Role.APPLICATION, enterprise.enterprise_id)
    for account in (office.auditor, office.user(), application):
        with pytest.raises(NotAllowed):
            await attachments.read(account, acting(account), added.attachment_id)


async def test_what_nobody_binds_goes_and_is_bounded(office: Office, attachments: Attachments) -> None:
    admin = office.admin
    for _ in range(MOST_UNBOUND):
        await attachments.add(admin, acting(admin), "a.png", PNG)
    with pytest.raises(AttachmentsWaiting):
        await attachments.add(admin, acting(admin), "a.png", PNG)
    office.clock.now += timedelta(days=1, seconds=1)
    kept = await attachments.add(admin, acting(admin), "a.png", PNG)
    assert await office.pool.fetchval("SELECT count(*) FROM stored_content") == 1
    assert (await attachments.read(admin, acting(admin), kept.attachment_id))[1] == PNG
