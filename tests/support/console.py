"""The console as a client without scripts finds it: cookies kept, forms sent with what their page hides in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from tests.support.node import PASSWORD, Answer, Node

VOID = {"meta", "link", "br", "img", "input", "hr", "source", "col", "wbr"}


@dataclass
class Dom(HTMLParser):
    """Elements with their attributes and text, tables as rows of texts; every element is closed in order."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    open_elements: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    """Those of elements that do not say themselves to be Chinese, with the element they stand in."""
    _in_chinese: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open_elements.append(tag)
            if self._in_chinese or (dict(attrs).get("lang") or "").startswith("zh"):
                self._in_chinese += 1
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open_elements.pop() == tag, tag
        self._in_chinese = max(0, self._in_chinese - 1)

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open_elements and not self._in_chinese:
            self.texts.append((self.open_elements[-1], data.strip()))
        inside = [tag for tag in self.open_elements if tag in ("td", "th", "table")]
        if inside and inside[-1] in ("td", "th"):
            row = self.tables[-1][-1]
            row[-1] = f"{row[-1]} {data.strip()}".strip()

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """The attributes of every such element; ``class_`` stands for ``class``."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            found for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in wanted.items())
        ]  # fmt: skip

    def words(self, tags: set[str]) -> list[str]:
        """The texts that stand directly in such elements."""
        return [text for tag, text in self.texts if tag in tags and text]

    @property
    def links(self) -> list[str]:
        return [href for found in self.all("a") if (href := found.get("href"))]

    @property
    def csrf(self) -> str:
        return self.all("meta", name="csrf")[0]["content"] or ""


def dom_of(answer: Answer) -> Dom:
    """The page of an answer, read to its end."""
    parsed = Dom()
    parsed.feed(answer.body.decode())
    parsed.close()
    assert not parsed.open_elements, parsed.open_elements
    return parsed


class Browser:
    """``async with Browser(node, "administrator") as browser``: signed in by the page, as somebody of ``Node``."""

    def __init__(self, node: Node, name: str | None = None, password: str = PASSWORD) -> None:
        self._node = node
        self._name = name
        self._password = password
        self._csrf = ""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        if self._name is not None:
            entered = await self.sign_in(self._name, self._password)
            assert entered.status == 303, entered.body
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._session.close()

    async def sign_in(self, name: str, password: str = PASSWORD) -> Answer:
        """What the door answers."""
        return await self._send("POST", "/console/sign-in", data={"name": name, "password": password})

    async def get(self, path: str, **headers: str) -> Answer:
        """One page, redirections not followed."""
        answer = await self._send("GET", path, headers=headers)
        if answer.status == 200 and answer.headers["Content-Type"].startswith("text/html"):
            metas = dom_of(answer).all("meta", name="csrf")
            self._csrf = (metas[0]["content"] or "") if metas else self._csrf
        return answer

    async def page(self, path: str) -> Dom:
        """A page that is there."""
        answer = await self.get(path)
        assert answer.status == 200, (answer.status, answer.headers.get("Location"), answer.body[-2000:])
        return dom_of(answer)

    async def send(self, path: str, fields: Mapping[str, Any] | None = None, *, csrf: str | None = None) -> Answer:
        """A form; redirections not followed."""
        if csrf is None and not self._csrf:
            await self.get("/console")
        data = {"csrf": self._csrf if csrf is None else csrf, **(fields or {})}
        return await self._send("POST", path, data=data)

    async def done(self, path: str, fields: Mapping[str, Any] | None = None) -> tuple[str, Dom]:
        """A form that is taken: where it led, and that page with what it says."""
        answer = await self.send(path, fields)
        assert answer.status == 303, (answer.status, dom_of(answer).text)
        place = answer.headers["Location"]
        assert urlsplit(place).netloc == ""
        return place, await self.page(place)

    async def _send(self, method: str, path: str, **more: Any) -> Answer:
        url = URL(self._node.url + path, encoded=True)
        async with self._session.request(method, url, allow_redirects=False, **more) as response:
            return Answer(response.status, response.headers, await response.read())
