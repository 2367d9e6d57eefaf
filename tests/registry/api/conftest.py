"""The door to the registry, open for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from node.auth import Role
from node.web import WebSettings, make_app
from tests.support.door import Door, business_routes
from tests.support.office import Office


@pytest.fixture
async def door(office: Office) -> AsyncIterator[Door]:
    app = make_app(
        business_routes(office),
        authenticate=office.accounts.authenticate,
        settings=WebSettings(log_requests=False),
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:
        door = Door(office, session, f"http://127.0.0.1:{port}")
        for name, role in (("admin", Role.ADMINISTRATOR), ("reviewer", Role.REVIEWER), ("auditor", Role.AUDITOR)):
            await door.admit(name, role)
        yield door
    await runner.cleanup()
