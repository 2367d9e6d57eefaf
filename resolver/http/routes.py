"""The resolver's addresses on the web."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from resolver.chain import Resolver
from resolver.counting import ResolutionCounter
from resolver.http import json_api, proxy
from resolver.http.page import Pages


def add_routes(
    router: web.UrlDispatcher,
    resolver: Resolver,
    counter: ResolutionCounter,
    *,
    laboratory: bool,
    clock: Callable[[], float] = time.time,
) -> None:
    """``/api/handles/…``, ``/{prefix}/{suffix}`` and the style of the pages; ``clock`` is Unix time.

    Pages of a laboratory node carry the mark 实验数据.
    """
    json_api.add_routes(router, resolver, counter, clock)
    proxy.add_routes(router, resolver, counter, Pages(laboratory=laboratory), clock)
