-- Sessions of the Handle JSON interface: kept in the database, for each worker answers for every other.

-- name: keep_session
-- A client has proved who it is. A session that was ended stays ended, however often its proof comes again.
INSERT INTO handle_session (session_digest, handle, value_index, key_digest, proof_digest, began_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (session_digest) DO UPDATE
SET handle = excluded.handle, value_index = excluded.value_index, key_digest = excluded.key_digest,
    proof_digest = excluded.proof_digest, expires_at = excluded.expires_at
WHERE NOT handle_session.ended
RETURNING session_digest;

-- name: standing_session
-- Who asks in a session.
SELECT handle, value_index, key_digest, proof_digest
FROM handle_session
WHERE session_digest = $1 AND expires_at > $2 AND NOT ended;

-- name: end_session
-- Its client has no more use for it; the row stays to refuse its proofs until they are too old.
UPDATE handle_session SET ended = true WHERE session_digest = $1;

-- name: forget_sessions
-- What is over, and of one identity's sessions all but the newest; none so new that its proof could come again.
DELETE FROM handle_session
WHERE expires_at <= $1
   OR session_digest IN (
       SELECT session_digest FROM handle_session
       WHERE handle = $2 AND value_index = $3 AND began_at < $4
       ORDER BY began_at DESC OFFSET $5
   );
