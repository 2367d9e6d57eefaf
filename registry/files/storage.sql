-- Contents kept in the database.

-- name: put_content
-- A content under its key; what stands there already is the same.
INSERT INTO stored_content (content_key, content) VALUES ($1, $2) ON CONFLICT (content_key) DO NOTHING

-- name: piece_of_content
-- A stretch of it; the column is not compressed, so only these octets are read.
SELECT substring(content FROM $2::int FOR $3::int) FROM stored_content WHERE content_key = $1

-- name: remove_content
-- It is wanted no longer.
DELETE FROM stored_content WHERE content_key = $1
