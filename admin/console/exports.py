"""Exporting (数据导出): what filters choose below a prefix, counted first, then as files for people and programs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from admin.console.choosing import by_name, definition_of, prefix_named, prefixes_of, published_templates
from admin.console.form import Refusal
from admin.console.page import Page
from admin.console.search_form import SearchForm
from admin.console.visit import Visit
from node.auth import Action
from node.errors import NodeError

_TABLES = ("csv", "xlsx")


def export_pages() -> list[Page]:
    """``/console/exports``."""

    async def choose(visit: Visit) -> web.StreamResponse:
        form = SearchForm.of(visit.request.query)
        prefixes = await prefixes_of(visit)
        prefix = form.texts.get("prefix", "")
        grant = await prefix_named(visit, prefixes, prefix)
        templates = by_name(await published_templates(visit), grant.enterprise_id if grant else None)
        chosen = templates.get(form.texts.get("template", ""))
        asked = {**form.asked(), **visit.query("since")}
        manifest, refusal = None, None
        if prefix:
            try:
                manifest = await visit.ask("GET /v1/exports/manifest", query=asked)
            except NodeError as error:
                refusal = Refusal.of(error)
        return visit.show(
            "exports.html", refusal=refusal, form=form, prefixes=prefixes, templates=templates, manifest=manifest,
            findable=[one for one in definition_of(chosen).attributes if one.indexed] if chosen else [],
            tables=_tables(manifest, asked) if manifest else [], everything=_file(asked, format="ndjson"),
            named_files=f"/console/v1/exports/files?{urlencode(asked)}", since=asked.get("since", ""),
        )  # fmt: skip

    return [Page("GET", "/console/exports", choose, Action.IDENTIFIER_EXPORT)]


def _tables(manifest: Any, asked: dict[str, str]) -> list[tuple[Any, dict[str, str]]]:
    """Every template that may have rows, with the addresses of its tables: where only some identifiers are chosen,
    how many are of which template is not counted.
    """
    if manifest.since is None and manifest.exact and not manifest.identifiers:
        return []
    return [
        (use, {form: _file(asked, format=form, template_id=use.template_id) for form in _TABLES})
        for use in manifest.templates
        if use.identifiers != 0 and asked.get("template") in (None, use.name)
    ]


def _file(asked: dict[str, str], **more: object) -> str:
    """Where the operation gives it; a table names its edition instead of the template."""
    kept = {name: text for name, text in asked.items() if not ("template_id" in more and name == "template")}
    return f"/console/v1/exports/rows?{urlencode({**kept, **more})}"
