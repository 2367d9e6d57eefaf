-- name: credentials
-- Every key pair there is or was, the newest last.
SELECT access_key, secret_sealed, issued_at FROM national_credential ORDER BY issued_at

-- name: write_credential
-- The newest from now on, whatever a clock that was set back says.
INSERT INTO national_credential (access_key, secret_sealed, issued_at)
VALUES ($1, $2, greatest($3, (SELECT max(issued_at) + INTERVAL '1 microsecond' FROM national_credential)))
ON CONFLICT (access_key) DO UPDATE
SET secret_sealed = excluded.secret_sealed, issued_at = excluded.issued_at, expires_at = NULL

-- name: note_expiry
-- Until when a replaced pair still holds, by the word of the node above.
UPDATE national_credential SET expires_at = $2 WHERE access_key = $1
