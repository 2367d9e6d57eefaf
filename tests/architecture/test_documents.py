"""The documents say what the code does: settings, verbs, commands, metrics, codes, dependencies, links."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from packaging.requirements import Requirement
from pydantic import BaseModel

import mocknational.mock
import node.client
import node.importer
import node.serve
import node.steward
import node.worker
import registry.escrow.restore
from node.cli import app
from node.config import Settings
from node.errors import NodeError, code_of

ROOT = Path(__file__).parents[2]
PACKAGES = ("node", "registry", "resolver", "admin", "mocknational", "docking")
README = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
OPERATIONS = ROOT / "docs" / "operations.md"
DEPENDENCIES = ROOT / "docs" / "dependencies.md"

_FENCE = re.compile(r"^```[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
_COMMAND = r"(?:^|\s|/bin/)biaoshi "
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def documents() -> list[Path]:
    """Every Markdown file of the repository, committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code_lines(path: Path) -> Iterator[str]:
    """What stands between backticks, and the lines of code blocks."""
    text = text_of(path)
    for block in _FENCE.findall(text):
        yield from block.splitlines()
    yield from _INLINE.findall(_FENCE.sub("", text))


def rows(path: Path) -> list[list[str]]:
    """The cells of every table row whose first cell begins with code."""
    found = [line.strip().strip("|").split(" | ") for line in text_of(path).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in found]


def uncoded(cell: str) -> str:
    return cell.strip("`*")


# Settings -----------------------------------------------------------------------------------------


def declared_settings() -> dict[str, tuple[type[BaseModel], str, Any]]:
    """``group.name`` to its group, name and default."""
    found = {}
    for group, field in Settings.model_fields.items():
        kind = field.annotation
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        for name, setting in kind.model_fields.items():
            found[f"{group}.{name}"] = (kind, name, setting.default)
    return found


def test_every_setting_is_documented_and_no_other() -> None:
    documented = [uncoded(row[0]) for row in rows(CONFIGURATION)]
    assert documented == list(declared_settings())


@pytest.mark.parametrize("row", rows(CONFIGURATION), ids=lambda row: uncoded(row[0]))
def test_a_setting_is_documented_as_it_is_declared(row: list[str]) -> None:
    setting, variable, default, meaning = row
    kind, name, declared = declared_settings()[uncoded(setting)]
    assert uncoded(variable) == "BIAOSHI_" + uncoded(setting).upper().replace(".", "_")
    assert len(meaning) > 10
    if declared is None:
        assert default == "*none*"
    else:
        said = tomllib.loads(f"{name} = {uncoded(default)}")
        assert getattr(kind.model_validate(said), name) == declared


