"""The folder of counters and event files: made once, and each open file is its process's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from resolver.counting.folder import (
    CountingFolder,
    CountingFolderUnusable,
    keeping,
    make_owned,
    name_of_events,
    open_folder,
    remove_unfinished,
    taken,
)

NODE = uuid4()


@pytest.fixture
def folder(tmp_path: Path) -> CountingFolder:
    return open_folder(tmp_path / "counting", NODE)


def test_a_folder_keeps_its_number(folder: CountingFolder) -> None:
    again = open_folder(folder.path.parent, NODE)
    other = open_folder(folder.path.parent, uuid4())
    assert again == folder
    assert other.recorder_id != folder.recorder_id


def test_processes_that_make_a_folder_at_once_agree_on_its_number(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: open_folder(tmp_path, NODE), range(40)))
    assert len({each.recorder_id for each in made}) == 1


def test_nobody_else_reads_the_folder(folder: CountingFolder) -> None:
    assert folder.open.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "counting").write_text("a file")
    with pytest.raises(CountingFolderUnusable) as raised:
        open_folder(tmp_path / "counting", NODE)
    assert str(NODE) in raised.value.evidence["folder"]


def test_a_folder_with_another_text_for_a_number_is_refused(folder: CountingFolder) -> None:
    (folder.path / "recorder").write_text("not a number")
    with pytest.raises(CountingFolderUnusable):
        open_folder(folder.path.parent, NODE)


def test_a_new_file_has_all_its_room_and_an_owner(folder: CountingFolder) -> None:
    file = folder.events_file(uuid4(), 1)
    descriptor = make_owned(file, 1 << 16, b"beginning")
    try:
        assert file.stat().st_size == 1 << 16
        assert file.stat().st_blocks * 512 >= 1 << 16
        assert file.read_bytes().startswith(b"beginning\0")
        with taken(file) as found:
            assert found is None
    finally:
        os.close(descriptor)
    with taken(file) as found:
        assert found is not None


def test_a_file_is_never_made_over_another(folder: CountingFolder) -> None:
    file = folder.counters_file(uuid4())
    os.close(make_owned(file, 4096, b"first"))
    with pytest.raises(FileExistsError):
        make_owned(file, 4096, b"second")
    assert file.read_bytes().startswith(b"first")
    assert folder.counters_files() == [file]
    assert [each.name for each in folder.open.iterdir()] == [file.name]


def test_no_room_is_noticed_when_the_file_is_made(folder: CountingFolder) -> None:
    with pytest.raises(OSError, match=r"too large|No space"):
        make_owned(folder.counters_file(uuid4()), 1 << 62, b"")
    assert list(folder.open.iterdir()) == []


def test_a_file_that_was_removed_is_nobodys(folder: CountingFolder) -> None:
    with taken(folder.counters_file(uuid4())) as found:
        assert found is None


_OWNER = """
import sys, time
from pathlib import Path
from resolver.counting.folder import make_owned
make_owned(Path(sys.argv[1]), 4096, b"mine")
print("owned", flush=True)
time.sleep(60)
"""


def test_a_killed_process_owns_its_file_no_more(folder: CountingFolder) -> None:
    file = folder.counters_file(uuid4())
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(file)], stdout=subprocess.PIPE)
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"owned\n"
        with taken(file) as found:
            assert found is None
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait(10)
        owner.stdout.close()
    with taken(file) as found:
        assert found is not None


def test_one_process_keeps_a_folder_at_a_time(folder: CountingFolder) -> None:
    with keeping(folder) as first, keeping(folder) as second:
        assert (first, second) == (True, False)
    with keeping(folder) as third:
        assert third


def test_what_was_about_to_be_made_is_removed_when_its_process_is_gone(folder: CountingFolder) -> None:
    left = folder.open / ".unfinished-0011"
    left.write_bytes(b"half a file")
    about_to_be_owned = folder.open / ".unfinished-0022"
    about_to_be_owned.touch()
    remove_unfinished(folder)
    assert list(folder.open.iterdir()) == [about_to_be_owned]


def test_files_are_found_by_process_start_and_number_in_their_order(folder: CountingFolder) -> None:
    boot = UUID("11111111-2222-4333-8444-555555555555")
    for number in (10, 2, 1):
        folder.events_file(boot, number).touch()
    other = folder.events_file(uuid4(), 1)
    other.touch()
    (folder.open / "notes.events").touch()
    assert [name_of_events(file) for file in folder.events_files(boot)] == [(boot, 1), (boot, 2), (boot, 10)]
    assert len(folder.events_files()) == 4
    assert other in folder.events_files()
    with pytest.raises(ValueError, match="notes"):
        name_of_events(folder.open / "notes.events")


def test_sealed_files_stand_under_their_day(folder: CountingFolder) -> None:
    boot, day = uuid4(), date(2026, 3, 9)
    file = folder.sealed_file(day, boot, 3)
    assert file.relative_to(folder.sealed).parts == ("2026", "03", "09", f"{boot}-3.events.zst")
    file.parent.mkdir(parents=True)
    file.touch()
    (file.parent / "readme.txt").touch()
    elsewhere = folder.sealed / "2026" / "99" / "09"
    elsewhere.mkdir(parents=True)
    (elsewhere / file.name).touch()
    assert folder.sealed_files() == [(day, file)]
