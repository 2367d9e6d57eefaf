"""Operation 2: where this node is, for whoever finds himself talking to it. Reference: RFC 3652 section 3.3."""

from __future__ import annotations

from node.site import OwnSite
from resolver.handle.asked import Asked, Told
from resolver.handle.bodies import decode_handle
from resolver.handle.codes import ResponseCode


def tell_site(asked: Asked, site: OwnSite) -> Told:
    """The node's own HS_SITE, whichever handle the request names (clients name ``/``)."""
    decode_handle(asked.message.body)
    return Told(asked.reply(ResponseCode.SUCCESS, site.data))
