"""``/v1/onboarding``: an enterprise with its user and its prefix in one go (入驻), all or none."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, SecretStr

from node.auth import Action
from node.errors import Malformed
from node.identifier import PREFIX_LIMIT, InvalidPrefix, Prefix
from node.routes import Call, Reply, Route
from registry.accounts.accounts import Accounts
from registry.accounts.adding import AccountNameInvalid, AccountNameTaken, EmailTaken, MobileTaken
from registry.accounts.contact import Contact
from registry.accounts.password_policy import PasswordTooWeak
from registry.accounts.passwords import TooManySignIns
from registry.accounts.stored import AccountUnknown
from registry.api.v1.accounts import AccountView
from registry.api.v1.enterprises import EnterpriseFactsBody
from registry.api.v1.fields import Body, Password, Text, View
from registry.credit_code import CreditCodeInvalid
from registry.enterprises import CertificateTaken, CreditCodeTaken, OneCertificateNeeded
from registry.files.attachments import AttachmentBound, AttachmentUnknown
from registry.numbering.allotting import NumbersExhausted
from registry.numbering.reserved import NumberReserved
from registry.onboarding import Entered, Entry, Newcomer, NotOfAnEnterprise, Onboarding, PasswordDigestInvalid
from registry.prefix_application import PrefixOutsideNode, PrefixTaken
from registry.profiles.checks import ProfileInvalid
from registry.profiles.personal import Personal
from registry.profiles.profile import Profile
from registry.reference_data import DivisionCodeInvalid, IndustryCodeInvalid
from registry.transitions import EnterpriseState, Hosting, PrefixState, TransitionRefused

_TAG = "onboarding"


class OnboardingIncomplete(Malformed):
    title_zh = "入驻请求不完整"


class NewcomerBody(Body):
    """Who will sign in; ``password``, or the SHA-256 of one as 64 hexadecimal digits."""

    name: Annotated[Text, Field(min_length=2, max_length=64)]
    password: Password | None = None
    password_sha256: Annotated[SecretStr, Field(min_length=64, max_length=64)] | None = None
    email: Annotated[Text, Field(max_length=255)] = ""
    mobile: Annotated[Text, Field(max_length=255)] = ""
    remarks: Annotated[Text, Field(max_length=1024)] = ""

    def newcomer(self) -> Newcomer:
        """The domain value. Raises ``OnboardingIncomplete``."""
        if (self.password is None) == (self.password_sha256 is None):
            raise OnboardingIncomplete("give either a password or the SHA-256 of one", field="account.password")
        return Newcomer(
            name=self.name,
            password=self.password.get_secret_value() if self.password else None,
            password_digest=self.password_sha256.get_secret_value() if self.password_sha256 else None,
            contact=Contact(self.email, self.mobile),
            remarks=self.remarks,
        )


class OnboardingBody(Body):
    """A new ``account``, or ``account_name`` for one that is there, and the ``enterprise``.

    Of a new account the enterprise may follow later. Without ``prefix`` the enterprise gets the next number of the
    node's plan; it is applied for while the enterprise awaits its review, and shares the outcome.
    """

    account: NewcomerBody | None = None
    account_name: Annotated[Text, Field(min_length=2, max_length=64)] | None = None
    enterprise: EnterpriseFactsBody | None = None
    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT, examples=["88.101.2001"])] | None = None
    purpose: Annotated[Text, Field(max_length=500)] = ""
    hosting: Literal["hosted", "self_hosted"] = "hosted"

    def entry(self, enterprise: EnterpriseFactsBody) -> Entry:
        """What is entered. Raises ``InvalidPrefix``, ``ProfileInvalid``."""
        return Entry(
            facts=enterprise.facts(),
            profile=enterprise.profile.profile() if enterprise.profile else Profile(),
            personal=enterprise.people(Personal()),
            prefix=Prefix.parse(self.prefix) if self.prefix else None,
            purpose=self.purpose,
            hosting=Hosting(self.hosting),
        )


class OnboardingView(View):
    """What stands now; all but the account is null where no enterprise was entered."""

    account: AccountView
    enterprise_id: UUID | None
    enterprise_number: int | None
    enterprise_state: EnterpriseState | None
    prefix: str | None
    prefix_state: PrefixState | None


def onboarding_routes(onboarding: Onboarding, accounts: Accounts) -> list[Route]:
    """The one operation."""

    def entered(made: Entered) -> OnboardingView:
        return OnboardingView(
            account=AccountView.of(
                made.account, accounts.contact_of(made.account), locked=accounts.is_locked(made.account)
            ),
            enterprise_id=made.enterprise.enterprise_id,
            enterprise_number=made.enterprise.number,
            enterprise_state=made.enterprise.state,
            prefix=made.grant.prefix.key,
            prefix_state=made.grant.state,
        )

    async def enter(call: Call, body: OnboardingBody) -> Reply:
        if (body.account is None) == (body.account_name is None):
            raise OnboardingIncomplete("give either an account or the name of one", field="account")
        if body.enterprise is None and body.account is None:
            raise OnboardingIncomplete("the enterprise is missing", field="enterprise")
        if body.account_name is not None and body.enterprise is not None:
            entry = body.entry(body.enterprise)
            made = await onboarding.upgrade(call.account, call.actor, body.account_name, entry)
            return Reply(entered(made))
        assert body.account is not None
        newcomer = body.account.newcomer()
        if body.enterprise is not None:
            made = await onboarding.enter(call.account, call.actor, newcomer, body.entry(body.enterprise))
            return Reply(entered(made), status=201)
        stored = await onboarding.admit(call.account, call.actor, newcomer)
        view = AccountView.of(stored, accounts.contact_of(stored), locked=accounts.is_locked(stored))
        nothing: dict[str, Any] = dict.fromkeys(
            ("enterprise_id", "enterprise_number", "enterprise_state", "prefix", "prefix_state")
        )
        return Reply(OnboardingView(account=view, **nothing), status=201)

    return [
        Route("POST", "/v1/onboarding", enter, action=Action.ONBOARD, tag=_TAG,
              summary="Enter an enterprise with its user and its prefix, all or none",
              summary_zh="入驻：一次提交账号、企业和前缀", body=OnboardingBody,
              answers={200: OnboardingView, 201: OnboardingView},
              errors=(OnboardingIncomplete, AccountNameInvalid, PasswordTooWeak, PasswordDigestInvalid,
                      AccountNameTaken, EmailTaken, MobileTaken, AccountUnknown, NotOfAnEnterprise, TooManySignIns,
                      CreditCodeInvalid, CreditCodeTaken, CertificateTaken, OneCertificateNeeded,
                      DivisionCodeInvalid, IndustryCodeInvalid, ProfileInvalid, AttachmentUnknown, AttachmentBound,
                      InvalidPrefix, PrefixOutsideNode, PrefixTaken, NumberReserved, NumbersExhausted,
                      TransitionRefused)),
    ]  # fmt: skip
