"""Send a file over plain HTTP as one streamed body, as a process of its own: what a script of three lines would do.

The body goes out as the server takes it. The answer's body is printed as it came.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
import sys
from pathlib import Path

from loadtest.hammer import NotLoopback

_BLOCK = 256 * 1024


def send(host: str, port: int, path: str, headers: dict[str, str], file: Path) -> tuple[int, bytes]:
    """Status and body of the answer to ``POST path`` with the file as its body."""
    if not ipaddress.ip_address(host).is_loopback:
        raise NotLoopback(host)
    lines = {
        "Host": f"{host}:{port}",
        "Connection": "close",
        "Content-Length": str(file.stat().st_size),
        **headers,
    }
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    with socket.create_connection((host, port)) as connection, file.open("rb") as body:
        connection.sendall(head.encode())
        while block := body.read(_BLOCK):
            connection.sendall(block)
        answer = b""
        while block := connection.recv(_BLOCK):
            answer += block
    top, _, content = answer.partition(b"\r\n\r\n")
    return int(top[9:12]), content


def main() -> None:
    """``BIAOSHI_TOKEN=… python -m loadtest.sender HOST PORT PATH FILE --type TYPE [--encoding gzip]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("file", type=Path)
    parser.add_argument("--type", required=True)
    parser.add_argument("--encoding")
    parser.add_argument("--key", required=True)
    told = parser.parse_args()
    headers = {
        "Authorization": f"Bearer {os.environ['BIAOSHI_TOKEN']}",
        "Content-Type": told.type,
        "Idempotency-Key": told.key,
        **({"Content-Encoding": told.encoding} if told.encoding else {}),
    }
    status, content = send(told.host, told.port, told.path, headers, told.file)
    sys.stdout.buffer.write(content)
    sys.exit(0 if status < 300 else 1)


if __name__ == "__main__":
    main()
