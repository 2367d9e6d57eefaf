"""The mock national node as a process that tests may kill: DATABASE PORT FAULTS."""

import asyncio
import sys

import msgspec

from node.log import configure
from node.national.mock import serve_mock
from node.national.mock_faults import Faults
from node.national.mock_store import IssuedKey
from node.national.signature import KeyPair

database, port, faults = sys.argv[1:]
configure("error")
asyncio.run(
    serve_mock(
        database,
        "127.0.0.1",
        int(port),
        keys=[IssuedKey(KeyPair("test-node", "a secret of the tests"), "88.101")],
        faults=msgspec.json.decode(faults, type=Faults),
        on_ready=lambda url: print(url, flush=True),
    )
)
