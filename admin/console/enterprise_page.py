"""An enterprise on one page, and its record as a form: for the staff and for the enterprise itself.

``here`` is the page's own address: ``/console/enterprises/…`` or ``/console/enterprise``.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiohttp import web

from admin.console.enterprise_forms import entered, refusal_of, to_fill_in
from admin.console.enterprise_words import CHOICES, FIELDS, PAPERS, PERSON, place, trade
from admin.console.timeline import timeline
from admin.console.visit import Visit
from node.auth import Action
from node.errors import NodeError
from registry.api.v1.enterprises import EnterpriseView
from registry.transitions import ENTERPRISE, Verb

BUTTONS = (Verb.SUBMIT, Verb.SUSPEND, Verb.RESUME, Verb.CLOSE)
"""What is done on the page of an enterprise; reviewers decide on the page of the review."""
_ONE = "/v1/enterprises/{enterprise_id}"
WORDS = {"fields": FIELDS, "choices": CHOICES, "papers": PAPERS, "person": PERSON, "place": place, "trade": trade}
"""What templates need to name the fields of a record."""


async def shown(visit: Visit, enterprise_id: str | UUID, here: str, *, people: bool = False) -> web.Response:
    """The page; with ``people`` they stand there in clear, and the look is recorded."""
    enterprise = await visit.ask(f"GET {_ONE}", enterprise_id=enterprise_id)
    personal = await visit.ask(f"GET {_ONE}/personal", enterprise_id=enterprise_id) if people else None
    prefixes = await visit.ask("GET /v1/prefixes", query={"enterprise_id": enterprise.enterprise_id})
    history = await visit.ask(
        f"GET {_ONE}/history", query={"limit": 20, **visit.query("cursor")}, enterprise_id=enterprise_id
    )
    reviews = None
    if visit.may(Action.REVIEW_READ):
        reviews = await visit.ask("GET /v1/reviews", query={"enterprise_id": enterprise.enterprise_id})
    return visit.show(
        "enterprise.html", here=here, enterprise=enterprise, record=record_of(enterprise), prefixes=prefixes.items,
        clear=personal, deeds=await timeline(visit, history), older=history.next_cursor, words=WORDS,
        reviews=reviews.items if reviews else [], buttons=buttons_of(visit, enterprise),
        editable=visit.may(Action.ENTERPRISE_EDIT) and enterprise.state in ENTERPRISE[Verb.EDIT].to,
    )  # fmt: skip


async def edited(visit: Visit, enterprise_id: str | UUID, here: str) -> web.Response:
    """The form of the record, filled as it stands (people masked), or what was sent of it."""
    stands = await visit.ask(f"GET {_ONE}", enterprise_id=enterprise_id)
    if visit.request.method == "GET":
        return form_of(visit, here, record_of(stands), version=stands.version, enterprise=stands)
    form = await visit.form()
    record, version = entered(form), form.number("version")
    if form.has("more"):
        return form_of(visit, here, record, version=version, enterprise=stands)
    try:
        saved = await visit.ask(f"PUT {_ONE}", enterprise_id=enterprise_id, body={**record, "version": version})
    except NodeError as error:
        return form_of(visit, here, record, error, version=version, enterprise=stands)
    if saved.state == stands.state:
        return visit.go(here, ("已保存", "Saved"))
    return visit.go(here, ("已保存，并提交重新审核", "Saved, and submitted for a new review"))


def form_of(
    visit: Visit, here: str, record: dict[str, Any], error: NodeError | None = None, **more: Any
) -> web.Response:
    """The page of the form."""
    return visit.show(
        "enterprise_form.html", here=here, record=to_fill_in(record), words=WORDS,
        refusal=refusal_of(error) if error else None, **more,
    )  # fmt: skip


def record_of(enterprise: EnterpriseView) -> dict[str, Any]:
    """The record as plain values, in the shape that the form and the operation have."""
    return enterprise.model_dump(mode="json")


def buttons_of(visit: Visit, enterprise: EnterpriseView) -> list[tuple[str, bool]]:
    """What the visitor may do to an enterprise in this state, and whether it needs a reason."""
    return [
        (str(verb), ENTERPRISE[verb].needs_reason)
        for verb in BUTTONS
        if (action := ENTERPRISE[verb].action) and visit.may(action) and enterprise.state in ENTERPRISE[verb].to
    ]
