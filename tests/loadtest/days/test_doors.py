"""The sockets of the clients: a closed idle connection costs no request, a broken answer is an error."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from loadtest.days.doors import HandleDoor, HttpDoor, Silent
from loadtest.hammer import NotLoopback

ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def server(answer: bytes) -> Iterator[tuple[tuple[str, int], list[tuple[str, bytes]], threading.Semaphore]]:
    """Answers one request of each connection and closes it: its address, who asked what, how often it closed."""
    asked: list[tuple[str, bytes]] = []
    closed = threading.Semaphore(0)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, (host, _) = listening.accept()
                except OSError:
                    return
                with connection:
                    asked.append((host, connection.recv(1000)))
                    connection.sendall(answer)
                closed.release()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname(), asked, closed
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def test_a_connection_closed_while_idle_is_made_again_and_nothing_is_sent_twice() -> None:
    with server(ANSWER) as (address, asked, closed), closing(HttpDoor(address, "127.40.7.1")) as door:
        for number in range(3):
            assert door.ask(b"POST /%d" % number) == (201, b"ok")
            assert closed.acquire(timeout=5)
    assert asked == [("127.40.7.1", b"POST /%d" % number) for number in range(3)]


@pytest.mark.parametrize("answer", [b"", ANSWER[:-1], b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_is_not_whole_is_an_error(answer: bytes) -> None:
    with server(answer) as (address, _, _), closing(HttpDoor(address, "127.64.0.1")) as door, pytest.raises(Silent):
        door.ask(b"GET /")


@pytest.mark.parametrize("door", [HttpDoor, HandleDoor])
def test_load_goes_to_this_machine_only(door: type[HttpDoor | HandleDoor]) -> None:
    with pytest.raises(NotLoopback):
        door(("192.0.2.1", 80), "127.0.0.1")
