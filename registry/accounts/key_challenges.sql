-- Nonces that application identities are to sign.

-- name: add_challenge
-- A new one; the older of the same identity give way beyond a number ($4), lest anybody fill the table.
WITH spent AS (
    DELETE FROM login_challenge WHERE nonce_digest IN (
        SELECT nonce_digest FROM login_challenge WHERE account_id = $2 ORDER BY made_at DESC OFFSET $4)
)
INSERT INTO login_challenge (nonce_digest, account_id, made_at) VALUES ($1, $2, $3)

-- name: forget_challenges
-- Those that nobody can answer in time any more.
DELETE FROM login_challenge WHERE made_at <= $1

-- name: take_challenge
-- A challenge is answered once.
DELETE FROM login_challenge WHERE nonce_digest = $1 AND account_id = $2 AND made_at > $3 RETURNING made_at
