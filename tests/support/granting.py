"""Applications of enterprises, and who grants them what."""

from __future__ import annotations

from dataclasses import dataclass

from node.auth import Account
from node.journal import Actor, Interface
from registry.authorisations.application_identities import ApplicationIdentity
from registry.authorisations.grants import Access, ClassOfData
from registry.authorisations.scopes import Readable
from registry.notifications import Notification
from tests.support.world import Holder, World


@dataclass(frozen=True, slots=True)
class Application:
    """An application identity that acts."""

    identity: ApplicationIdentity

    @property
    def account(self) -> Account:
        return self.identity.account

    @property
    def actor(self) -> Actor:
        return Actor(self.identity.account_id, Interface.IDHUB)

    @property
    def handle(self) -> str:
        return self.identity.handle


async def application(world: World, holder: Holder, name: str = "App_mes") -> Application:
    """A new application of an enterprise."""
    handle = f"{holder.prefix.text}/{name}"
    return Application(await world.application_identities.create(holder.account, holder.actor, handle, title="系统"))


async def shared_group(world: World, owner: Holder, importer: Holder, *members: Application) -> str:
    """A group of the owner's applications that another enterprise has imported; its handle."""
    handle = f"{owner.prefix.text}/Group_partners"
    await world.identity_groups.create(
        owner.account, owner.actor, handle, members=[member.handle for member in members]
    )
    enterprise_id = importer.account.enterprise_id
    assert enterprise_id is not None
    await world.identity_groups.import_group(importer.account, importer.actor, enterprise_id, handle)
    return handle


def pumps_of(holder: Holder, *attributes: str) -> ClassOfData:
    """The enterprise's identifiers of the template pump."""
    assert holder.account.enterprise_id is not None
    return ClassOfData(holder.account.enterprise_id, "pump", attributes)


async def hide(world: World, holder: Holder, **readable: Readable | None) -> None:
    """Say of attributes of the class of pumps who reads them; ``every`` is every other attribute."""
    said = {"*" if name == "every" else name: word for name, word in readable.items()}
    owner = pumps_of(holder).enterprise_id
    await world.scopes.set_class(holder.account, holder.actor, owner, "pump", said)


async def grant(world: World, holder: Holder, to: str, *attributes: str, access: Access = Access.READ) -> None:
    """Grant attributes of the class of pumps, or all of it."""
    await world.data_grants.grant(holder.account, holder.actor, pumps_of(holder, *attributes), access, [to])


async def told(world: World, account: Account) -> list[Notification]:
    """What an account was told of grants and groups, newest first."""
    found = await world.notifications.list(account)
    return [one for one in found if one.kind.partition(".")[0] in ("authorisation", "identity_group")]
