-- Changing a password: what its account was called by, what it had before.

-- name: names_of_enterprise
-- Words that a password of its accounts must not contain.
SELECT name, name_en FROM enterprise WHERE enterprise_id = $1

-- name: past_passwords
-- The last ones, newest first.
SELECT password_hash, password_form FROM past_password WHERE account_id = $1 ORDER BY replaced_at DESC LIMIT $2

-- name: keep_past_password
-- The one that is being replaced; those beyond the number to keep ($4) are forgotten.
WITH spent AS (
    DELETE FROM past_password WHERE account_id = $1 AND replaced_at IN (
        SELECT replaced_at FROM past_password WHERE account_id = $1 ORDER BY replaced_at DESC OFFSET $4)
)
INSERT INTO past_password (account_id, replaced_at, password_hash, password_form) VALUES ($1, $2, $3, $5)
ON CONFLICT DO NOTHING
