"""The directory of an export: whole or without a manifest, and proved file by file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from node import export_directory
from node.export_directory import (
    MANIFEST,
    ExportDamaged,
    ExportStands,
    ExportUnwritable,
    Manifest,
    NotAnExport,
    Part,
    begin,
    finish,
    read,
    verified,
    writing,
)

FACTS: dict[str, Any] = {"format_version": 1, "prefix": "88.101.2001", "position": 7}


def written(directory: Path, name: str = "rows.ndjson", content: bytes = b'{"suffix":"A"}\n') -> Part:
    with writing(directory, name) as file:
        file.write(content[:5])
        file.write(content[5:])
    return Part(name, "rows", 1, file.octets, file.sha256)


def whole(directory: Path) -> Manifest:
    begin(directory)
    parts = (written(directory), written(directory, "files/sha256-00", b"%PDF"))
    manifest = Manifest(FACTS, parts)
    finish(directory, manifest)
    return manifest


def test_what_was_written_is_read_and_proved(tmp_path: Path) -> None:
    manifest = whole(tmp_path / "out")
    assert verified(tmp_path / "out") == manifest
    assert (manifest.prefix, manifest.position) == ("88.101.2001", 7)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == [
        MANIFEST, "rows.ndjson", "sha256-00",
    ]  # fmt: skip
    assert manifest.parts[0].sha256 == hashlib.sha256(b'{"suffix":"A"}\n').hexdigest()


def test_every_damage_is_told_at_once(tmp_path: Path) -> None:
    manifest = whole(tmp_path)
    (tmp_path / "rows.ndjson").write_bytes(b'{"suffix":"B"}\n')
    (tmp_path / "files/sha256-00").unlink()
    with pytest.raises(ExportDamaged) as refused:
        verified(tmp_path)
    assert [fault.partition(":")[0] for fault in refused.value.evidence["faults"]] == [
        part.name for part in manifest.parts
    ]
    (tmp_path / "files/sha256-00").write_bytes(b"%PD")
    with pytest.raises(ExportDamaged, match="3 octets, 4 expected"):
        verified(tmp_path)


def test_an_interrupted_file_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError), writing(tmp_path, "rows.ndjson") as file:
        file.write(b"half" + None)  # type: ignore[operator]  # falls over amid the file
    assert list(tmp_path.iterdir()) == []


def test_a_killed_export_has_no_manifest_and_is_written_over(tmp_path: Path) -> None:
    begin(tmp_path)
    written(tmp_path)
    (tmp_path / "rows.ndjson.partial").write_bytes(b"half")
    with pytest.raises(NotAnExport):
        verified(tmp_path)
    whole(tmp_path)
    assert not list(tmp_path.glob("*.partial"))


def test_an_export_is_not_written_over_another(tmp_path: Path) -> None:
    whole(tmp_path)
    with pytest.raises(ExportStands):
        begin(tmp_path)


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ExportUnwritable):
        begin(tmp_path / "file" / "below")
    with pytest.raises(ExportUnwritable), writing(tmp_path / "nowhere" / "deep", "rows.csv") as file:
        file.write(b"")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"{" * 100_000,
        b"\xff\xfe",
        json.dumps({**FACTS}).encode(),
        json.dumps({**FACTS, "files": [{"name": "rows.csv"}]}).encode(),
        json.dumps({**FACTS, "files": [], "format_version": 2}).encode(),
        json.dumps({**FACTS, "files": [], "position": -1}).encode(),
        json.dumps({**FACTS, "files": [], "position": "x"}).encode(),
        *(
            json.dumps({**FACTS, "files": [{"name": name, "kind": "rows", "octets": 0, "sha256": "0" * 64}]}).encode()
            for name in ("../manifest.json", "/etc/passwd", "a/b", "files/../x", ".hidden", "a\nb", "files/", 7)
        ),
        json.dumps({**FACTS, "files": [{"name": "a", "kind": "rows", "octets": 0, "sha256": "0"}]}).encode(),
        json.dumps({**FACTS, "files": [{"name": "a", "kind": "code", "octets": 0, "sha256": "0" * 64}]}).encode(),
    ],
)
def test_what_is_no_manifest_is_not_taken_for_one(tmp_path: Path, said: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(said)
    with pytest.raises(NotAnExport):
        read(tmp_path)


def test_a_directory_without_a_manifest_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(NotAnExport, match=MANIFEST):
        verified(tmp_path)
    assert FACTS["format_version"] == export_directory.FORMAT_VERSION
