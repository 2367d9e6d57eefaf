-- Notifications (通知): written with what they tell of, read by those they are for.

-- name: add_notification
-- In the transaction of what it tells of.
INSERT INTO notification (enterprise_id, account_id, kind, body, created_at) VALUES ($1, $2, $3, $4::jsonb, $5)
RETURNING notification_id

-- name: list_notifications
-- Newest first, by keyset: those of the caller's enterprise, or of the staff for its members, and the caller's own.
SELECT notification_id, enterprise_id, account_id, kind, body, created_at, read_at FROM notification
WHERE enterprise_id IS NOT DISTINCT FROM $1::uuid AND (account_id IS NULL OR account_id = $2)
      AND notification_id < $3 AND (NOT $4::boolean OR read_at IS NULL)
ORDER BY notification_id DESC LIMIT $5

-- name: page_of_notifications
-- The same by number of page, for interfaces that count pages: those whose kind begins so.
SELECT notification_id, enterprise_id, account_id, kind, body, created_at, read_at, count(*) OVER () AS total
FROM notification
WHERE enterprise_id IS NOT DISTINCT FROM $1::uuid AND (account_id IS NULL OR account_id = $2)
      AND starts_with(kind, $3)
ORDER BY notification_id DESC OFFSET $4 LIMIT $5

-- name: count_notifications
-- How many there are; for a page beyond the last one.
SELECT count(*) FROM notification
WHERE enterprise_id IS NOT DISTINCT FROM $1::uuid AND (account_id IS NULL OR account_id = $2)
      AND starts_with(kind, $3)

-- name: read_notification
-- Read, by whoever of those it is for comes first.
UPDATE notification SET read_at = coalesce(read_at, $4)
WHERE notification_id = $1 AND enterprise_id IS NOT DISTINCT FROM $2::uuid AND (account_id IS NULL OR account_id = $3)
RETURNING notification_id, enterprise_id, account_id, kind, body, created_at, read_at
