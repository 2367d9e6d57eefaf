-- Announcements of the node.

-- name: add_announcement
-- A new one, as a draft.
INSERT INTO announcement (title_zh, title_en, body, state, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $5)
RETURNING announcement_id

-- name: find_announcement
-- One, in whatever state.
SELECT announcement_id, title_zh, title_en, body, state, version, created_at, updated_at, published_at
FROM announcement
WHERE announcement_id = $1

-- name: lock_announcement
-- One, to change.
SELECT announcement_id, title_zh, title_en, body, state, version, created_at, updated_at, published_at
FROM announcement
WHERE announcement_id = $1
FOR UPDATE

-- name: change_announcement
-- The next version of one.
UPDATE announcement
SET title_zh = $2, title_en = $3, body = $4, state = $5, version = $6, updated_at = $7, published_at = $8
WHERE announcement_id = $1

-- name: list_announcements
-- Newest first, below an id.
SELECT announcement_id, title_zh, title_en, body, state, version, created_at, updated_at, published_at
FROM announcement
WHERE announcement_id < $1 AND ($2::text IS NULL OR state = $2)
ORDER BY announcement_id DESC
LIMIT $3
