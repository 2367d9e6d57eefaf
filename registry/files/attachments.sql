-- Attachments: papers that belong to an enterprise and are nobody else's business.

-- name: add_attachment
-- A new one, which belongs to nothing yet.
INSERT INTO attachment (path, account_id, enterprise_id, name, media_type, bytes, sha256, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING attachment_id

-- name: find_attachment
-- One without its content.
SELECT attachment_id, path, account_id, enterprise_id, name, media_type, bytes, bound_to, created_at
FROM attachment WHERE attachment_id = $1

-- name: lock_attachment
-- The same, so that two cannot bind it.
SELECT attachment_id, path, account_id, enterprise_id, name, media_type, bytes, bound_to, created_at
FROM attachment WHERE attachment_id = $1 FOR UPDATE

-- name: bind_attachment
-- It belongs to an enterprise, as something, from now on.
UPDATE attachment SET enterprise_id = $2, bound_to = $3, bound_at = $4 WHERE attachment_id = $1

-- name: remove_unbound
-- What an account uploaded and nobody used in time.
DELETE FROM attachment WHERE account_id = $1 AND bound_to IS NULL AND created_at < $2 RETURNING path

-- name: count_unbound
-- How many of an account belong to nothing yet.
SELECT count(*) FROM attachment WHERE account_id = $1 AND bound_to IS NULL
