-- The console's sign-in in steps, and its sessions.

-- name: open_half
-- Somebody has proved a password, and something is still to be done.
INSERT INTO half_open_sign_in (secret_digest, account_id, password_set_at, code_given, expires_at) VALUES ($1, $2, $3, $4, $5)

-- name: find_half
-- Who it is, while there is time.
SELECT account_id, password_set_at, code_given FROM half_open_sign_in WHERE secret_digest = $1 AND expires_at > $2

-- name: take_half
-- It leads on once.
DELETE FROM half_open_sign_in WHERE secret_digest = $1 AND expires_at > $2 RETURNING account_id

-- name: add_session
-- Where a session of the console was opened.
INSERT INTO console_session (token_id, source, user_agent, last_seen) VALUES ($1, $2, $3, $4)

-- name: see_session
-- It is being used; written once a minute, not with every page.
UPDATE console_session SET last_seen = $2 WHERE token_id = $1 AND last_seen < $2
