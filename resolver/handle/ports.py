"""The sockets of the Handle protocol: TCP and UDP on the same port."""

from __future__ import annotations

import contextlib
import errno
import socket
from dataclasses import dataclass

from node import http_server
from node.http_server import AddressUnusable, PortTaken

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Ports:
    """Bound sockets; ``udp`` is ``None`` where datagrams are not answered."""

    tcp: socket.socket
    udp: socket.socket | None

    @property
    def number(self) -> int:
        port: int = self.tcp.getsockname()[1]
        return port


def bind(host: str, port: int, *, udp: bool) -> Ports:
    """Sockets that several workers may bind; port 0 takes one that is free for both.

    Raises ``PortTaken`` naming the port, ``AddressUnusable`` naming the address.
    """
    for attempt in range(_ATTEMPTS):
        tcp = http_server.bind(host, port)
        try:
            return Ports(tcp, bind_datagrams(host, tcp.getsockname()[1]) if udp else None)
        except PortTaken:
            tcp.close()
            if port or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def bind_datagrams(host: str, port: int, *, shared: bool = True) -> socket.socket:
    """A bound UDP socket; ``shared`` lets several workers bind the same port.

    Raises ``PortTaken``, ``AddressUnusable``.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except (OSError, UnicodeError) as error:
        bound.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            detail = f"UDP port {port} on {host} is taken by another program"
            raise PortTaken(detail, port=port, host=host) from None
        raise AddressUnusable(f"{host} UDP port {port} cannot be used: {error}", host=host) from None
    return bound


def check_free(host: str, port: int, *, udp: bool) -> None:
    """Raise ``PortTaken`` if any program has the port, TCP or, where it is wanted, UDP."""
    http_server.check_free(host, port)
    if udp:
        with contextlib.closing(bind_datagrams(host, port, shared=False)):
            pass
