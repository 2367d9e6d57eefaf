-- Which validities end soon, and which reminders have been given.

-- name: ending_soon
-- Enterprises of which something ends on that day or before, by keyset; those that are no more do not matter.
SELECT enterprise_id, profile FROM enterprise
WHERE valid_until <= $1 AND enterprise_id > $2 AND state NOT IN ('rejected', 'closed')
ORDER BY enterprise_id LIMIT $3

-- name: note_reminder
-- Returns something the first time only.
INSERT INTO validity_reminder (enterprise_id, what, valid_until, days_before, reminded_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING days_before
