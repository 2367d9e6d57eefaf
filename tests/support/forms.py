"""What a form of a page holds, as a browser would send it untouched, and which of its fields are said to be wrong."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.support.node import Answer


class _Forms(HTMLParser):
    """``forms``: of each action the values by name; ``wrong``: fields marked as invalid."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.wrong: set[str] = set()
        self._here: dict[str, str] = {}
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("name")
        if tag == "form":
            self._here = self.forms.setdefault(found.get("action") or "", {})
        elif tag == "option" and self._select is not None:
            if "selected" in found or self._select not in self._here:
                self._here[self._select] = found.get("value") or ""
        elif name is not None:
            if found.get("aria-invalid"):
                self.wrong.add(name)
            if tag == "input" and found.get("type") not in ("file", "checkbox", "radio"):
                self._here[name] = found.get("value") or ""
            elif tag == "input" and "checked" in found:
                self._here[name] = found.get("value") or "on"
            elif tag == "select":
                self._select = name
            elif tag == "textarea":
                self._area, self._here[name] = name, ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._here = {}
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._here[self._area] += data


def _read(answer: Answer) -> _Forms:
    forms = _Forms()
    forms.feed(answer.body.decode())
    forms.close()
    return forms


def values_of(answer: Answer, action: str) -> dict[str, str]:
    """What the form that is sent there holds."""
    return _read(answer).forms[action]


def wrong_fields(answer: Answer) -> set[str]:
    """The fields of a page beside which something is said to be wrong."""
    return _read(answer).wrong
