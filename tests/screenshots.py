"""Pictures of every page of the console, for every role, in both languages: ``python -m tests.screenshots [FOLDER]``.

The node is one of its own, with something of every kind on it; ``--url`` pictures one that runs, for whom ``--user``
and ``--password`` (or ``BIAOSHI_PASSWORD`` in the environment) name.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from node import embedded
from node.auth import Role
from node.migrate import migrate
from tests.conftest import quick_folder
from tests.support.chromium import chromium, visits
from tests.support.node import PASSWORD, node_in_thread
from tests.support.scene import furnish
from tests.support.walk import pattern_of, walk

ROLES = (Role.ADMINISTRATOR, Role.REVIEWER, Role.AUDITOR, Role.ENTERPRISE_USER)


@contextlib.contextmanager
def furnished_node() -> Iterator[str]:
    """The address of a node with something of every kind, for as long as it is pictured."""
    with (
        tempfile.TemporaryDirectory(prefix="biaoshi-pictures-", dir=quick_folder()) as folder,
        asyncio.Runner() as runner,
    ):
        Path(folder).chmod(0o755)
        running = embedded.start(Path(folder) / "pg", settings={"fsync": "off"})
        server = runner.run(running.__aenter__())
        try:
            url = server.url("postgres")
            runner.run(migrate(url))
            with node_in_thread(url, node={"laboratory": True}, log={"requests": False}) as node:
                furnish(node)
                yield node.url
        finally:
            runner.run(running.__aexit__(None, None, None))


def picture(base: str, folder: Path, people: dict[str, str], languages: tuple[str, ...]) -> int:
    """Every page that each of ``people`` (password by name) reaches; how many pictures there are."""
    taken = 0
    with chromium() as browser:
        for name, password in people.items():
            for language in languages:
                with visits(browser, base) as visit:
                    visitor = visit(name, language, password=password)
                    places = {pattern_of(address) or "": address for address, _ in walk(visitor)}
                    for pattern, address in places.items():
                        visitor.go(address)
                        visitor.page.wait_for_timeout(300)  # charts are drawn
                        place = re.sub(r"\W+", "-", pattern).strip("-")
                        visitor.page.screenshot(path=folder / f"{place}.{name}.{language}.png", full_page=True)
                        taken += 1
    return taken


def main() -> None:
    """Make the pictures and say where they are."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", nargs="?", type=Path, default=Path("screenshots"))
    asked.add_argument("--url")
    asked.add_argument("--user", default="administrator")
    asked.add_argument("--password", default=os.environ.get("BIAOSHI_PASSWORD", ""))
    given = asked.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.url:
        taken = picture(given.url, given.folder, {given.user: given.password}, ("zh", "en"))
    else:
        with furnished_node() as url:
            taken = picture(url, given.folder, dict.fromkeys(ROLES, PASSWORD), ("zh", "en"))
    print(f"{taken} pictures in {given.folder}")


if __name__ == "__main__":
    main()
