"""SNMS as its clients see it: sign in, read an identifier, read and make a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.movein.peer import Peer, PeerRefused, PeerStrange, refused, whole_number
from node.movein.signed_in import SignedIn

_SUCCESS, _SIGNED_OUT = 1, -1
_FIRST_INDEX = 2000
_ABSENT = frozenset({"没有找到标识", "标识不存在"})
_TEMPLATE = ("/snms/api/v5/template", "/snms/api/v3/template")

Values = dict[int, str | list[str]]


@dataclass(frozen=True, slots=True)
class Detail:
    """An identifier as SNMS tells it: ``handle`` in its spelling, values by index, a list where one stands twice."""

    handle: str
    version: str
    values: Values


class Snms:
    """All raise ``PeerRefused``, ``PeerStrange``, ``PeerAway``."""

    def __init__(self, peer: Peer, *, user: str = "", password: str = "", token: str = "") -> None:
        self._peer = peer
        self._login = {"username": user, "password": password}
        self._signed = SignedIn(self._sign_in if user else None, _is_over, token)

    async def sign_in(self) -> None:
        """Now, not when something is asked for."""
        await self._signed.current()

    async def detail(self, handle: str) -> Detail:
        """One identifier."""
        data = await self._data("GET", "/identityv2/data/detail", query={"handle": handle})
        if not isinstance(data, Mapping):
            raise PeerStrange(f"the answer about {handle} holds no data")
        listed = data.get("value")
        version = data.get("templateVersion")
        spelled = data.get("handle") or handle
        if not isinstance(listed, list) or not isinstance(version, str) or not isinstance(spelled, str):
            raise PeerStrange(f"the answer about {handle} has no values or no templateVersion")
        return Detail(spelled, version, _values(handle, listed))

    async def template(self, prefix: str, version: str) -> Mapping[str, Any]:
        """The template object, by v5 or else v3; an item without index has the next one."""
        query = {"prefix": prefix, "version": version}
        for path in _TEMPLATE:
            try:
                data = await self._data("GET", path, query=query)
            except (PeerRefused, PeerStrange):
                if path == _TEMPLATE[-1]:
                    raise
                continue
            if isinstance(data, Mapping) and isinstance(data.get("items"), list):
                return {**data, "items": _items(data["items"])}
        raise PeerStrange(f"the answer about the template {version} holds no items")

    async def create_template(self, template: Mapping[str, Any]) -> None:
        """Make one by its object."""
        await self._data("POST", _TEMPLATE[0], body=template)

    async def _data(self, method: str, path: str, *, query: Any = None, body: Any = None) -> Any:
        async def ask(token: str) -> Any:
            return _opened(await self._peer.told(method, path, query=query, body=body, token=token))

        return await self._signed.call(ask)

    async def _sign_in(self) -> str:
        data = _opened(await self._peer.told("POST", "/identity/token", body=self._login))
        token = data.get("token") if isinstance(data, Mapping) else None
        if not isinstance(token, str) or not token.isprintable():
            raise PeerStrange("the answer to the login holds no token")
        return token


def is_absent(refusal: PeerRefused) -> bool:
    """Whether it says that there is no such identifier."""
    return refusal.evidence["said"] in _ABSENT


def _is_over(refusal: PeerRefused) -> bool:
    return bool(refusal.evidence["number"] == _SIGNED_OUT)


def _opened(envelope: Mapping[str, Any]) -> Any:
    number = whole_number(envelope.get("status"))
    if number != _SUCCESS:
        raise refused(number, envelope.get("message", ""))
    return envelope.get("data")


def _values(handle: str, listed: list[Any]) -> Values:
    told: Values = {}
    for entry in listed:
        index = whole_number(entry.get("index")) if isinstance(entry, Mapping) else None
        data = entry.get("data") if isinstance(entry, Mapping) else None
        if index is None or not isinstance(data, Mapping):
            raise PeerStrange(f"a value of {handle} has no index or no data")
        if index < _FIRST_INDEX:
            continue  # the template's own entry
        value = data.get("value", data.get("vlaue"))  # the spelling of the guide's tables
        text = "" if value is None else value if isinstance(value, str) else str(value)
        standing = told.get(index)
        told[index] = text if standing is None else [*([standing] if isinstance(standing, str) else standing), text]
    return told


def _items(items: list[Any]) -> list[dict[str, Any]]:
    numbered = []
    index = _FIRST_INDEX - 1
    for item in items:
        if not isinstance(item, Mapping) or not isinstance(item.get("idType"), str):
            raise PeerStrange("an item of the template has no idType")
        said = whole_number(item.get("idIndex"))
        index = index + 1 if said is None else said
        numbered.append({**item, "idIndex": index})
    return numbered
