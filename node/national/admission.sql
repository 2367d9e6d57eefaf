-- name: newest_application
-- The application under way, or the last one that was decided.
SELECT application_id, secret_sealed, body::text AS body, state, reason, created_at, decided_at
FROM national_application ORDER BY created_at DESC LIMIT 1

-- name: add_application
-- Before it is sent: what was sent is known for ever.
INSERT INTO national_application (application_id, secret_sealed, body, state, created_at) VALUES ($1, $2, $3, 'sent', $4)

-- name: granted_application
-- The last one that was granted: what the node above tells about it stays true of us.
SELECT application_id, secret_sealed FROM national_application WHERE state = 'approved' ORDER BY decided_at DESC LIMIT 1

-- name: decide_application
-- By the word of the node above.
UPDATE national_application SET state = $2, reason = $3, decided_at = $4 WHERE application_id = $1 AND state = 'sent'
