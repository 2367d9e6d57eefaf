"""Promises about the repository itself: licences, locks, vendored files, no machine's paths."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "admin" / "static" / "vendor"
LOCKS = ("requirements.lock", "requirements-test.lock")
ALLOWED_LICENCES = re.compile(
    r"\b(MIT|BSD|Apache|PSF|Python Software Foundation|ISC|MPL|Mozilla|Unlicense|0BSD|CC0|PostgreSQL|ZPL)\b",
    re.IGNORECASE,
)
FORBIDDEN_LICENCES = re.compile(r"(?<!L)\bA?GPL", re.IGNORECASE)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_hashes_and_names_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    pins = re.findall(r"^[a-z0-9][a-z0-9._-]*==", text, re.MULTILINE)
    assert len(pins) > 20
    assert text.count("--hash=sha256:") >= len(pins)


def test_the_test_lock_holds_what_the_runtime_lock_holds() -> None:
    pins = [
        set(re.findall(r"^([a-z0-9][a-z0-9._-]*==[^ ;\\]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in LOCKS
    ]
    assert pins[0] <= pins[1]


def test_every_locked_package_has_a_licence_we_may_use() -> None:
    text = (ROOT / LOCKS[1]).read_text(encoding="utf-8")
    faults = []
    for name, marker in re.findall(r"^([a-z0-9][a-z0-9._-]*)==[^ ;\\]+( ;[^\\]*)?", text, re.MULTILINE):
        if "win32" in marker or "Windows" in marker or "python_" in marker:
            continue  # not installed here
        metadata = distribution(name).metadata
        words = " ".join(
            [metadata.get("License-Expression") or "", (metadata.get("License") or "")[:200],
             *(line for line in metadata.get_all("Classifier") or () if line.startswith("License"))]
        )  # fmt: skip
        if FORBIDDEN_LICENCES.search(words) or not ALLOWED_LICENCES.search(words):
            faults.append(f"{name}: {words}")
    assert not faults


def test_vendored_files_are_the_ones_the_manifest_names() -> None:
    manifest = json.loads((VENDOR / "MANIFEST.json").read_text(encoding="utf-8"))
    listed = {entry["file"]: entry["sha256"] for package in manifest for entry in package["files"]}
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "MANIFEST.json"
    }
    assert found == listed


def test_no_file_names_somebody_s_home() -> None:
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                           check=True).stdout.splitlines()  # fmt: skip
    forbidden = re.compile(rb"/(home/[a-z]+|root|Users/[a-z]+)/")
    this = Path(__file__).relative_to(ROOT).as_posix()
    guilty = [
        name for name in names
        if name != this and (ROOT / name).is_file() and forbidden.search((ROOT / name).read_bytes())
    ]  # fmt: skip
    assert not guilty
