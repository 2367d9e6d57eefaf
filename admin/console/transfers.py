"""Transfers of prefixes (前缀转让): offered by the holder, accepted by the receiver, decided by a reviewer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from admin.console.form import Form, Refusal
from admin.console.page import Page
from admin.console.prefixes import approved
from admin.console.visit import Visit, address
from node.auth import Action, may
from node.errors import NodeError
from registry.api.v1.transfers import TransferView
from registry.transitions import TRANSFER, PrefixState, TransferState, Verb

_ALL = "/console/transfers"
_ONE = "/console/transfers/{transfer_id}"
_FIELDS = ("prefix", "to_enterprise_id", "reason")
_DONE = {
    Verb.ACCEPT: ("已接受，等待审核", "Accepted; it awaits its review"),
    Verb.DECLINE: ("已谢绝", "Declined"),
    Verb.CANCEL: ("已取消", "Cancelled"),
    Verb.APPROVE: ("转让已完成", "The prefix has passed over"),
    Verb.REJECT: ("已驳回", "Rejected"),
}


def transfer_pages() -> list[Page]:
    """``/console/transfers`` and below."""

    async def listing(visit: Visit) -> web.StreamResponse:
        found = await visit.ask("GET /v1/transfers", query=visit.query("state", "cursor"))
        return visit.show("transfers.html", found=found, states_of_transfers=list(TransferState))

    async def new(visit: Visit) -> web.StreamResponse:
        return await _offer(visit)

    async def offer(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body = {"to_enterprise_id": form.text("to_enterprise_id"), "reason": form.text("reason")}
        try:
            made = await visit.ask("POST /v1/prefixes/{prefix}/transfers", prefix=form.text("prefix"), body=body)
        except NodeError as error:
            return await _offer(visit, form, Refusal.of(error))
        done = ("已发起转让，等待接收方同意", "Offered; the receiver has to accept")
        return visit.go(_here(str(made.transfer_id)), done)

    async def one(visit: Visit) -> web.StreamResponse:
        transfer = await visit.ask("GET /v1/transfers/{transfer_id}", transfer_id=visit.text("transfer_id"))
        return visit.show(
            "transfer.html", transfer=transfer, here=_here(visit.text("transfer_id")),
            buttons=_buttons(visit, transfer),
        )  # fmt: skip

    return [
        Page("GET", _ALL, listing, Action.TRANSFER_READ),
        Page("GET", f"{_ALL}/new", new, Action.TRANSFER_OFFER),
        Page("POST", f"{_ALL}/new", offer, Action.TRANSFER_OFFER),
        Page("GET", _ONE, one, Action.TRANSFER_READ),
        *(Page("POST", f"{_ONE}/{verb}", _press(verb), action) for verb, action in _actions()),
    ]


async def _offer(visit: Visit, form: Form | None = None, refusal: Refusal | None = None) -> web.Response:
    """The form; the staff chooses the receiver, an enterprise is told its number by it."""
    said = {name: form.text(name) if form else visit.request.query.get(name, "") for name in _FIELDS}
    prefixes, choice, receiver = [], None, None
    if not said["prefix"]:
        prefixes = (await visit.ask("GET /v1/prefixes", query={"state": PrefixState.ENABLED, "limit": 200})).items
    elif not visit.account.of_enterprise:
        if said["to_enterprise_id"]:
            receiver = await visit.ask("GET /v1/enterprises/{enterprise_id}", enterprise_id=said["to_enterprise_id"])
        else:
            choice = await approved(visit)
    return visit.show(
        "transfer_new.html", said=said, prefixes=prefixes, choice=choice, receiver=receiver, refusal=refusal
    )


def _press(verb: Verb) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    async def press(visit: Visit) -> web.StreamResponse:
        transfer_id = visit.text("transfer_id")
        return await visit.press(
            f"POST /v1/transfers/{{transfer_id}}/{verb}", _here(transfer_id), _DONE[verb],
            body=lambda form: form.given("reason"), transfer_id=transfer_id,
        )  # fmt: skip

    return press


def _actions() -> list[tuple[Verb, Action]]:
    return [(verb, action) for verb in _DONE if (action := TRANSFER[verb].action) is not None]


def _buttons(visit: Visit, transfer: TransferView) -> list[tuple[str, bool]]:
    """What the visitor may do: the receiver answers, the giver takes back, a reviewer decides."""
    receiving = {Verb.ACCEPT, Verb.DECLINE}
    return [
        (str(verb), TRANSFER[verb].needs_reason)
        for verb, action in _actions()
        if transfer.state in TRANSFER[verb].to
        and may(
            visit.account, action, transfer.to_enterprise_id if verb in receiving else transfer.from_enterprise_id
        )
    ]


def _here(transfer_id: str) -> str:
    return address(_ONE, transfer_id=transfer_id)
