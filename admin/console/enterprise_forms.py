"""The form of an enterprise's record: what it sends as the operation wants it, and what it shows to be filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from multidict import MultiDict

from admin.console.enterprise_words import PAPERS, PERSON
from admin.console.form import Form, Refusal
from node.errors import NodeError
from registry.profiles.profile import SystemKind
from registry.reference_data import industries

Row = dict[str, Any]

_MOST_ROWS = 100
_FACTS = ("name", "credit_code", "other_certificate", "division_code", "industry_code", "address", "website")
_DERIVED = re.compile(r"(profile\.served_industries\.\d+\.)(category|division|group)")


def entered(form: Form) -> Row:
    """The record of the form; rows in which nothing was chosen or typed are left out."""
    return {
        **{name: form.text(name) for name in _FACTS},
        "name_en": form.text("name_en") or None,
        "profile": _profile(form),
        "personal": {
            part: {
                **{name: form.text(f"personal.{part}.{name}") for name in PERSON},
                "certificate": form.text(f"personal.{part}.certificate") or None,
            }
            for part in ("contact", "legal_representative")
        },
    }


def refusal_of(error: NodeError) -> Refusal:
    """A refusal by the names of the form: of an enterprise within another body, of levels that were worked out."""
    found = Refusal.of(error)
    fields: dict[str, str] = {}
    for name, message in found.fields.items():
        shown = _DERIVED.sub(r"\1subclass", name.removeprefix("enterprise."))
        fields.setdefault(shown, message)
    return replace(found, fields=fields)


def to_fill_in(record: Mapping[str, Any]) -> Row:
    """The record with empty rows to fill in: one for every system that is missing, one more in the other lists."""
    profile = record["profile"]
    named = {row["system"] for row in profile["deployments"]}
    blanks = [{"system": str(system), "mode": ""} for system in SystemKind if system not in named]
    return {
        **record,
        "profile": {
            **profile,
            "deployments": [*profile["deployments"], *blanks],
            "served_industries": [*profile["served_industries"], {}],
            "licences": [*profile["licences"], {}],
        },
    }


def empty_record() -> Row:
    """A form that nothing has been typed into."""
    return entered(Form(MultiDict()))


def _profile(form: Form) -> Row:
    def text(name: str) -> str:
        return form.text(f"profile.{name}")

    texts = (
        "province", "city", "county", "industry_category", "description", "authority", "builder", "operator",
    )  # fmt: skip
    choices = ("nature", "building", "operating", "established_on", "valid_until")
    services = ("site_name", "domain", "data_host", "service_host")
    return {
        **{name: text(name) for name in texts},
        **{name: text(name) or None for name in choices},
        "description": " ".join(text("description").split("\n")),
        "capital": form.number("profile.capital"),
        "papers": {name: form.number(f"profile.papers.{name}") for name in PAPERS},
        "services": {
            **{name: text(f"services.{name}") for name in services},
            "ip_addresses": _lines(text("services.ip_addresses")),
        },
        "deployments": _rows(form, "deployments", _deployment),
        "served_industries": _rows(form, "served_industries", _served),
        "licences": _rows(form, "licences", _licence),
    }


def _rows(form: Form, name: str, read: Callable[[Callable[[str], str]], Row | None]) -> list[Row]:
    found = []
    for number in range(_MOST_ROWS):
        beginning = f"profile.{name}.{number}."
        row = read(partial(_text_of, form, beginning))
        if row is not None:
            found.append(row)
    return found


def _text_of(form: Form, beginning: str, field: str) -> str:
    return form.text(beginning + field)


def _deployment(text: Callable[[str], str]) -> Row | None:
    places = {name: text(name) for name in ("province", "city", "county", "address", "provider")}
    endpoints = _lines(text("endpoints"))
    if not (text("mode") or endpoints or any(places.values())):
        return None
    return {"system": text("system"), "mode": text("mode"), **places, "endpoints": endpoints}


def _served(text: Callable[[str], str]) -> Row | None:
    subclass = text("subclass")
    if not subclass:
        return None
    known = industries().get(subclass[:2])
    category = known.category if known else ""
    return {"category": category, "division": subclass[:2], "group": subclass[:3], "subclass": subclass}


def _licence(text: Callable[[str], str]) -> Row | None:
    row = {"number": text("number"), "kind": text("kind"), "valid_until": text("valid_until") or None}
    return row if any(row.values()) else None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]
