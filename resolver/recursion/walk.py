"""One resolution at other nodes: from delegation to delegation, to whoever answers for the name.

    the roots, or the nearest that is known    0.NA/<prefix>?    its HS_SITE, or a referral (302, 303)
    whoever answers for the prefix             the name?         its record, or there is none

Each delegation has to lead nearer: its prefix lies on the way to the name's and is longer than that of whoever gave
it, so nobody speaks for more than was delegated to him. Within one prefix the servers may change twice. No question
is put to the same server a second time, and all of them together are bounded in number and time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from node.identifier import fold
from node.record import Record
from resolver.handle.bodies import Referral
from resolver.handle.codes import ResponseCode
from resolver.names import PREFIX_SPACE
from resolver.recursion.asking import Asking, Reply
from resolver.recursion.delegation import Delegation, delegation_of, service_of
from resolver.recursion.errors import DelegationUnusable
from resolver.recursion.foreign import ForeignRefusal, Told, entry_of
from resolver.recursion.wanted import Wanted, lies_under

_SIDEWAYS = 2  # times that the servers of one prefix may name others in their place

Learned = Callable[[Delegation, Record], None]
"""What keeps a delegation, with the values that say how long it holds."""


@dataclass(slots=True)
class Walk:
    """``learned`` is told every delegation that was followed."""

    asking: Asking
    learned: Learned
    sideways: int = 0

    @property
    def wanted(self) -> Wanted:
        return self.asking.wanted

    async def run(self, here: Delegation) -> Told | ForeignRefusal:
        """What is answered at the end. Raises what ``Asking.ask`` raises."""
        wanted, self.sideways = self.wanted, 0
        knows_names = bool(here.prefix) and not here.below
        handle = wanted.text if knows_names or wanted.is_prefix else wanted.of_prefix
        while True:
            reply = await self.asking.ask(here, handle)
            if reply.code == ResponseCode.SUCCESS and handle == wanted.text:
                return Told(entry_of(wanted.text, reply.values), reply.server)
            if reply.code == ResponseCode.SUCCESS:
                here = await self._delegated(here, reply)
                handle = wanted.text
            elif reply.referral is not None:
                here = await self._referred(here, reply, reply.referral)
                if here.below and not wanted.is_prefix:
                    handle = wanted.of_prefix
            elif reply.code == ResponseCode.VALUES_NOT_FOUND and handle == wanted.text:
                return Told(entry_of(wanted.text, ()), reply.server)
            elif reply.code == ResponseCode.VALUES_NOT_FOUND:
                raise self._unusable(f"nothing says which servers answer for {wanted.prefix}")
            elif reply.code == ResponseCode.HANDLE_NOT_FOUND:
                return Told(None, reply.server)
            else:
                return ForeignRefusal(reply.code, reply.detail, reply.server)

    async def _delegated(self, here: Delegation, reply: Reply) -> Delegation:
        """Who answers for the names of the prefix, by its record."""
        return await self._followed(here, self.wanted.prefix, reply.values, below=False)

    async def _referred(self, here: Delegation, reply: Reply, referral: Referral) -> Delegation:
        """Whom a referral sends us to. Raises ``DelegationUnusable`` where it leads away from the name."""
        below = reply.code == ResponseCode.PREFIX_REFERRAL
        space, _, prefix = fold(referral.handle).partition("/")
        if not referral.handle:
            prefix = self.wanted.prefix
        elif space != PREFIX_SPACE or not lies_under(self.wanted.prefix, prefix) or not prefix:
            raise self._unusable(f"{reply.server} refers to {referral.handle[:80]!r}, which is not on the way")
        values = referral.values
        if not values:
            named = await self.asking.ask(here, f"{PREFIX_SPACE}/{prefix}")
            values = named.values
        return await self._followed(here, prefix, values, below=below)

    async def _followed(self, here: Delegation, prefix: str, values: Record, *, below: bool) -> Delegation:
        """The delegation of a prefix that ``here`` may give away; learned, if it is nearer."""
        if not lies_under(prefix, here.prefix):
            raise self._unusable(f"the servers of {here.prefix} refer to {prefix}, which is not theirs to delegate")
        nearer = len(prefix) > len(here.prefix) or (here.below and not below)
        if not nearer:
            self.sideways += 1
            if self.sideways > _SIDEWAYS:
                raise self._unusable(f"the servers of {prefix} name others again and again")
        delegation = delegation_of(prefix, values, below=below)
        if not delegation.sites:
            service = service_of(values, below=below)
            if service is None:
                raise self._unusable(f"nothing says which servers answer for {prefix}")
            values = (await self.asking.ask(here, service)).values
            delegation = delegation_of(prefix, values, below=below)
        if nearer:
            self.learned(delegation, values)
        return delegation

    def _unusable(self, detail: str) -> DelegationUnusable:
        return DelegationUnusable(detail, name=self.wanted.text)
