"""Operation 201: another server asks whether an answer to its challenge was made with a secret key of this node's.

The secret does not leave the node, so only the node can say. Wrong answers are paid for like wrong proofs.
Reference: RFC 3652 section 3.5.2.
"""

from __future__ import annotations

from node.administration import SECRET_KEY, Identity, ProofFailed
from resolver.handle.asked import Asked, Told
from resolver.handle.bodies import decode_verify, encode_verified
from resolver.handle.codes import ResponseCode
from resolver.handle.proofs import Proofs, decode_answer


async def verify(asked: Asked, proofs: Proofs) -> Told:
    """Whether the answer is right. Raises ``InvalidProof``, ``ProofUnsupported`` and ``TooMany``'s kinds."""
    request = decode_verify(asked.message.body)
    proof = decode_answer(SECRET_KEY, request.answer)
    signed = request.nonce + request.digest.value
    try:
        identity = Identity(request.handle, request.key_index)
        await proofs.prove(identity, proof, signed, source=asked.conversation.source)
    except ProofFailed:
        return Told(asked.reply(ResponseCode.SUCCESS, encode_verified(False)))
    return Told(asked.reply(ResponseCode.SUCCESS, encode_verified(True)))
