"""IDHub as its applications see it: challenge and verify, metadata, identifiers and their files."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from node.key_files import KeyFileUnusable, unusable
from node.movein.peer import Peer, PeerRefused, PeerStrange, refused, whole_number
from node.movein.signed_in import SignedIn

_DOIP, _OPEN = "/api/v1/doip", "/api/v1/open"
_RETRIEVE = "0.DOIP/Op.Retrieve"
_SUCCESS = frozenset({1, 10000})  # examples of the published pages have either
_SIGNED_OUT = frozenset({101, 102})
_ABSENT = 104
_PAGE = 100
_MOST_PAGES = 1_000_000
_FILE_BYTES = 50 << 20
_NONCE = re.compile(r"[0-9]{1,64}")


def read_key(file: Path) -> RSAPrivateKey:
    """The private key of an application, PEM without a passphrase. Raises ``KeyFileUnusable``."""
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except OSError as error:
        raise unusable(file, error) from None
    except (ValueError, TypeError):
        raise KeyFileUnusable(f"{file} is no private key in PEM without a passphrase", file=str(file)) from None
    if not isinstance(key, RSAPrivateKey):
        raise KeyFileUnusable(f"{file} is no RSA key", file=str(file))
    return key


class Idhub:
    """One application identity. All raise ``PeerRefused``, ``PeerStrange``, ``PeerAway``."""

    def __init__(self, peer: Peer, handle: str, key: RSAPrivateKey) -> None:
        self._peer = peer
        self._handle = handle
        self._key = key
        self._signed = SignedIn(self._sign_in, _is_over)

    async def token(self) -> str:
        """The token of the identity."""
        return await self._signed.current()

    async def categories(self) -> list[dict[str, Any]]:
        """All of the tree, parents first: ``classifyCode``, ``classifyName``, ``parent`` (a code or ``None``)."""
        found: list[dict[str, Any]] = []

        def walk(level: object, parent: str | None) -> None:
            for one in level if isinstance(level, list) else ():
                code = one.get("classifyCode") if isinstance(one, Mapping) else None
                if not isinstance(code, str):
                    raise PeerStrange("a category has no classifyCode")
                found.append({"classifyCode": code, "classifyName": one.get("classifyName"), "parent": parent})
                walk(one.get("children"), code)

        try:
            walk(await self._data("GET", f"{_OPEN}/meta/classify-query"), None)
        except RecursionError:
            raise PeerStrange("the tree of categories has no end") from None
        return found

    def metadata(self, category: str, handle: str = "") -> AsyncIterator[Mapping[str, Any]]:
        """The metadata of a category; those whose handle holds a text."""
        query = {"classifyCode": category, **({"metaHandle": handle} if handle else {})}
        return self._listed(f"{_OPEN}/meta/page", query, "metaHandle")

    def identifiers(self, metadata: str) -> AsyncIterator[Mapping[str, Any]]:
        """The identifiers of some metadata: ``handleName``, ``createTime``, ``updateTime``."""
        return self._listed(f"{_OPEN}/handle/page", {"metaHandle": metadata}, "handleName")

    async def info(self, metadata: str) -> Mapping[str, Any]:
        """What metadata say of themselves and their items."""
        data = await self._data("GET", f"{_OPEN}/meta/info", query={"metaHandle": metadata})
        items = data.get("itemVOS") if isinstance(data, Mapping) else None
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise PeerStrange(f"the answer about {metadata} holds no items")
        return dict(data)

    async def elements(self, handle: str) -> list[Mapping[str, Any]]:
        """The values of an identifier: ``index``, ``type``, ``data``, ``dataType``."""
        data = await self._data("GET", _DOIP, query={"targetId": handle, "operationId": _RETRIEVE})
        told = data.get("elements") if isinstance(data, Mapping) else None
        if not isinstance(told, list) or not all(isinstance(element, Mapping) for element in told):
            raise PeerStrange(f"the answer about {handle} holds no elements")
        return told

    async def file(self, path: str, handle: str, item: str) -> bytes:
        """A file that an item of an identifier names."""
        query = {"filePath": path, "handle": handle, "field": item}

        async def ask(token: str) -> bytes:
            place = f"{_DOIP}/file-acquire"
            content, media = await self._peer.content("GET", place, query=query, token=token, limit=_FILE_BYTES)
            if media == "application/json":
                _opened(self._peer.object_of(content))
                raise PeerStrange(f"the answer about the file {path[:100]} is none")
            return content

        return await self._signed.call(ask)

    async def upload(self, name: str, content: bytes, metadata: str, item: str) -> str:
        """The id of an uploaded file."""

        def form() -> aiohttp.FormData:
            made = aiohttp.FormData()
            made.add_field("file", content, filename=name)
            return made

        query = {"metaHandle": metadata, "fileField": item}
        data = await self._data("POST", f"{_DOIP}/file-upload", query=query, form=form)
        if not isinstance(data, Mapping) or not isinstance(data.get("id"), str):
            raise PeerStrange("the answer to an upload holds no id")
        return str(data["id"])

    async def create_metadata(self, body: Mapping[str, Any]) -> None:
        await self._data("POST", f"{_OPEN}/meta/create", body=body)

    async def publish(self, metadata: str) -> None:
        body = {"metaHandleList": [metadata], "opType": "publish"}
        told = await self._data("PUT", f"{_OPEN}/meta/publish-or-withdraw", body=body)
        failed = [one for one in told or () if isinstance(one, Mapping) and one.get("state") == "failed"]
        if failed:
            raise refused(None, failed[0].get("reason", ""))

    async def _listed(self, path: str, query: Mapping[str, str], name: str) -> AsyncIterator[Mapping[str, Any]]:
        for number in range(_MOST_PAGES):
            data = await self._data("GET", path, query={**query, "page": number, "size": _PAGE})
            content = data.get("content") if isinstance(data, Mapping) else None
            pages = whole_number(data.get("totalPage")) if isinstance(data, Mapping) else None
            if not isinstance(content, list) or pages is None:
                raise PeerStrange(f"{path} answers with no page")
            for entry in content:
                if not isinstance(entry, Mapping) or not isinstance(entry.get(name), str):
                    raise PeerStrange(f"{path} lists something without {name}")
                yield entry
            if number + 1 >= pages or not content:
                return

    async def _data(self, method: str, path: str, *, query: Any = None, body: Any = None, form: Any = None) -> Any:
        async def ask(token: str) -> Any:
            return _opened(await self._peer.told(method, path, query=query, body=body, form=form, token=token))

        return await self._signed.call(ask)

    async def _sign_in(self) -> str:
        nonce = _opened(await self._peer.told("GET", f"{_DOIP}/public/challenge", query={"handle": self._handle}))
        # Digits and nothing else: a key signs no text of somebody else's choice.
        if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
            raise PeerStrange("the answer to the challenge holds no nonce of digits")
        signature = base64.b64encode(self._key.sign(nonce.encode(), PKCS1v15(), SHA256())).decode()
        proof = {"handle": self._handle, "signature": signature}
        data = _opened(await self._peer.told("POST", f"{_DOIP}/public/verify-response", body=proof))
        token = data.get("token") if isinstance(data, Mapping) else None
        if not isinstance(token, str) or not token.isprintable():
            raise PeerStrange("the answer to the login holds no token")
        return token


def is_absent(refusal: PeerRefused) -> bool:
    """Whether it says that there is no such identifier."""
    return bool(refusal.evidence["number"] == _ABSENT)


def _is_over(refusal: PeerRefused) -> bool:
    return refusal.evidence["number"] in _SIGNED_OUT


def _opened(envelope: Mapping[str, Any]) -> Any:
    number = whole_number(envelope.get("code", envelope.get("status")))
    if number not in _SUCCESS:
        raise refused(number, envelope.get("message", ""))
    return envelope.get("data")
