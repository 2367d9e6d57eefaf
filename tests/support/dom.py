"""The public page as a browser finds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.support.shelf import Front

BROWSER = {"Accept": "text/html,*/*;q=0.8"}
ENGLISH = {**BROWSER, "Accept-Language": "en-GB,en;q=0.9"}
CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


@dataclass
class Dom(HTMLParser):
    """What a browser would find: elements with their attributes, links, and the text."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    open_elements: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br", "img"):
            self.open_elements.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_elements.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def links(self) -> list[str | None]:
        return [attributes.get("href") for tag, attributes in self.elements if tag == "a"]


async def dom(front: Front, path: str, headers: dict[str, str] = BROWSER, status: int = 200) -> Dom:
    async with front.session.get(path, headers=headers) as answer:
        assert answer.status == status
        assert answer.headers["Content-Security-Policy"] == CSP
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        parsed = Dom()
        parsed.feed(await answer.text())
        parsed.close()
    assert not parsed.open_elements
    return parsed
