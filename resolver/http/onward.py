"""One resolution over HTTP that goes on to other nodes, for a client for whom they are asked."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from node.web import SOURCE
from resolver.answer import Found, Missing, NotResponsible, Referral
from resolver.chain import Resolver
from resolver.http.asking import Question
from resolver.names import Name
from resolver.recursion.beyond import Beyond


@dataclass(frozen=True, slots=True)
class Onward:
    """``beyond`` asks others on behalf of clients; none: nobody is asked."""

    beyond: Beyond | None

    def wanted(self, request: web.Request, question: Question) -> bool:
        """Whether the client wants what others answer, and may have it."""
        if self.beyond is None or not (question.recursive and question.referrals):
            return False
        return self.beyond.serves(request[SOURCE])

    async def find(
        self, request: web.Request, handle: str, question: Question, referral: Referral | None
    ) -> Found | Missing:
        """What others answer about a handle, for a client who wants it. Raises what ``Beyond.find`` raises."""
        assert self.beyond is not None
        source = request[SOURCE]
        return await self.beyond.find(
            handle, question.types, question.indexes, source=source, referral=referral, anew=question.anew
        )


@dataclass(frozen=True, slots=True)
class Everywhere:
    """A resolver of all names: of ours here, of others' there. For aliases, which lead anywhere."""

    resolver: Resolver
    onward: Onward
    request: web.Request
    question: Question

    async def resolve_name(self, name: Name, *, anew: bool = False) -> Found | Missing | Referral:
        """All values. Raises what ``Resolver.resolve_name`` and ``Beyond.find`` raise."""
        whole = Question(anew=anew)
        try:
            answer = await self.resolver.resolve_name(name, anew=anew)
        except NotResponsible:
            if not self.onward.wanted(self.request, self.question):
                raise
            return await self.onward.find(self.request, name.text, whole, None)
        if isinstance(answer, Referral) and self.onward.wanted(self.request, self.question):
            return await self.onward.find(self.request, name.text, whole, answer)
        return answer
