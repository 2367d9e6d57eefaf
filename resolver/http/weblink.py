"""Which texts may become links or redirects: whole http and https addresses, and identifiers on this node's pages."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix
from node.record import Value
from resolver.answer import NotResponsible
from resolver.names import PREFIX_SPACE, PrefixHandle, parse_name

_LONGEST = 4096  # characters; longer addresses work in few programs
_KEPT = "%/:?#[]@!$&'()*+,;=~-._"  # characters that mean something in an address (RFC 3986), and escapes
_CLIMBS = re.compile(r"(?:^|/)(?:\.|%2[Ee]){1,2}(?:/|$)")  # a segment that browsers fold: . or .., also escaped


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


def appended(text: str, suffix: str) -> str | None:
    """As ``web_address`` of a text with a visitor's suffix behind it; ``None`` also when that leads elsewhere.

    Whoever writes a link chooses the suffix, so it may neither change the host (``https://a.example`` with
    ``.evil.example``) nor climb out of the path.
    """
    address, joined = web_address(text), web_address(text + suffix)
    if address is None or joined is None or urlsplit(joined).netloc != urlsplit(address).netloc:
        return None
    if not {"?", "#"} & set(text):
        path = re.split(r"[?#]", suffix, maxsplit=1)[0]
        if _CLIMBS.search(text[text.rfind("/") :] + path):
            return None
    return joined


def address_of(value: Value) -> str | None:
    """The web address that a value consists of, if it is one."""
    try:
        return web_address(value.data.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def page_of(handle: str) -> str | None:
    """This node's page of an identifier or prefix handle, wherever it is registered; ``None`` for anything else."""
    if "/" not in handle:
        return None
    try:
        name = parse_name(handle)
    except (InvalidIdentifier, InvalidPrefix, InvalidSuffix, NotResponsible):
        return None
    if isinstance(name, PrefixHandle):
        return f"/{PREFIX_SPACE}/{name.prefix.text}"
    if isinstance(name, Identifier):
        # Slashes are escaped too: browsers fold "a/../b" before they ask.
        return f"/{name.prefix.text}/{quote(name.suffix, safe='')}"
    return None
