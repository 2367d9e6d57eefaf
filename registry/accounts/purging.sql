-- What signing in leaves behind, taken away when nobody needs it any more; history keeps the acts.

-- name: purge_tokens
-- Tokens that ended long ago, some at a time; sessions go with them.
DELETE FROM token WHERE token_id IN (SELECT token_id FROM token WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)

-- name: purge_half_open
-- Sign-ins that nobody can complete.
DELETE FROM half_open_sign_in WHERE expires_at <= $1

-- name: purge_begun
-- Second factors that were begun and never confirmed.
DELETE FROM second_factor WHERE confirmed_at IS NULL AND begun_at <= $1
