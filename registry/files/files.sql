-- Files: contents by their SHA-256, kept once per enterprise and never changed.

-- name: lock_files
-- Uploads of one enterprise wait for each other: its room is counted and then used.
SELECT pg_advisory_xact_lock(826, hashtext($1::uuid::text))

-- name: room_of_files
-- Octets that an enterprise's files take.
SELECT coalesce(sum(bytes), 0)::bigint FROM file WHERE enterprise_id = $1

-- name: add_file
-- A file that the enterprise does not have yet.
INSERT INTO file (enterprise_id, sha256, name, media_type, bytes, private, account_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: open_file
-- A private file that is sent again as one for everybody.
UPDATE file SET private = false WHERE enterprise_id = $1 AND sha256 = $2

-- name: find_file
-- One file without its content; of any enterprise when none is said, the oldest then.
SELECT enterprise_id, sha256, name, media_type, bytes, private, account_id, created_at FROM file
WHERE sha256 = $1 AND ($2::uuid IS NULL OR enterprise_id = $2) ORDER BY created_at, enterprise_id LIMIT 1

-- name: served_file
-- One file for everybody, or ($2) for those who may read what names it: an enterprise whose identifiers do not
-- resolve serves no files either.
SELECT f.enterprise_id, f.sha256, f.name, f.media_type, f.bytes, f.private, f.account_id, f.created_at
FROM file f JOIN enterprise e ON e.enterprise_id = f.enterprise_id
WHERE f.sha256 = $1 AND (NOT f.private OR $2) AND e.state NOT IN ('suspended', 'closed', 'rejected')
ORDER BY f.created_at, f.enterprise_id LIMIT 1

-- name: list_files
-- The files of an enterprise, newest first, by keyset.
SELECT enterprise_id, sha256, name, media_type, bytes, private, account_id, created_at FROM file
WHERE enterprise_id = $1 AND (created_at, sha256) < ($2, $3)
ORDER BY created_at DESC, sha256 DESC LIMIT $4

-- name: missing_files
-- Which of these an enterprise does not have.
SELECT wanted.sha256 FROM unnest($2::bytea[]) AS wanted (sha256)
WHERE NOT EXISTS (SELECT FROM file f WHERE f.enterprise_id = $1 AND f.sha256 = wanted.sha256)