@pytest.mark.parametrize("row", rows(CONFIGURATION), ids=lambda row: uncoded(row[0]))
def test_a_setting_s_variable_is_read(row: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    group, _, name = uncoded(row[0]).partition(".")
    monkeypatch.setenv(uncoded(row[1]), "\N{SNOWMAN}")
    try:
        said = str(getattr(getattr(Settings(), group), name))
    except ValueError as error:
        said = f"{error} \N{SNOWMAN}" if f"{group}.{name}" in str(error) else str(error)
    assert "\N{SNOWMAN}" in said


# Links --------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The fragments that GitHub gives the headings of a file."""
    headings = _HEADING.findall(_FENCE.sub("", text_of(path)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    dead = []
    for link in _LINK.findall(_INLINE.sub("", _FENCE.sub("", text_of(path)))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, fragment = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (fragment and fragment not in anchors(target)):
            dead.append(link)
    assert not dead


def test_every_document_is_linked_from_another() -> None:
    linked = {
        (path.parent / link.partition("#")[0]).resolve()
        for path in documents()
        for link in _LINK.findall(text_of(path))
        if not re.match(r"[a-z]+:", link)
    }
    forgotten = {path for path in documents() if not {path.resolve(), path.parent.resolve()} & linked}
    assert forgotten <= {README}


# Verbs and commands -------------------------------------------------------------------------------


def make_verbs() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):.*## ", text_of(ROOT / "Makefile"), re.MULTILINE))


def commands() -> dict[str, set[str]]:
    """The commands of ``biaoshi`` with their options, a group's with those of its own commands."""
    group = typer.main.get_command(app)
    return {name: options(command) for name, command in group.commands.items()}  # type: ignore[attr-defined]  # a group


def options(command: Any) -> set[str]:
    own = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    return own.union(*map(options, getattr(command, "commands", {}).values()))


def named(pattern: str) -> set[str]:
    return {name for path in documents() for line in code_lines(path) for name in re.findall(pattern, line)}


def test_every_make_verb_is_documented_and_no_other() -> None:
    assert named(r"^(?:\$ )?make ([a-z][a-z-]*)") == make_verbs()


def test_every_command_is_documented_and_no_other() -> None:
    assert named(rf"{_COMMAND}([a-z][a-z-]*)") == commands().keys()


def test_every_option_of_a_command_in_a_document_exists() -> None:
    known = commands()
    faults = [
        line
        for path in documents()
        for line in code_lines(path)
        for name, rest in re.findall(rf"{_COMMAND}([a-z][a-z-]*)([^#;|]*)", line)
        if not set(re.findall(r"(?<=\s)--[a-z][a-z-]*", rest)) <= known[name]
    ]
    assert not faults


def test_the_readme_fits_on_a_screen_and_begins_with_what_a_bare_debian_lacks() -> None:
    lines = text_of(README).splitlines()
    assert len(lines) <= 70
    assert "apt install git make python3-venv" in lines[0]


# Metrics and codes --------------------------------------------------------------------------------


def test_every_metric_is_documented_and_no_other() -> None:
    source = "\n".join(text_of(path) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    declared = set(re.findall(r"\b(?:Counter|Gauge|Histogram)\(\s*\"(biaoshi_[a-z_]+)\"", source))
    assert len(declared) > 10
    assert {uncoded(row[0]) for row in rows(OPERATIONS) if row[0].startswith("`biaoshi_")} - declared == {
        "biaoshi_outbox_waiting` grows though contact is recent"
    }
    assert declared <= {uncoded(row[0]) for row in rows(OPERATIONS)}


def known_codes() -> set[str]:
    def below(kind: type[NodeError]) -> Iterator[type[NodeError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    # Importing what processes are composed of has made every class known.
    assert node.serve
    assert node.steward
    assert node.worker
    assert node.client
    assert node.importer
    assert registry.escrow.restore
    assert mocknational.mock
    return {code_of(kind) for kind in below(NodeError)}


LOG_EVENTS = re.compile(r'log\.\w+\(\s*"([a-z_]+)"')


def test_every_code_and_log_event_that_operators_are_told_of_exists() -> None:
    text = text_of(OPERATIONS).partition("## What to do when")[2].partition("\n## ")[0]
    told = {
        word
        for line in text.splitlines()
        if line.startswith("|")
        for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", line.split(" | ")[0])
        if not word.startswith("biaoshi_")
    }
    source = "\n".join(text_of(path) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    assert len(told) > 20
    assert told <= known_codes() | set(LOG_EVENTS.findall(source))


# Dependencies -------------------------------------------------------------------------------------


def declared_requirements() -> dict[str, Requirement]:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    lines = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["test"],
        *project["build-system"]["requires"],
    ]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


def test_every_dependency_has_a_row_with_its_range_and_locked_release() -> None:
    locked = dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", text_of(ROOT / "requirements-test.lock"), re.M))
    documented = {uncoded(row[0]): row[1:3] for row in rows(DEPENDENCIES) if len(row) == 6}
    declared = declared_requirements()
    assert documented.keys() == declared.keys()
    faults = []
    for name, (ranges, seen) in documented.items():
        if set(uncoded(ranges).split(",")) != set(str(declared[name].specifier).split(",")):
            faults.append(f"{name}: {ranges} is not {declared[name].specifier}")
        if seen.split(" ")[0] != locked[name]:
            faults.append(f"{name}: {seen} is not the locked {locked[name]}")
    assert not faults


def test_every_decision_has_a_status_a_date_and_the_usual_parts() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = text_of(path)
        assert text.startswith(f"# {path.name[:4]} ")
        assert re.search(r"^Status: \w+ · Date: \d{4}-\d\d-\d\d$", text, re.MULTILINE), path.name
        parts = re.findall(r"^## (?:Context|Decision|Consequences)$", text, re.MULTILINE)
        assert parts == ["## Context", "## Decision", "## Consequences"]
        assert len(text.splitlines()) <= 50


def test_every_word_of_the_glossary_s_code_column_is_in_the_code() -> None:
    source = "\n".join(
        text_of(path) for package in PACKAGES for kind in ("*.py", "*.sql") for path in (ROOT / package).rglob(kind)
    )
    cells = [line.rstrip(" |").split(" | ")[-1] for line in text_of(ROOT / "docs" / "glossary.md").splitlines()
             if line.startswith("| ")]  # fmt: skip
    words = {word for cell in cells for word in _INLINE.findall(cell)}
    assert len(words) > 20
    assert not {word for word in words if not re.search(rf"\b{re.escape(word.split('.')[-1])}\b", source)}
