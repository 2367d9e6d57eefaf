"""Files on a real database: once per enterprise, within its room, known by what they hold."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from node.auth import NotAllowed, Role
from node.database import Pool
from registry.enterprises import EnterpriseNotApproved, EnterpriseUnknown
from registry.files.files import (
    FileEmpty,
    FileLimits,
    FileOwnerMissing,
    FileQuotaReached,
    Files,
    FileTooLarge,
    FileUnknown,
    missing_files,
)
from registry.files.media_types import MediaTypeMismatch
from registry.files.storage import DatabaseStorage
from registry.transitions import EnterpriseState, Verb
from tests.support.office import Office, acting, person

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 3000
PDF_DIGEST = hashlib.sha256(PDF).digest()


@pytest.fixture
def files(pool: Pool, office: Office) -> Files:
    return Files(pool, office.clock, DatabaseStorage(pool), FileLimits(file_bytes=1 << 20, enterprise_bytes=3 << 20))


async def whole(files: Files, digest: bytes) -> bytes:
    return b"".join([piece async for piece in files.content(await files.served(digest))])


async def test_a_file_is_kept_once_under_its_digest(office: Office, files: Files) -> None:
    enterprise = await office.enterprise()
    user = office.user(enterprise)
    owner = enterprise.enterprise_id
    async with office.leaving(None):
        stored, new = await files.add(user, acting(user), owner, "说明书.pdf", "application/pdf", PDF)
    assert new
    assert stored.file_id == f"sha256-{PDF_DIGEST.hex()}"
    assert (stored.name, stored.size, stored.account_id) == ("说明书.pdf", len(PDF), user.account_id)
    async with office.nothing_left():
        assert await files.add(user, acting(user), owner, "other.bin", "application/pdf", PDF) == (stored, False)
    assert await files.get(user, PDF_DIGEST) == stored
    assert await whole(files, PDF_DIGEST) == PDF
    acts = (await office.traces()).acts
    assert acts[-1]["action"] == "file.add"
    assert acts[-1]["after"]["name"] == "说明书.pdf"


async def test_each_enterprise_has_its_own(office: Office, files: Files, pool: Pool) -> None:
    one, other = await office.enterprise(), await office.enterprise()
    await files.add(office.user(one), acting(office.admin), one.enterprise_id, "a.pdf", "application/pdf", PDF)
    with pytest.raises(FileUnknown):
        await files.get(office.user(other), PDF_DIGEST)
    absent = b"\1" * 32
    async with pool.acquire() as connection:
        assert await missing_files(connection, one.enterprise_id, [PDF_DIGEST, absent]) == {absent}
        assert await missing_files(connection, other.enterprise_id, [PDF_DIGEST, absent]) == {PDF_DIGEST, absent}
        assert await missing_files(connection, other.enterprise_id, []) == set()
    _, new = await files.add(
        office.user(other), acting(office.admin), other.enterprise_id, "b.pdf", "application/pdf", PDF
    )
    assert new
    assert (await files.get(office.user(other), PDF_DIGEST)).name == "b.pdf"
    assert (await files.get(office.auditor, PDF_DIGEST, other.enterprise_id)).name == "b.pdf"


async def test_what_is_no_file_is_refused(office: Office, files: Files) -> None:
    enterprise = await office.enterprise()
    user, owner = office.user(enterprise), enterprise.enterprise_id
    async with office.nothing_left():
        for content, media_type, error in (
            (b"", "application/pdf", FileEmpty),
            (PDF + bytes(1 << 20), "application/pdf", FileTooLarge),
            (PDF, "image/png", MediaTypeMismatch),
            (b"<script>", "text/html", MediaTypeMismatch),
        ):
            with pytest.raises(error):
                await files.add(user, acting(user), owner, "a", media_type, content)


async def test_rights_follow_the_enterprise(office: Office, files: Files) -> None:
    enterprise = await office.enterprise()
    owner = enterprise.enterprise_id
    may_add = {"administrator", "own user", "own application"}
    may_read = may_add | {"reviewer", "auditor"}
    await files.add(office.admin, acting(office.admin), owner, "a.pdf", "application/pdf", PDF)
    for name, who in office.cast(enterprise).items():
        for allowed, attempt in (
            (may_add, lambda who=who: files.add(who, acting(who), owner, "a.pdf", "application/pdf", PDF)),
            (may_read, lambda who=who: files.get(who, PDF_DIGEST, owner)),
            (may_read, lambda who=who: files.list(who, owner)),
        ):
            if name in allowed:
                await attempt()
            else:
                with pytest.raises(NotAllowed):
                    await attempt()
    with pytest.raises(FileOwnerMissing):
        await files.add(office.admin, acting(office.admin), None, "a.pdf", "application/pdf", PDF)
    with pytest.raises(FileOwnerMissing):
        await files.list(office.auditor)


async def test_only_an_approved_enterprise_adds(office: Office, files: Files) -> None:
    admin = office.admin
    suspended = await office.enterprise(EnterpriseState.SUSPENDED)
    with pytest.raises(EnterpriseNotApproved):
        await files.add(admin, acting(admin), suspended.enterprise_id, "a.pdf", "application/pdf", PDF)
    nobody = person(Role.ENTERPRISE_USER).account_id
    with pytest.raises(EnterpriseUnknown):
        await files.add(admin, acting(admin), nobody, "a.pdf", "application/pdf", PDF)


async def test_the_room_of_an_enterprise_is_bounded_also_in_a_rush(office: Office, files: Files) -> None:
    enterprise = await office.enterprise()
    user = office.user(enterprise)

    told = []

    async def add(number: int) -> bool:
        content = b"%PDF-" + bytes([number]) * ((1 << 20) - 5)
        try:
            await files.add(user, acting(user), enterprise.enterprise_id, f"{number}.pdf", "application/pdf", content)
        except FileQuotaReached as refused:
            told.append(refused.evidence["taken"])
            return False
        return True

    assert sum(await asyncio.gather(*(add(number) for number in range(6)))) == 3
    assert told == [3 << 20] * 3
    assert len(await files.list(user)) == 3


async def test_the_same_file_sent_twice_at_once_is_added_once(office: Office, files: Files) -> None:
    enterprise = await office.enterprise()
    user = office.user(enterprise)
    added = await asyncio.gather(
        *(files.add(user, acting(user), enterprise.enterprise_id, "a.pdf", "application/pdf", PDF) for _ in range(5))
    )
    assert sorted(new for _, new in added) == [False, False, False, False, True]


async def test_a_list_is_newest_first_and_loses_nothing_between_pages(office: Office, files: Files) -> None:
    enterprise = await office.enterprise()
    user = office.user(enterprise)
    for number in range(7):
        if number % 3 == 0:
            office.clock.turn(seconds=1)
        await files.add(
            user, acting(user), enterprise.enterprise_id, f"{number}.txt", "text/plain", f"{number}".encode()
        )
    whole_list = await files.list(user)
    assert [stored.created_at for stored in whole_list] == sorted(
        (stored.created_at for stored in whole_list), reverse=True
    )
    paged = await files.list(user, limit=2)
    while page := await files.list(user, after=paged[-1].place, limit=2):
        paged += page
    assert paged == whole_list
    assert len(whole_list) == 7


async def test_no_file_of_a_suspended_enterprise_is_served(office: Office, files: Files) -> None:
    admin = office.admin
    enterprise, other = await office.enterprise(), await office.enterprise()
    for holder in (enterprise, other):
        await files.add(admin, acting(admin), holder.enterprise_id, "a.pdf", "application/pdf", PDF)
        office.clock.turn(seconds=1)
    await office.enterprises.move(admin, acting(admin), enterprise.enterprise_id, Verb.SUSPEND, "理由")
    assert (await files.served(PDF_DIGEST)).enterprise_id == other.enterprise_id
    await office.enterprises.move(admin, acting(admin), other.enterprise_id, Verb.CLOSE, "理由")
    with pytest.raises(FileUnknown):
        await files.served(PDF_DIGEST)
    assert (await files.get(office.auditor, PDF_DIGEST)).enterprise_id == enterprise.enterprise_id
    await office.enterprises.move(admin, acting(admin), enterprise.enterprise_id, Verb.RESUME, "理由")
    assert (await files.served(PDF_DIGEST)).enterprise_id == enterprise.enterprise_id


async def test_a_private_file_is_for_its_enterprise_until_it_is_sent_for_everybody(
    office: Office, files: Files
) -> None:
    enterprise = await office.enterprise()
    user = office.user(enterprise)
    kept, new = await files.add(
        user, acting(user), enterprise.enterprise_id, "a.pdf", "application/pdf", PDF, private=True
    )
    assert (kept.private, new) == (True, True)
    with pytest.raises(FileUnknown):
        await files.served(kept.digest)
    assert (await files.served(kept.digest, named=True)).private
    assert (await files.get(user, kept.digest)).private
    again, new = await files.add(
        user, acting(user), enterprise.enterprise_id, "a.pdf", "application/pdf", PDF, private=True
    )
    assert (again, new) == (kept, False)
    async with office.leaving(None):
        opened, new = await files.add(user, acting(user), enterprise.enterprise_id, "b.pdf", "application/pdf", PDF)
    assert (opened.private, opened.name, new) == (False, "a.pdf", False)
    assert await files.served(kept.digest) == opened
