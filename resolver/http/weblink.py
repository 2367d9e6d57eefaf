"""Which texts may become links or redirects: whole http and https addresses, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from node.identifier import fold
from node.record import Value

_LONGEST = 4096  # characters; longer addresses work in few programs
_KEPT = "%/:?#[]@!$&'()*+,;=~-._"  # characters that mean something in an address (RFC 3986), and escapes


def web_address(text: str) -> str | None:
    """The text as an address in ASCII, or ``None`` when it is not a whole http or https address."""
    if len(text) > _LONGEST or not text.isprintable() or " " in text or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
        if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
            return None
        netloc = parts.netloc
        if not host.isascii():
            netloc = netloc.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError is one
        return None
    return quote(parts._replace(netloc=netloc).geturl(), safe=_KEPT)


def first_address(values: Iterable[Value]) -> tuple[str, Value] | None:
    """The first value of type URL that is a web address, with that address."""
    for value in values:
        if fold(value.type) == "URL" and (address := address_of(value)):
            return address, value
    return None


def address_of(value: Value) -> str | None:
    """The web address that a value consists of, if it is one."""
    try:
        return web_address(value.data.decode("utf-8"))
    except UnicodeDecodeError:
        return None
