"""Teleinfo's login, operation 2001: a TCP connection whose later requests are believed without further proof.

The client numbers the session itself, asks for something with that number (the site's information), sends 2001,
answers the challenge, and is told of success as the answer to 2001. From then on whatever comes on that connection
with that number is his. Nothing vouches for the single message, so where TLS does not protect the connection only
networks that the operator names may log in.
Reference: the behaviour of id-pointer-sdk 2.3.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.administration import Identity, InvalidProof, NotPermitted, OperationUnsupported
from node.client_address import Network, parse_address, within
from resolver.handle.bodies import ChallengeAnswer, decode_login
from resolver.handle.conversation import OUR_IDS, Conversation, Transport
from resolver.handle.message import Message
from resolver.handle.sessions import InvalidSessionSetup, same_identity


class LoginNeedsTls(NotPermitted):
    title_zh = "不接受该网络的登录"


def check_login(message: Message, conversation: Conversation, networks: Sequence[Network]) -> Identity:
    """Who wants to log in. Raises ``OperationUnsupported`` elsewhere than on a TCP connection, ``LoginNeedsTls``,
    ``InvalidSessionSetup`` and ``WireFault``."""
    if conversation.transport is not Transport.TCP:
        raise OperationUnsupported("a login belongs to a TCP connection")
    address = parse_address(conversation.source)
    if not conversation.secure and (address is None or not within(address, networks)):
        raise LoginNeedsTls("without TLS a login is accepted from the networks of handle.login_networks only")
    if not 0 < message.envelope.session_id < OUR_IDS:
        raise InvalidSessionSetup(f"a login names its session by a number from 1 to {OUR_IDS - 1}")
    return Identity(*decode_login(message.body))


def check_answer(login: Message, answer: ChallengeAnswer) -> None:
    """That it is the same somebody who logs in and who answers. Raises ``InvalidProof``."""
    if not same_identity(Identity(*decode_login(login.body)), Identity(answer.user_handle, answer.user_index)):
        raise InvalidProof("the answer names another identity than the login")
