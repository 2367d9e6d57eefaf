"""Text in UTF-8 or GB 18030 as UTF-8, found out where the sender did not say.

The text is looked at in windows of 64 KiB counted from its start. What is ASCII is the same in both; the first
window with another octet decides for all that follows, so that the answer never depends on how the text was cut
into blocks. A window is UTF-8 when at least half of its lines with such octets are; a few broken rows are rows to
reject, not another encoding.
"""

from __future__ import annotations

import codecs

WINDOW = 64 * 1024

_GB18030_MARK = "\ufeff".encode("gb18030")
_MANY_LINES = 4
"""Of so many lines that are no UTF-8 it is enough to know that they are GB 18030."""
_THREE_OCTETS = "\u0800"
"""From here on a character takes three octets in UTF-8. Two may as well be a Chinese one, and decide nothing."""


def _broken(error: UnicodeError) -> tuple[str, int]:
    """What stands for an octet that means nothing: the octet FF in the end, which no UTF-8 contains."""
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


codecs.register_error("biaoshi.broken", _broken)


class Transcoder:
    """Feed it blocks, take UTF-8. ``start`` is where reading goes on in a text that was all ASCII before.

    An octet that is no GB 18030 becomes the octet FF, so that its row is found broken and no other.
    """

    def __init__(self, encoding: str | None, *, start: int = 0) -> None:
        self.encoding = encoding
        """None as long as everything was ASCII."""
        self._decoder = codecs.getincrementaldecoder("gb18030")("biaoshi.broken")
        self._held = bytearray()
        self._missing = WINDOW - start % WINDOW

    def feed(self, block: bytes) -> bytes:
        """The text that is certain now."""
        if self.encoding is not None:
            return self._decoded(block)
        self._held += block
        certain = b""
        while self.encoding is None and len(self._held) >= self._missing:
            window = bytes(self._held[: self._missing])
            if window.isascii():
                certain += window
                del self._held[: len(window)]
                self._missing = WINDOW
            else:
                self.encoding = encoding_of(window, complete=False)
        return certain if self.encoding is None else certain + self._rest()

    def finish(self) -> bytes:
        """The text is over: its end."""
        if self.encoding is None:
            self.encoding = encoding_of(bytes(self._held), complete=True)
        return self._rest() + self._decoded(b"", final=True)

    def _rest(self) -> bytes:
        held = bytes(self._held)
        self._held.clear()
        return self._decoded(held)

    def _decoded(self, block: bytes, *, final: bool = False) -> bytes:
        if self.encoding == "utf-8":
            return block
        return self._decoder.decode(block, final).encode("utf-8", "surrogateescape")


def encoding_of(window: bytes, *, complete: bool) -> str:
    """``utf-8`` or ``gb18030``; ``complete`` says that the last line ends with the window."""
    if window.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if window.startswith(_GB18030_MARK):
        return "gb18030"
    lines = window.split(b"\n")
    if not complete and len(lines) > 1:
        lines.pop()  # perhaps cut inside a character
    whole = complete or len(lines) > 1
    utf8 = gb18030 = other = 0
    foreign = ""
    for line in lines:
        if line.isascii():
            continue
        text, chinese = _decoded(line, "utf-8", whole=whole), _decoded(line, "gb18030", whole=whole)
        if text is not None and (chinese is None or max(text) >= _THREE_OCTETS):
            utf8 += 1
        elif text is None and chinese is not None:
            gb18030 += 1
            foreign += chinese
        elif text is None:
            other += 1
    if utf8 >= gb18030 + other or gb18030 <= other:
        return "utf-8"
    return "gb18030" if gb18030 >= _MANY_LINES or _usual(foreign) else "utf-8"


def _decoded(line: bytes, encoding: str, *, whole: bool) -> str | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        return decoder.decode(line, whole)  # a line that fills the window may end inside a character
    except UnicodeDecodeError:
        return None


def _usual(text: str) -> bool:
    """Whether two thirds of the characters are of GB 2312, as in Chinese text; octets of UTF-8 rarely make them."""
    foreign = "".join(char for char in text if not char.isascii())
    return 3 * len(foreign.encode("gb2312", "ignore")) >= 2 * 2 * len(foreign)
