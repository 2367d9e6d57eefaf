-- Second factors: their secrets, sealed, and the codes that stand in for a lost one.

-- name: begin_second_factor
-- A new secret that waits for its first code; nothing comes back where a confirmed one stands.
INSERT INTO second_factor AS f (account_id, secret, begun_at) VALUES ($1, $2, $3)
ON CONFLICT (account_id) DO UPDATE SET secret = $2, begun_at = $3 WHERE f.confirmed_at IS NULL
RETURNING begun_at

-- name: find_second_factor
-- What there is of one, and how many recovery codes are left.
SELECT secret, begun_at, confirmed_at, last_step,
       (SELECT count(*) FROM recovery_code r WHERE r.account_id = f.account_id) AS recovery_codes
FROM second_factor f WHERE account_id = $1

-- name: use_step
-- The code of a step is used once, and no older one after it; returns something the first time only.
UPDATE second_factor SET last_step = $2 WHERE account_id = $1 AND last_step < $2 RETURNING last_step

-- name: confirm_second_factor
-- From now on it is asked for.
UPDATE second_factor SET confirmed_at = $2 WHERE account_id = $1

-- name: add_recovery_codes
-- Ten at once; only digests are kept.
INSERT INTO recovery_code (account_id, code_digest) SELECT $1, unnest($2::bytea[])

-- name: use_recovery_code
-- Used once: then it is gone.
DELETE FROM recovery_code WHERE account_id = $1 AND code_digest = $2 RETURNING account_id

-- name: remove_second_factor
-- With its recovery codes; tells whether it had been confirmed.
DELETE FROM second_factor WHERE account_id = $1 RETURNING confirmed_at IS NOT NULL
