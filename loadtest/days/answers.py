"""What is asked for as it goes over the wire, and what its answer must hold, by the number of the identifier."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from loadtest.corpus import MARKER, Product, template
from loadtest.days.plan import Ask, What
from node.record import Record

NAMES = tuple(str(one["name"]) for one in template()["attributes"])  # type: ignore[attr-defined]
"""The attributes of the corpus, in order; the types of the values are these in capitals."""
PHONE_AGENT = "Mozilla/5.0 (Linux; Android 14; zh-CN) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
APP_AGENT = "warehouse/3.2"


class WrongAnswer(Exception):
    """An answer that is not what the corpus says; its text tells what came."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One identifier and the values that its record must have, by type; ``None`` if nobody registered it."""

    prefix: str
    suffix: str
    values: dict[str, str] | None

    @property
    def identifier(self) -> str:
        return f"{self.prefix}/{self.suffix}"

    @property
    def path(self) -> str:
        return f"{self.prefix}/{quote(self.suffix)}"


def attributes_of(number: int) -> dict[str, str]:
    """What was imported under a number, as texts (``corpus.products`` draws the same)."""
    row = Product(
        f"{MARKER}-{number:09d}", f"离心泵 {number % 97} 型", f"CP-{number % 1000:04d}", number % 500 / 10 + 1,
        date(2026, number % 12 + 1, number % 28 + 1), bool(number % 7),
    )  # fmt: skip
    return dict(
        zip(
            NAMES,
            (row.name, row.model, f"{row.weight_kg:.1f}", str(row.made_on), str(row.passed).lower()),
            strict=True,
        )
    )


def written(day: int, number: int) -> dict[str, str]:
    """What the write of that number on that day makes of an identifier."""
    return {**attributes_of(number), "model": f"D{day:03d}-{number:06d}"}


def asked_of(ask: Ask, prefix: str, day: int) -> Asked:
    """The identifier of an ask on a day, and its values."""
    number = ask.number
    if ask.what is What.UNKNOWN:
        return Asked(prefix, f"LOST-{number:06d}", None)
    if ask.what is What.FRESH:
        return Asked(prefix, f"NEW-{day:03d}-{number:06d}", _by_type(written(day, number)))
    values = written(day, number) if ask.what is What.CHANGED else attributes_of(number)
    return Asked(prefix, f"{MARKER}-{number:09d}", _by_type(values))


def check_json(asked: Asked, status: int, body: bytes) -> None:
    """An answer of ``/api/handles``. Raises WrongAnswer."""
    told = json.loads(body)
    if told.get("handle") != asked.identifier:
        raise WrongAnswer(f"{status} is about {told.get('handle')}")
    if asked.values is None:
        if (status, told["responseCode"]) != (404, 100):
            raise WrongAnswer(f"{status} {body[:160]!r} for an identifier that nobody registered")
        return
    found = {value["type"]: value["data"]["value"] for value in told.get("values", ())}
    if status != 200 or found != asked.values:
        raise WrongAnswer(f"{status} {found} instead of {asked.values}")


def check_page(asked: Asked, status: int, body: bytes) -> None:
    """The page of an identifier: it names the identifier and shows every value. Raises WrongAnswer."""
    page = body.decode()
    wanted = [f"<bdi>{asked.identifier}</bdi>", *(html.escape(value) for value in (asked.values or {}).values())]
    if status != (404 if asked.values is None else 200):
        raise WrongAnswer(f"page {status} for {asked.identifier}")
    for text in wanted:
        if text not in page:
            raise WrongAnswer(f"the page of {asked.identifier} does not show {text}")


def check_record(asked: Asked, handle: str, record: Record) -> None:
    """A record of the native protocol. Raises WrongAnswer."""
    if handle != asked.identifier:
        raise WrongAnswer(f"the record is that of {handle}")
    found = {value.type: value.data.decode() for value in record}
    if found != asked.values:
        raise WrongAnswer(f"{found} instead of {asked.values}")


def json_request(asked: Asked, host: str, agent: str) -> bytes:
    """A question to ``/api/handles`` on a connection that stays."""
    return (
        f"GET /api/handles/{asked.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n"
        "Accept: application/json\r\n\r\n"
    ).encode()


def page_request(asked: Asked, host: str) -> bytes:
    """A scanned code, as a browser opens it."""
    return (
        f"GET /{asked.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {PHONE_AGENT}\r\n"
        "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: zh-CN\r\n\r\n"
    ).encode()


def write_request(asked: Asked, host: str, token: str, values: dict[str, str], version: int | None) -> bytes:
    """A registration, or with the ``version`` that stands an update, by ``/v1``."""
    attributes = {**values, "passed": values["passed"] == "true", "weight_kg": float(values["weight_kg"])}
    told: dict[str, object]
    if version is None:
        line = "POST /v1/identifiers"
        told = {"prefix": asked.prefix, "suffix": asked.suffix, "template": "pump", "attributes": attributes}
    else:
        line = f"PUT /v1/identifiers/{asked.path}"
        told = {"version": version, "attributes": attributes}
    body = json.dumps(told).encode()
    head = (
        f"{line} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: erp/8\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def check_written(asked: Asked, status: int, body: bytes, *, created: bool) -> int:
    """The answer to a write; returns the version that stands now. Raises WrongAnswer."""
    if status != (201 if created else 200):
        raise WrongAnswer(f"{status} {body[:200]!r} to a write of {asked.identifier}")
    told = json.loads(body)
    if told["identifier"] != asked.identifier:
        raise WrongAnswer(f"what was written is {told['identifier']}")
    return int(told["version"])


def _by_type(attributes: dict[str, str]) -> dict[str, str]:
    return {name.upper(): value for name, value in attributes.items()}
