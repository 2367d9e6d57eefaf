"""The console put together: every page."""

from __future__ import annotations

from aiohttp import web

from admin.console.acceptance_pages import acceptance_pages
from admin.console.accounts import account_pages
from admin.console.announcements import announcement_pages
from admin.console.audit import audit_pages
from admin.console.batches import batch_pages
from admin.console.coding_rules import coding_rule_pages
from admin.console.docking_pages import docking_pages
from admin.console.documents_pages import document_pages
from admin.console.door import add_door, door_pages
from admin.console.enterprises import enterprise_pages
from admin.console.exports import export_pages
from admin.console.frame import add_pages
from admin.console.grants import grant_pages
from admin.console.guide import guide_pages
from admin.console.hosting import hosting_pages
from admin.console.identifier_forms import identifier_form_pages
from admin.console.identifier_page import identifier_pages
from admin.console.identifiers import identifier_search_pages
from admin.console.identities import identity_pages
from admin.console.identity_groups import identity_group_pages
from admin.console.import_pages import import_pages
from admin.console.labels import label_pages
from admin.console.national_pages import national_pages
from admin.console.notifications import notification_pages
from admin.console.numbering import numbering_pages
from admin.console.onboarding import onboarding_pages
from admin.console.orders import order_pages
from admin.console.overview import overview_pages
from admin.console.own_account import own_account_pages
from admin.console.own_enterprise import own_enterprise_pages
from admin.console.page import Page
from admin.console.prefixes import prefix_pages
from admin.console.quotas import quota_pages
from admin.console.recount import recount_pages
from admin.console.reports import report_pages
from admin.console.requests import request_pages
from admin.console.reviews import review_pages
from admin.console.scopes import scope_pages
from admin.console.settings_pages import settings_pages
from admin.console.statistics_pages import statistics_pages
from admin.console.template_categories import template_category_pages
from admin.console.templates_pages import template_pages
from admin.console.transfers import transfer_pages
from admin.console.uploads_pages import upload_pages
from admin.console.visit import Visit
from admin.console.wall import Wall, add_wall, wall_pages
from admin.pages import NodeFace
from node.auth import Action
from node.routes import Route
from node.web import NoSuchPath, WebSettings
from registry.accounts.accounts import Accounts

ANYTHING_ELSE = "/console/{path:.*}"


def console_pages() -> list[Page]:
    """Every page for whoever is signed in."""
    return [
        *door_pages(),
        *own_account_pages(),
        *account_pages(),
        *overview_pages(),
        *onboarding_pages(),
        *enterprise_pages(),
        *own_enterprise_pages(),
        *guide_pages(),
        *review_pages(),
        *prefix_pages(),
        *hosting_pages(),
        *numbering_pages(),
        *transfer_pages(),
        *identifier_search_pages(),
        *identifier_pages(),
        *identifier_form_pages(),
        *import_pages(),
        *batch_pages(),
        *export_pages(),
        *label_pages(),
        *template_category_pages(),
        *template_pages(),
        *coding_rule_pages(),
        *grant_pages(),
        *scope_pages(),
        *identity_pages(),
        *identity_group_pages(),
        *wall_pages(),
        *statistics_pages(),
        *national_pages(),
        *acceptance_pages(),
        *report_pages(),
        *quota_pages(),
        *order_pages(),
        *request_pages(),
        *document_pages(),
        *announcement_pages(),
        *notification_pages(),
        *audit_pages(),
        *docking_pages(),
        *recount_pages(),
        *settings_pages(),
        *upload_pages(),
        Page("GET", ANYTHING_ELSE, _missing, Action.TOKEN_READ),
    ]


def add_console(
    router: web.UrlDispatcher, accounts: Accounts, routes: list[Route], face: NodeFace, settings: WebSettings
) -> Wall:
    """The console at ``/console``, on the operations of the node; its wall is to be stopped with the server."""
    add_door(router, accounts, face)
    wall = Wall(routes, accounts)
    add_wall(router, wall)
    add_pages(router, console_pages(), accounts, routes, face, settings)
    return wall


async def _missing(_: Visit) -> web.StreamResponse:
    raise NoSuchPath("the console has no page at this address")
