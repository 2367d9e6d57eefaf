"""``/v1/enterprises``: the full record, review, suspension, history. People are masked, but in one answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from node.auth import Action
from node.routes import Call, Handler, Reply, Route
from registry.api.v1.enterprise_profile import PersonalBody, ProfileBody, people_of
from registry.api.v1.fields import Body, Moment, Reason, Text, Version, View, WarningView
from registry.api.v1.history import HistoryView
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor, uuid_cursor
from registry.credit_code import CreditCodeInvalid
from registry.enterprises import (
    CertificateTaken,
    CreditCodeTaken,
    Enterprise,
    EnterpriseFacts,
    EnterpriseHoldsPrefixes,
    Enterprises,
    EnterpriseUnknown,
    OneCertificateNeeded,
)
from registry.files.attachments import AttachmentBound, AttachmentUnknown
from registry.profiles.checks import ProfileInvalid, cautions_of
from registry.profiles.personal import Person, Personal
from registry.profiles.profile import Profile
from registry.reference_data import DivisionCodeInvalid, IndustryCodeInvalid, divisions, industries
from registry.reviews.cases import ReviewClaimedByOther, SecondPersonNeeded
from registry.store import VersionChanged
from registry.transitions import ENTERPRISE, EnterpriseState, TransitionRefused, Verb

_TAG = "enterprises"
_FAULTY_FACTS = (
    CreditCodeInvalid, CreditCodeTaken, CertificateTaken, OneCertificateNeeded, DivisionCodeInvalid,
    IndustryCodeInvalid, ProfileInvalid, AttachmentUnknown, AttachmentBound,
)  # fmt: skip
_ONE = "/v1/enterprises/{enterprise_id}"
_MOVES: dict[Verb, tuple[str, str]] = {
    Verb.SUBMIT: ("Submit for review", "提交审核"),
    Verb.APPROVE: ("Approve after real-name review", "审核通过"),
    Verb.RETURN: ("Return for correction", "退回修改"),
    Verb.REJECT: ("Reject", "驳回"),
    Verb.SUSPEND: ("Suspend, with its enabled prefixes", "停用（连同其启用的前缀）"),
    Verb.RESUME: ("Resume, with the prefixes suspended along", "恢复（连同一并停用的前缀）"),
    Verb.CLOSE: ("Close, withdrawing its prefixes", "注销（收回其前缀）"),
}


class EnterpriseFactsBody(Body):
    """What an enterprise says about itself.

    It has a credit code or, with an empty one, another certificate. ``contact_*`` are name, telephone and e-mail of
    the contact for those who say nothing else about people; ``personal`` says everything.
    """

    credit_code: Annotated[Text, Field(max_length=18, description="统一社会信用代码, GB 32100-2015")]
    other_certificate: Annotated[Text, Field(max_length=32, description="number of another certificate")] = ""
    name: Annotated[Text, Field(min_length=1, max_length=200)]
    name_en: Annotated[Text, Field(max_length=200)] | None = None
    division_code: Annotated[Text, Field(max_length=6, description="行政区划代码, GB/T 2260, six digits")]
    industry_code: Annotated[Text, Field(max_length=4, description="行业代码, GB/T 4754-2017: letter or 2-4 digits")]
    address: Annotated[Text, Field(max_length=255)] = ""
    contact_name: Annotated[Text, Field(max_length=128)] = ""
    contact_phone: Annotated[Text, Field(max_length=32)] = ""
    contact_email: Annotated[Text, Field(max_length=128)] = ""
    website: Annotated[Text, Field(max_length=255)] = ""

    profile: ProfileBody | None = None
    personal: PersonalBody | None = None

    def facts(self) -> EnterpriseFacts:
        """The domain value."""
        return EnterpriseFacts(
            credit_code=self.credit_code,
            name=self.name,
            division_code=self.division_code,
            industry_code=self.industry_code,
            name_en=self.name_en,
            address=self.address,
            website=self.website,
            other_certificate=self.other_certificate,
        )

    def people(self, stands: Personal) -> Personal:
        """The people it names; what it says nothing of is as it stands. Raises ``ProfileInvalid``."""
        contact = Person(name=self.contact_name, phone=self.contact_phone, email=self.contact_email)
        return people_of(self.personal, contact, stands)


class EnterpriseEditBody(EnterpriseFactsBody):
    """All facts anew; what is left out becomes empty, but profile and personal stay when they are left out."""

    version: Version


class EnterpriseQuery(Page):
    state: EnterpriseState | None = None
    name: Annotated[Text, Field(min_length=1, max_length=200, description="a part of the name")] | None = None
    since: Annotated[Moment, Field(description="opened then or later")] | None = None
    until: Annotated[Moment, Field(description="opened then or before")] | None = None


class EnterpriseView(View):
    """An enterprise; names of division and industry are null when the tables do not know the code.

    ``contact_*`` and ``personal`` are masked (138****0000); given back in an edit, a mask stands for what is stored.
    """

    enterprise_id: UUID
    enterprise_number: int
    credit_code: str
    other_certificate: str
    name: str
    name_en: str | None
    division_code: str
    division_name: str | None
    industry_code: str
    industry_name: str | None
    address: str
    contact_name: str
    contact_phone: str
    contact_email: str
    website: str
    profile: Profile
    personal: Personal
    state: EnterpriseState
    reason: str
    version: int
    created_at: datetime
    updated_at: datetime
    warnings: list[WarningView]

    @classmethod
    def of(cls, enterprise: Enterprise, shown: Personal) -> Self:
        """The answer about one enterprise and its people, masked."""
        facts = enterprise.facts
        division, industry = divisions().get(facts.division_code), industries().get(facts.industry_code)
        return cls(
            enterprise_id=enterprise.enterprise_id,
            enterprise_number=enterprise.number,
            credit_code=facts.credit_code,
            other_certificate=facts.other_certificate,
            name=facts.name,
            name_en=facts.name_en,
            division_code=facts.division_code,
            division_name=division.name if division else None,
            industry_code=facts.industry_code,
            industry_name=industry.name if industry else None,
            address=facts.address,
            contact_name=shown.contact.name,
            contact_phone=shown.contact.phone,
            contact_email=shown.contact.email,
            website=facts.website,
            profile=enterprise.profile,
            personal=shown,
            state=enterprise.state,
            reason=enterprise.reason,
            version=enterprise.version,
            created_at=enterprise.created_at,
            updated_at=enterprise.updated_at,
            warnings=[
                WarningView(field=caution.field, code=caution.code, message=caution.message)
                for caution in [*facts.check(), *cautions_of(enterprise.profile)]
            ],
        )


class PersonalView(View):
    """The people of an enterprise in clear."""

    contact: Person
    legal_representative: Person


class EnterpriseList(View):
    items: list[EnterpriseView]
    next_cursor: str | None


def enterprise_routes(enterprises: Enterprises) -> list[Route]:
    """Every route of enterprises."""

    def shown(enterprise: Enterprise) -> EnterpriseView:
        return EnterpriseView.of(enterprise, enterprises.shown(enterprise))

    async def create(call: Call, body: EnterpriseFactsBody) -> Reply:
        profile, people = body.profile.profile() if body.profile else Profile(), body.people(Personal())
        created = await enterprises.create(call.account, call.actor, body.facts(), profile, people)
        location = f"/v1/enterprises/{created.enterprise_id}"
        return Reply(shown(created), status=201, headers={"Location": location})

    async def listing(call: Call, query: EnterpriseQuery) -> Reply:
        found = await enterprises.list(
            call.account,
            state=query.state,
            name=query.name,
            since=query.since,
            until=query.until,
            after=uuid_cursor(query.cursor),
            limit=query.limit + 1,
        )
        kept, cursor = cut(found, query.limit, lambda enterprise: enterprise.enterprise_id)
        return Reply(EnterpriseList(items=[shown(one) for one in kept], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(shown(await enterprises.get(call.account, call.uuid("enterprise_id"))))

    async def personal(call: Call) -> Reply:
        people = await enterprises.personal(call.account, call.actor, call.uuid("enterprise_id"))
        return Reply(PersonalView(contact=people.contact, legal_representative=people.legal_representative))

    async def edit(call: Call, body: EnterpriseEditBody) -> Reply:
        # What the flat fields do not name stays: it is given back masked, as everybody does who edits.
        stands = await enterprises.get(call.account, call.uuid("enterprise_id"))
        edited = await enterprises.edit(
            call.account,
            call.actor,
            stands.enterprise_id,
            body.facts(),
            body.version,
            body.profile.profile() if body.profile else None,
            body.people(enterprises.shown(stands)),
        )
        return Reply(shown(edited))

    async def history(call: Call, query: Page) -> Reply:
        acts = await enterprises.history(
            call.account,
            call.uuid("enterprise_id"),
            before_act=number_cursor(query.cursor),
            limit=query.limit + 1,
        )
        return Reply(HistoryView.of(acts, query.limit))

    return [
        Route("POST", "/v1/enterprises", create, action=Action.ENTERPRISE_CREATE, tag=_TAG,
              summary="Open an enterprise as a draft", summary_zh="新建企业（草稿）",
              body=EnterpriseFactsBody, answers={201: EnterpriseView}, errors=_FAULTY_FACTS),
        Route("GET", "/v1/enterprises", listing, action=Action.ENTERPRISE_READ, tag=_TAG,
              summary="List enterprises in the order of creation", summary_zh="企业列表",
              query=EnterpriseQuery, answers={200: EnterpriseList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.ENTERPRISE_READ, tag=_TAG,
              summary="Read an enterprise", summary_zh="查看企业",
              answers={200: EnterpriseView}, errors=(EnterpriseUnknown,)),
        Route("GET", f"{_ONE}/personal", personal, action=Action.ENTERPRISE_PERSONAL_READ, tag=_TAG,
              summary="Read its people in clear; the look is recorded", summary_zh="查看个人信息明文（留痕）",
              answers={200: PersonalView}, errors=(EnterpriseUnknown,)),
        Route("PUT", _ONE, edit, action=Action.ENTERPRISE_EDIT, tag=_TAG,
              summary="Replace the facts; amending reviewed ones asks for a new review", summary_zh="修改企业信息",
              body=EnterpriseEditBody, answers={200: EnterpriseView},
              errors=(EnterpriseUnknown, VersionChanged, TransitionRefused, *_FAULTY_FACTS)),
        *(_move_route(enterprises, verb) for verb in _MOVES),
        Route("GET", f"{_ONE}/history", history, action=Action.HISTORY_READ, tag=_TAG,
              summary="Acts on an enterprise, newest first", summary_zh="企业变更历史",
              query=Page, answers={200: HistoryView}, errors=(EnterpriseUnknown, CursorBroken)),
    ]  # fmt: skip


def _move_route(enterprises: Enterprises, verb: Verb) -> Route:
    async def move(call: Call, body: Reason | None = None) -> Reply:
        reason = body.reason if body else ""
        moved = await enterprises.move(call.account, call.actor, call.uuid("enterprise_id"), verb, reason)
        return Reply(EnterpriseView.of(moved, enterprises.shown(moved)))

    handler: Handler = move
    summary, summary_zh = _MOVES[verb]
    rule = ENTERPRISE[verb]
    ending = (EnterpriseHoldsPrefixes,) if verb is Verb.REJECT else ()
    deciding = (ReviewClaimedByOther, SecondPersonNeeded) if verb in (Verb.APPROVE, Verb.RETURN, Verb.REJECT) else ()
    return Route(
        "POST", f"{_ONE}/{verb}", handler, action=rule.action, tag=_TAG, summary=summary, summary_zh=summary_zh,
        body=Reason if rule.needs_reason else None, answers={200: EnterpriseView},
        errors=(EnterpriseUnknown, TransitionRefused, *ending, *deciding),
    )  # fmt: skip
