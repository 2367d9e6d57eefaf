-- The statements of hosting.

-- name: change_hosting
-- Another hosting for a row that the transaction has locked.
UPDATE prefix SET hosting = $2, hosting_reason = $3, version = $4, updated_at = $5 WHERE prefix_id = $1
