"""Finding identifiers (标识查询): by the field in the head of every page, and by all that the search can be asked."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from admin.console.choosing import by_name, definition_of, prefix_named, prefixes_of, published_templates
from admin.console.form import Refusal
from admin.console.page import Page
from admin.console.search_form import SearchForm
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import Malformed, NodeError
from node.identifier import Identifier, Prefix

ONE = "/console/identifiers/one?identifier={identifier}"
"""The page of an identifier. It stands in the query: a suffix may hold slashes, or be no more than two dots."""

_ELSEWHERE = 20


def identifier_search_pages() -> list[Page]:
    """``/console/identifiers``, and how many a search finds, which takes longer than the first of them."""

    async def search(visit: Visit) -> web.StreamResponse:
        wanted = visit.request.query.get("q", "").strip()
        if place := _place_of(wanted):
            return visit.go(place)
        prefixes = await prefixes_of(visit)
        form = SearchForm.of(visit.request.query)
        filed: list[Any] = []
        if wanted:
            form, filed = _as_suffix(form, wanted), await _filed(visit, wanted)
        if "prefix" not in form.texts and prefixes:
            chosen = next((one for one in prefixes if one.state == "enabled"), prefixes[0])
            form = SearchForm({**form.texts, "prefix": chosen.prefix}, form.conditions)
        grant = await prefix_named(visit, prefixes, form.texts.get("prefix", ""))
        templates = by_name(await published_templates(visit), grant.enterprise_id if grant else None)
        found, refusal = None, None
        if "prefix" in form.texts:
            try:
                found = await visit.ask("GET /v1/identifiers", query={**form.asked(), **visit.query("cursor")})
            except NodeError as error:
                refusal = Refusal.of(error)
        return visit.show(
            "identifiers.html", refusal=refusal, form=form, found=found, prefixes=prefixes, templates=templates,
            findable=_findable(templates, form), wanted=wanted, filed=filed, address=address,
            elsewhere=[one for one in prefixes if one.prefix != form.texts.get("prefix")][:_ELSEWHERE],
        )  # fmt: skip

    async def count(visit: Visit) -> web.StreamResponse:
        asked = {**SearchForm.of(visit.request.query).asked(), "count": True, "limit": 1}
        try:
            counted = (await visit.ask("GET /v1/identifiers", query=asked)).count
        except NodeError:
            counted = None  # the list itself says why
        return visit.show("identifier_count.html", counted=counted)

    return [
        Page("GET", "/console/identifiers", search, Action.IDENTIFIER_READ),
        Page("GET", "/console/identifiers/count", count, Action.IDENTIFIER_READ),
    ]


def _place_of(wanted: str) -> str:
    """Where what was typed leads by itself: a whole identifier to its page, a prefix to its list."""
    try:
        if "/" in wanted:
            return address(ONE, identifier=Identifier.parse(wanted).text)
        return address("/console/identifiers?prefix={prefix}", prefix=Prefix.parse_derived(wanted).text)
    except Malformed:
        return ""  # a text to be searched for


def _as_suffix(form: SearchForm, wanted: str) -> SearchForm:
    return SearchForm({**form.texts, "suffix_contains": wanted}, form.conditions)


async def _filed(visit: Visit, wanted: str) -> list[Any]:
    """The prefixes of the enterprise that has this for its whole name."""
    if "GET /v1/filing" not in visit.inside:
        return []  # an enterprise's own node
    try:
        return list((await visit.ask("GET /v1/filing", query={"q": wanted})).items)
    except NodeError:
        return []  # too many questions from this network, or a text that no name is


def _findable(templates: dict[str, Any], form: SearchForm) -> list[Any]:
    """The attributes that the chosen template's identifiers can be found by."""
    chosen = templates.get(form.texts.get("template", ""))
    return [one for one in definition_of(chosen).attributes if one.indexed] if chosen else []
