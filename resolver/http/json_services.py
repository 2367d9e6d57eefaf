"""What the Handle JSON interface does beside records: the node's site, its prefixes, whether a proof holds."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from node.administration import SECRET_KEY, Administration, HomePrefix, ProofFailed, UnhomePrefix
from node.journal import Interface
from node.site import OwnSite
from node.web import SOURCE
from resolver.handle.proofs import Proofs
from resolver.http.asking import Dress, InvalidQuery, indexes_of, spelling
from resolver.http.authorization import bytes_of, identity_of, proof_of
from resolver.http.callers import Callers
from resolver.http.handle_data_json import data_json
from resolver.http.json_bodies import parameters_of
from resolver.http.json_front import NAMED, answered

SITE = "/api/site"
PREFIXES = "/api/prefixes"
VERIFICATIONS = "/api/verifications/"

_MOST_SIGNED = 4096  # bytes
_FIELDS = ("nonce", "cnonce", "alg", "signature")


class Services:
    """``site`` is where this node is."""

    def __init__(self, administration: Administration, callers: Callers, proofs: Proofs, site: OwnSite) -> None:
        self._administration = administration
        self._callers = callers
        self._proofs = proofs
        self._site = site

    async def site(self, _: web.Request, dressed: Dress) -> web.Response:
        """``GET /api/site``: where this node is, as its HS_SITE says."""
        told = data_json("HS_SITE", self._site.data)["value"]
        return answered({"responseCode": 1, "site": told}, dressed)

    async def home(self, request: web.Request, dressed: Dress) -> web.Response:
        """``POST /api/prefixes/{handle}``: serve a prefix again."""
        return await self._change(request, dressed, HomePrefix)

    async def unhome(self, request: web.Request, dressed: Dress) -> web.Response:
        """``DELETE /api/prefixes/{handle}``: serve it no longer."""
        return await self._change(request, dressed, UnhomePrefix)

    async def _change(
        self, request: web.Request, dressed: Dress, kind: type[HomePrefix] | type[UnhomePrefix]
    ) -> web.Response:
        parameters = await parameters_of(request)
        handle = parameters.get("prefix") or _behind(request, f"{PREFIXES}/")
        if not handle:
            raise InvalidQuery("name the prefix", parameter="prefix")
        request[NAMED] = handle
        identity = await self._callers.identity(request)
        change = kind(handle)
        await self._administration.check(change)
        await self._administration.perform(change, identity, Interface.HANDLE_JSON)
        return answered({"responseCode": 1, "handle": handle}, dressed)

    async def verify(self, request: web.Request, dressed: Dress) -> web.Response:
        """``GET /api/verifications/{index:handle}``: whether a proof over ``nonce`` and ``cnonce`` is the identity's.

        An identity that nobody knows has no valid proof; anybody may ask, as often as anybody may fail.
        """
        named = request[NAMED] = _behind(request, VERIFICATIONS)
        identity = identity_of(named)
        indexes = indexes_of(request.query)
        if len(indexes) == 1 and not identity.index:
            identity = identity_of(f"{indexes[0]}:{identity.handle}")
        elif indexes:
            raise InvalidQuery("name one index", parameter="index")
        fields = _fields(request)
        covered = bytes_of(fields, "nonce") + bytes_of(fields, "cnonce")
        if len(covered) > _MOST_SIGNED:
            raise InvalidQuery(f"nonce and cnonce have at most {_MOST_SIGNED} bytes", parameter="nonce")
        proof = proof_of(fields.get("type", SECRET_KEY), fields)
        try:
            await self._proofs.prove(identity, proof, covered, source=request[SOURCE])
        except ProofFailed:
            return answered({"responseCode": 1, "handle": named, "isValid": False}, dressed)
        return answered({"responseCode": 1, "handle": named, "isValid": True}, dressed)


def _fields(request: web.Request) -> Mapping[str, str]:
    missing = [name for name in _FIELDS if name not in request.query]
    if missing:
        raise InvalidQuery(f"{', '.join(missing)} missing", parameter=missing[0])
    return request.query


def _behind(request: web.Request, path: str) -> str:
    raw = request.rel_url.raw_path
    return spelling(raw.removeprefix(path)) if raw.startswith(path) else ""
