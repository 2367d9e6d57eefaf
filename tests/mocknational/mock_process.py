"""The mock national node as a process that tests may kill: DATABASE PORT FAULTS."""

import asyncio
import sys

import msgspec

from mocknational.faults import Faults
from mocknational.mock import run_mock
from mocknational.store import IssuedKey
from node.log import configure
from node.national.signature import KeyPair


async def main(database: str, port: str, faults: str) -> None:
    keys = [IssuedKey(KeyPair("test-node", "a secret of the tests"), "88.101")]
    async with run_mock(
        database, "127.0.0.1", int(port), keys=keys, faults=msgspec.json.decode(faults, type=Faults)
    ) as mock:
        print(mock.url, flush=True)
        await asyncio.Event().wait()


configure("error")
asyncio.run(main(*sys.argv[1:]))
