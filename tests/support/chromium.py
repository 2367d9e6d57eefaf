"""A real browser on the console: Debian's Chromium, driven by Playwright; what it complains about is a failure."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, sync_playwright

from tests.support.node import PASSWORD

AXE = Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js"
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
"""What Chromium notes of every refusal, the wanted ones too."""
_WIDER = """async () => {
    // The page's own scripts may have something to do after a change of size.
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return document.documentElement.scrollWidth - document.documentElement.clientWidth;
}"""


def program() -> str:
    """The browser. Where tests must be whole (CI) its absence is a failure, elsewhere a reason to skip."""
    found = os.environ.get("BIAOSHI_CHROMIUM") or shutil.which("chromium")
    if found:
        return found
    missing = "no Chromium: apt install chromium fonts-noto-cjk, or name one in BIAOSHI_CHROMIUM"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Started once a file."""
    executable = program()
    with sync_playwright() as driver:
        # Root has no sandbox; the pages are our own.
        browser = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Somebody at a browser; ``troubles`` is what the browser complained about."""

    base: str
    page: Page
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        self.page.on("dialog", self._interrupted)
        self.page.on("request", lambda request: self._asked(request.url))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not _REFUSED.match(message.text):
            self.troubles.append(f"console on {self.page.url}: {message.text}")

    def _interrupted(self, dialog: Dialog) -> None:
        self.troubles.append(f"{dialog.type} on {self.page.url}: {dialog.message}")
        dialog.dismiss()

    def _asked(self, url: str) -> None:
        if not url.startswith((self.base + "/", "data:", "blob:")):
            self.troubles.append(f"asked a foreign address: {url}")

    def go(self, path: str, status: int = 200) -> Page:
        """A page, loaded to its end."""
        answer = self.page.goto(self.base + path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}\n{self.page.inner_text('body')[:2000]}"
        return self.page

    def press(self, name: str, *, sure: bool = False) -> None:
        """A button by its text; ``sure`` says yes to the question it asks."""
        self.page.get_by_role("button", name=name, exact=True).first.click()
        if sure:
            self.page.locator("dialog[open] button[value=yes]").click()
        self.page.wait_for_load_state()

    def says(self) -> str:
        """The notice at the head of the page."""
        return self.page.locator(".alert").first.inner_text()

    def scan(self) -> list[str]:
        """Serious findings of axe-core on the page as it stands (WCAG 2.1 A and AA)."""
        # As an evaluation, not as a script element: the page's own policy forbids foreign scripts.
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(
            "async () => (await axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'],"
            " resultTypes: ['violations']})).violations"  # what passes is not told node by node
        )
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
            for one in found if one["impact"] in ("serious", "critical")
        ]  # fmt: skip

    def wider_than_the_screen(self) -> int:
        """Pixels by which the page must be moved sideways to be seen whole."""
        return int(self.page.evaluate(_WIDER))


Visit = Callable[..., Visitor]
"""``visit(name="administrator", language="zh", width=1280)``: somebody of ``Node`` signed in; "" for nobody."""


@contextmanager
def visits(browser: Browser, base: str) -> Iterator[Visit]:
    """Visitors of one test; what any of their browsers complained about fails it."""
    everybody: list[Visitor] = []

    def visit(
        name: str = "administrator", language: str = "zh", width: int = 1280, password: str = PASSWORD
    ) -> Visitor:
        context = browser.new_context(
            locale="zh-CN" if language == "zh" else "en-GB", viewport={"width": width, "height": 900},
            ignore_https_errors=True,
        )  # fmt: skip
        context.set_default_timeout(10_000)
        if language != "zh":
            context.add_cookies([{"name": "language", "value": language, "url": base}])
        visitor = Visitor(base, context.new_page())
        everybody.append(visitor)
        if name:
            visitor.go("/console/sign-in")
            visitor.page.fill("[name=name]", name)
            visitor.page.fill("[name=password]", password)
            visitor.page.locator("main button").click()
            visitor.page.wait_for_url("**/console")
        return visitor

    yield visit
    troubles = [trouble for visitor in everybody for trouble in visitor.troubles]
    for visitor in everybody:
        visitor.page.context.close()
    if troubles:
        pytest.fail("\n".join(troubles))
