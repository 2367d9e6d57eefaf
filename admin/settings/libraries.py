"""The libraries that the node is made of, with their releases and licences, as their packages say."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

_SOFTWARE = "biaoshi"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CLASSIFIER = "License :: OSI Approved :: "
_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Library:
    name: str
    version: str
    licence: str


@functools.cache
def libraries() -> tuple[Library, ...]:
    """What the software requires and is installed, by name; read from disk once, some tens of milliseconds."""
    software = _installed(_SOFTWARE)
    found = []
    for requirement in (software.requires if software else None) or ():
        named = _NAME.match(requirement)
        if named is None or "extra ==" in requirement:
            continue
        package = _installed(named[0])
        if package is not None:
            found.append(Library(named[0], package.version, _licence(package)))
    return tuple(sorted(found, key=lambda library: library.name.lower()))


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _licence(package: Distribution) -> str:
    """By its expression (PEP 639), else its classifiers, else the first line of what it says."""
    said = package.metadata
    if expressions := said.get_all("License-Expression"):
        return str(expressions[0])[:_CHARACTERS]
    lines = [str(line) for line in said.get_all("Classifier") or ()]
    if classified := [line.removeprefix(_CLASSIFIER) for line in lines if line.startswith(_CLASSIFIER)]:
        return ", ".join(classified)[:_CHARACTERS]
    return "".join(map(str, said.get_all("License") or ())).strip().partition("\n")[0][:_CHARACTERS]
