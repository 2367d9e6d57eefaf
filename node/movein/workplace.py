"""The directory of a move: what was fetched, so that it is asked for once, and what could not be moved.

move.json           where it comes from
fetched.ndjson      identifiers as the other node told them; of several lines about one the last holds
templates.ndjson    templates or metadata, as told
files.ndjson        files by the names that they have there; their contents stand in files/ under their ids
rows/               what is sent, made anew by every run
rejected            how many runs ended with rejected rows
problems.ndjson     what could not be moved in the last run: handle, code, message
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from node.errors import Conflict, Malformed, NodeError
from node.movein.wanted import Wanted, identifier_of, key_of

_FILE_ID = "sha256-"


class WorkplaceOfAnother(Conflict):
    """Evidence: ``folder``."""

    title_zh = "目录属于另一次迁入"


class WorkplaceUnusable(Malformed):
    """Evidence: ``folder``."""

    title_zh = "迁入目录无法使用"


@dataclass(frozen=True, slots=True)
class Fetched:
    """One identifier: ``template`` is a version of SNMS or a handle of metadata, ``values`` as told, by index."""

    handle: str
    template: str
    registered_at: str | None
    updated_at: str | None
    values: dict[int, Any]


class Lines:
    """A file of JSON lines that grows; what was being written when somebody pulled the plug is cut off."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.touch(mode=0o600)
        whole = 0
        with file.open("rb+") as stream:
            for line in stream:
                whole += len(line) if line.endswith(b"\n") else 0
            stream.truncate(whole)
        self._out = file.open("ab")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with self._file.open("rb") as stream:
            for line in stream:
                yield json.loads(line)

    def append(self, said: Mapping[str, Any]) -> None:
        """Written when this returns, as far as this process can say."""
        self._out.write(json.dumps(said, ensure_ascii=False).encode() + b"\n")
        self._out.flush()

    def close(self) -> None:
        self._out.close()


class Workplace:
    """Raises ``WorkplaceOfAnother``, ``WorkplaceUnusable`` when it is opened."""

    def __init__(self, folder: Path, origin: Mapping[str, str]) -> None:
        self.folder = folder
        try:
            for part in (folder, folder / "rows", folder / "files"):
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_origin(folder, origin)
            self._fetched, self._templates, self._files = (
                Lines(folder / f"{name}.ndjson") for name in ("fetched", "templates", "files")
            )
            self._latest: dict[str, tuple[int, str]] = {
                line["key"]: (number, line["times"]) for number, line in enumerate(self._fetched)
            }
            self.templates = {line["key"]: line["said"] for line in self._templates}
            self.files = {line["path"]: line for line in self._files}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WorkplaceUnusable(f"{folder}: {error}", folder=str(folder)) from None
        self._lines = sum(1 for _ in self._fetched)
        self._problems = (folder / "problems.ndjson").open("w", encoding="utf-8")
        self.problems = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._fetched, self._templates, self._files, self._problems):
            one.close()

    def has(self, wanted: Wanted) -> bool:
        """Whether it was fetched, and had the same times then."""
        return wanted.key in self._latest and self._latest[wanted.key][1] == wanted.times

    def keep(self, wanted: Wanted, handle: str, template: str, values: Mapping[int, Any]) -> None:
        """``handle`` is the other node's spelling."""
        found = Fetched(handle, template, wanted.registered_at, wanted.updated_at, dict(values))
        self._fetched.append({"key": wanted.key, "times": wanted.times, **asdict(found)})
        self._latest[wanted.key] = (self._lines, wanted.times)
        self._lines += 1

    def fetched(self) -> Iterator[Fetched]:
        """Every identifier once, in the order in which they came."""
        for number, line in enumerate(self._fetched):
            if self._latest[line["key"]][0] == number:
                values = {int(index): value for index, value in line["values"].items()}
                yield Fetched(line["handle"], line["template"], line["registered_at"], line["updated_at"], values)

    @property
    def number(self) -> int:
        """How many identifiers it holds."""
        return len(self._latest)

    def keep_template(self, key: str, said: Mapping[str, Any]) -> None:
        self._templates.append({"key": key, "said": said})
        self.templates[key] = dict(said)

    def keep_file(self, path: str, content: bytes, metadata: str, item: str) -> None:
        """``path`` is its name over there."""
        file_id = _FILE_ID + hashlib.sha256(content).hexdigest()
        self.content_of(file_id).write_bytes(content)
        line = {"path": path, "file_id": file_id, "metadata": metadata, "item": item}
        self._files.append(line)
        self.files[path] = line

    def content_of(self, file_id: str) -> Path:
        """Where the content of a file stands."""
        return self.folder / "files" / file_id

    @property
    def rejected_runs(self) -> int:
        """How many runs ended with rejected rows."""
        file = self.folder / "rejected"
        return int(file.read_text()) if file.exists() else 0

    def count_rejected_run(self) -> None:
        """One more of them."""
        (self.folder / "rejected").write_text(str(self.rejected_runs + 1))

    def problem(self, handle: str, code: str, message: str) -> None:
        """What could not be moved, and why."""
        self.problems += 1
        said = {"handle": handle, "code": code, "message": message}
        self._problems.write(json.dumps(said, ensure_ascii=False) + "\n")

    def problem_of(self, handle: str, error: NodeError) -> None:
        """The same of an error."""
        self.problem(handle, error.code, error.detail)


def same_identifier(wanted: Wanted, handle: str) -> bool:
    """Whether a handle that was told is the one that was asked for."""
    try:
        return key_of(identifier_of(handle)) == wanted.key
    except NodeError:
        return False


def _check_origin(folder: Path, origin: Mapping[str, str]) -> None:
    file = folder / "move.json"
    if not file.exists():
        file.write_text(json.dumps(origin, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    elif json.loads(file.read_bytes()) != dict(origin):
        raise WorkplaceOfAnother(
            f"{folder} holds another move; name another directory, or give the same words as for that one",
            folder=str(folder),
        )
