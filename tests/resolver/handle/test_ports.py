"""The port of the protocol is one for TCP and UDP, shared by workers and by nobody else."""

from __future__ import annotations

import pytest

from node.http_server import AddressUnusable, PortTaken
from resolver.handle.ports import bind, bind_datagrams, check_free


def close(*many: object) -> None:
    for ports in many:
        ports.tcp.close()  # type: ignore[attr-defined]  # Ports
        if ports.udp is not None:  # type: ignore[attr-defined]
            ports.udp.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_free_port_is_the_same_for_both_and_workers_share_it(host: str) -> None:
    first = bind(host, 0, udp=True)
    second = bind(host, first.number, udp=True)
    assert first.udp is not None
    assert second.udp is not None
    assert first.udp.getsockname()[1] == second.udp.getsockname()[1] == first.number == second.number
    close(first, second)


def free_for_both() -> int:
    """A number that nobody has now: one that is free for TCP may be somebody's by UDP, and the other way."""
    ports = bind("127.0.0.1", 0, udp=True)
    number = ports.number
    close(ports)
    return number


def test_without_udp_none_is_bound() -> None:
    ports = bind("127.0.0.1", free_for_both(), udp=False)
    assert ports.udp is None
    check = bind_datagrams("127.0.0.1", ports.number, shared=False)
    check.close()
    close(ports)


def test_another_program_s_port_is_taken_whichever_it_has() -> None:
    ports = bind("127.0.0.1", free_for_both(), udp=False)
    check_free("127.0.0.1", ports.number, udp=True)
    ports.tcp.listen()
    with pytest.raises(PortTaken, match=f"port {ports.number} "):
        check_free("127.0.0.1", ports.number, udp=True)
    close(ports)
    number = free_for_both()
    foreign = bind_datagrams("127.0.0.1", number)
    with pytest.raises(PortTaken, match=f"UDP port {number} "):
        check_free("127.0.0.1", number, udp=True)
    check_free("127.0.0.1", number, udp=False)
    foreign.close()


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(AddressUnusable, match=r"203\.0\.113\.9"):
        bind("203.0.113.9", 0, udp=True)
    with pytest.raises(AddressUnusable, match=r"203\.0\.113\.9"):
        bind_datagrams("203.0.113.9", 0)
