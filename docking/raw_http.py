"""Bytes on a connection, as no client library would send them."""

from __future__ import annotations

import asyncio
import ssl

from yarl import URL

from docking.case import Failed

_SECONDS = 20.0
_MOMENT = 0.05


async def first_status(url: URL, request: bytes, tls: ssl.SSLContext | None) -> int | None:
    """Send ``request`` and return the status of what comes back, ``None`` where the connection is closed instead.

    Raises ``Failed`` when neither happens.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await _connected(url, tls)
            try:
                writer.write(request)
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.transport.abort()
    except TimeoutError:
        raise Failed(
            f"{_SECONDS:.0f} 秒内没有应答", f"neither an answer nor an end within {_SECONDS:.0f} s"
        ) from None
    except OSError:
        return None
    words = line.split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


async def send_and_leave(url: URL, request: bytes, tls: ssl.SSLContext | None) -> None:
    """Send ``request``, and end the connection a moment later as a machine that loses its power."""
    _, writer = await _connected(url, tls)
    writer.write(request)
    await writer.drain()
    await asyncio.sleep(_MOMENT)
    writer.transport.abort()


async def _connected(url: URL, tls: ssl.SSLContext | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context: ssl.SSLContext | bool | None = (tls or True) if url.scheme == "https" else None
    return await asyncio.open_connection(url.host, url.port, ssl=context)


def request_bytes(method: str, url: URL, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A request with exactly these headers, and Host."""
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": url.raw_authority, **headers}.items())
    return f"{method} {url.raw_path_qs} HTTP/1.1\r\n{head}\r\n".encode() + body
